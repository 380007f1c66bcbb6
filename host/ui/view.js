// What all charts share: the span of time shown, the cursor, the marks; and the part of it that the address keeps.

import { Store } from './store.js';

export const store = new Store();

// Seconds, as the buttons offer them; 0 fits what there is.
export const RANGES = [[0, 'fit'], [60, '1 min'], [300, '5 min'], [600, '10 min'], [3600, '1 h'], [21600, '6 h'], [86400, '24 h']];

// `ahead`: seconds since the newest snapshot, once the agent is silent. `marks`: what happened, see timeline.js.
export const view = {
	picked: 0, from: null, to: null, paused: null, cursor: null, ahead: 0, marks: [], redraw() {}, recursor() {}, changed() {},
};

// Whether what is shown goes on with the time.
export const follows = () => view.from === null && view.paused === null;

// The span shown, as two times. A short past fills a short range.
export function span() {
	if (view.from !== null) return [view.from, view.to];
	const to = view.paused ?? store.newest + view.ahead;
	const fit = Math.ceil((store.newest - store.times[0]) / 60) * 60;
	return [to - (view.picked || Math.min(600, fit || 60)), to];
}

// The newest place in view.
export const newest = () => (follows() ? store.last : Math.max(0, store.find(span()[1] + 1e-6) - 1));

// How far back the stream has to go for what is shown: one of the ranges, so that a little more asks for nothing new.
export function wanted() {
	const need = view.from === null ? view.picked : Date.now() / 1000 - view.from;
	return Math.max(600, (RANGES.find(([seconds]) => seconds >= need) ?? RANGES.at(-1))[0]);
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

export function read() {
	const [place, ...rest] = location.hash.slice(1).split('&'), parts = new URLSearchParams(rest.join('&'));
	try {
		address.place = decodeURIComponent(place);
	} catch {
		address.place = '';
	}
	// A link within the page names a place only, and the rest stays.
	if (!parts.size && address.parts.size) return write();
	address.parts = parts;
	const [picked, from, to] = ['range', 'from', 'to'].map((name) => parseFloat(parts.get(name)));
	Object.assign(view, { picked: picked || 0 }, to > from ? { from, to } : { from: null, to: null });
}

export function write() {
	const { parts, place } = address;
	for (const [name, value] of [['range', view.picked], ['from', view.from?.toFixed(1)], ['to', view.to?.toFixed(1)]]) {
		if (value) parts.set(name, value);
		else parts.delete(name);
	}
	history.replaceState(null, '', `#${[encodeURIComponent(place).replaceAll('%2F', '/'), ...(parts.size ? [parts] : [])].join('&')}`);
}
