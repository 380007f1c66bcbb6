// The plugins and how they fare, and what the agent itself costs.

import { clock, el, say, seconds, units } from './format.js';

/** The newest collection's cost of each plugin. */
const costs = (frame) => new Map(frame.all('node_scrape_collector_duration_seconds').map(({ labels, value }) => [labels.collector, value]));

export class Plugins {
  constructor(place) {
    const head = ['Plugin', 'State', 'Cost per collection', 'Samples'].map((name, at) =>
      el('th', { scope: 'col', className: at > 1 ? 'number' : '', textContent: name }));
    this.count = el('p', { className: 'muted', role: 'status' });
    this.body = el('tbody');
    this.costs = new Map();
    place.append(this.count, el('table', { 'aria-labelledby': 'plugins-title' }, el('thead', {}, el('tr', {}, ...head)), this.body));
  }

  /** The plugins of `GET /plugins`; those that don't run come last. */
  list(plugins) {
    const refused = (plugin) => plugin.state === 'refused';
    const sorted = [...plugins.filter((one) => !refused(one)), ...plugins.filter(refused)];
    this.costs.clear();
    this.body.replaceChildren(...sorted.map((plugin) => this.row(plugin)));
    const counts = ['active', 'failing', 'stuck', 'refused'].map((state) => [plugins.filter((one) => one.state === state).length, state]);
    say(this.count, counts.filter(([count]) => count > 0).map((count) => count.join(' ')).join(', ') || 'none');
  }

  row({ name, version, help, placement, state, generation, path, samples, last_collect_seconds: cost, error }) {
    const cell = el('td', { className: 'number', textContent: seconds(cost ?? NaN) });
    this.costs.set(name, cell);
    const runs = state !== 'refused';
    const origin = `${placement}, version ${version}` + (runs ? `, generation ${generation}` : '');
    return el('tr', { className: state },
      el('td', {}, el('a', { href: `/plugins/${encodeURIComponent(name)}`, textContent: name }), el('small', { textContent: help }),
        ...(error && runs ? [el('pre', { className: 'words', textContent: error })] : [])),
      el('td', {}, el('span', { className: 'state', textContent: state, 'data-state': state }),
        el('small', { textContent: error && !runs ? error : origin, title: path ?? '' })),
      cell,
      el('td', { className: 'number', textContent: runs ? samples.toLocaleString('en') : '–' }));
  }

  draw(frame) {
    const now = costs(frame);
    for (const [name, cell] of this.costs) if (now.has(name)) say(cell, seconds(now.get(name)));
  }
}

export class Agent {
  constructor(place) {
    this.list = el('dl');
    place.append(this.list);
    this.cells = new Map();
  }

  draw(frame) {
    const build = frame.all('relink_build_info')[0]?.labels;
    const cpu = frame.rate('process_cpu_seconds_total');
    // The CPU time of a process comes in ticks of 10 ms, so one second says little.
    if (!Number.isNaN(cpu)) this.cpu = this.cpu === undefined ? cpu : this.cpu * 0.9 + cpu * 0.1;
    const walk = [...costs(frame).values()].reduce((sum, cost) => sum + cost, 0);
    this.set('Version', build?.version);
    this.set('Generation', frame.value('relink_generation'));
    this.set('CPU', this.cpu === undefined ? undefined : `${units.percent.text(this.cpu * 100, 4)} of one core`);
    this.set('Memory', units.memory.text(frame.value('process_resident_memory_bytes')));
    this.set('A collection', seconds(walk));
    this.set('Open files', frame.value('process_open_fds'));
    this.set('Running for', seconds(frame.time - frame.value('process_start_time_seconds')));
    this.set('Last snapshot', clock(frame.time));
  }

  set(name, value) {
    if (!this.cells.has(name)) {
      this.cells.set(name, el('dd'));
      this.list.append(el('dt', { textContent: name }), this.cells.get(name));
    }
    const text = String(value ?? '–');
    say(this.cells.get(name), text === 'NaN' ? '–' : text);
  }
}
