// What the tables list: CPUs, disks, file systems, interfaces, sensors.

import { units } from './format.js';
import { sources } from './store.js';
import { CPU, busyLine, by, isDisk, isPhysical, names, total } from './sums.js';
import { store } from './view.js';

const { percent, memory: size, bytesPerSecond, perSecond, seconds } = units;
const text = (unit) => (value) => unit.text(value);

// By which label's value a family's series are found.
const found = (family, label) => by(store.all(family), label);
const rate = (series, place, scale = 1) => (series ? store.rate(series, place) * scale : NaN);
const ratio = (sum, count) => (count > 0 ? sum / count : sum >= 0 ? 0 : NaN);
const or = (...values) => values.find((value) => !Number.isNaN(value)) ?? NaN;

function cpus() {
	const hertz = found('node_cpu_scaling_frequency_hertz', 'cpu');
	return [...found(CPU, 'cpu')].map(([cpu, list]) => {
		const busy = busyLine(list), mode = (name) => list.find(({ labels }) => labels.mode === name), [user, system, waits] = ['user', 'system', 'iowait'].map(mode);
		return { name: `cpu${cpu}`, of: sources(list), course: busy, values: (place) => {
			const share = (series) => rate(series, place, 100 / total(list, place));
			return { busy: busy(place), user: share(user), system: share(system), iowait: share(waits), hertz: hertz.get(cpu)?.[0].at(place) ?? NaN };
		} };
	});
}

function disks() {
	const of = (key) => found(`node_disk_${key}_total`, 'device');
	const [read, written, reads, writes, readTime, writeTime, queue] =
		['read_bytes', 'written_bytes', 'reads_completed', 'writes_completed', 'read_time_seconds', 'write_time_seconds', 'io_time_weighted_seconds'].map(of);
	return store.all('node_disk_io_time_seconds_total').map((time) => {
		const { device } = time.labels, at = (map, place) => rate(map.get(device)?.[0], place);
		const course = (place) => Math.min(100, store.rate(time, place) * 100);
		return { name: device, of: time.serial, course, apart: !isDisk(device), values: (place) => ({
			busy: course(place), read: at(read, place), written: at(written, place), operations: at(reads, place) + at(writes, place),
			await: ratio(at(readTime, place) + at(writeTime, place), at(reads, place) + at(writes, place)), queue: at(queue, place),
		}) };
	});
}

// Seconds until a file system is full, as its space has gone since the oldest place that is known, a minute at least.
function left(available, place) {
	let from = Math.max(0, store.find(store.times[place] - 600));
	while (from < place && Number.isNaN(available.at(from))) from++;
	const span = store.times[place] - store.times[from], gone = available.at(from) - available.at(place);
	const rest = available.at(place) / (gone / span);
	return span >= 60 && gone > 0 && rest < 30 * 86400 ? rest : NaN;
}

function filesystems() {
	const of = (key) => found(`node_filesystem_${key}`, 'mountpoint'), [free, available, files, filesFree] = ['free_bytes', 'avail_bytes', 'files', 'files_free'].map(of);
	return store.all('node_filesystem_size_bytes').map((whole) => {
		const name = whole.labels.mountpoint, at = (map, place) => map.get(name)?.[0]?.at(place) ?? NaN;
		const course = (place) => {
			const used = whole.at(place) - at(free, place), rest = at(available, place);
			return used + rest > 0 ? (100 * used) / (used + rest) : NaN;
		};
		return { name, of: sources([whole, ...(free.get(name) ?? []), ...(available.get(name) ?? [])]), course, values: (place) => ({
			used: course(place), left: at(available, place), size: whole.at(place), inodes: at(files, place) > 0 ? 100 - (100 * at(filesFree, place)) / at(files, place) : NaN,
			full: available.has(name) ? left(available.get(name)[0], place) : NaN,
		}) };
	});
}

function interfaces() {
	const of = (key) => found(`node_network_${key}`, 'device');
	const [out, inErrors, outErrors, inDrops, outDrops, speed] = ['transmit_bytes_total', 'receive_errs_total', 'transmit_errs_total', 'receive_drop_total', 'transmit_drop_total', 'speed_bytes'].map(of);
	return store.all('node_network_receive_bytes_total').map((received) => {
		const { device } = received.labels, at = (map, place) => rate(map.get(device)?.[0], place), both = (one, other) => or(one, 0) + or(other, 0);
		const course = (place) => store.rate(received, place) + at(out, place);
		return { name: device, of: sources([received, ...(out.get(device) ?? [])]), course, apart: !isPhysical(device), values: (place) => ({
			both: course(place), in: store.rate(received, place), out: at(out, place), errors: both(at(inErrors, place), at(outErrors, place)),
			drops: both(at(inDrops, place), at(outDrops, place)), speed: speed.get(device)?.[0]?.at(place) ?? NaN,
		}) };
	});
}

function sensors() {
	const key = ({ labels: { chip, sensor } }) => `${chip} ${sensor}`, map = (family) => new Map(store.all(family).map((series) => [key(series), series]));
	const [names, most, critical] = ['node_hwmon_sensor_label', 'node_hwmon_temp_max_celsius', 'node_hwmon_temp_crit_celsius'].map(map);
	const chips = found('node_hwmon_chip_names', 'chip');
	return store.all('node_hwmon_temp_celsius').map((series) => {
		const { chip, sensor } = series.labels, at = (map, place) => map.get(key(series))?.at(place) ?? NaN;
		const name = [chips.get(chip)?.[0].labels.chip_name ?? chip, names.get(key(series))?.labels.label ?? sensor].join(' ');
		return { name: `${name} (${chip} ${sensor})`, of: series.serial, course: (place) => series.at(place), values: (place) => ({ now: series.at(place), most: at(most, place), critical: at(critical, place) }) };
	});
}

const CPUS = [CPU, 'node_cpu_scaling_frequency_hertz'];
const DISKS = names('node_disk_*_total', 'io_time_seconds read_bytes written_bytes reads_completed writes_completed read_time_seconds write_time_seconds io_time_weighted_seconds');
const SPACE = names('node_filesystem_*', 'size_bytes free_bytes avail_bytes files files_free');
const NETWORK = names('node_network_*', 'receive_bytes_total transmit_bytes_total receive_errs_total transmit_errs_total receive_drop_total transmit_drop_total speed_bytes');
const SENSORS = names('node_hwmon_*', 'temp_celsius temp_max_celsius temp_crit_celsius sensor_label chip_names');
const busy = { title: 'busy', text: text(percent), bar: true, bad: (value) => value >= 95 };
const used = { title: 'used', text: text(percent), bar: true, bad: (value) => value >= 90 };
const column = (title, unit) => ({ title, text: text(unit) });
const dash = (title, unit) => ({ title, text: (value) => (value > 0 ? unit.text(value) : '–'), bad: (value) => value > 0 });

const columns = (unit, text) => Object.fromEntries(text.split(', ').map((pair) => pair.split(': ')).map(([id, title]) => [id, column(title ?? id, unit)]));
const table = (title, of, things, families, sort, limit, columns, more) => ({ title, of, things, families, sort, limit, columns, ...more });

// `small` ones stand in the overview. `top` is the top of a row's small line, and `rest` what is folded away.
export const TABLES = {
	hottest: table('Hottest CPUs', 'CPU', cpus, [CPU], 'busy', 3, { busy }, { small: true, top: 100 }),
	busiest: table('Busiest disks', 'disk', disks, DISKS, 'busy', 3, { busy, ...columns(seconds, 'await') }, { small: true, top: 100 }),
	fullest: table('Fullest file systems', 'mounted at', filesystems, SPACE, 'used', 3, { used, ...columns(size, 'left') }, { small: true, top: 100 }),
	cpus: table('CPUs', 'CPU', cpus, CPUS, 'busy', 8, { busy, ...columns(percent, 'user, system, iowait'), ...columns(units.hertz, 'hertz: frequency') }, { top: 100 }),
	disks: table('Disks', 'disk', disks, DISKS, 'busy', 10,
		{ busy, ...columns(seconds, 'await'), ...columns(bytesPerSecond, 'read, written'), ...columns(perSecond, 'operations'), ...columns(units.plain, 'queue') }, { top: 100, rest: 'on top of others' }),
	filesystems: table('File systems', 'mounted at', filesystems, SPACE, 'used', 10,
		{ used, ...columns(size, 'left, size'), inodes: { title: 'inodes', text: text(percent), bad: used.bad }, full: { title: 'full in', text: (value) => seconds.text(value, 2), bad: (value) => value < 86400 } }, { top: 100 }),
	interfaces: table('Interfaces', 'interface', interfaces, NETWORK, 'both', 10,
		{ ...columns(bytesPerSecond, 'both: both ways, in, out'), errors: dash('errors', perSecond), drops: dash('drops', perSecond), ...columns(bytesPerSecond, 'speed') }, { rest: 'virtual' }),
	sensors: table('Sensors', 'sensor', sensors, SENSORS, 'now', 12, columns(units.celsius, 'now, most: high, critical')),
};
