// The plugins and how they fare, and what the agent itself costs.

import { clock, el, say, seconds, units } from './format.js';

const COSTS = 'node_scrape_collector_duration_seconds';
/** What both ask of the stream. */
export const OWN = [COSTS, 'relink_build_info', 'relink_generation', 'process_cpu_seconds_total', 'process_resident_memory_bytes',
  'process_open_fds', 'process_start_time_seconds', 'node_uname_info'];

export class Plugins {
  constructor(place) {
    const head = ['Plugin', 'State', 'Cost', 'Samples'].map((name, at) => el('th', { scope: 'col', className: at > 1 ? 'number' : '', textContent: name }));
    this.count = el('p', { className: 'muted', role: 'status' });
    this.body = el('tbody');
    this.costs = new Map();
    place.append(this.count, el('table', { 'aria-labelledby': 'plugins-title' }, el('thead', {}, el('tr', {}, ...head)), this.body));
  }

  /** Shows the list of `GET /plugins`; those that don't run come last. */
  list(plugins) {
    const runs = ({ state }) => state !== 'refused';
    const sorted = [...plugins].sort((a, b) => runs(b) - runs(a));
    this.costs.clear();
    this.body.replaceChildren(...sorted.flatMap((plugin) => this.rows(plugin, runs(plugin))));
    const counts = ['active', 'failing', 'stuck', 'refused'].map((state) => [plugins.filter((one) => one.state === state).length, state]);
    say(this.count, counts.filter(([count]) => count).map((count) => count.join(' ')).join(', ') + '; cost is time per collection');
  }

  /** Two rows: the figures, and below them in words what it reads, or why it does not. */
  rows({ name, version, help, placement, state, generation, path, samples, last_collect_seconds: cost, error }, runs) {
    const cell = el('td', { className: 'number', textContent: seconds(cost ?? NaN) });
    this.costs.set(name, cell);
    const origin = `version ${version}, generation ${generation} ${path ?? ''}`;
    return [el('tr', {},
      el('td', { title: origin }, el('a', { href: `/plugins/${encodeURIComponent(name)}`, textContent: name }), el('small', { textContent: ` ${placement}` })),
      el('td', {}, el('span', { className: 'state', textContent: state, 'data-state': state })),
      cell, el('td', { className: 'number', textContent: runs ? samples.toLocaleString('en') : '–' })),
    el('tr', {}, el('td', { colSpan: 4, className: error && runs ? 'words' : 'muted', textContent: error ?? help }))];
  }

  draw(frame) {
    for (const { labels, value } of frame.all(COSTS)) if (this.costs.has(labels.collector)) say(this.costs.get(labels.collector), seconds(value));
  }
}

export class Agent {
  constructor(place) {
    this.list = el('dl');
    this.cells = {};
    place.append(this.list);
  }

  draw(frame) {
    const cpu = frame.rate('process_cpu_seconds_total') * 100;
    // The kernel counts a process's time in ticks of 10 ms, so that one second says little.
    if (frame !== this.last && cpu >= 0) this.cpu = this.cpu === undefined ? cpu : this.cpu * 0.9 + cpu * 0.1;
    this.last = frame;
    this.set({
      Version: frame.all('relink_build_info')[0]?.labels.version ?? '–',
      Generation: units.plain.text(frame.value('relink_generation')),
      CPU: `${units.percent.text(this.cpu, 4)} of one core`,
      Memory: units.memory.text(frame.value('process_resident_memory_bytes')),
      'One collection': seconds(frame.all(COSTS).reduce((sum, { value }) => sum + value, 0)),
      'Open files': units.plain.text(frame.value('process_open_fds')),
      'Running for': seconds(frame.time - frame.value('process_start_time_seconds'), 2),
      'Newest snapshot': `${frame.id}, ${clock(frame.time)}`,
    });
  }

  set(figures) {
    for (const [name, text] of Object.entries(figures)) {
      if (!this.cells[name]) this.list.append(el('dt', { textContent: name }), (this.cells[name] = el('dd')));
      say(this.cells[name], text);
    }
  }
}
