// What several places of the page reckon from series in the same way.

import { store } from './view.js';

export const CPU = 'node_cpu_seconds_total';
export const COSTS = 'node_scrape_collector_duration_seconds';

// Of these each byte counts once. What lies on top of them, as bonds, bridges, veths, mapped disks and RAIDs, would count it again.
const PHYSICAL = /^(eth|en[opsx]|em|p\d+p|wl|ww|ib|usb|venet)[^.:@]*\d[^.:@]*$/, LAYERED = /^(dm-|md|loop|drbd|zd|bcache|nbd|ram)/;
export const isPhysical = (device) => PHYSICAL.test(device);
export const isDisk = (device) => !LAYERED.test(device);

// Names of families that follow a pattern.
export const names = (pattern, keys) => keys.split(' ').map((key) => pattern.replace('*', key));

export const by = (family, label) => Map.groupBy(store.all(family), ({ labels }) => labels[label]);

// The sum of what series are or grow by; without a value where none has one.
export function total(list, place) {
	let sum = NaN;
	for (const series of list) {
		const value = store.read(series, place);
		if (!Number.isNaN(value)) sum = (sum || 0) + value;
	}
	return sum;
}

// Of a CPU's time the percentage that was used. Waiting for disks is no use.
export function busyLine(list) {
	const idle = list.filter(({ labels: { mode } }) => mode === 'idle' || mode === 'iowait');
	return (place) => Math.max(0, 100 - (100 * total(idle, place)) / total(list, place));
}

// What a line sums up to over so many seconds until a place, and in how many of these it is known.
export function lately(line, seconds, last = store.last) {
	let sum = 0, known = 0;
	for (let place = Math.min(last, store.find(store.times[last] - seconds) + 1); place <= last; place++) {
		const value = line(place), span = store.times[place] - store.times[place - 1];
		if (!Number.isNaN(value)) [sum, known] = [sum + value * span, known + span];
	}
	return [sum, known];
}

export function mean(line, seconds, last) {
	const [sum, known] = lately(line, seconds, last);
	return sum / known;
}
