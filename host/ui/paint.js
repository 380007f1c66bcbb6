// What is drawn on a canvas: the grid, lines, areas, marks. At most one pair of lowest and highest value a pixel.

import { clock, el } from './format.js';
import { SHOWN } from './lines.js';
import { span, store } from './view.js';

// The margins of a plot.
const LEFT = 62, RIGHT = 8, TOP = 12, BOTTOM = 20;

// Of the style sheet, as they are in this theme.
export const colours = {};
export function readColours() {
	const probe = document.body.appendChild(el('i'));
	for (const name of ['line', 'muted', 'card', 'accent', 'warn', 'bad', ...[...Array(SHOWN).keys()].map((slot) => `s${slot}`)]) {
		probe.style.color = `var(--${name})`;
		colours[name] = getComputedStyle(probe).color;
	}
	probe.remove();
}

// A slot's colour on a canvas, and in CSS.
export const ink = (slot) => colours[`s${slot}`] ?? colours.muted;
export const css = (slot) => `var(--s${slot}, var(--muted))`;

// An empty canvas of this size.
export function blank(canvas, width, height) {
	const [wide, high] = [width, height].map((size) => Math.round(size * devicePixelRatio)), g = canvas.getContext('2d');
	if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
	g.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
	g.clearRect(0, 0, width, height);
	return g;
}

// The lowest round number that is not below a value.
export function roundTop(value, base) {
	if (base === 2) return 2 ** Math.ceil(Math.log2(value));
	const power = 10 ** Math.floor(Math.log10(value));
	return power * [1, 2, 4, 6, 8, 10].find((step) => step * power >= value * 0.999);
}

// Where times and values lie in a plot of this size, and which places of the store are in it.
export function frame(width, height, [from, to], most, [left, beside, top, below] = [LEFT, RIGHT, TOP, BOTTOM]) {
	const right = width - beside, bottom = height - below;
	return {
		left, right, top, bottom, from, to, most,
		first: Math.max(0, store.find(from) - 1), end: Math.min(store.length, store.find(to) + 1),
		x: (time) => left + ((time - from) / (to - from)) * (right - left),
		time: (x) => from + Math.min(1, Math.max(0, (x - left) / (right - left))) * (to - from),
		y: (value) => bottom - (value / most) * (bottom - top),
	};
}

const FONT = '11px system-ui, sans-serif';
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600];

// Without a unit only its times.
export function grid(g, { left, right, bottom, from, to, most, x, y }, unit) {
	// To set a font costs more than to ask for it.
	if (g.font !== FONT) g.font = FONT;
	Object.assign(g, { strokeStyle: colours.line, fillStyle: colours.muted, lineWidth: 1, textBaseline: 'middle', textAlign: 'right' });
	for (const value of unit ? [0, most / 2, most] : []) {
		const height = Math.round(y(value)) + 0.5;
		straight(g, left, height, right, height);
		g.fillText(unit.text(value), left - 8, height);
	}
	g.textAlign = 'center';
	const step = STEPS.find((step) => (to - from) / step <= (right - left) / 64) ?? 21600, shift = new Date(from * 1000).getTimezoneOffset() * 60;
	for (let time = Math.ceil((from - shift) / step) * step + shift; time < to; time += step) {
		if (x(time) > left + 22 && x(time) < right - 22) g.fillText(clock(time, step < 60 ? 8 : 5), x(time), bottom + 12);
	}
}

function straight(g, ...ends) {
	g.beginPath();
	g.moveTo(ends[0], ends[1]);
	g.lineTo(ends[2], ends[3]);
	g.stroke();
}

// The values in a plot in runs without a gap, a point a pixel; `below` is what another column has where it is highest.
function trace({ first, end, x }, values, lower) {
	const runs = [];
	let run = null;
	for (let place = first; place < end; place++) {
		const value = values[place], below = lower ? lower[place] : 0, known = !Number.isNaN(value) && !Number.isNaN(below);
		if (!known || store.gaps[place]) run = null;
		if (!known) continue;
		if (!run) runs.push((run = []));
		const at = x(store.times[place]), last = run.at(-1);
		if (!last || Math.floor(last.at) !== Math.floor(at)) run.push({ at, enter: value, low: value, high: value, leave: value, below });
		else {
			if (value > last.high) Object.assign(last, { high: value, below });
			Object.assign(last, { low: Math.min(last.low, value), leave: value });
		}
	}
	// A lone point is a dot.
	for (const run of runs) run.push({ ...run.at(-1), at: run.at(-1).at + 0.75 });
	return runs;
}

export function line(g, plot, values) {
	g.beginPath();
	for (const run of trace(plot, values)) {
		g.moveTo(run[0].at, plot.y(run[0].enter));
		for (const { at, enter, low, high, leave } of run) {
			for (const value of high > low ? [enter, low, high, leave] : [leave]) g.lineTo(at, plot.y(value));
		}
	}
	g.stroke();
}

// What lies between two lines, or above 0.
export function area(g, { y, ...plot }, upper, lower) {
	for (const run of trace(plot, upper, lower)) {
		g.beginPath();
		for (const { at, high } of run) g.lineTo(at, y(high));
		for (const { at, below } of run.reverse()) g.lineTo(at, y(below));
		g.fill();
	}
}

// What happened, as dashed lines with a word each where there is room for it.
export function marks(g, { from, to, top, bottom, right, x }, all) {
	let free = 0;
	g.save();
	Object.assign(g, { font: '10px system-ui, sans-serif', textAlign: 'left', textBaseline: 'top', lineWidth: 1 });
	g.setLineDash([3, 3]);
	for (const { time, word, tone } of all) {
		if (time < from || time > to) continue;
		const at = Math.round(x(time)) + 0.5, { width } = g.measureText(word);
		g.strokeStyle = g.fillStyle = colours[tone];
		straight(g, at, top, at, bottom);
		if (at < free || at + width > right) continue;
		g.fillText(word, at + 3, 0);
		free = at + width + 8;
	}
	g.restore();
}

// The cursor: a line at a time, and a dot on each line there.
export function cursor(g, { top, bottom, x, y }, time, dots) {
	const at = Math.round(x(time)) + 0.5;
	g.strokeStyle = colours.muted;
	straight(g, at, top, at, bottom);
	for (const [value, colour] of dots) {
		g.fillStyle = colour;
		g.beginPath();
		g.arc(at, y(value), 3.5, 0, 7);
		g.fill();
	}
}

// Many lines as a map: a row each, the first on top; the more, the darker.
export function heat(g, { left, right, top, bottom, first, end, x, most }, lines) {
	const wide = Math.max(1, Math.round(right - left)), image = g.createImageData(wide, lines.length), [red, green, blue] = colours.accent.match(/\d+/g).map(Number);
	lines.forEach(({ values }, row) => {
		for (let place = Math.max(1, first); place < end; place++) {
			if (Number.isNaN(values[place]) || store.gaps[place]) continue;
			const from = Math.max(0, Math.floor(x(store.times[place - 1]) - left)), to = Math.min(wide, Math.ceil(x(store.times[place]) - left));
			const shade = 8 + Math.min(247, (247 * values[place]) / most);
			for (let column = from; column < to; column++) image.data.set([red, green, blue, shade], 4 * (row * wide + column));
		}
	});
	const made = new OffscreenCanvas(wide, lines.length);
	made.getContext('2d').putImageData(image, 0, 0);
	g.imageSmoothingEnabled = false;
	g.drawImage(made, left, top, right - left, bottom - top);
}

// A small line of the span shown, up to a top or its own highest.
export function course(canvas, values, top = 0) {
	const [wide, high] = [96, 20], [from, to] = span(), key = `${Math.round(to - from)} ${store.epoch} ${colours.card}`;
	// Less than a pixel further on it is where it was.
	if (canvas.key === key && to >= canvas.to && to - canvas.to < (to - from) / wide) return;
	Object.assign(canvas, { key, to });
	const plot = (most) => frame(wide, high, [from, to], most, [1, 1, 2, 2]), { first, end } = plot(1);
	const g = blank(canvas, wide, high);
	Object.assign(g, { strokeStyle: colours.s0, lineWidth: 1.25 });
	line(g, plot(top || peak([values], first, end) || 1), values);
}

// The highest of some columns between two places.
export function peak(columns, first, end, least = 0) {
	let most = least;
	for (const column of columns) for (let place = first; place < end; place++) if (column[place] > most) most = column[place];
	return most;
}
