// One chart: a card with a plot, a legend, and the cursor that reads exact values off it.

import { clock, el, say } from './format.js';
import { heat } from './heat.js';
import { Lines } from './lines.js';
import { SLOTS, area, colours, cursor, frame, grid, line, marks, roundTop, sheet } from './paint.js';
import { span, store, unzoom, view, zoom } from './view.js';

// Pixels that a pointer moves before it marks a span.
const DRAG = 6;

// Sizes as they change, so that nothing has to be laid out to learn one.
const sizes = new ResizeObserver((entries) => {
	for (const { target, contentRect: { width, height } } of entries) target.sized(width, height);
});

// The slots' colours in CSS.
export const css = (slot) => `var(--${SLOTS[slot] ?? 'muted'})`;

// `spec` says what it shows: see catalogue.js.
export class Chart {
	constructor(spec) {
		Object.assign(this, { spec, lines: new Lines(spec), visible: false, entries: [] });
		const id = `chart-${spec.id}`;
		this.now = el('p.now');
		this.canvas = el('canvas', { ariaHidden: 'true' });
		this.over = el('canvas.over', { ariaHidden: 'true' });
		this.tip = el('div.tip', { hidden: true, ariaHidden: 'true' });
		this.chosen = el('div.chosen', { hidden: true });
		this.plot = el('div.plot', { tabIndex: 0, role: 'slider', 'aria-labelledby': id, 'aria-valuenow': 0 }, this.canvas, this.over, this.chosen, this.tip);
		this.legend = el('ul.legend');
		this.note = el('p.muted');
		this.picture = el('a', { ariaLabel: `${spec.title}: picture` }, 'picture');
		this.data = el('a', { ariaLabel: `${spec.title}: data` }, 'data');
		this.element = el('article.card', { title: spec.help ?? '' },
			el('div.head', {}, el('h3', { id }, el('bdi', {}, spec.title)), this.now), this.plot, this.legend, el('div.foot', {}, this.note, el('p.links', {}, this.picture, this.data)));
		this.size = [0, 0];
		this.plot.sized = (width, height) => {
			this.size = [width, height];
			this.draw();
		};
		sizes.observe(this.plot);
		this.listen();
	}

	// Whether there is something to show.
	get filled() {
		this.lines.renew();
		return this.lines.all.size > 0;
	}

	draw() {
		const [width, height] = this.size;
		if (!this.visible || !width || !store.length) return;
		const { lines, spec } = this, [from, to] = span();
		// Less than a pixel further on the lines are where they were.
		const key = [Math.round(to - from), width, height, store.epoch, store.version, lines.only, view.marks.length, colours.card].join();
		if (key === this.drawn?.key && to >= this.drawn.to && to - this.drawn.to < (to - from) / width) return this.point();
		this.drawn = { key, to };
		const bare = frame(width, height, [from, to], 1);
		lines.choose(bare);
		this.stack = spec.stacked ? this.pile(bare) : null;
		const top = spec.max?.() ?? roundTop(this.highest(bare), spec.unit.base);
		this.frame = frame(width, height, [from, to], top);
		const g = sheet(this.canvas, width, height);
		// Of very many, a map: the heat says what the axis would.
		this.heated = lines.all.size > (spec.heat ?? Infinity) && lines.only === null;
		this.legend.classList.toggle('bare', this.heated);
		grid(g, this.frame, this.heated ? null : spec.unit);
		g.save();
		g.beginPath();
		g.rect(this.frame.left, 0, this.frame.right - this.frame.left, height);
		g.clip();
		if (this.heated) heat(g, this.frame, [...lines.all.values()].sort((a, b) => b.rank - a.rank));
		else if (spec.stacked) this.areas(g);
		else this.strokes(g);
		marks(g, this.frame, view.marks);
		g.restore();
		this.point();
	}

	// The tops of stacked lines, the lowest first; those without a colour as one on top.
	pile({ first, end }) {
		const { lines } = this, layers = lines.shown.map(({ slot, values }) => ({ slot, value: (place) => values[place] }));
		if (lines.others.length && lines.only === null) layers.push({ slot: -1, value: (place) => lines.rest(place).sum });
		let below = null;
		return layers.map(({ slot, value }) => {
			const sum = new Float64Array(store.length).fill(NaN), under = below;
			for (let place = first; place < end; place++) {
				const own = value(place), base = under ? under[place] : NaN;
				sum[place] = Number.isNaN(own) ? base : own + (base || 0);
			}
			below = sum;
			return { slot, sum, below: under };
		});
	}

	// The highest value in view.
	highest({ first, end }) {
		const { lines, stack, spec } = this, all = stack ? stack.map(({ sum }) => sum) : [...lines.shown, ...(lines.only === null ? lines.others : [])].flatMap(({ values, series }) => [values, ...(series?.high ? [series.high] : [])]);
		let most = spec.unit.least;
		for (const values of all) for (let place = first; place < end; place++) if (values[place] > most) most = values[place];
		return most;
	}

	areas(g) {
		g.globalAlpha = 0.85;
		for (const { slot, sum, below } of this.stack) {
			g.fillStyle = colours[SLOTS[slot]] ?? colours.muted;
			area(g, this.frame, sum, below);
		}
		g.globalAlpha = 1;
	}

	strokes(g) {
		const { lines, frame } = this;
		// Those without a colour are one band, from the lowest to the highest.
		if (lines.others.length && lines.only === null) {
			const [low, high] = [0, 1].map(() => new Float64Array(store.length).fill(NaN));
			for (let place = frame.first; place < frame.end; place++) ({ low: low[place], high: high[place] } = lines.rest(place));
			g.fillStyle = colours.muted;
			g.globalAlpha = 0.3;
			area(g, frame, high, low);
			g.globalAlpha = 1;
		}
		g.lineWidth = 1.75;
		g.lineJoin = 'round';
		// The first in the legend lies on top.
		for (const one of [...lines.shown].reverse()) {
			g.strokeStyle = g.fillStyle = colours[SLOTS[one.slot]];
			g.globalAlpha = 0.25;
			// Of a past that is told more coarsely, what lay between.
			if (one.series?.high) area(g, frame, one.series.high, one.series.low);
			g.globalAlpha = 1;
			line(g, frame, one.values);
		}
		g.lineWidth = 1;
	}

	// The newest place in view.
	newest() {
		return view.from === null && view.paused === null ? store.last : Math.min(store.last, store.find(span()[1] + 1e-6) - 1);
	}

	// What the cursor changes: nothing else is drawn again for it.
	point() {
		const { frame, lines, spec } = this;
		if (!frame || !this.visible) return;
		const place = view.cursor === null ? this.newest() : store.nearest(view.cursor), time = store.times[place];
		if (view.cursor !== null && time > frame.to && view.from === null && view.paused === null) {
			this.drawn = null;
			return this.draw();
		}
		const within = view.cursor !== null && time >= frame.from && time <= frame.to;
		if (!within && this.pointed) sheet(this.over, ...this.size);
		this.pointed = within;
		if (within) {
			const g = sheet(this.over, ...this.size);
			const dots = this.heated ? [] : this.stack ? this.stack.map(({ slot, sum }) => [sum[place], colours[SLOTS[slot]] ?? colours.muted])
				: lines.shown.map((line) => [line.values[place], colours[SLOTS[line.slot]]]);
			cursor(g, frame, time, dots);
		}
		this.words(place, time, within);
		this.tell(place, time, within);
	}

	// Headline and legend; where they are not of now they say of when.
	words(place, time, within) {
		const { lines, spec } = this, { text } = spec.unit, value = (name) => lines.value(name, place);
		const last = this.newest(), gone = lines.shown.length > 0 && lines.shown.every(({ values }) => Number.isNaN(values[last]) && Number.isNaN(values[last - 1] ?? NaN));
		this.element.classList.toggle('gone', gone);
		say(this.now, `${within ? `at ${clock(time)}: ` : view.ahead ? `as of ${clock(time)}: ` : ''}${gone && !within ? '–' : spec.headline(value, [...lines.all.keys()])}`);
		say(this.note, gone ? `no longer collected since ${clock(this.lastly())}` : '');
		const listed = [...lines.shown], more = lines.only === null ? lines.others.length : lines.all.size - 1;
		const key = listed.map(({ name, slot }) => `${slot}${name}`).join('\n') + more;
		if (this.key !== key) {
			this.key = key;
			const there = spec.families.filter((name) => store.family(name));
			this.picture.href = `/plot/${there[0]}.svg`;
			this.data.href = `/history?${new URLSearchParams(there.map((name) => ['family', name]))}`;
			this.entries = listed.map(({ name, slot }) => this.entry(name, slot));
			this.legend.replaceChildren(...this.entries.map(({ item }) => item), more > 0 ? this.rest(more) : '');
		}
		for (const { name, words } of this.entries) say(words, text(value(name)));
	}

	// When the newest value was.
	lastly() {
		let place = store.last;
		const lines = [...this.lines.all.values()];
		while (place > 0 && lines.every((line) => Number.isNaN(line.fill()[place]))) place--;
		return store.times[place];
	}

	entry(name, slot) {
		const words = el('b'), button = el('button.entry', { title: `${name}: click to see it alone`, ariaPressed: String(this.lines.only === name) }, el('bdi', {}, name), words);
		button.style.setProperty('--c', css(slot));
		button.onclick = () => this.isolate(this.lines.only === name ? null : name);
		return { name, words, item: el('li', {}, button) };
	}

	rest(more) {
		if (this.lines.only === null) return el('li', {}, this.heated ? `the busiest of ${more + this.lines.shown.length}, which lie from top to bottom` : `${more} others in grey${this.spec.stacked ? '' : ', lowest to highest'}`);
		const button = el('button.entry', {}, `all ${more + 1}`);
		button.onclick = () => this.isolate(null);
		return el('li', {}, button);
	}

	isolate(name) {
		this.lines.only = name;
		this.lines.chosen = -Infinity;
		this.draw();
	}

	tell(place, time, within) {
		const { lines, spec } = this, mine = within && view.owner === this;
		this.tip.hidden = !mine;
		// One who listens is not told each second anew.
		if (!mine && document.activeElement === this.plot && view.cursor === null && this.told) return;
		this.told = true;
		const known = lines.shown.map(({ name, slot, values }) => [name, values[place], slot]).filter(([, value]) => !Number.isNaN(value));
		const rows = known.map(([name, value, slot]) => [name, spec.unit.text(value, 5), slot]);
		this.plot.ariaValueNow = place;
		this.plot.ariaValueMax = store.last;
		this.plot.ariaValueText = `${clock(time)}: ${rows.map(([name, text]) => `${name} ${text}`).join(', ')}`;
		if (!mine) return;
		if (spec.stacked) rows.reverse();
		const x = this.frame.x(time), right = this.size[0] - x;
		this.tip.replaceChildren(el('time', {}, clock(time)), ...rows.map(([name, text, slot]) => {
			const row = el('div', {}, el('bdi', {}, name), el('b', {}, text));
			row.style.setProperty('--c', css(slot));
			return row;
		}));
		Object.assign(this.tip.style, x < right ? { left: `${x + 12}px`, right: 'auto' } : { right: `${right + 12}px`, left: 'auto' });
	}

	// The cursor, by pointer and by keys; all charts show the same moment. A span that is marked is zoomed into.
	listen() {
		let began = null;
		const { plot } = this, point = (cursor, owner = this) => {
			Object.assign(view, { cursor, owner });
			view.recursor();
		};
		const leave = () => view.owner === this && point(null, null);
		const drag = (x) => {
			const [left, right] = [began, x].sort((a, b) => a - b);
			this.chosen.hidden = right - left < DRAG;
			Object.assign(this.chosen.style, { left: `${left}px`, width: `${right - left}px` });
			return [left, right];
		};
		plot.onpointermove = ({ offsetX, clientX }) => {
			const x = clientX - plot.getBoundingClientRect().left;
			if (!this.frame) return;
			if (began !== null) drag(x);
			point(this.frame.time(x));
		};
		plot.onpointerdown = (event) => {
			if (event.button || event.pointerType === 'touch') return plot.onpointermove(event);
			began = event.clientX - plot.getBoundingClientRect().left;
			plot.setPointerCapture(event.pointerId);
		};
		plot.onpointerup = ({ clientX }) => {
			if (began === null) return;
			const [left, right] = drag(clientX - plot.getBoundingClientRect().left);
			began = null;
			this.chosen.hidden = true;
			if (right - left >= DRAG) zoom(this.frame.time(left), this.frame.time(right));
		};
		plot.onpointercancel = () => ((began = null), (this.chosen.hidden = true));
		plot.ondblclick = () => unzoom();
		plot.onpointerleave = leave;
		plot.onblur = () => {
			this.told = false;
			leave();
		};
		plot.onfocus = () => {
			this.told = false;
			this.point();
		};
		plot.onkeydown = (event) => this.press(event, point, leave);
	}

	press(event, point, leave) {
		if (!this.frame) return;
		const first = store.find(this.frame.from), last = Math.min(store.last, store.find(this.frame.to + 1e-6) - 1);
		const at = view.cursor === null ? last : store.nearest(view.cursor);
		const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: first, End: last }[event.key];
		if (event.key === 'Escape') leave();
		else if (to !== undefined) point(store.times[Math.min(last, Math.max(first, to))]);
		else return;
		event.preventDefault();
	}
}
