// Which families make which chart of which section, whichever plugin brings them.

import { units } from './format.js';
import { sources } from './store.js';
import { COSTS, CPU, busyLine, by, isDisk, isPhysical, names, plainLines, sumLines, total } from './sums.js';
import { store } from './view.js';

const { percent, memory: size, bytesPerSecond, perSecond, plain, seconds } = units;

// The figure beside a title. `value(name)` is that of a line.
const each = (unit, ...all) => (value) => all.map((name) => `${unit.text(value(name))} ${name}`).join(', ');
const first = (unit, name) => (value, all) => unit.text(value(name ?? all[0]));
const highest = (unit, word = '') => (value, all) => `${word} ${unit.text(all.reduce((most, name) => (value(name) > most ? value(name) : most), value(all[0]) || 0))}`;

// Families by name with a word each, as `pswpin: in, pswpout: out` where they follow a pattern.
const named = (pattern, text) => Object.fromEntries(text.split(', ').map((pair) => pair.split(': ')).map(([key, word]) => [pattern.replace('*', key), word ?? '']));

// A chart of families as they are: of counters, by default, what they grow by.
function plainly(id, title, unit, words, more = {}) {
	return { id, title, unit, families: Object.keys(words), lines: () => plainLines(words, { scale: unit === percent ? 100 : 1, ...more }), headline: highest(unit), ...more };
}
const gauges = (id, title, unit, words, more) => plainly(id, title, unit, words, { gauge: true, ...more });

function modes() {
	const all = store.all(CPU);
	let at = -1, sum = NaN;
	// All modes divide by the same sum.
	const whole = (place) => (at === place ? sum : ((at = place), (sum = total(all, place))));
	return [...by(all, 'mode')].filter(([mode]) => mode !== 'idle').map(([mode, list]) => ({
		name: mode, of: `${sources(list)} ${all.length}`, at: (place) => (100 * total(list, place)) / whole(place),
	}));
}

const cores = () => [...by(store.all(CPU), 'cpu')].map(([cpu, list]) => ({ name: `cpu${cpu}`, of: sources(list), at: busyLine(list) }));

const used = (value, all) => all.reduce((sum, name) => sum + (name === 'iowait' ? 0 : value(name) || 0), 0);

const memories = (keys) => names('node_memory_*_bytes', keys);
const value = (family, place) => store.one(family)?.at(place) ?? NaN;

function memory() {
	const [all, free, buffers, cached, slab] = memories(CACHES);
	if (!store.one(all)) return [];
	const caches = (place) => [buffers, cached, slab].reduce((sum, family) => sum + (value(family, place) || 0), 0);
	const of = sources([all, free, buffers, cached, slab].flatMap((family) => store.all(family)));
	return [
		{ name: 'used', of, at: (place) => value(all, place) - value(free, place) - caches(place) },
		{ name: 'buffers and cache', of, at: caches },
	];
}
const installed = () => value('node_memory_MemTotal_bytes', store.last) || 1;

function swap() {
	const [all, free] = ['node_memory_SwapTotal_bytes', 'node_memory_SwapFree_bytes'];
	return value(all, store.last) > 0 ? [{ name: 'used', of: store.one(all).serial, at: (place) => value(all, place) - value(free, place) }] : [];
}

// Seconds that an operation took on its disk.
function waits() {
	return [['read', 'reads'], ['write', 'writes']].flatMap(([word, many]) => {
		const counts = by(store.all(`node_disk_${many}_completed_total`), 'device');
		return store.all(`node_disk_${word}_time_seconds_total`).map((time) => {
			const count = counts.get(time.labels.device)?.[0];
			return { name: `${time.labels.device} ${word}`, of: `${time.serial} ${count?.serial}`, at: (place) => {
				const done = count ? store.rate(count, place) : NaN;
				return done > 0 ? store.rate(time, place) / done : done * 0;
			} };
		});
	});
}

const NETWORK = named('node_network_*_bytes_total', 'receive: in, transmit: out'), DISKS = named('node_disk_*_bytes_total', 'read: read, written: write');
const CACHES = 'MemTotal MemFree Buffers Cached SReclaimable';

const chart = {
	cpu: { id: 'cpu', title: 'CPU', unit: percent, families: [CPU], lines: modes, max: () => 100, stacked: true, quiet: 2,
		order: ['user', 'system', 'nice', 'irq', 'softirq', 'steal', 'iowait'],
		headline: (value, all) => `${percent.text(used(value, all))}${value('iowait') >= 0.5 ? `, ${percent.text(value('iowait'))} waits` : ''}` },
	memory: { id: 'memory', title: 'Memory', unit: size, families: memories(CACHES), lines: memory, order: ['used'], max: installed, stacked: true,
		headline: (value) => `${size.text(value('used'))} of ${size.text(installed())}` },
	network: { id: 'network', title: 'Network', unit: bytesPerSecond, families: Object.keys(NETWORK), help: 'Physical interfaces only',
		lines: () => sumLines(NETWORK, isPhysical), headline: each(bytesPerSecond, 'in', 'out') },
	disk: { id: 'disk-bytes', title: 'Disk throughput', unit: bytesPerSecond, families: Object.keys(DISKS), help: 'What lies on other disks is left out',
		lines: () => sumLines(DISKS, isDisk), headline: each(bytesPerSecond, 'read', 'write') },
	load: gauges('load', 'Load', plain, named('node_load*', '1: 1 minute, 5: 5 minutes, 15: 15 minutes'), { order: ['1 minute', '5 minutes'], headline: first(plain, '1 minute') }),
	pressure: plainly('pressure', 'Pressure', percent, named('node_pressure_*_seconds_total', 'cpu_waiting: CPU waits, memory_waiting: memory waits, '
		+ 'memory_stalled: memory stalls all, io_waiting: I/O waits, io_stalled: I/O stalls all, irq_stalled: IRQ stalls all'), { quiet: 3, cap: 100, headline: highest(percent, 'worst') }),
	cores: { id: 'cores', title: 'CPU by core', unit: percent, families: [CPU], lines: cores, max: () => 100, heat: 16, headline: highest(percent, 'busiest') },
	swap: { id: 'swap', title: 'Swap', unit: size, families: memories('SwapTotal SwapFree'), lines: swap, headline: first(size, 'used') },
	await: { id: 'disk-await', title: 'Time of an operation', unit: seconds, lines: waits, headline: highest(seconds, 'slowest'), quiet: 4,
		families: names('node_disk_*_total', 'read_time_seconds write_time_seconds reads_completed writes_completed') },
	cost: { id: 'cost', title: 'One collection, by collector', unit: seconds, families: [COSTS], stacked: true, lines: () => plainLines({ [COSTS]: '' }, { gauge: true }),
		headline: (value, all) => seconds.text(all.reduce((sum, name) => sum + (value(name) || 0), 0)) },
};

const most = (unit) => ({ quiet: 4, headline: highest(unit, 'most') });
const tcp = (text) => named('node_netstat_*', text), pages = (text) => named('node_vmstat_*', text);
const section = (id, title, open, tables, charts) => ({ id, title, open, tables, charts });

// The sections in their order: open at first or not, their tables (see things.js), their charts.
export const SECTIONS = [
	section('overview', 'Overview', true, ['hottest', 'busiest', 'fullest'], [chart.cpu, chart.memory, chart.network, chart.disk, chart.load, chart.pressure]),
	section('cpu', 'CPU', true, ['cpus'], [
		chart.cores,
		gauges('frequency', 'Frequency', units.hertz, named('node_cpu_scaling_frequency_hertz', ''), { headline: highest(units.hertz, 'fastest') }),
		plainly('throttles', 'Throttling', perSecond, named('node_cpu_*_throttles_total', 'core: core, package: package'), { quiet: 2 }),
		plainly('switches', 'Switches and interrupts', perSecond, { node_context_switches_total: 'context switches', node_intr_total: 'interrupts' }),
	]),
	section('memory', 'Memory', true, [], [
		gauges('memory-parts', 'Parts of memory', size, named('node_memory_*_bytes', 'MemAvailable: available, AnonPages: anonymous, Mapped: mapped, Shmem: shared, '
			+ 'Slab: slab, Dirty: dirty, Writeback: written back, PageTables: page tables'), { headline: each(size, 'available') }),
		chart.swap,
		plainly('swapping', 'Pages swapped', perSecond, pages('pswpin: in, pswpout: out')),
		plainly('faults', 'Page faults', perSecond, pages('pgfault: all, pgmajfault: from disk')),
		plainly('oom', 'Killed for want of memory', perSecond, pages('oom_kill: processes')),
	]),
	section('disks', 'Disks', true, ['disks'], [
		plainly('disk-utilisation', 'Busy', percent, named('node_disk_io_time_seconds_total', ''), { cap: 100, max: () => 100, headline: highest(percent, 'busiest') }),
		chart.await,
		plainly('disk-throughput', 'Throughput by disk', bytesPerSecond, DISKS, most(bytesPerSecond)),
		plainly('disk-operations', 'Operations', perSecond, named('node_disk_*_completed_total', 'reads: read, writes: write'), most(perSecond)),
	]),
	section('filesystems', 'File systems', true, ['filesystems'], []),
	section('interfaces', 'Interfaces', true, ['interfaces'], [
		plainly('interface-bytes', 'Throughput by interface', bytesPerSecond, NETWORK, most(bytesPerSecond)),
		plainly('interface-packets', 'Packets', perSecond, named('node_network_*_packets_total', 'receive: in, transmit: out'), most(perSecond)),
		plainly('interface-faults', 'Errors and drops', perSecond, named('node_network_*_total', 'receive_errs: errors in, transmit_errs: errors out, receive_drop: drops in, transmit_drop: drops out'), most(perSecond)),
	]),
	section('sockets', 'Sockets', false, [], [
		gauges('tcp-sockets', 'TCP sockets', plain, named('node_sockstat_TCP_*', 'inuse: in use, alloc: allocated, tw: in time-wait, orphan: orphaned')),
		plainly('tcp-opens', 'TCP connections', perSecond, tcp('Tcp_ActiveOpens: opened, Tcp_PassiveOpens: accepted, TcpExt_ListenDrops: dropped at listen')),
		plainly('tcp-faults', 'TCP faults', perSecond, tcp('Tcp_RetransSegs: sent again, Tcp_InErrs: bad segments, Tcp_OutRsts: resets sent, TcpExt_TCPTimeouts: timeouts')),
		plainly('tcp-segments', 'TCP segments', perSecond, tcp('Tcp_InSegs: in, Tcp_OutSegs: out')),
		plainly('udp', 'UDP datagrams', perSecond, tcp('Udp_InDatagrams: in, Udp_OutDatagrams: out, Udp_InErrors: errors, Udp_NoPorts: no port')),
		gauges('conntrack', 'Connections tracked', plain, { node_nf_conntrack_entries: 'entries', node_nf_conntrack_entries_limit: 'limit' }, { headline: first(plain, 'entries') }),
		plainly('softnet', 'Packet queues', perSecond, named('node_softnet_*_total', 'dropped: dropped, times_squeezed: squeezed'), { quiet: 2 }),
	]),
	section('system', 'System', false, [], [
		gauges('processes', 'Processes', plain, named('node_procs_*', 'running: running, blocked: blocked'), { headline: each(plain, 'running', 'blocked') }),
		plainly('forks', 'Processes started', perSecond, named('node_forks_total', '')),
		gauges('files', 'Open files', plain, named('node_filefd_allocated', '')),
		gauges('clock', 'Clock', seconds, named('node_timex_*_seconds', 'offset: offset, estimated_error: estimated error'), { headline: first(seconds, 'offset') }),
	]),
	section('sensors', 'Sensors', false, ['sensors'], [
		gauges('temperatures', 'Temperatures', units.celsius, { node_hwmon_temp_celsius: '', node_thermal_zone_temp: '' }, { headline: highest(units.celsius, 'hottest') }),
		gauges('fans', 'Fans', units.rpm, named('node_hwmon_fan_rpm', ''), { headline: highest(units.rpm, 'fastest') }),
	]),
	section('more', 'Text files and others', true, [], []),
	section('agent', 'Agent', true, [], [
		chart.cost,
		plainly('agent-cpu', 'CPU of the agent', percent, { process_cpu_seconds_total: 'of one core' }),
		gauges('agent-memory', 'Memory of the agent', size, { process_resident_memory_bytes: 'resident' }),
	]),
];

// Units that a family's name or declaration may have: of what it is now, and of what it grows by.
const UNITS = [['bytes', size, bytesPerSecond], ['seconds', seconds, percent], ['ratio', percent, percent], ['celsius', units.celsius, plain], ['hertz', units.hertz, plain], ['', plain, perSecond]];

// A chart of any family.
export function familyChart({ name, type, help, unit }) {
	const [, still, grows] = UNITS.find(([word]) => unit === word || name.replace(/_total$/, '').endsWith(word)), gauge = type !== 'counter';
	return plainly(name, name, gauge ? still : grows, { [name]: '' }, { gauge, help });
}

// Whether a family is of a text file or of a plugin of one's own, by its name: those get a chart each.
export const isOther = ({ name }) => !/^(node|process|relink)_|_info$/.test(name);
