// What all charts share: the span of time shown, the cursor, the marks; and the part of it that the address keeps.

import { Store } from './store.js';

export const store = new Store();

// Seconds, as the buttons offer them.
export const RANGES = [[60, '1 min'], [300, '5 min'], [600, '10 min'], [3600, '1 h'], [21600, '6 h'], [86400, '24 h']];
// A short past fills a short range, until somebody chooses one.
const FITTING = [60, 90, 120, 180, 240, 300, 420, 600];

// `ahead`: seconds since the newest snapshot, once the agent is silent. `marks`: what happened, see timeline.js.
export const view = {
	picked: 0, from: null, to: null, paused: null, cursor: null, owner: null, ahead: 0, marks: [], redraw() {}, recursor() {}, changed() {},
};

export const now = () => (view.paused ?? store.newest + view.ahead);

// The span shown, as two times.
export function span() {
	if (view.from !== null) return [view.from, view.to];
	const to = now();
	return [to - range(), to];
}

function range() {
	if (view.picked) return view.picked;
	const there = store.newest - store.times[0];
	return FITTING.find((seconds) => seconds >= there) ?? 600;
}

// How far back the stream has to go for what is shown: one of the ranges, so that a little more asks for nothing new.
export function wanted() {
	const need = view.from === null ? view.picked : Date.now() / 1000 - view.from;
	return Math.max(600, RANGES.find(([seconds]) => seconds >= need)?.[0] ?? RANGES.at(-1)[0]);
}

export function change(part) {
	Object.assign(view, part);
	write();
	view.changed();
	view.redraw();
}

export const zoom = (from, to) => change({ from, to, paused: null });
export const unzoom = () => change({ from: null, to: null });
export const pause = () => (view.from !== null ? unzoom() : change({ paused: view.paused === null ? store.newest : null }));

// What a browser keeps for the next visit; one that keeps nothing begins anew.
export function kept(name, value) {
	try {
		if (value === undefined) return localStorage.getItem(name);
		localStorage.setItem(name, value);
	} catch {
		return null;
	}
}

// The address behind `#`: a place of the page, then `name=value` parts.
export const address = { place: '', parts: new URLSearchParams() };

function parse() {
	const [place, ...parts] = location.hash.slice(1).split('&');
	try {
		address.place = decodeURIComponent(place);
	} catch {
		address.place = '';
	}
	return new URLSearchParams(parts.join('&'));
}

export function read() {
	const parts = parse(), number = (name) => (Number.isFinite(parseFloat(parts.get(name))) ? parseFloat(parts.get(name)) : null);
	// A link within the page names a place only, and the rest stays.
	if (!parts.size && address.parts.size) return write();
	address.parts = parts;
	const [from, to] = [number('from'), number('to')], zoomed = from !== null && to > from;
	Object.assign(view, { picked: number('range') ?? Number(kept('range') ?? 0), from: zoomed ? from : null, to: zoomed ? to : null });
}

export function write() {
	const { parts, place } = address, put = (name, value) => (value ? parts.set(name, value) : parts.delete(name));
	put('range', view.picked || '');
	put('from', view.from === null ? '' : view.from.toFixed(1));
	put('to', view.to === null ? '' : view.to.toFixed(1));
	kept('range', view.picked || 0);
	const text = parts.toString();
	history.replaceState(null, '', `#${encodeURIComponent(place).replaceAll('%2F', '/')}${text ? `&${text}` : ''}`);
}
