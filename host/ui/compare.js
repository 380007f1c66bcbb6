// Before and after: each series and the agent's own cost, a minute on either side of a time, what changed most first.

import { show } from './detail.js';
import { clock, el, isCounter, percent, sheet, unitOf, units } from './format.js';
import { families } from './search.js';
import { COSTS } from './sums.js';

const SIDE = 60, ROWS = 40;
// What says when or how often a reload was, and not what it did.
const MOMENT = /_timestamp_seconds$|^relink_generation$|^node_time_seconds$/;
// Families in one question: its address must not be too long for the agent.
const AT_ONCE = 50;

export class Compare {
	constructor(place) {
		this.place = place;
	}

	async open(time) {
		this.time = time;
		const title = `Before and after ${clock(time)}`;
		show(this.place, title, el('p.muted', 'asks the history …'));
		this.place.focus();
		const told = await ask(time).then((found) => tell(found, time), (error) => [el('p.words', String(error.message))]);
		if (this.time === time) show(this.place, title, ...told);
	}

	close() {
		this.time = null;
	}
}

// All series on both sides, also those that a reload has taken away.
async function ask(time) {
	const names = (await families()).map(({ name }) => name).filter((name) => !MOMENT.test(name)), { reloads } = await (await fetch('/reloads')).json();
	const found = [], asked = reloads.flatMap(({ families }) => families.removed).map((name) => [name]);
	while (names.length) asked.push(names.splice(0, AT_ONCE));
	for (const batch of asked) {
		const query = new URLSearchParams([...batch.map((name) => ['family', name]), ['from', time - SIDE], ['to', time + SIDE]]);
		const answer = await fetch(`/history?${query}`), told = await answer.json();
		// One of them is not in the history.
		if (answer.status === 404 && batch.length > 1) asked.push(...batch.map((name) => [name]));
		else if (!answer.ok && answer.status !== 404) throw new Error(`${told.error}. ${told.hint}`);
		for (const { series, ...family } of told.families ?? []) {
			for (const { labels, points } of series) found.push(row({ ...family, name: family.family }, labels, points, told.gaps, time));
		}
	}
	return found;
}

// Of one series the figures on both sides; of a counter those of its rates, of which there is none over a gap.
function row(family, labels, points, gaps, border) {
	const sides = [[], []], counter = isCounter(family);
	points.forEach(([time, told], at) => {
		const value = Number(told), [before, was] = points[at - 1] ?? [];
		const rate = (value < was ? value : value - was) / (time - before), known = !gaps.some((gap) => gap > before && gap <= time);
		const one = !counter ? value : known ? rate : NaN;
		if (Number.isFinite(one)) sides[time < border ? 0 : 1].push(one);
	});
	const [before, after] = sides.map(figures);
	return { family, labels, before, after, weight: before && after ? weight(before, after) : NaN };
}

// Mean, median, 95th percentile and spread of some values.
function figures(values) {
	if (!values.length) return null;
	values.sort((a, b) => a - b);
	const at = (part) => values[Math.min(values.length - 1, Math.floor(part * values.length))];
	return { mean: values.reduce((sum, value) => sum + value, 0) / values.length, middle: at(0.5), most: at(0.95), spread: at(0.84) - at(0.16) };
}

// How much two sides differ, against how much each wavers by itself: what stands still and then changes comes first. A single step is no change.
function weight(before, after) {
	const change = Math.abs(after.middle - before.middle), size = Math.max(Math.abs(after.middle), Math.abs(before.middle));
	if (!(change > size * 1e-9)) return 0;
	const noise = (before.spread + after.spread) / 2 + size * 0.01;
	return (change / noise) * Math.min(1, change / size + 0.1);
}

function tell(rows) {
	const both = rows.filter(({ weight }) => weight >= 0), changed = both.filter(({ weight }) => weight > 1).sort((a, b) => b.weight - a.weight);
	// Families, not series: a device or a collector may come and go in one that stays.
	const on = (side) => new Set(rows.filter((row) => row[side]).map(({ family }) => family.name)), before = on('before'), after = on('after');
	const list = (word, those, others) => {
		const names = [...those.difference(others)];
		return names.length ? el('p', `${word}: `, el('bdi', names.join(', '))) : '';
	};
	const heads = ['Series', 'mean before', 'mean after', 'change', '95 % before', '95 % after'];
	return [el('p.muted', `${SIDE} s on either side, rates of counters; ${both.length} series, ${changed.length} of them changed beyond what they waver by`),
		el('p', [['One collection', COSTS], ['CPU of the agent', 'process_cpu_seconds_total'], ['memory', 'process_resident_memory_bytes']].map((one) => cost(rows, ...one)).join(', ')), list('Came', after, before), list('Went', before, after),
		sheet('What changed', heads, el('tbody', ...changed.slice(0, ROWS).map(difference)))];
}

// What the agent itself cost, on both sides.
function cost(rows, word, name) {
	const own = rows.filter(({ family }) => family.name === name), sum = (side) => own.reduce((sum, row) => sum + (row[side]?.mean ?? 0), 0);
	return `${word} ${['before', 'after'].map((side) => written(own[0]?.family ?? { name }, sum(side))).join(' → ')}`;
}

function written(family, value) {
	const unit = unitOf(family);
	return unit.text(unit === units.percent ? value * 100 : value);
}

function difference({ family, labels, before, after }) {
	const part = (100 * (after.mean - before.mean)) / Math.abs(before.mean), key = Object.entries(labels).map(([key, value]) => `${key}="${value}"`).join(', ');
	const change = Math.abs(part) < 1e5 ? `${part > 0 ? '+' : '−'}${percent(Math.abs(part))}` : 'from 0';
	return el('tr', el('th', { scope: 'row', title: `${family.name} ${key}` }, el('bdi', family.name), el('small', ' ', el('bdi', key))),
		...[written(family, before.mean), written(family, after.mean), change, written(family, before.most), written(family, after.most)].map((words) => el('td', words)));
}
