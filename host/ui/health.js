// Ten fixed rules, as chips that lead to where the figures are.

import { el, percent, seconds, units } from './format.js';
import { names } from './sums.js';
import { TABLES, rows } from './things.js';
import { store } from './view.js';

// Seconds that are looked at.
const MINUTE = 60, WHILE = 10;

const THROTTLES = names('node_cpu_*_throttles_total', 'core package');
const SEGMENTS = names('node_netstat_Tcp_*', 'RetransSegs OutSegs');
const [STALLS, KILLS, SWAPPED, OFFSET, SYNCED] = ['node_pressure_memory_stalled_seconds_total', 'node_vmstat_oom_kill', 'node_vmstat_pswpin', 'node_timex_offset_seconds', 'node_timex_sync_status'];
export const WATCHED = [...['filesystems', 'disks', 'interfaces'].flatMap((name) => TABLES[name].families), ...THROTTLES, ...SEGMENTS, STALLS, KILLS, SWAPPED, OFFSET, SYNCED];

// What a line sums up to over the last so many seconds, and in how many of these it is known.
function lately(line, seconds) {
	let sum = 0, known = 0;
	for (let place = Math.min(store.last, store.find(store.newest - seconds) + 1); place < store.length; place++) {
		const value = line(place), span = store.times[place] - store.times[place - 1];
		if (!Number.isNaN(value)) [sum, known] = [sum + value * span, known + span];
	}
	return [sum, known];
}
function mean(line, seconds) {
	const [sum, known] = lately(line, seconds);
	return sum / known;
}
const rate = (family) => (place) => store.read(store.one(family), place);
const grown = (family) => store.all(family).reduce((sum, series) => sum + lately((place) => store.read(series, place), MINUTE)[0], 0);
const count = (number, one, many = `${one}s`) => `${Math.round(number)} ${Math.round(number) === 1 ? one : many}`;
const more = (found) => (found.length > 1 ? ` and ${found.length - 1} more` : '');

// The worst of a table's rows in columns where their mean is bad.
function bad(table, columns, seconds = 0) {
	const found = columns.flatMap((at) => rows(table).map(({ name, apart, values }) => {
		const { title, unit, bad } = table.columns[at], value = mean(values[at], seconds);
		return { value, is: value >= bad && !apart, words: `${name} ${unit.text(value)} ${title}` };
	})).filter(({ is }) => is).sort((a, b) => b.value - a.value);
	return found.length && found[0].words + more(found);
}

function stalls() {
	const share = mean(rate(STALLS), WHILE) * 100;
	return share > 1 && `all waited for memory ${percent(share)} of the time`;
}

function killed() {
	const sum = grown(KILLS);
	return sum && `${count(sum, 'process', 'processes')} killed for want of memory in the last minute`;
}

function swapping() {
	const pages = mean(rate(SWAPPED), WHILE);
	return pages > 1 && `${units.perSecond.text(pages)} pages swapped in`;
}

function retransmits() {
	const [again, sent] = SEGMENTS.map(grown);
	return again > MINUTE && again / sent > 0.02 && `${percent((100 * again) / sent)} of TCP segments sent again`;
}

function clockOff() {
	const offset = Math.abs(store.now(OFFSET));
	if (store.now(SYNCED) === 0) return 'clock is not synchronised';
	return offset > 0.05 && `clock is off by ${seconds(offset)}`;
}

function throttled() {
	const sum = THROTTLES.map(grown).reduce((sum, one) => sum + one);
	return sum && `CPU throttled ${count(sum, 'time')} in the last minute`;
}

export class Health {
	constructor(place) {
		this.list = el('ul.chips');
		this.collectors = [];
		place.append(this.list);
	}

	plugins(list) {
		this.collectors = list.flatMap(({ collectors, ...plugin }) => (collectors.length ? collectors : [plugin]));
	}

	faults() {
		const found = this.collectors.filter(({ state }) => ['failing', 'stuck', 'refused'].includes(state));
		return found.length && `${found[0].name} is ${found[0].state}${more(found)}`;
	}

	draw() {
		// Where it is on the page, its name while all is well, and what says in words what is wrong.
		const rules = [
			['file-systems', 'space', bad(TABLES.filesystems, [0, 3])], ['memory', 'memory', stalls()], ['memory', 'out of memory', killed()], ['memory', 'swap', swapping()],
			['disks', 'disks', bad(TABLES.disks, [0], WHILE)], ['interfaces', 'network', bad(TABLES.interfaces, [3, 4], MINUTE)], ['sockets', 'TCP', retransmits()],
			['system', 'clock', clockOff()], ['cpu', 'throttling', throttled()], ['agent', 'plugins', this.faults()],
		];
		const key = rules.join();
		if (key === this.key) return;
		this.key = key;
		const well = rules.filter(([, , words]) => !words).map(([, name]) => name);
		this.list.replaceChildren(...rules.filter(([, , words]) => words).map(([section, , words]) => el('li', el('a.chip', { href: `#${section}` }, el('bdi', words)))), el('li.muted', `well: ${well.join(', ')}`));
	}
}
