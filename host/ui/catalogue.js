// Which families make which chart, whichever plugin brings them.

import { units } from './format.js';
import { Chart } from './chart.js';

const { percent, memory: size, bytesPerSecond, perSecond, plain } = units;
const add = (values) => values.reduce((sum, value) => sum + (value || 0), 0);

// The figure beside a title, of the newest values.
const total = (values, text) => text(add(values));
const first = ([value], text) => text(value);
const highest = (word = '') => (values, text) => `${word} ${text(Math.max(...values))}`;

const CPU = 'node_cpu_seconds_total';

function sums(samples, label) {
	const sums = new Map();
	for (const { labels, value } of samples) sums.set(labels[label], (sums.get(labels[label]) ?? 0) + value);
	return [...sums];
}

function modes(frame) {
	const parts = sums(frame.rates(CPU), 'mode'), all = add(parts.map(([, value]) => value));
	return parts.filter(([mode]) => mode !== 'idle').map(([mode, value]) => [mode, (100 * value) / all || 0]);
}

function cores(frame) {
	const rates = frame.rates(CPU), idle = new Map(sums(rates.filter(({ labels: { mode } }) => mode === 'idle' || mode === 'iowait'), 'cpu'));
	return sums(rates, 'cpu').map(([cpu, all]) => [`cpu${cpu}`, 100 - (100 * idle.get(cpu)) / all || 0]);
}

const MEMORY = ['MemTotal', 'MemFree', 'SwapTotal', 'SwapFree', 'Buffers', 'Cached', 'SReclaimable'].map((key) => `node_memory_${key}_bytes`);
// The top of the memory's axis: what the machine has.
let installed = 1;

function memory(frame) {
	const [all, free, , , ...caches] = MEMORY.map((family) => frame.value(family)), cache = add(caches);
	if (!(all > 0)) return [];
	installed = all;
	return [['used', all - free - cache], ['buffers and cache', cache]];
}

function swap(frame) {
	const [all, free] = MEMORY.slice(2).map((family) => frame.value(family));
	return all > 0 ? [['used', all - free]] : [];
}

const DISKS = ['size', 'free', 'avail'].map((key) => `node_filesystem_${key}_bytes`);
// Of each file system, in words.
const left = new Map();

function filesystems(frame) {
	const [all, free, available] = DISKS.map((family) => new Map(frame.all(family).map(({ labels, value }) => [labels.mountpoint, value])));
	return [...all].flatMap(([name, whole]) => {
		const used = whole - free.get(name), rest = available.get(name);
		left.set(name, `${size.text(rest)} of ${size.text(whole)} left`);
		return used + rest > 0 ? [[name, (100 * used) / (used + rest)]] : [];
	});
}

// A series for each sample of `pattern` with the keys of `words`, named by labels and word. Rates of seconds are shares.
function plainly(id, title, unit, pattern, words, headline, more) {
	const families = Object.keys(words).map((key) => pattern.replace('*', key)), order = Object.values(words);
	const series = (word) => ({ labels, value }) =>
		[[...Object.values(labels), word].join(' ').trim() || 'value', unit === percent ? Math.min(more.cap ?? Infinity, value * 100) : value];
	const read = (frame) => families.flatMap((family, at) => (more.gauge ? frame.all(family) : frame.rates(family)).map(series(order[at])));
	return { id, title, unit, headline, families, order, read, ...more };
}

// In the order of the page. `quiet: n` leaves out what is zero all along, and shows n series where all are.
const CHARTS = [
	{ id: 'cpu', title: 'CPU', unit: percent, families: [CPU], read: modes, headline: total, max: 100, stacked: true, quiet: 2,
		order: ['user', 'system', 'iowait', 'nice', 'irq', 'softirq', 'steal'] },
	{ id: 'cores', title: 'CPU by core', unit: percent, families: [], read: cores, headline: highest('busiest'), max: 100 },
	{ id: 'memory', title: 'Memory', unit: size, families: MEMORY, read: memory, order: ['used'], get max() { return installed; }, stacked: true,
		headline: ([used], text) => `${text(used)} of ${text(installed)}` },
	{ id: 'swap', title: 'Swap', unit: size, families: [], read: swap, headline: total },
	plainly('disk-bytes', 'Disk throughput', bytesPerSecond, 'node_disk_*_bytes_total', { read: 'read', written: 'write' }, total, { quiet: 4 }),
	plainly('disk-operations', 'Disk operations', perSecond, 'node_disk_*_completed_total', { reads: 'read', writes: 'write' }, total, { quiet: 4 }),
	plainly('disk-utilisation', 'Disk utilisation', percent, 'node_disk_*_seconds_total', { io_time: '' }, highest('busiest'), { max: 100, cap: 100 }),
	{ id: 'filesystems', title: 'File systems', unit: percent, families: DISKS, read: filesystems, headline: highest('fullest'),
		meter: (name, text) => `${text}, ${left.get(name)}` },
	plainly('network', 'Network', bytesPerSecond, 'node_network_*_bytes_total', { receive: 'in', transmit: 'out' }, total, { quiet: 4 }),
	plainly('load', 'Load', plain, 'node_load*', { 1: '1 minute', 5: '5 minutes', 15: '15 minutes' }, first, { gauge: true }),
	plainly('pressure', 'Pressure', percent, 'node_pressure_*_seconds_total', {
		cpu_waiting: 'CPU: some wait', memory_waiting: 'memory: some wait', memory_stalled: 'memory: all wait',
		io_waiting: 'I/O: some wait', io_stalled: 'I/O: all wait', irq_stalled: 'IRQ: all wait',
	}, highest('worst'), { quiet: 3, cap: 100 }),
];

export const charts = CHARTS.map((spec) => new Chart(spec));
export const FAMILIES = CHARTS.flatMap(({ families }) => families);

// A collector that the catalogue knows nothing of has a chart for each of its families, if they are so few.
export function chartsOf({ families }) {
	if (families.length > 6 || families.some(({ name }) => FAMILIES.includes(name))) return [];
	return families.filter(({ name }) => !name.endsWith('_info')).map(({ name, type, help }) => {
		const gauge = type !== 'counter', has = (word) => new RegExp(`_${word}(_total)?$`).test(name);
		const still = has('bytes') ? size : has('seconds') ? units.seconds : has('ratio') ? percent : plain;
		const grows = has('bytes') ? bytesPerSecond : has('seconds') ? percent : perSecond;
		return new Chart(plainly(name, name, gauge ? still : grows, name, { '': '' }, highest(), { gauge, help }));
	});
}
