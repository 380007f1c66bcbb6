// What is drawn on a canvas: the grid, lines, areas, marks. At most one pair of lowest and highest value a pixel.

import { clock, el } from './format.js';
import { span, store } from './view.js';

// The series that have a colour and a place in the legend.
export const SLOTS = ['s0', 's1', 's2', 's3', 's4', 's5', 's6', 's7'];
// The margins of a plot.
const LEFT = 62, RIGHT = 8, TOP = 12, BOTTOM = 20;

// Of the style sheet, as they are in this theme.
export const colours = {};
export function readColours() {
	const probe = document.body.appendChild(el('i'));
	for (const name of ['line', 'muted', 'card', 'text', 'accent', 'good', 'warn', 'bad', ...SLOTS]) {
		probe.style.color = `var(--${name})`;
		colours[name] = getComputedStyle(probe).color;
	}
	probe.remove();
}

// An empty canvas of this size.
export function sheet(canvas, width, height) {
	const [wide, high] = [Math.round(width * devicePixelRatio), Math.round(height * devicePixelRatio)], g = canvas.getContext('2d');
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
export function frame(width, height, [from, to], top, margins = [LEFT, RIGHT, TOP, BOTTOM]) {
	const [left, rightMargin, above, below] = margins, right = width - rightMargin, bottom = height - below;
	return {
		left, right, top: above, bottom, from, to, most: top,
		first: Math.max(0, store.find(from) - 1), end: Math.min(store.length, store.find(to) + 1),
		x: (time) => left + ((time - from) / (to - from)) * (right - left),
		time: (x) => from + (Math.min(1, Math.max(0, (x - left) / (right - left)))) * (to - from),
		y: (value) => bottom - (value / top) * (bottom - above),
	};
}

const FONT = '11px system-ui, sans-serif';
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600];

// Without a unit only its times.
export function grid(g, plot, unit) {
	const { left, right, bottom, from, to, most } = plot;
	// To set a font costs more than to ask for it.
	if (g.font !== FONT) g.font = FONT;
	Object.assign(g, { strokeStyle: colours.line, fillStyle: colours.muted, lineWidth: 1, textBaseline: 'middle', textAlign: 'right' });
	for (const value of unit ? [0, most / 2, most] : []) {
		const y = Math.round(plot.y(value)) + 0.5;
		upright(g, [left, y], [right, y]);
		g.fillText(unit.text(value), left - 8, y);
	}
	times(g, plot, bottom + 12, from, to);
}

function times(g, { left, right, x }, y, from, to) {
	g.textAlign = 'center';
	const step = STEPS.find((step) => (to - from) / step <= (right - left) / 64) ?? 21600, shift = new Date(from * 1000).getTimezoneOffset() * 60;
	for (let time = Math.ceil((from - shift) / step) * step + shift; time < to; time += step) {
		if (x(time) > left + 22 && x(time) < right - 22) g.fillText(clock(time, step < 60 ? 8 : 5), x(time), y);
	}
}

function upright(g, ...places) {
	g.beginPath();
	for (const place of places) g.lineTo(...place);
	g.stroke();
}

export function line(g, { first, end, x, y }, values) {
	const { times, gaps } = store;
	let column = -1, low = 0, high = 0, last = 0, at = 0;
	const close = (ends) => {
		if (column < 0) return;
		if (high > low) for (const value of [high, low, last]) g.lineTo(at, y(value));
		// A lone point is a dot.
		if (ends) g.lineTo(at + 0.75, y(last));
	};
	g.beginPath();
	for (let place = first; place < end; place++) {
		const value = values[place];
		if (Number.isNaN(value) || gaps[place]) {
			close(true);
			column = -1;
			if (Number.isNaN(value)) continue;
		}
		const here = x(times[place]), pixel = Math.floor(here);
		if (pixel === column) {
			low = Math.min(low, value);
			high = Math.max(high, value);
		} else {
			close(false);
			if (column < 0) g.moveTo(here, y(value));
			else g.lineTo(here, y(value));
			[column, at, low, high] = [Math.max(0, pixel), here, value, value];
		}
		last = value;
	}
	close(true);
	g.stroke();
}

// What lies between two lines; per pixel the highest.
export function area(g, { first, end, x, y }, upper, lower) {
	const { times, gaps } = store;
	let piece = [];
	const close = () => {
		if (!piece.length) return;
		if (piece.length === 1) piece.push([piece[0][0] + 1, piece[0][1], piece[0][2]]);
		g.beginPath();
		for (const [here, above] of piece) g.lineTo(here, y(above));
		for (const [here, , below] of piece.reverse()) g.lineTo(here, y(below));
		g.fill();
		piece = [];
	};
	for (let place = first; place < end; place++) {
		const above = upper[place], below = lower ? lower[place] : 0;
		if (gaps[place] || Number.isNaN(above) || Number.isNaN(below)) close();
		if (Number.isNaN(above) || Number.isNaN(below)) continue;
		const here = x(times[place]), last = piece.at(-1);
		if (last && Math.floor(last[0]) === Math.floor(here)) {
			if (above > last[1]) [last[1], last[2]] = [above, below];
		} else piece.push([here, above, below]);
	}
	close();
}

// What happened, as dashed lines with a word each where there is room for it.
export function marks(g, plot, all) {
	let free = 0;
	g.save();
	Object.assign(g, { font: '10px system-ui, sans-serif', textAlign: 'left', textBaseline: 'top', lineWidth: 1 });
	for (const { time, word, tone } of all) {
		if (time < plot.from || time > plot.to) continue;
		const x = Math.round(plot.x(time)) + 0.5;
		g.strokeStyle = g.fillStyle = colours[tone];
		g.setLineDash([3, 3]);
		upright(g, [x, plot.top], [x, plot.bottom]);
		const width = g.measureText(word).width;
		if (x > free && x + width < plot.right) {
			g.fillText(word, x + 3, 0);
			free = x + width + 8;
		}
	}
	g.restore();
}

// The cursor: a line at a time, and a dot on each line there.
export function cursor(g, plot, time, dots) {
	const x = Math.round(plot.x(time)) + 0.5;
	g.strokeStyle = colours.muted;
	upright(g, [x, plot.top], [x, plot.bottom]);
	for (const [value, colour] of dots) {
		if (!Number.isFinite(value)) continue;
		g.fillStyle = colour;
		g.beginPath();
		g.arc(x, plot.y(value), 3.5, 0, 7);
		g.fill();
	}
}

// A small line of the span shown, up to a top or its own highest.
export function course(canvas, values, top = 0) {
	const [wide, high] = [96, 20], [from, to] = span(), key = `${Math.round(to - from)} ${store.epoch} ${colours.card}`;
	if (canvas.key === key && to >= canvas.to && to - canvas.to < (to - from) / wide) return;
	Object.assign(canvas, { key, to });
	const plot = (most) => frame(wide, high, [from, to], most, [1, 1, 2, 2]), { first, end } = plot(1);
	let most = top;
	if (!top) for (let place = first; place < end; place++) if (values[place] > most) most = values[place];
	const g = sheet(canvas, wide, high);
	Object.assign(g, { strokeStyle: colours.s0, lineWidth: 1.25 });
	line(g, plot(most || 1), values);
}
