// Which families make which chart. A chart is there when its families are, whichever plugin brings them.

import { byName, clock, el, say, units } from './format.js';
import { Chart } from './chart.js';

const { percent, memory: size, bytesPerSecond, perSecond, plain } = units;
/** Pairs of a name and a value, without those that there are none of. */
const present = (pairs) => pairs.filter(([, value]) => !Number.isNaN(value));
const sum = (last, names) => names.reduce((sum, name) => sum + last(name), 0);
const most = (last, names) => Math.max(...names.map(last));
const total = (unit) => (last, names) => unit.text(sum(last, names));
const highest = (unit, word) => (last, names) => `${word} ${unit.text(most(last, names))}`;

/** How the CPUs' time is divided, per cent: for each CPU, or each mode of all of them together. */
function cpuTime(frame, by, isBusy) {
  const sums = new Map();
  let all = 0;
  for (const { labels, value } of frame.rates('node_cpu_seconds_total')) {
    const one = sums.get(labels[by]) ?? { busy: 0, all: 0 };
    if (isBusy(labels.mode)) one.busy += value;
    one.all += value;
    all += value;
    sums.set(labels[by], one);
  }
  return [...sums].map(([name, one]) => [name, (100 * one.busy) / (by === 'cpu' ? one.all : all) || 0]);
}

const modes = (frame) => cpuTime(frame, 'mode', (mode) => mode !== 'idle').filter(([mode]) => mode !== 'idle');
const cores = (frame) => cpuTime(frame, 'cpu', (mode) => mode !== 'idle' && mode !== 'iowait').map(([cpu, value]) => [`cpu${cpu}`, value]);

const MEMORY = ['MemTotal', 'MemFree', 'Buffers', 'Cached', 'SReclaimable', 'SwapTotal', 'SwapFree'];
const memory = (key) => `node_memory_${key}_bytes`;

/** The top of the memory's axis: what the machine has. */
let installed = 1;
function memoryParts(frame) {
  const [all, free, ...caches] = MEMORY.slice(0, 5).map((key) => frame.value(memory(key)));
  const cache = caches.reduce((sum, value) => sum + (value || 0), 0);
  if (!(all > 0)) return [];
  installed = all;
  return [['used', all - free - cache], ['buffers and cache', cache]];
}

function swap(frame) {
  const all = frame.value(memory('SwapTotal'));
  return all > 0 ? [['used', all - frame.value(memory('SwapFree'))]] : [];
}

/** Counters of each device, as series named by the device and a word; seconds are a share of the time. */
const byDevice = (families, isShare) => (frame) => Object.entries(families).flatMap(([family, word]) =>
  frame.rates(family).map(({ labels, value }) => [`${labels.device} ${word}`.trim(), isShare ? Math.min(100, value * 100) : value]));

/** Families without labels, as series of these names. */
const single = (families, read = (frame, family) => frame.value(family)) => (frame) =>
  present(Object.entries(families).map(([family, name]) => [name, read(frame, family)]));

const pressure = (kinds) => Object.fromEntries(kinds.map(([kind, name]) => [`node_pressure_${kind}_seconds_total`, name]));

const BYTES = { node_disk_read_bytes_total: 'read', node_disk_written_bytes_total: 'write' };
const OPERATIONS = { node_disk_reads_completed_total: 'read', node_disk_writes_completed_total: 'write' };
const BUSY = { node_disk_io_time_seconds_total: '' };
const NETWORK = { node_network_receive_bytes_total: 'in', node_network_transmit_bytes_total: 'out' };
const LOADS = { node_load1: '1 minute', node_load5: '5 minutes', node_load15: '15 minutes' };
const PRESSURES = pressure([['cpu_waiting', 'CPU: some wait'], ['memory_waiting', 'memory: some wait'], ['memory_stalled', 'memory: all wait'],
  ['io_waiting', 'I/O: some wait'], ['io_stalled', 'I/O: all wait'], ['irq_stalled', 'IRQ: all wait']]);

/** In the order of the page. `quiet: n` leaves out what is zero all along, and shows n series where all are. */
const CHARTS = [
  { id: 'cpu', title: 'CPU', unit: percent, max: () => 100, stacked: true, quiet: 2, families: ['node_cpu_seconds_total'], read: modes,
    order: ['user', 'system', 'iowait', 'nice', 'irq', 'softirq', 'steal'], headline: total(percent) },
  { id: 'cores', title: 'CPU by core', unit: percent, max: () => 100, families: [], read: cores, headline: highest(percent, 'busiest') },
  { id: 'memory', title: 'Memory', unit: size, stacked: true, families: MEMORY.map(memory), read: memoryParts, order: ['used', 'buffers and cache'],
    max: () => installed, headline: (last) => `${size.text(last('used'))} of ${size.text(installed)}` },
  { id: 'swap', title: 'Swap', unit: size, families: [], read: swap, headline: total(size) },
  { id: 'disk-bytes', title: 'Disk throughput', unit: bytesPerSecond, quiet: 4, families: Object.keys(BYTES), read: byDevice(BYTES), headline: total(bytesPerSecond) },
  { id: 'disk-operations', title: 'Disk operations', unit: perSecond, quiet: 4, families: Object.keys(OPERATIONS), read: byDevice(OPERATIONS), headline: total(perSecond) },
  { id: 'disk-utilisation', title: 'Disk utilisation', unit: percent, max: () => 100, families: Object.keys(BUSY), read: byDevice(BUSY, true), headline: highest(percent, 'busiest') },
  { id: 'filesystems', title: 'File systems', meters: true, families: ['size', 'free', 'avail'].map((key) => `node_filesystem_${key}_bytes`) },
  { id: 'network', title: 'Network', unit: bytesPerSecond, quiet: 4, families: Object.keys(NETWORK), read: byDevice(NETWORK), headline: total(bytesPerSecond) },
  { id: 'load', title: 'Load', unit: plain, families: Object.keys(LOADS), read: single(LOADS), order: Object.values(LOADS), headline: (last) => plain.text(last('1 minute')) },
  { id: 'pressure', title: 'Pressure', unit: percent, quiet: 3, families: Object.keys(PRESSURES), order: Object.values(PRESSURES),
    read: single(PRESSURES, (frame, family) => Math.min(100, frame.rate(family) * 100)), headline: highest(percent, 'worst') },
];

/** All charts of the catalogue. */
export const charts = (redraw) => CHARTS.map((spec) => (spec.meters ? new Meters(spec) : new Chart(spec, redraw)));

/** What they ask of the stream. */
export const FAMILIES = CHARTS.flatMap((spec) => spec.families);

/** A plugin that the catalogue knows nothing of has a chart for each of its families, if they are so few. */
const FEW = 6;

export function chartsOf({ families }, redraw) {
  if (families.length > FEW || families.some(({ name }) => FAMILIES.includes(name))) return [];
  return families.filter(({ name }) => !name.endsWith('_info')).map((family) => new Chart(generic(family), redraw));
}

function generic({ name, type, help }) {
  const grows = type === 'counter', has = (word) => new RegExp(`_${word}(_total)?$`).test(name);
  const share = (grows && has('seconds')) || has('ratio');
  const still = has('bytes') ? size : has('seconds') ? units.seconds : plain;
  const unit = share ? percent : !grows ? still : has('bytes') ? bytesPerSecond : perSecond;
  const read = (frame) => (grows ? frame.rates(name) : frame.all(name)).map(({ labels, value }) => [Object.values(labels).join(' ') || 'value', value * (share ? 100 : 1)]);
  return { id: name, title: name, hint: help, unit, families: [name], read, headline: (last, names) => unit.text(most(last, names)) };
}

/** How full the file systems are: it changes too slowly for a line. */
class Meters {
  constructor(spec) {
    this.spec = spec;
    this.now = el('p', { className: 'now' });
    this.list = el('ul', { className: 'meters' });
    this.note = el('p', { className: 'note', hidden: true });
    this.element = el('article', { className: 'card chart' }, el('div', { className: 'head' }, el('h3', { textContent: spec.title }), this.now), this.list, this.note);
  }

  push(frame) {
    const [sizes, frees, avails] = this.spec.families.map((family) => frame.all(family));
    const of = (samples, labels) => samples.find((one) => one.labels.mountpoint === labels.mountpoint && one.labels.device === labels.device)?.value;
    const found = sizes.map(({ labels, value }) => ({ labels, size: value, used: value - of(frees, labels), left: of(avails, labels) }));
    const sound = found.filter(({ used, left }) => used + left > 0).sort((a, b) => byName(a.labels.mountpoint, b.labels.mountpoint));
    this.gone = this.known && sound.length === 0;
    if (sound.length) Object.assign(this, { found: sound, seen: frame.time });
    else if (frame.time - this.seen > 60) this.seen = undefined;
  }

  get known() {
    return this.seen !== undefined;
  }

  draw() {
    if (!this.known) return;
    const share = ({ used, left }) => (100 * used) / (used + left);
    const shown = this.found.slice(0, 8), more = this.found.length - shown.length;
    const key = JSON.stringify(shown.map(({ labels }) => labels));
    if (this.key !== key) this.list.replaceChildren(...shown.map(({ labels }) => this.row(labels)));
    this.key = key;
    shown.forEach((one, at) => {
      const [, text, bar] = this.list.children[at].children, part = share(one);
      bar.firstChild.style.width = `${part}%`;
      bar.ariaValueNow = part.toFixed(1);
      bar.className = `bar ${part > 95 ? 'full' : part > 85 ? 'filling' : ''}`;
      say(text, `${percent.text(part)}, ${size.text(one.left)} of ${size.text(one.size)} left`);
    });
    say(this.now, this.gone ? '–' : `fullest ${percent.text(Math.max(...this.found.map(share)))}`);
    this.element.classList.toggle('gone', this.gone);
    this.note.hidden = !this.gone && more <= 0;
    say(this.note, this.gone ? `no longer collected since ${clock(this.seen)}` : `and ${more} more`);
  }

  row({ mountpoint, device, fstype }) {
    const bar = el('div', { role: 'meter', 'aria-label': `${mountpoint}, per cent used`, ariaValueNow: 0 }, el('i'));
    return el('li', { title: `${device}, ${fstype}` }, el('span', { textContent: mountpoint }), el('small'), bar);
  }
}
