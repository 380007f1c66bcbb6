// One chart: a card with a plot, a legend, and the cursor that reads exact values off it.

import { clock, el, say } from './format.js';
import { Lines } from './lines.js';
import { area, blank, colours, css, cursor, frame, grid, heat, ink, line, marks, peak, roundTop } from './paint.js';
import { follows, newest, span, store, unzoom, view, zoom } from './view.js';

// Pixels that a pointer moves before it marks a span.
const DRAG = 6;

// Sizes as they change, so that nothing has to be laid out to learn one.
const sizes = new ResizeObserver((entries) => {
	for (const { target, contentRect: { width, height } } of entries) target.sized(width, height);
});

// `spec` says what it shows: see catalogue.js.
export class Chart {
	constructor(spec, name) {
		Object.assign(this, { spec, lines: new Lines(spec), visible: false, entries: [], size: [0, 0] });
		const id = `chart-${name}`;
		this.now = el('p.now');
		this.canvas = el('canvas', { ariaHidden: 'true' });
		this.over = el('canvas.over', { ariaHidden: 'true' });
		this.chosen = el('div.chosen', { hidden: true });
		this.plot = el('div.plot', { tabIndex: 0, role: 'slider', 'aria-labelledby': id, 'aria-valuenow': 0 }, this.canvas, this.over, this.chosen);
		this.legend = el('ul.legend');
		this.links = el('p.links');
		this.element = el('article.card', { title: spec.help ?? '' },
			el('div.head', el('h3', { id }, el('bdi', spec.title)), this.now), this.plot, this.legend, this.links);
		this.plot.sized = (...size) => {
			this.size = size;
			this.draw();
		};
		sizes.observe(this.plot);
		this.listen();
	}

	// Whether there is something to show.
	get filled() {
		this.lines.renew();
		return this.lines.all.length > 0;
	}

	draw() {
		const { lines, spec, size: [width, height] } = this;
		if (!this.visible || !this.filled || !width || !store.length) return;
		for (const line of lines.all) line.fill();
		const [from, to] = span(), key = [Math.round(to - from), width, height, lines.stamp, lines.only, view.marks.length, colours.card].join();
		// Less than a pixel further on the lines are where they were.
		if (key === this.drawn?.key && to >= this.drawn.to && to - this.drawn.to < (to - from) / width) return this.point();
		this.drawn = { key, to };
		const bare = frame(width, height, [from, to], 1), { first, end } = bare;
		lines.choose(bare);
		this.layers = spec.stacked ? this.pile(bare) : this.bands(bare);
		const columns = [...this.layers.map(({ upper }) => upper), ...(spec.stacked ? [] : lines.shown.map(({ values }) => values))];
		this.frame = frame(width, height, [from, to], spec.max ?? roundTop(peak(columns, first, end, lines.unit.least), lines.unit.base));
		// Of very many, a map: the heat says what the axis would.
		this.heated = lines.all.length > spec.heat && lines.only === null;
		this.legend.classList.toggle('bare', this.heated);
		this.paint(blank(this.canvas, width, height));
		this.point();
	}

	paint(g) {
		const { frame, lines, size } = this;
		grid(g, frame, this.heated ? null : lines.unit);
		g.save();
		g.beginPath();
		g.rect(frame.left, 0, frame.right - frame.left, size[1]);
		g.clip();
		if (this.heated) heat(g, frame, lines.all.toSorted((a, b) => b.rank - a.rank));
		else {
			for (const { upper, lower, slot, alpha } of this.layers) {
				Object.assign(g, { fillStyle: ink(slot), globalAlpha: alpha });
				area(g, frame, upper, lower);
			}
			Object.assign(g, { globalAlpha: 1, lineWidth: 1.75, lineJoin: 'round' });
			// The first in the legend lies on top.
			for (const { slot, values } of this.spec.stacked ? [] : lines.shown.toReversed()) {
				g.strokeStyle = ink(slot);
				line(g, frame, values);
			}
		}
		marks(g, frame, view.marks);
		g.restore();
	}

	// Lines on top of each other, and those without a colour as one above them.
	pile(plot) {
		const { lines } = this, all = [...lines.shown, ...(this.rest ? [{ values: lines.rest(plot).sum }] : [])];
		let lower = null;
		return all.map(({ slot, values }) => {
			const upper = store.column(), below = lower;
			for (let place = plot.first; place < plot.end; place++) {
				const base = below ? below[place] : NaN;
				upper[place] = Number.isNaN(values[place]) ? base : values[place] + (base || 0);
			}
			lower = upper;
			return { slot, upper, lower: below, alpha: 0.85 };
		});
	}

	// Those without a colour as one band, from the lowest to the highest; and of a past that is told more coarsely, what lay between.
	bands(plot) {
		const coarse = this.lines.shown.filter(({ bounds }) => bounds.length).map(({ slot, bounds: [lower, upper] }) => ({ slot, lower, upper, alpha: 0.25 }));
		if (!this.rest) return coarse;
		const { low: lower, high: upper } = this.lines.rest(plot);
		return [{ lower, upper, alpha: 0.3 }, ...coarse];
	}

	// How many have no colour.
	get rest() {
		return this.lines.only === null ? this.lines.others.length : 0;
	}

	// What the cursor changes: nothing else is drawn again for it.
	point() {
		const { frame, lines, spec } = this;
		if (!frame || !this.visible) return;
		const place = view.cursor === null ? newest() : store.nearest(view.cursor), time = store.times[place];
		if (view.cursor !== null && time > frame.to && follows()) {
			this.drawn = null;
			return this.draw();
		}
		const within = view.cursor !== null && time >= frame.from && time <= frame.to;
		if (within || this.pointed) {
			const g = blank(this.over, ...this.size), dots = spec.stacked ? this.layers.map(({ slot, upper }) => [upper[place], ink(slot)]) : lines.shown.map(({ slot, values }) => [values[place], ink(slot)]);
			if (within) cursor(g, frame, time, this.heated ? [] : dots.filter(([value]) => Number.isFinite(value)));
		}
		this.pointed = within;
		this.words(place, time, within);
		this.tell(place, time);
	}

	// Headline and legend; where they are not of now they say of when.
	words(place, time, within) {
		const { lines, spec } = this, { shown, only, unit } = lines, last = newest();
		const gone = shown.length > 0 && shown.every(({ values }) => !Number.isFinite(values[last]) && !Number.isFinite(values[last - 1]));
		this.element.classList.toggle('gone', gone);
		const when = within ? `at ${clock(time)}: ` : view.ahead ? `as of ${clock(time)}: ` : '';
		say(this.now, [(within || !gone) && when + spec.headline(lines, place), gone && `no longer collected since ${clock(this.lastly())}`].filter(Boolean).join(', '));
		const hidden = only === null ? this.rest : lines.all.length - 1, key = [...shown.map(({ name, slot }) => slot + name), hidden, only].join('\n');
		if (this.key !== key) {
			this.key = key;
			const there = spec.families.filter((name) => store.families.has(name)), link = (word, href) => el('a', { href, ariaLabel: `${spec.title}: ${word}` }, word);
			this.links.replaceChildren(link('picture', `/plot/${there[0]}.svg`), link('data', `/history?${new URLSearchParams(there.map((name) => ['family', name]))}`));
			this.entries = shown.map((line) => this.entry(line));
			this.legend.replaceChildren(...this.entries.map(({ item }) => item), hidden > 0 ? el('li', this.others(hidden)) : '');
		}
		for (const { name, words } of this.entries) say(words, unit.text(lines.value(name, place), within ? 5 : 3));
	}

	// When the newest value was.
	lastly() {
		const all = this.lines.all.map((line) => line.fill());
		let place = store.last;
		while (place > 0 && all.every((values) => Number.isNaN(values[place]))) place--;
		return store.times[place];
	}

	entry({ name, slot }) {
		const alone = this.lines.only === name, words = el('b');
		const button = el('button.entry', { title: `${name}: click to see it alone`, ariaPressed: alone, onclick: () => this.isolate(alone ? null : name) }, el('bdi', name), words);
		button.style.setProperty('--c', css(slot));
		return { name, words, item: el('li', button) };
	}

	others(count) {
		if (this.lines.only !== null) return el('button.entry', { onclick: () => this.isolate(null) }, `all ${count + 1}`);
		return this.heated ? `the busiest of ${this.lines.all.length}, which lie from top to bottom` : `${count} others in grey`;
	}

	isolate(name) {
		this.lines.only = name;
		this.lines.chosen = -Infinity;
		this.draw();
	}

	// For those who listen; they are not told each second anew.
	tell(place, time) {
		const { lines, plot } = this;
		if (document.activeElement === plot && view.cursor === null && this.told) return;
		this.told = true;
		const known = lines.shown.filter(({ values }) => !Number.isNaN(values[place])).map(({ name, values }) => `${name} ${lines.unit.text(values[place])}`);
		Object.assign(plot, { ariaValueNow: place, ariaValueMax: store.last, ariaValueText: `${clock(time)}: ${known.join(', ')}` });
	}

	// All charts show the same moment.
	stand(cursor) {
		view.cursor = cursor;
		view.recursor();
	}

	// The cursor, by pointer and by keys. A span that is marked is zoomed into.
	listen() {
		let began = null;
		const { plot, chosen } = this, drag = (x) => {
			const left = Math.min(began, x), width = Math.abs(x - began);
			chosen.hidden = width < DRAG;
			Object.assign(chosen.style, { left: `${left}px`, width: `${width}px` });
			return [left, left + width];
		};
		plot.onpointermove = ({ offsetX }) => {
			if (began !== null) drag(offsetX);
			if (this.frame) this.stand(this.frame.time(offsetX));
		};
		plot.onpointerdown = (event) => {
			if (event.button || event.pointerType === 'touch') return plot.onpointermove(event);
			began = event.offsetX;
			plot.setPointerCapture(event.pointerId);
		};
		plot.onpointerup = ({ offsetX }) => {
			if (began === null) return;
			const [from, to] = drag(offsetX);
			if (!chosen.hidden) zoom(this.frame.time(from), this.frame.time(to));
			plot.onpointercancel();
		};
		plot.onpointercancel = () => {
			began = null;
			chosen.hidden = true;
		};
		plot.ondblclick = unzoom;
		plot.onpointerleave = () => this.stand(null);
		plot.onblur = plot.onfocus = ({ type }) => {
			this.told = false;
			if (type === 'blur') this.stand(null);
			else this.point();
		};
		plot.onkeydown = (event) => this.press(event);
	}

	press(event) {
		if (!this.frame) return;
		const first = store.find(this.frame.from), last = newest(), at = view.cursor === null ? last : store.nearest(view.cursor);
		const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: first, End: last }[event.key];
		if (event.key === 'Escape') this.stand(null);
		else if (to !== undefined) this.stand(store.times[Math.min(last, Math.max(first, to))]);
		else return;
		event.preventDefault();
	}
}
