// One chart: its recent past, how it is drawn, and the cursor that reads exact values off it.

import { byName, clock, el, say } from './format.js';

// What all charts share: the span shown and its end, the cursor and whose it is, the reloads to mark, main.js's `redraw`.
export const view = { range: 300, now: 0, cursor: null, owner: null, marks: [] };
// Seconds, as the longest range.
const KEPT = 600;
// The series that have a colour and a place in the legend.
const SLOTS = ['s0', 's1', 's2', 's3', 's4', 's5', 's6', 's7'];
// The margins of a plot.
const LEFT = 60, RIGHT = 8, TOP = 10, BOTTOM = 20;

// Of the style sheet, as they are in this theme.
const colours = {};
export function readColours() {
	const probe = document.body.appendChild(el('i'));
	for (const name of ['line', 'muted', 'card', 'accent', ...SLOTS]) {
		probe.style.color = `var(--${name})`;
		colours[name] = getComputedStyle(probe).color;
	}
	probe.remove();
}

// The lowest round number that is not below a value.
function roundTop(value, base) {
	if (base === 2) return 2 ** Math.ceil(Math.log2(value));
	const power = 10 ** Math.floor(Math.log10(value));
	return power * [1, 2, 4, 6, 8, 10].find((step) => step * power >= value * 0.999);
}

function path(g, act, ...places) {
	g.beginPath();
	for (const place of places) g.lineTo(...place);
	g[act]();
}

// A card of the page. `spec` says what it shows: see catalogue.js.
export class Chart {
	constructor(spec) {
		Object.assign(this, { spec, times: [], series: new Map(), order: [], at: -1 });
		const id = `chart-${spec.id}`;
		this.now = el('p.now');
		this.canvas = el('canvas', { ariaHidden: 'true' });
		this.tip = el('div.tip', { hidden: true, ariaHidden: 'true' });
		this.plot = el('div.plot', { tabIndex: 0, role: 'slider', 'aria-labelledby': id, 'aria-valuenow': 0 }, this.canvas, this.tip);
		this.legend = el(spec.meter ? 'ul.meters' : 'ul.legend');
		this.note = el('p.muted');
		this.element = el('article.card', { title: spec.help ?? '' },
			el('div.head', {}, el('h3', { id }, spec.title), this.now), spec.meter ? '' : this.plot, this.legend, this.note);
		this.listen();
	}

	push(frame) {
		const values = this.spec.read(frame), { times, series } = this, wasGone = this.gone || !times.length;
		// Where the families are missing, the line ends.
		this.gone = values.length === 0;
		if (!this.gone || !wasGone) {
			const none = this.spec.stacked && !this.gone ? 0 : NaN, at = times.push(frame.time) - 1;
			for (const [name] of values) if (!series.has(name)) this.add(name);
			for (const points of series.values()) points[at] = none;
			for (const [name, value] of values) series.get(name)[at] = value;
		}
		const old = times.findIndex((time) => time >= frame.time - KEPT), count = old < 0 ? times.length : old;
		if (count === 0) return;
		times.splice(0, count);
		for (const [name, points] of series) {
			points.splice(0, count);
			if (points.every(Number.isNaN)) series.delete(name);
		}
		this.order = this.order.filter((name) => series.has(name));
	}

	add(name) {
		this.series.set(name, new Array(this.times.length).fill(this.spec.stacked ? 0 : NaN));
		const { order = [] } = this.spec, place = (name) => order.indexOf(name) + 1 || 99;
		this.order = [...this.series.keys()].sort((a, b) => place(a) - place(b) || byName(a, b));
	}

	slot(name) {
		return SLOTS[this.order.indexOf(name)];
	}

	value(name, at) {
		return this.series.get(name)?.[at] ?? NaN;
	}

	// Where only some series do something, those that do nothing are left out.
	shown() {
		const { quiet, meter } = this.spec, { order, first, end } = this;
		if (meter) return order.filter((name) => this.value(name, end) >= 0);
		const busy = quiet ? order.filter((name) => this.series.get(name).some((value, at) => at >= first && value > 0)) : order;
		return busy.length ? busy : order.slice(0, quiet);
	}

	draw() {
		if (this.element.clientWidth === 0) return;
		this.first = Math.max(0, this.times.findIndex((time) => time >= view.now - view.range) - 1);
		// The newest point that is one.
		this.end = Math.max(0, this.times.length - (this.gone ? 2 : 1));
		const names = this.shown();
		if (!this.spec.meter) this.paint(names);
		this.words(names);
	}

	paint(names) {
		const { spec: { stacked, unit, max }, first, times, canvas } = this, { clientWidth: width, clientHeight: height } = this.plot;
		let below = times.map(() => 0), most = unit.least;
		const lines = names.map((name) => {
			const own = this.series.get(name), points = stacked ? own.map((value, at) => below[at] + value) : own;
			points.forEach((value, at) => at >= first && value > most && (most = value));
			return (below = points);
		});
		const top = max ?? roundTop(most, unit.base), right = width - RIGHT, bottom = height - BOTTOM;
		this.x = (time) => right - ((view.now - time) / view.range) * (right - LEFT);
		this.y = (value) => bottom - (value / top) * (bottom - TOP);
		canvas.width = Math.round(width * devicePixelRatio);
		canvas.height = Math.round(height * devicePixelRatio);
		const g = canvas.getContext('2d');
		g.scale(devicePixelRatio, devicePixelRatio);
		this.grid(g, top, right, bottom);
		g.beginPath();
		g.rect(LEFT, 0, right - LEFT, height);
		g.clip();
		// The first in the legend lies on top.
		for (let line = names.length - 1; line >= 0; line--) this.line(g, names[line], lines[line], lines[line - 1]);
		// Where a reload put new code live.
		for (const time of view.marks) this.upright(g, time, bottom, colours.accent, [3, 3]);
		this.cursor(g, bottom, names, lines);
	}

	grid(g, top, right, bottom) {
		Object.assign(g, { font: '11px system-ui, sans-serif', strokeStyle: colours.line, fillStyle: colours.muted, textBaseline: 'middle', textAlign: 'right' });
		for (const value of [0, top / 2, top]) {
			const y = Math.round(this.y(value)) + 0.5;
			path(g, 'stroke', [LEFT, y], [right, y]);
			g.fillText(this.spec.unit.text(value), LEFT - 8, y);
		}
		g.textAlign = 'center';
		const step = Math.ceil(view.range / 75) * 15;
		for (let time = view.now - (view.now % step); time > view.now - view.range; time -= step) {
			const x = this.x(time);
			if (x > LEFT + 16 && x < right - 16) g.fillText(clock(time, step < 60 ? 8 : 5), x, bottom + 12);
		}
	}

	line(g, name, points, below) {
		const { stacked } = this.spec, colour = colours[this.slot(name)];
		g.fillStyle = g.strokeStyle = colour ?? colours.muted;
		// What has no colour of its own stays in the background.
		g.lineWidth = colour ? 1.75 : 1;
		g.globalAlpha = stacked ? 0.8 : colour ? 1 : 0.4;
		const place = (points) => (at) => [this.x(this.times[at]), this.y(points?.[at] ?? 0)];
		let piece = [];
		for (let at = this.first; at <= points.length; at++) {
			if (Number.isFinite(points[at])) piece.push(at);
			else if (piece.length) {
				const edge = piece.map(place(points)), [x, y] = edge.at(-1);
				if (stacked) path(g, 'fill', ...edge, ...piece.reverse().map(place(below)));
				else path(g, 'stroke', ...edge, [x + 0.5, y]);
				piece = [];
			}
		}
		g.globalAlpha = g.lineWidth = 1;
	}

	upright(g, time, bottom, colour, dash = []) {
		const x = Math.round(this.x(time)) + 0.5;
		g.strokeStyle = colour;
		g.setLineDash(dash);
		path(g, 'stroke', [x, TOP], [x, bottom]);
	}

	cursor(g, bottom, names, lines) {
		const { times, first } = this, far = (at) => Math.abs(times[at] - view.cursor);
		this.at = view.cursor === null ? -1 : times.reduce((best, _, at) => (at > first && far(at) < far(best) ? at : best), first);
		if (this.at < 0) return;
		this.upright(g, times[this.at], bottom, colours.muted);
		lines.forEach((points, line) => {
			g.fillStyle = colours[this.slot(names[line])] ?? 'transparent';
			g.beginPath();
			g.arc(this.x(times[this.at]), this.y(points[this.at]), 3.5, 0, 7);
			g.fill();
		});
	}

	// Headline, legend, tooltip, and what a screen reader says.
	words(names) {
		const { spec, end } = this, { text } = spec.unit, at = this.at < 0 ? end : this.at;
		say(this.now, this.gone ? '–' : spec.headline(this.order.map((name) => this.value(name, end) || 0), text));
		const listed = names.slice(0, SLOTS.length), more = names.length - listed.length;
		if (this.key !== names.join()) {
			this.key = names.join();
			this.entries = listed.map((name) => this.entry('li', name, '', spec.meter ? el('meter', { max: 100, low: 85, high: 95, optimum: 0, ariaLabel: `${name}, used` }) : ''));
			this.legend.replaceChildren(...this.entries, more > 0 ? el('li', {}, `and ${more} more`) : '');
		}
		this.entries.forEach(({ children: [, words, meter] }, entry) => {
			const name = listed[entry], value = this.value(name, at);
			say(words, spec.meter?.(name, text(value)) ?? text(value));
			if (meter) meter.value = value;
		});
		this.element.classList.toggle('gone', this.gone);
		say(this.note, this.gone ? `no longer collected since ${clock(this.times[end])}` : '');
		if (!spec.meter) this.tell(names, at);
	}

	entry(tag, name, words, more = '') {
		const entry = el(tag, {}, el('span', {}, name), el('b', {}, words), more);
		entry.style.cssText = `--c: var(--${this.slot(name) ?? 'muted'})`;
		return entry;
	}

	tell(names, at) {
		this.tip.hidden = this.at < 0 || view.owner !== this;
		if (this.tip.hidden && this.told) return;
		this.told = true;
		const value = (name) => this.value(name, at), known = names.filter((name) => !Number.isNaN(value(name)));
		// Of many, the highest.
		if (known.length > 12) known.sort((a, b) => value(b) - value(a)).splice(12);
		const rows = known.map((name) => [name, this.spec.unit.text(value(name), 5)]);
		const time = clock(this.times[at]), x = this.x(this.times[at]), right = this.plot.clientWidth - x;
		Object.assign(this.plot, { ariaValueNow: at, ariaValueMax: this.times.length - 1, ariaValueText: `${time}: ${rows.map((row) => row.join(' ')).join(', ')}` });
		if (this.spec.stacked) rows.reverse();
		this.tip.replaceChildren(el('time', {}, time), ...rows.map((row) => this.entry('div', ...row)));
		this.tip.style.cssText = x < right ? `left: ${x + 12}px` : `right: ${right + 12}px`;
	}

	// The cursor, by pointer and by keys; all charts show the same moment.
	listen() {
		const point = (cursor, owner = this) => {
			Object.assign(view, { cursor, owner });
			view.redraw();
		};
		const leave = () => view.owner === this && point(null, null);
		const follow = ({ offsetX }) => {
			const part = (offsetX - LEFT) / (this.plot.clientWidth - LEFT - RIGHT);
			point(view.now - view.range * (1 - Math.min(1, Math.max(0, part))));
		};
		this.plot.onpointermove = this.plot.onpointerdown = follow;
		this.plot.onpointerleave = this.plot.onblur = leave;
		this.plot.onkeydown = (event) => {
			const end = this.times.length - 1, at = this.at < 0 ? end : this.at;
			const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: this.first + 1, End: end }[event.key];
			if (event.key === 'Escape') leave();
			else if (to !== undefined) point(this.times[Math.min(end, Math.max(0, to))]);
			else return;
			event.preventDefault();
		};
	}
}
