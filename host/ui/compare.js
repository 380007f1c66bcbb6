// Before and after: each series and the agent's own cost, a minute on either side of a time, what changed most first.

import { familyChart } from './catalogue.js';
import { clock, el, units } from './format.js';
import { COSTS } from './sums.js';

const SIDE = 60, LISTED = 40;
// What says when or how often a reload was, and not what it did.
const MOMENT = /_timestamp_seconds$|^relink_generation$|^node_time_seconds$/;
// So much of a question's address the agent takes.
const LONGEST = 6000;

// Questions of so many families that each address is short enough.
function batches(names) {
	const made = [];
	let length = LONGEST;
	for (const name of names) {
		if (length + name.length + 8 > LONGEST) [length] = [0, made.push([])];
		made.at(-1).push(name);
		length += name.length + 8;
	}
	return made;
}

// Mean, median, 95th percentile and spread of some values.
function figures(values) {
	if (!values.length) return null;
	const sorted = [...values].sort((a, b) => a - b), at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
	return { mean: values.reduce((sum, value) => sum + value, 0) / values.length, middle: at(0.5), most: at(0.95), spread: at(0.84) - at(0.16), count: values.length };
}

// Counters as rates; over a gap there is none.
function points({ type, series: { points } }, gaps) {
	if (type !== 'counter') return points.map(([time, value]) => [time, Number(value)]);
	const made = [];
	for (let at = 1; at < points.length; at++) {
		const [[before, was], [time, is]] = [points[at - 1], points[at]];
		if (!gaps.some((gap) => gap > before && gap <= time)) made.push([time, (is < was ? is : is - was) / (time - before)]);
	}
	return made;
}

// How much two sides differ, against how much each wavers by itself: what stands still and then changes comes first. A single step is no change.
function weight(before, after) {
	const change = Math.abs(after.middle - before.middle), size = Math.max(Math.abs(after.middle), Math.abs(before.middle));
	if (!(change > size * 1e-9)) return 0;
	const noise = (before.spread + after.spread) / 2 + size * 0.01;
	return (change / noise) * Math.min(1, change / size + 0.1);
}

export class Compare {
	constructor(place) {
		this.place = place;
	}

	async open(time) {
		this.time = time;
		this.place.hidden = false;
		const say = (...nodes) => this.place.replaceChildren(el('article.card', {}, el('h2', {}, `Before and after ${clock(time)}`), ' ', el('a', { href: '#' }, 'Close'), ...nodes));
		say(el('p.muted', {}, 'asks the history …'));
		this.place.focus();
		try {
			const found = await this.ask(time);
			if (this.time === time) say(...this.tell(found, time));
		} catch (error) {
			say(el('p.words', {}, String(error.message ?? error)));
		}
	}

	close() {
		this.time = null;
	}

	async ask(time) {
		const page = await (await fetch('/metrics')).text(), names = [...page.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
		const { reloads } = await (await fetch('/reloads')).json(), gone = reloads.flatMap(({ families }) => families.removed);
		const found = [], asked = [...batches(names.filter((name) => !MOMENT.test(name))), ...gone.map((name) => [name])];
		for (const batch of asked) {
			const query = new URLSearchParams([...batch.map((name) => ['family', name]), ['from', time - SIDE], ['to', time + SIDE]]);
			const answer = await fetch(`/history?${query}`), told = await answer.json();
			// One of them is not in the history.
			if (answer.status === 404) asked.push(...(batch.length > 1 ? batch.map((name) => [name]) : []));
			else if (!answer.ok) throw new Error(`${told.error}. ${told.hint}`);
			for (const { family, type, unit, series } of told.families ?? []) {
				for (const one of series) found.push({ name: family, type, unit, labels: one.labels, points: points({ type, series: one }, told.gaps) });
			}
		}
		return found;
	}

	tell(found, time) {
		const rows = found.map((one) => {
			const side = (is) => figures(one.points.filter(([at, value]) => is(at) && Number.isFinite(value)).map(([, value]) => value));
			return { ...one, before: side((at) => at < time), after: side((at) => at >= time) };
		});
		const both = rows.filter(({ before, after }) => before && after).map((row) => ({ ...row, weight: weight(row.before, row.after) }));
		const changed = both.filter(({ weight }) => weight > 1).sort((a, b) => b.weight - a.weight);
		// Families, not series: a device or a collector may come and go in one that stays.
		const on = (side) => new Set(rows.filter((row) => row[side]).map(({ name }) => name)), before = on('before'), after = on('after');
		const list = (word, those, others) => {
			const names = [...those].filter((name) => !others.has(name));
			return names.length ? el('p', {}, `${word}: `, el('bdi', {}, names.join(', '))) : '';
		};
		const head = ['Series', 'mean before', 'mean after', 'change', '95 % before', '95 % after'].map((name) => el('th', { scope: 'col' }, name));
		return [el('p.muted', {}, `${SIDE} s on either side, rates of counters; ${both.length} series, ${changed.length} of them changed beyond what they waver by`), cost(rows), list('Came', after, before), list('Went', before, after),
			el('div.scroll', { tabIndex: 0, role: 'region', ariaLabel: 'What changed' }, el('table.things', {}, el('thead', {}, el('tr', {}, ...head)), el('tbody', {}, ...changed.slice(0, LISTED).map(row))))];
	}
}

// What the agent itself cost.
function cost(rows) {
	const sum = (name, side) => rows.reduce((sum, row) => (row.name === name && row[side] ? sum + row[side].mean : sum), 0);
	const words = (word, name, unit, scale = 1) => `${word} ${unit.text(sum(name, 'before') * scale)} → ${unit.text(sum(name, 'after') * scale)}`;
	return el('p', {}, [words('One collection', COSTS, units.seconds), words('CPU of the agent', 'process_cpu_seconds_total', units.percent, 100),
		words('memory', 'process_resident_memory_bytes', units.memory)].join(', '));
}

function row({ name, type, unit: word, labels, before, after }) {
	const { unit } = familyChart({ name, type, unit: word }), text = (value) => unit.text(value, 3), part = (100 * (after.mean - before.mean)) / Math.abs(before.mean);
	const change = Number.isFinite(part) && Math.abs(part) < 1e5 ? `${part > 0 ? '+' : '−'}${units.percent.text(Math.abs(part))}` : 'from 0';
	const key = Object.entries(labels).map(([key, value]) => `${key}="${value}"`).join(', ');
	return el('tr', {}, el('th', { scope: 'row', title: `${name} ${key}` }, el('bdi', {}, name), el('small', {}, ' ', el('bdi', {}, key))),
		...[text(before.mean), text(after.mean), change, text(before.most), text(after.most)].map((words) => el('td', {}, words)));
}
