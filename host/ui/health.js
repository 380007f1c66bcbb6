// Ten fixed rules, as chips that lead to where the figures are.

import { el, seconds, units } from './format.js';
import { by, isDisk, isPhysical, names } from './sums.js';
import { store } from './view.js';

const { percent, perSecond } = units;
// Seconds that a counter is looked at.
const LATELY = 60, WHILE = 10;

const FAULTS = names('node_network_*_total', 'receive_errs transmit_errs receive_drop transmit_drop');
const THROTTLES = names('node_cpu_*_throttles_total', 'core package');

const mean = (family, seconds) => (store.one(family) ? store.mean(store.one(family), seconds) : NaN);
const last = (family) => store.one(family)?.at(store.last) ?? NaN;
// What grew lately, named by a label, the most first.
const grew = (family, label, is = () => true) => store.all(family).map((series) => [series.labels[label] ?? '', store.growth(series, LATELY)[0]])
	.filter(([name, sum]) => sum > 0 && is(name)).sort((a, b) => b[1] - a[1]);
const count = (number, one, many = `${one}s`) => `${Math.round(number)} ${Math.round(number) === 1 ? one : many}`;
const more = (found) => (found.length > 1 ? ` and ${found.length - 1} more` : '');

function fullest(whole, free) {
	const rest = by(store.all(free), 'mountpoint');
	return store.all(whole).map((series) => {
		const size = series.at(store.last), left = rest.get(series.labels.mountpoint)?.[0].at(store.last);
		return [series.labels.mountpoint, size > 0 ? 100 - (100 * left) / size : 0];
	}).filter(([, used]) => used > 90).sort((a, b) => b[1] - a[1]);
}

function space() {
	const full = fullest('node_filesystem_size_bytes', 'node_filesystem_avail_bytes'), inodes = fullest('node_filesystem_files', 'node_filesystem_files_free');
	const [[name, used] = []] = full.length ? full : inodes;
	return name && `${name} ${full.length ? '' : 'inodes '}${percent.text(used)} full${more(full.length ? full : inodes)}`;
}

function stalls() {
	const share = mean('node_pressure_memory_stalled_seconds_total', WHILE) * 100;
	return share > 1 && `all waited for memory ${percent.text(share)} of the time`;
}

function killed() {
	const [[, sum] = []] = grew('node_vmstat_oom_kill', '');
	return sum && `${count(sum, 'process', 'processes')} killed for want of memory in the last minute`;
}

function swapping() {
	const rate = mean('node_vmstat_pswpin', WHILE);
	return rate > 1 && `${perSecond.text(rate)} pages swapped in`;
}

function disks() {
	const busy = store.all('node_disk_io_time_seconds_total').map((series) => [series.labels.device, store.mean(series, WHILE) * 100])
		.filter(([name, share]) => share > 95 && isDisk(name)).sort((a, b) => b[1] - a[1]);
	return busy.length && `${busy[0][0]} ${percent.text(Math.min(100, busy[0][1]))} busy${more(busy)}`;
}

function network() {
	const found = FAULTS.flatMap((family) => grew(family, 'device', isPhysical).map(([name, sum]) => [name, count(sum, family.includes('errs') ? 'error' : 'drop')]));
	return found.length && `${found[0].join(' ')} in the last minute${more(found)}`;
}

function retransmits() {
	const [again, sent] = ['RetransSegs', 'OutSegs'].map((key) => mean(`node_netstat_Tcp_${key}`, LATELY));
	return again > 1 && again / sent > 0.02 && `${percent.text((100 * again) / sent)} of TCP segments sent again`;
}

function clockOff() {
	const offset = Math.abs(last('node_timex_offset_seconds'));
	if (last('node_timex_sync_status') === 0) return 'clock is not synchronised';
	return offset > 0.05 && `clock is off by ${seconds(offset)}`;
}

function throttled() {
	const sum = THROTTLES.flatMap((family) => grew(family, 'package')).reduce((sum, [, times]) => sum + times, 0);
	return sum > 0 && `CPU throttled ${count(sum, 'time')} in the last minute`;
}

const BAD = ['failing', 'stuck', 'refused'];

// Where it is on the page, its name while all is well, and what says in words what is wrong.
const RULES = [
	['filesystems', 'space', space], ['memory', 'memory', stalls], ['memory', 'out of memory', killed], ['memory', 'swap', swapping], ['disks', 'disks', disks],
	['interfaces', 'network', network], ['sockets', 'TCP', retransmits], ['system', 'clock', clockOff], ['cpu', 'throttling', throttled], ['agent', 'plugins', null],
];
export const WATCHED = [
	...names('node_filesystem_*', 'size_bytes avail_bytes files files_free'), 'node_pressure_memory_stalled_seconds_total', ...names('node_vmstat_*', 'oom_kill pswpin'),
	'node_disk_io_time_seconds_total', ...FAULTS, ...names('node_netstat_Tcp_*', 'RetransSegs OutSegs'), ...names('node_timex_*', 'offset_seconds sync_status'), ...THROTTLES,
];

export class Health {
	constructor(place) {
		this.list = el('ul.chips');
		this.text = '';
		place.append(this.list);
	}

	plugins(list) {
		this.collectors = list.flatMap(({ collectors, ...plugin }) => (collectors.length ? collectors : [plugin]));
	}

	faults() {
		const bad = (this.collectors ?? []).filter(({ state }) => BAD.includes(state));
		return bad.length && `${bad[0].name} is ${bad[0].state}${more(bad)}`;
	}

	draw() {
		if (!store.length) return;
		const found = RULES.map(([section, name, rule]) => ({ section, name, words: rule ? rule() : this.faults() }));
		const text = JSON.stringify(found);
		if (text === this.text) return;
		this.text = text;
		const bad = found.filter(({ words }) => words), well = found.filter(({ words }) => !words);
		const chip = ({ section, words }) => el('li', {}, el('a.chip', { href: `#${section}`, 'data-tone': 'bad' }, el('bdi', {}, words)));
		this.list.replaceChildren(...bad.map(chip), el('li.muted', {}, `${bad.length ? 'well' : 'all well'}: ${well.map(({ name }) => name).join(', ')}`));
	}
}
