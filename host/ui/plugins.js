// The plugins and how they fare, and what the agent itself costs.

import { clock, el, say, seconds, units } from './format.js';

const COSTS = 'node_scrape_collector_duration_seconds';
// What both ask of the stream.
export const OWN = [COSTS, 'relink_build_info', 'relink_generation', 'process_cpu_seconds_total', 'process_resident_memory_bytes',
	'process_open_fds', 'process_start_time_seconds', 'node_uname_info'];

// Whether a plugin in this state is asked for samples.
export const runs = ({ state }) => state !== 'refused' && state !== 'off';

export class Plugins {
	constructor(place) {
		const head = ['Plugin', 'State', 'Cost', 'Samples'].map((name) => el('th', { scope: 'col' }, name));
		this.count = el('p.muted', { role: 'status' });
		this.body = el('tbody');
		this.costs = new Map();
		this.off = el('details', { hidden: true });
		place.append(this.count, el('table', { ariaLabel: 'Plugins' }, el('thead', {}, el('tr', {}, ...head)), this.body), this.off);
	}

	// Those that don't run come last; those that nobody has chosen are folded away.
	list(plugins) {
		const sorted = [...plugins].sort((a, b) => runs(b) - runs(a)), off = sorted.filter(({ state }) => state === 'off');
		this.body.replaceChildren(...sorted.filter(({ state }) => state !== 'off').flatMap((plugin) => this.rows(plugin, runs(plugin))));
		this.off.hidden = !off.length;
		this.off.replaceChildren(el('summary', {}, el('span.state', { 'data-state': 'off' }, `off: ${off.map(({ name }) => name).join(', ')}`)),
			...off.map(({ name, error }) => el('p.muted', {}, `${name}: ${error}`)));
		const counts = Object.entries(Object.groupBy(sorted, ({ state }) => state)).map(([state, those]) => `${those.length} ${state}`);
		say(this.count, `${counts.join(', ')}; cost is time per collection`);
	}

	// Two rows: the figures, and below them in words what it reads, or why it does not.
	rows({ name, version, help, placement, state, generation, path, samples, last_collect_seconds: cost, error }, runs) {
		const cell = el('td', {}, seconds(cost ?? NaN)), title = `version ${version}, generation ${generation} ${path ?? ''}`;
		this.costs.set(name, cell);
		return [
			el('tr', {}, el('td', { title }, el('a', { href: `/plugins/${encodeURIComponent(name)}` }, name), el('small', {}, ` ${placement}`)),
				el('td', {}, el('span.state', { 'data-state': state }, state)), cell, el('td', {}, runs ? samples.toLocaleString('en') : '–')),
			el('tr', {}, el(error && runs ? 'td.words' : 'td.muted', { colSpan: 4 }, error ?? help)),
		];
	}

	draw(frame) {
		for (const { labels, value } of frame.all(COSTS)) if (this.costs.has(labels.collector)) say(this.costs.get(labels.collector), seconds(value));
	}
}

export class Agent {
	constructor(place) {
		this.cells = {};
		place.append((this.list = el('dl')));
	}

	draw(frame) {
		const cpu = frame.rates('process_cpu_seconds_total')[0]?.value * 100, { plain, percent, memory } = units;
		// The kernel counts a process's time in ticks of 10 ms, so that one second says little.
		if (frame !== this.last && cpu >= 0) this.cpu = (this.cpu ?? cpu) * 0.9 + cpu * 0.1;
		this.last = frame;
		const figures = {
			Version: frame.all('relink_build_info')[0]?.labels.version ?? '–',
			Generation: plain.text(frame.value('relink_generation')),
			CPU: `${percent.text(this.cpu, 4)} of one core`,
			Memory: memory.text(frame.value('process_resident_memory_bytes')),
			'One collection': seconds(frame.all(COSTS).reduce((sum, { value }) => sum + value, 0)),
			'Open files': plain.text(frame.value('process_open_fds')),
			'Running for': seconds(frame.time - frame.value('process_start_time_seconds'), 2),
			'Newest snapshot': `${frame.id}, ${clock(frame.time)}`,
		};
		for (const [name, text] of Object.entries(figures)) {
			if (!this.cells[name]) this.list.append(el('dt', {}, name), (this.cells[name] = el('dd')));
			say(this.cells[name], text);
		}
	}
}
