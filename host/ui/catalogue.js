// Which families make which chart of which section, whichever plugin brings them.

import { percent, seconds, units } from './format.js';
import { COSTS, CPU, by, isDisk, isPhysical, names, total } from './sums.js';
import { TABLES, rows } from './things.js';
import { store } from './view.js';

// The figure beside a title: of these lines, or of the one with the most.
const each = (...all) => (lines, place) => all.map((name) => `${lines.unit.text(lines.value(name, place))} ${name}`).join(', ');

function highest(lines, place) {
	const most = lines.all.reduce((most, line) => (line.fill()[place] > (most.fill()[place] || -Infinity) ? line : most));
	return `${lines.unit.text(most.values[place])} ${lines.all.length > 1 ? most.name : ''}`;
}

// Families that follow a pattern, with a word each: as `pswpin, pswpout` or `read: in, written: out`; or the one of that name.
const named = (pattern, text) => text.split(', ').map((pair) => pair.split(': ')).map(([key, word = key.replaceAll('_', ' ')]) => [pattern.replace('*', key), word]);

// A chart of series as they are, or what they grow by.
function chart(title, pattern, text = '', more) {
	const words = named(pattern, text);
	const lines = (unit) => words.flatMap(([family, word]) => store.all(family).map((series) => {
		const scale = unit === units.percent ? 100 : 1, name = [...Object.values(series.labels), word].join(' ').trim();
		return [name || 'value', (place) => store.read(series, place) * scale, !series.counter && scale === 1 && series];
	}));
	return { title, families: words.map(([family]) => family), lines, headline: highest, ...more };
}

// A line a word: the sum of physical devices, if there are any.
function sums(title, pattern, text, is, help) {
	const lines = () => named(pattern, text).flatMap(([family, word]) => {
		const all = store.all(family), own = all.filter(({ labels }) => is(labels.device));
		const list = own.length ? own : all.filter(({ labels }) => labels.device !== 'lo');
		return list.length ? [[word, (place) => total(list, place)]] : [];
	});
	return chart(title, pattern, text, { lines, help, headline: each(...named('', text).map(([, word]) => word)) });
}

// A table's column: a line a row.
const column = (title, table, at, more) => ({
	title, families: table.families, lines: () => rows(table).map(({ name, values }) => [name, values[at]]), unit: table.columns[at].unit, headline: highest, ...more,
});

function modes() {
	const all = store.all(CPU), found = by(CPU, 'mode');
	let at = -1, sum = NaN;
	// All modes divide by the same sum.
	const whole = (place) => (at === place ? sum : ((at = place), (sum = total(all, place))));
	return ['user', 'system', 'nice', 'irq', 'softirq', 'steal', 'iowait'].filter((mode) => found.has(mode))
		.map((mode) => [mode, (place) => (100 * total(found.get(mode), place)) / whole(place)]);
}

const used = (lines, place) => lines.all.reduce((sum, { name }) => sum + (name === 'iowait' ? 0 : lines.value(name, place) || 0), 0);

const MEMORY = names('node_memory_*_bytes', 'MemTotal MemFree Buffers Cached SReclaimable');
const SWAP = names('node_memory_*_bytes', 'SwapTotal SwapFree');

function memory() {
	const [all, free, ...caches] = MEMORY.map((family) => store.one(family));
	const cached = (place) => caches.reduce((sum, series) => sum + (series?.at(place) || 0), 0);
	return all ? [['used', (place) => all.at(place) - store.read(free, place) - cached(place)], ['buffers and cache', cached]] : [];
}

function swap() {
	const [all, free] = SWAP.map((family) => store.one(family));
	return all?.at(store.last) > 0 ? [['used', (place) => all.at(place) - store.read(free, place)]] : [];
}

const section = (title, tables, ...charts) => ({ title, tables, charts });
const tcp = 'node_netstat_*', pages = 'node_vmstat_*', IO = ['node_disk_*_bytes_total', 'read, written: write'], NET = ['node_network_*_bytes_total', 'receive: in, transmit: out'];

// The sections in their order, with their tables (see things.js) and charts.
export const SECTIONS = [
	section('Overview', ['hottest', 'busiest', 'fullest'],
		{ title: 'CPU', families: [CPU], lines: modes, max: 100, stacked: true,
			headline: (lines, place) => `${percent(used(lines, place))}, ${percent(lines.value('iowait', place) || 0)} waits` },
		{ title: 'Memory', families: MEMORY, lines: memory, stacked: true, get max() { return store.now(MEMORY[0]) || 1; },
			headline: (lines, place) => `${lines.unit.text(lines.value('used', place))} of ${lines.unit.text(store.now(MEMORY[0]))}` },
		sums('Network', ...NET, isPhysical, 'Physical interfaces only'),
		sums('Disk throughput', ...IO, isDisk, 'What lies on other disks is left out'),
		chart('Load', 'node_load*', '1: 1 minute, 5: 5 minutes, 15: 15 minutes', { headline: each('1 minute') }),
		chart('Pressure', 'node_pressure_*_seconds_total', 'cpu_waiting, memory_waiting, memory_stalled, io_waiting, io_stalled, irq_stalled')),
	section('CPU', ['cpus'],
		column('Cores', TABLES.cpus, 0, { max: 100, heat: 16 }),
		chart('Frequency', 'node_cpu_scaling_frequency_hertz'),
		chart('Throttling', 'node_cpu_*_throttles_total', 'core, package'),
		chart('Switches and interrupts', 'node_*_total', 'context_switches, intr: interrupts')),
	section('Memory', [],
		chart('Parts of memory', 'node_memory_*_bytes', 'MemAvailable, AnonPages, Mapped, Shmem, Slab, Dirty, Writeback, PageTables', { headline: each('MemAvailable') }),
		{ title: 'Swap', families: SWAP, lines: swap, headline: highest },
		chart('Pages swapped', pages, 'pswpin, pswpout'),
		chart('Page faults', pages, 'pgfault, pgmajfault'),
		chart('Killed for want of memory', pages, 'oom_kill')),
	section('Disks', ['disks'],
		column('Busy', TABLES.disks, 0, { max: 100 }),
		column('Time of an operation', TABLES.disks, 1),
		chart('Throughput by disk', ...IO),
		chart('Operations', 'node_disk_*_completed_total', 'reads: read, writes: write')),
	section('File systems', ['filesystems']),
	section('Interfaces', ['interfaces'],
		chart('Throughput by interface', ...NET),
		chart('Errors and drops', 'node_network_*_total', 'receive_errs, transmit_errs, receive_drop, transmit_drop')),
	section('Sockets', [],
		chart('TCP sockets', 'node_sockstat_TCP_*', 'inuse, alloc, tw: time-wait, orphan'),
		chart('TCP connections', tcp, 'Tcp_ActiveOpens, Tcp_PassiveOpens, TcpExt_ListenDrops'),
		chart('TCP faults', tcp, 'Tcp_RetransSegs, Tcp_InErrs, Tcp_OutRsts, TcpExt_TCPTimeouts'),
		chart('UDP datagrams', tcp, 'Udp_InDatagrams, Udp_OutDatagrams, Udp_InErrors, Udp_NoPorts'),
		chart('Connections tracked', 'node_nf_conntrack_*', 'entries, entries_limit', { headline: each('entries') })),
	section('System', [],
		chart('Processes', 'node_procs_*', 'running, blocked'),
		chart('Processes started', 'node_forks_total'),
		chart('Open files', 'node_filefd_allocated'),
		chart('Clock', 'node_timex_*_seconds', 'offset, estimated_error', { headline: each('offset') })),
	section('Sensors', ['sensors'],
		column('Temperatures', TABLES.sensors, 0),
		chart('Fans', 'node_hwmon_fan_rpm')),
	section('More', []),
	section('Agent', [],
		chart('One collection, by collector', COSTS, '', { stacked: true, headline: (lines, place) => seconds(used(lines, place)) }),
		chart('CPU of the agent', 'process_cpu_seconds_total', ': of one core'),
		chart('Memory of the agent', 'process_resident_memory_bytes')),
];

// A chart of any family.
export const familyChart = ({ name, help }) => chart(name, name, '', { help });

// Whether a family is of a text file or of a plugin of one's own, by its name: those get a chart each.
export const isOther = ({ name }) => !/^(node|process|relink)_|_info$/.test(name);
