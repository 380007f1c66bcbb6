// What several places of the page reckon from series in the same way.

import { sources } from './store.js';
import { store } from './view.js';

export const CPU = 'node_cpu_seconds_total';
export const COSTS = 'node_scrape_collector_duration_seconds';

// Of these each byte counts once. What lies on top of them, as bonds, bridges, veths, mapped disks and RAIDs, would count it again.
const PHYSICAL = /^(eth|en[opsx]|em|p\d+p|wl|ww|ib|usb|venet)[^.:@]*\d[^.:@]*$/, LAYERED = /^(dm-|md|loop|drbd|zd|bcache|nbd|ram)/;
export const isPhysical = (device) => PHYSICAL.test(device);
export const isDisk = (device) => !LAYERED.test(device);

// Names of families that follow a pattern.
export const names = (pattern, keys) => keys.split(' ').map((key) => pattern.replace('*', key));

export const by = (list, name) => Map.groupBy(list, ({ labels }) => labels[name]);

// Series of a family that sums are made of: physical ones, if there are any.
export function summed(family, is) {
	const all = store.all(family), own = all.filter(({ labels }) => is(labels.device));
	return own.length ? own : all.filter(({ labels }) => labels.device !== 'lo');
}

// The sum of rates, or of values; without a value where none has one.
export function total(list, place, read = (series) => store.rate(series, place)) {
	let sum = NaN;
	for (const series of list) {
		const value = read(series);
		if (!Number.isNaN(value)) sum = (sum || 0) + value;
	}
	return sum;
}

// Of a CPU's time the percentage that was used. Waiting for disks is no use.
export function busyLine(list) {
	const idle = list.filter(({ labels: { mode } }) => mode === 'idle' || mode === 'iowait');
	return (place) => Math.max(0, 100 - (100 * total(idle, place)) / total(list, place));
}

// Lines of series as they are: rates of counters, values of gauges. `words` names each family.
export function plainLines(words, { scale = 1, cap = Infinity, gauge, name } = {}) {
	return Object.entries(words).flatMap(([family, word]) => store.all(family).map((series) => ({
		name: name?.(series.labels, word) ?? ([...Object.values(series.labels), word].join(' ').trim() || 'value'),
		of: series.serial,
		series: gauge && scale === 1 ? series : null,
		at: gauge ? (place) => series.at(place) * scale : (place) => Math.min(cap, store.rate(series, place) * scale),
	})));
}

// One line a word: the sum of a family's rates.
export const sumLines = (words, is = () => true) => Object.entries(words).flatMap(([family, word]) => {
	const list = summed(family, is);
	return list.length ? [{ name: word, of: sources(list), at: (place) => total(list, place) }] : [];
});
