// What the tables list: CPUs, disks, file systems, interfaces, sensors.

import { units } from './format.js';
import { CPU, busyLine, by, isDisk, isPhysical, names, total } from './sums.js';
import { store } from './view.js';

// The rows of a table, looked up again when their series have changed.
const known = new Map();
export function rows(table) {
	const stamp = store.stamp(table.families);
	if (known.get(table.things)?.stamp !== stamp) known.set(table.things, { stamp, rows: table.things() });
	return known.get(table.things).rows;
}

// Columns of one unit; from `bad` on a value is bad.
const columns = (unit, titles, bad = Infinity) => titles.split(', ').map((title) => ({ title, unit, bad }));
const share = (title, bad) => ({ title, unit: units.percent, bad, bar: true });

// Reads series by a label's value: `of(place)(family, name)`.
function reader(families, label) {
	const found = families.map((family) => new Map(store.all(family).map((series) => [series.labels[label], series])));
	return (name) => found.map((series) => (place) => store.read(series.get(name), place));
}
const labelled = (families, label) => [...new Set(families.flatMap((family) => store.all(family).map(({ labels }) => labels[label])))];
const sum = (...parts) => (place) => parts.reduce((sum, part) => sum + (part(place) || 0), 0);

function cpus() {
	const of = reader([HERTZ], 'cpu');
	return [...by(CPU, 'cpu')].map(([cpu, list]) => {
		const mode = (name) => (place) => (100 * store.read(list.find(({ labels }) => labels.mode === name), place)) / total(list, place);
		return { name: `cpu${cpu}`, values: [busyLine(list), mode('user'), mode('system'), mode('iowait'), ...of(cpu)] };
	});
}

function disks() {
	const of = reader(DISKS, 'device');
	return labelled(DISKS, 'device').map((name) => {
		const [busy, read, written, reads, writes, reading, writing, queue] = of(name), done = sum(reads, writes);
		const wait = (place) => (done(place) > 0 ? sum(reading, writing)(place) / done(place) : 0);
		return { name, apart: !isDisk(name), values: [(place) => Math.min(100, busy(place) * 100), wait, read, written, done, queue] };
	});
}

// Seconds until a file system is full, as its space has gone in the last ten minutes, of which a minute at least is known.
function until(available, place) {
	const now = available(place);
	let from = store.find(store.times[place] - 600);
	while (from < place && Number.isNaN(available(from))) from++;
	const known = store.times[place] - store.times[from], rest = (now * known) / (available(from) - now);
	return known >= 60 && rest > 0 && rest < 30 * 86400 ? rest : NaN;
}

function filesystems() {
	const of = reader(SPACE, 'mountpoint');
	return labelled(SPACE, 'mountpoint').map((name) => {
		const [size, free, available, files, filesFree] = of(name);
		// What root has kept for itself is neither used nor left.
		const used = (place) => 100 - (100 * available(place)) / (size(place) - free(place) + available(place));
		return { name, values: [used, available, size, (place) => 100 - (100 * filesFree(place)) / files(place), (place) => until(available, place)] };
	});
}

function interfaces() {
	const of = reader(NETWORK, 'device');
	return labelled(NETWORK, 'device').map((name) => {
		const [received, sent, errorsIn, errorsOut, dropsIn, dropsOut] = of(name);
		return { name, apart: !isPhysical(name), values: [(place) => received(place) + sent(place), received, sent, sum(errorsIn, errorsOut), sum(dropsIn, dropsOut)] };
	});
}

function sensors() {
	const key = ({ chip, sensor }) => `${chip} ${sensor}`, found = SENSORS.map((family) => new Map(store.all(family).map((series) => [key(series.labels), series])));
	const chips = by('node_hwmon_chip_names', 'chip');
	return store.all(SENSORS[0]).map(({ labels }) => {
		const [now, most, critical, word] = found.map((series) => series.get(key(labels)));
		const name = `${chips.get(labels.chip)?.[0].labels.chip_name ?? ''} ${word?.labels.label ?? ''} (${key(labels)})`.trim();
		return { name, values: [now, most, critical].map((series) => (place) => store.read(series, place)) };
	});
}

const HERTZ = 'node_cpu_scaling_frequency_hertz';
const DISKS = names('node_disk_*_total', 'io_time_seconds read_bytes written_bytes reads_completed writes_completed read_time_seconds write_time_seconds io_time_weighted_seconds');
const SPACE = names('node_filesystem_*', 'size_bytes free_bytes avail_bytes files files_free');
const NETWORK = names('node_network_*', 'receive_bytes_total transmit_bytes_total receive_errs_total transmit_errs_total receive_drop_total transmit_drop_total');
const SENSORS = names('node_hwmon_*', 'temp_celsius temp_max_celsius temp_crit_celsius sensor_label');

// `things()` have a name and a value a column; the first is what they are sorted by at first, and the small line's. `rest`: what is folded away.
const cpu = { of: 'CPU', things: cpus, families: [CPU, HERTZ], columns: [share('busy', 95), ...columns(units.percent, 'user, system, iowait'), ...columns(units.hertz, 'frequency')] };
const disk = { of: 'disk', things: disks, families: DISKS, rest: ', what lies on others too',
	columns: [share('busy', 95), ...columns(units.seconds, 'await'), ...columns(units.bytesPerSecond, 'read, written'), ...columns(units.perSecond, 'operations'), ...columns(units.plain, 'queue')] };
const filesystem = { of: 'mounted at', things: filesystems, families: SPACE, columns: [share('used', 90), ...columns(units.memory, 'left, size'), share('inodes', 90), ...columns(units.seconds, 'full in')] };
const few = { small: true, limit: 3 };

export const TABLES = {
	hottest: { title: 'Hottest CPUs', ...cpu, ...few },
	busiest: { title: 'Busiest disks', ...disk, ...few },
	fullest: { title: 'Fullest file systems', ...filesystem, ...few },
	cpus: { title: 'CPUs', ...cpu },
	disks: { title: 'Disks', ...disk },
	filesystems: { title: 'File systems', ...filesystem },
	interfaces: { title: 'Interfaces', of: 'interface', things: interfaces, families: NETWORK, rest: ', virtual ones too',
		columns: [...columns(units.bytesPerSecond, 'both ways, in, out'), ...columns(units.perSecond, 'errors, drops', Number.MIN_VALUE)] },
	sensors: { title: 'Sensors', of: 'sensor', things: sensors, families: [...SENSORS, 'node_hwmon_chip_names'], columns: columns(units.celsius, 'now, high, critical') },
};
