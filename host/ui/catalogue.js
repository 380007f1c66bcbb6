// Which families make which chart. A chart is there when its families are, whichever plugin brings them.

import { byName, clock, el, say, units } from './format.js';
import { Chart } from './chart.js';

/** The samples of a family as series, named after a label. */
const labelled = (samples, label, factor = 1) => samples.map(({ labels, value }) => [labels[label], value * factor]);
const named = (pairs) => pairs.filter(([, value]) => !Number.isNaN(value));
const sum = (last, names) => names.reduce((sum, name) => sum + (last(name) || 0), 0);
const most = (last, names) => Math.max(...names.map((name) => last(name) || 0));

/** The CPU time of each mode, per cent of all CPUs together. Idle is what is left. */
function modes(frame) {
  const byMode = new Map(), cpus = new Set();
  for (const { labels, value } of frame.rates('node_cpu_seconds_total')) {
    cpus.add(labels.cpu);
    if (labels.mode !== 'idle') byMode.set(labels.mode, (byMode.get(labels.mode) ?? 0) + value);
  }
  return [...byMode].map(([mode, value]) => [mode, Math.min(100, (value / cpus.size) * 100)]);
}

/** How busy each CPU is: what is neither idle nor waiting for I/O. */
function cores(frame) {
  const busy = new Map();
  for (const { labels, value } of frame.rates('node_cpu_seconds_total')) {
    const idle = labels.mode === 'idle' || labels.mode === 'iowait';
    busy.set(labels.cpu, (busy.get(labels.cpu) ?? 0) + (idle ? 0 : value * 100));
  }
  return [...busy].map(([cpu, value]) => [`cpu${cpu}`, Math.min(100, value)]);
}

const memory = (frame, key) => frame.value(`node_memory_${key}_bytes`);

function memoryParts(frame) {
  const total = memory(frame, 'MemTotal'), free = memory(frame, 'MemFree');
  const cache = ['Buffers', 'Cached', 'SReclaimable'].reduce((sum, key) => sum + (memory(frame, key) || 0), 0);
  return named([['used', total - free - cache], ['buffers and cache', cache], ['free', free]]);
}

function swap(frame) {
  const total = memory(frame, 'SwapTotal');
  return total > 0 ? [['used', total - memory(frame, 'SwapFree')]] : [];
}

/** Two counters of each device, there and back. */
const pair = (device, [there, thereName], [back, backName]) => (frame) => [
  ...frame.rates(there).map(({ labels, value }) => [`${labels[device]} ${thereName}`, value]),
  ...frame.rates(back).map(({ labels, value }) => [`${labels[device]} ${backName}`, value]),
];
const both = (one, other, unit) => (last, names) => {
  const of = (word) => unit.text(sum(last, names.filter((name) => name.endsWith(word) && !name.startsWith('lo '))));
  return `${of(one)} ${one}, ${of(other)} ${other}`;
};

function faults(frame) {
  const kinds = [['receive_errs', 'receive errors'], ['receive_drop', 'receive drops'], ['transmit_errs', 'send errors'], ['transmit_drop', 'send drops']];
  return kinds.flatMap(([kind, name]) => {
    const rates = frame.rates(`node_network_${kind}_total`);
    return rates.length ? [[name, rates.reduce((sum, { value }) => sum + value, 0)]] : [];
  });
}

const PRESSURES = [['cpu_waiting', 'CPU: some wait'], ['memory_waiting', 'memory: some wait'], ['memory_stalled', 'memory: all wait'], ['io_waiting', 'I/O: some wait'], ['io_stalled', 'I/O: all wait'], ['irq_stalled', 'IRQ: all wait']];
const pressure = (frame) => named(PRESSURES.map(([key, name]) => [name, frame.rate(`node_pressure_${key}_seconds_total`) * 100]));

const loads = (frame) => named([['1 minute', frame.value('node_load1')], ['5 minutes', frame.value('node_load5')], ['15 minutes', frame.value('node_load15')]]);
const tasks = (frame) => named([['running', frame.value('node_procs_running')], ['blocked by I/O', frame.value('node_procs_blocked')]]);
const switches = (frame) => named([['context switches', frame.rate('node_context_switches_total')], ['interrupts', frame.rate('node_intr_total')], ['new processes', frame.rate('node_forks_total')]]);

function temperatures(frame) {
  const zones = frame.all('node_thermal_zone_temp').map(({ labels, value }) => [`${labels.type ?? 'zone'} ${labels.zone ?? ''}`.trim(), value]);
  return [...frame.all('node_hwmon_temp_celsius').map(({ labels, value }) => [`${labels.chip} ${labels.sensor}`, value]), ...zones];
}

const disk = (names) => names.map((name) => `node_disk_${name}_total`);
const { percent, memory: size, bytesPerSecond, perSecond, plain, celsius } = units;

/** In the order of the page. `quiet: n` leaves out what is zero all along, and shows n series where all are. */
const CHARTS = [
  { id: 'cpu', title: 'CPU', unit: percent, max: 100, stacked: true, quiet: 2, families: ['node_cpu_seconds_total'],
    order: ['user', 'system', 'iowait', 'nice', 'irq', 'softirq', 'steal'], read: modes,
    headline: (last, names) => percent.text(sum(last, names)) },
  { id: 'cores', title: 'CPU by core', unit: percent, max: 100, heat: true, families: ['node_cpu_seconds_total'], read: cores,
    headline: (last, names) => `busiest ${percent.text(most(last, names))}` },
  { id: 'memory', title: 'Memory', unit: size, stacked: true, order: ['used', 'buffers and cache', 'free'], read: memoryParts,
    families: ['MemTotal', 'MemFree', 'MemAvailable', 'Buffers', 'Cached', 'SReclaimable'].map((key) => `node_memory_${key}_bytes`),
    max: (chart) => sum((name) => chart.valueAt(name, chart.times.length - 1), chart.order),
    headline: (last, names) => `${size.text(last('used'))} of ${size.text(sum(last, names))}` },
  { id: 'swap', title: 'Swap', unit: size, families: ['node_memory_SwapTotal_bytes', 'node_memory_SwapFree_bytes'], read: swap,
    headline: (last) => size.text(last('used')) },
  { id: 'disk-bytes', title: 'Disk throughput', unit: bytesPerSecond, quiet: 4, families: disk(['read_bytes', 'written_bytes']),
    read: pair('device', ['node_disk_read_bytes_total', 'read'], ['node_disk_written_bytes_total', 'write']), headline: both('read', 'write', bytesPerSecond) },
  { id: 'disk-operations', title: 'Disk operations', unit: perSecond, quiet: 4, families: disk(['reads_completed', 'writes_completed']),
    read: pair('device', ['node_disk_reads_completed_total', 'read'], ['node_disk_writes_completed_total', 'write']), headline: both('read', 'write', perSecond) },
  { id: 'disk-utilisation', title: 'Disk utilisation', unit: percent, max: 100, families: disk(['io_time_seconds']),
    read: (frame) => labelled(frame.rates('node_disk_io_time_seconds_total'), 'device', 100).map(([name, value]) => [name, Math.min(100, value)]),
    headline: (last, names) => `busiest ${percent.text(most(last, names))}` },
  { id: 'filesystems', title: 'File systems', meters: true, families: ['size', 'free', 'avail'].map((key) => `node_filesystem_${key}_bytes`) },
  { id: 'network', title: 'Network', unit: bytesPerSecond, quiet: 4, families: ['node_network_receive_bytes_total', 'node_network_transmit_bytes_total'],
    read: pair('device', ['node_network_receive_bytes_total', 'in'], ['node_network_transmit_bytes_total', 'out']), headline: both('in', 'out', bytesPerSecond) },
  { id: 'network-faults', title: 'Network errors and drops', unit: perSecond, quiet: 4, read: faults,
    families: ['receive_errs', 'receive_drop', 'transmit_errs', 'transmit_drop'].map((key) => `node_network_${key}_total`),
    headline: (last, names) => perSecond.text(sum(last, names)) },
  { id: 'load', title: 'Load', unit: plain, families: ['node_load1', 'node_load5', 'node_load15'], order: ['1 minute', '5 minutes', '15 minutes'], read: loads,
    headline: (last) => plain.text(last('1 minute')) },
  { id: 'pressure', title: 'Pressure', unit: percent, quiet: 3, order: PRESSURES.map(([, name]) => name), read: pressure,
    families: PRESSURES.map(([key]) => `node_pressure_${key}_seconds_total`), headline: (last, names) => `worst ${percent.text(most(last, names))}` },
  { id: 'tasks', title: 'Tasks', unit: plain, families: ['node_procs_running', 'node_procs_blocked'], order: ['running', 'blocked by I/O'], read: tasks,
    headline: (last) => `${plain.text(last('running'))} running` },
  { id: 'switches', title: 'Context switches and interrupts', unit: perSecond, order: ['context switches', 'interrupts', 'new processes'], read: switches,
    families: ['node_context_switches_total', 'node_intr_total', 'node_forks_total'], headline: (last) => perSecond.text(last('context switches')) },
  { id: 'temperatures', title: 'Temperatures', unit: celsius, families: ['node_hwmon_temp_celsius', 'node_thermal_zone_temp'], read: temperatures,
    headline: (last, names) => `hottest ${celsius.text(most(last, names))}` },
];

/** All charts of the catalogue, none of them on the page yet. */
export const charts = (redraw) => CHARTS.map((spec) => (spec.meters ? new Meters(spec) : new Chart(spec, redraw)));

/** What the charts ask of the stream. */
export const FAMILIES = [...new Set(CHARTS.flatMap((spec) => spec.families))];

/** So many families of a plugin that the catalogue does not know have a chart each. */
const FEW = 6;

/** Charts for a plugin that the catalogue knows nothing of. */
export function chartsOf(plugin, redraw) {
  const families = plugin.families.filter(({ name, type }) => (type === 'gauge' || type === 'counter') && !name.endsWith('_info'));
  if (families.length > FEW || families.some(({ name }) => FAMILIES.includes(name))) return [];
  return families.map((family) => new Chart(generic(family), redraw));
}

function generic({ name, type, help }) {
  const grows = type === 'counter';
  const ends = (word) => name.endsWith(word) || name.endsWith(`${word}_total`);
  const share = (grows && ends('_seconds')) || ends('_ratio');
  const unit = share ? percent : ends('_bytes') ? (grows ? bytesPerSecond : size) : ends('_celsius') ? celsius : grows ? perSecond : ends('_seconds') ? units.seconds : plain;
  const read = (frame) => (grows ? frame.rates(name) : frame.all(name)).map(({ labels, value }) => [Object.values(labels).join(' ') || 'value', value * (share ? 100 : 1)]);
  return { id: name, title: name, hint: help, unit, families: [name], read, headline: (last, names) => (names.length === 1 ? unit.text(last(names[0])) : `highest ${unit.text(most(last, names))}`) };
}

/** How full the file systems are: it changes too slowly for a line. */
class Meters {
  constructor(spec) {
    this.spec = spec;
    this.rows = new Map();
    this.now = el('p', { className: 'now' });
    this.list = el('ul', { className: 'meters' });
    this.note = el('p', { className: 'note', hidden: true });
    this.element = el('article', { className: 'card chart' }, el('div', { className: 'head' }, el('h3', { textContent: spec.title }), this.now), this.list, this.note);
  }

  push(frame) {
    const value = (key) => new Map(frame.all(`node_filesystem_${key}_bytes`).map(({ labels, value }) => [`${labels.mountpoint}\n${labels.device}`, { labels, value }]));
    const free = value('free'), avail = value('avail'), found = [];
    for (const [key, { labels, value: size }] of value('size')) {
      const used = size - free.get(key)?.value, left = avail.get(key)?.value;
      if (size > 0 && used + left > 0) found.push({ key, labels, size, left, part: used / (used + left) });
    }
    if (found.length) this.seen = frame.time;
    this.gone = this.known && found.length === 0;
    if (found.length) this.found = found.sort((a, b) => byName(a.labels.mountpoint, b.labels.mountpoint));
    if (this.seen < frame.time - 60) this.seen = undefined;
  }

  get known() {
    return this.seen !== undefined;
  }

  draw() {
    if (!this.known) return;
    const found = this.found.slice(0, 8);
    const key = found.map((one) => one.key).join('\n\n');
    if (key !== this.key) {
      this.key = key;
      this.list.replaceChildren(...found.map((one) => this.row(one)));
    }
    for (const { key, size, left, part } of found) {
      const { bar, fill, text } = this.rows.get(key);
      const share = Math.round(part * 1000) / 10;
      fill.style.width = `${share}%`;
      bar.setAttribute('aria-valuenow', share);
      bar.className = `bar ${part > 0.95 ? 'full' : part > 0.85 ? 'filling' : ''}`;
      say(text, `${percent.text(share)}, ${units.memory.text(left)} of ${units.memory.text(size)} left`);
    }
    say(this.now, this.gone ? '–' : `fullest ${percent.text(Math.max(...this.found.map(({ part }) => part * 100)))}`);
    this.element.classList.toggle('gone', this.gone);
    const more = this.found.length - found.length;
    this.note.hidden = !this.gone && more <= 0;
    say(this.note, this.gone ? `no longer collected since ${clock(this.seen)}` : `and ${more} more`);
  }

  row({ key, labels }) {
    const fill = el('i'), text = el('small');
    const bar = el('div', { role: 'meter', 'aria-label': `${labels.mountpoint}, per cent used`, 'aria-valuemin': 0, 'aria-valuemax': 100 }, fill);
    this.rows.set(key, { bar, fill, text });
    return el('li', { title: `${labels.device}, ${labels.fstype}` }, el('span', { textContent: labels.mountpoint }), text, bar);
  }
}
