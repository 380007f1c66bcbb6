// Ten fixed rules, as chips that lead to where the figures are.

import { el, percent, seconds, units } from './format.js';
import { by, isDisk, isPhysical, names } from './sums.js';
import { store } from './view.js';

// Seconds that a counter is looked at.
const MINUTE = 60, WHILE = 10;

const ROOM_LEFT = [['', ...names('node_filesystem_*', 'size_bytes avail_bytes')], ['inodes ', ...names('node_filesystem_*', 'files files_free')]];
const FAULTS = names('node_network_*_total', 'receive_errs transmit_errs receive_drop transmit_drop');
const THROTTLES = names('node_cpu_*_throttles_total', 'core package');
const SEGMENTS = names('node_netstat_Tcp_*', 'RetransSegs OutSegs');
const [STALLS, KILLS, SWAPPED, BUSY, OFFSET, SYNCED] = ['node_pressure_memory_stalled_seconds_total', 'node_vmstat_oom_kill', 'node_vmstat_pswpin',
	'node_disk_io_time_seconds_total', 'node_timex_offset_seconds', 'node_timex_sync_status'];
export const WATCHED = [...ROOM_LEFT.flatMap(([, ...both]) => both), ...FAULTS, ...THROTTLES, ...SEGMENTS, STALLS, KILLS, SWAPPED, BUSY, OFFSET, SYNCED];

const mean = (family, seconds) => (store.one(family) ? store.mean(store.one(family), seconds) : NaN);
const grown = (families) => families.flatMap((family) => store.all(family)).reduce((sum, series) => sum + store.growth(series, MINUTE)[0], 0);
const count = (number, one, many = `${one}s`) => `${Math.round(number)} ${Math.round(number) === 1 ? one : many}`;
// In words the worst of what is found, as names with a figure.
const worst = (found, words) => {
	const [[name, value] = []] = found.sort((a, b) => b[1] - a[1]);
	return found.length && `${words(name, value)}${found.length > 1 ? ` and ${found.length - 1} more` : ''}`;
};

function space() {
	const full = ROOM_LEFT.flatMap(([word, sizes, frees]) => {
		const rest = by(frees, 'mountpoint');
		return store.all(sizes).map((size) => {
			const { mountpoint } = size.labels;
			return [`${mountpoint} ${word}`, 100 - (100 * rest.get(mountpoint)?.[0].at(store.last)) / size.at(store.last)];
		});
	});
	return worst(full.filter(([, used]) => used > 90), (name, used) => `${name}${percent(used)} full`);
}

function stalls() {
	const share = mean(STALLS, WHILE) * 100;
	return share > 1 && `all waited for memory ${percent(share)} of the time`;
}

function killed() {
	const sum = grown([KILLS]);
	return sum && `${count(sum, 'process', 'processes')} killed for want of memory in the last minute`;
}

function swapping() {
	const rate = mean(SWAPPED, WHILE);
	return rate > 1 && `${units.perSecond.text(rate)} pages swapped in`;
}

function busiest() {
	const busy = store.all(BUSY).map((series) => [series.labels.device, store.mean(series, WHILE) * 100]);
	return worst(busy.filter(([name, share]) => share > 95 && isDisk(name)), (name, share) => `${name} ${percent(Math.min(100, share))} busy`);
}

function network() {
	const faults = FAULTS.flatMap((family) => store.all(family).map((series) => [series.labels.device, store.growth(series, MINUTE)[0], family.includes('errs') ? 'error' : 'drop']));
	const found = faults.filter(([name, sum]) => sum > 0 && isPhysical(name)).map(([name, sum, word]) => [`${name} ${count(sum, word)}`, sum]);
	return worst(found, (words) => `${words} in the last minute`);
}

function retransmits() {
	const [again, sent] = SEGMENTS.map((family) => mean(family, MINUTE));
	return again > 1 && again / sent > 0.02 && `${percent((100 * again) / sent)} of TCP segments sent again`;
}

function clockOff() {
	const offset = Math.abs(store.now(OFFSET));
	if (store.now(SYNCED) === 0) return 'clock is not synchronised';
	return offset > 0.05 && `clock is off by ${seconds(offset)}`;
}

function throttled() {
	const sum = grown(THROTTLES);
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
		const bad = this.collectors.filter(({ state }) => ['failing', 'stuck', 'refused'].includes(state));
		return worst(bad.map(({ name, state }) => [name, state]), (name, state) => `${name} is ${state}`);
	}

	draw() {
		// Where it is on the page, its name while all is well, and what says in words what is wrong.
		const rules = [
			['file-systems', 'space', space()], ['memory', 'memory', stalls()], ['memory', 'out of memory', killed()], ['memory', 'swap', swapping()], ['disks', 'disks', busiest()],
			['interfaces', 'network', network()], ['sockets', 'TCP', retransmits()], ['system', 'clock', clockOff()], ['cpu', 'throttling', throttled()], ['agent', 'plugins', this.faults()],
		];
		const key = rules.join();
		if (key === this.key) return;
		this.key = key;
		const bad = rules.filter(([, , words]) => words), well = rules.filter(([, , words]) => !words).map(([, name]) => name);
		this.list.replaceChildren(...bad.map(([section, , words]) => el('li', el('a.chip', { href: `#${section}` }, el('bdi', words)))), el('li.muted', `${bad.length ? 'well' : 'all well'}: ${well.join(', ')}`));
	}
}
