// Ten fixed rules, as chips that lead to where the figures are.

import { el, percent, seconds, units } from './format.js';
import { lately, mean, names } from './sums.js';
import { TABLES, rows } from './things.js';
import { store } from './view.js';

// Seconds that are looked at.
const MINUTE = 60, WHILE = 10;

const THROTTLES = names('node_cpu_*_throttles_total', 'core package');
const SEGMENTS = names('node_netstat_Tcp_*', 'RetransSegs OutSegs');
const [STALLS, KILLS, SWAPPED, OFFSET, SYNCED] = ['node_pressure_memory_stalled_seconds_total', 'node_vmstat_oom_kill', 'node_vmstat_pswpin', 'node_timex_offset_seconds', 'node_timex_sync_status'];
export const WATCHED = [...TABLES.filesystems.families, TABLES.disks.families[0], ...TABLES.interfaces.families.slice(2), ...THROTTLES, ...SEGMENTS, STALLS, KILLS, SWAPPED, OFFSET, SYNCED];

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

// A plugin that could not be looked into stands for its collectors.
export const collectors = (plugins) => plugins.flatMap((plugin) => (plugin.collectors.length ? plugin.collectors : [plugin]).map((one) => ({ ...one, plugin })));

function faults(plugins) {
	const found = collectors(plugins).filter(({ state }) => ['failing', 'stuck', 'refused'].includes(state));
	return found.length && `${found[0].name} is ${found[0].state}${more(found)}`;
}

export function drawHealth(list, plugins) {
	// Where it is on the page, its name while all is well, and what says in words what is wrong.
	const rules = [
		['file-systems', 'space', bad(TABLES.filesystems, [0, 3])], ['memory', 'memory', stalls()], ['memory', 'out of memory', killed()], ['memory', 'swap', swapping()],
		['disks', 'disks', bad(TABLES.disks, [0], WHILE)], ['interfaces', 'network', bad(TABLES.interfaces, [3, 4], MINUTE)], ['sockets', 'TCP', retransmits()],
		['system', 'clock', clockOff()], ['cpu', 'throttling', throttled()], ['agent', 'plugins', faults(plugins)],
	];
	const key = rules.join();
	if (key === list.key) return;
	list.key = key;
	const chips = rules.map(([section, , words]) => words && el('li', el('a.chip', { href: `#${section}` }, el('bdi', words))));
	list.replaceChildren(...chips.filter(Boolean), el('li.muted', `well: ${rules.filter(([, , words]) => !words).map(([, name]) => name).join(', ')}`));
}
