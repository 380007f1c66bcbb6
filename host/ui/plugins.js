// The collectors and how they fare, and what the agent itself costs.

import { clock, el, say, seconds, units } from './format.js';

const COSTS = 'node_scrape_collector_duration_seconds';
// What both ask of the stream.
export const OWN = [COSTS, 'relink_build_info', 'relink_generation', 'process_cpu_seconds_total', 'process_resident_memory_bytes',
	'process_open_fds', 'process_start_time_seconds', 'node_uname_info'];

// Whether a collector in this state is asked for samples.
export const runs = ({ state }) => state !== 'refused' && state !== 'off';

export class Plugins {
	constructor(place) {
		const head = ['Collector', 'State', 'Cost', 'Samples'].map((name) => el('th', { scope: 'col' }, name));
		this.count = el('p.muted', { role: 'status' });
		this.body = el('tbody');
		this.costs = new Map();
		this.off = el('details', { hidden: true });
		place.append(this.count, el('table', { ariaLabel: 'Collectors' }, el('thead', {}, el('tr', {}, ...head)), this.body), this.off);
	}

	// Those that don't run come last; those that nobody has chosen are folded away. A plugin that could not be looked into
	// stands for its collectors.
	list(plugins) {
		const all = plugins.flatMap((plugin) => (plugin.collectors.length ? plugin.collectors : [{ ...plugin, warnings: [] }]).map((one) => ({ ...one, plugin })));
		const sorted = all.sort((a, b) => runs(b) - runs(a)), off = sorted.filter(({ state }) => state === 'off');
		this.body.replaceChildren(...sorted.filter(({ state }) => state !== 'off').flatMap((one) => this.rows(one, runs(one))));
		this.off.hidden = !off.length;
		this.off.replaceChildren(el('summary', {}, el('span.state', { 'data-state': 'off' }, `off: ${off.map(({ name }) => name).join(', ')}`)),
			...off.map(({ name, error }) => el('p.muted', {}, `${name}: ${error}`)));
		const counts = Object.entries(Object.groupBy(sorted, ({ state }) => state)).map(([state, those]) => `${those.length} ${state}`);
		say(this.count, `${counts.join(', ')}; cost is time per collection`);
	}

	// Two rows: the figures, and below them in words what it reads, or why it does not, or what it leaves out.
	rows({ name, help, state, samples, last_collect_seconds: cost, error, warnings, plugin }, runs) {
		const { version, placement, generation, path } = plugin, words = error ?? warnings.join('; ');
		const cell = el('td', {}, seconds(cost ?? NaN)), title = `plugin ${plugin.name}, version ${version}, generation ${generation} ${path ?? ''}`;
		const of = plugin.name === name ? placement : `${plugin.name}, ${placement}`;
		this.costs.set(name, cell);
		return [
			el('tr', {}, el('td', { title }, el('a', { href: `/plugins/${encodeURIComponent(plugin.name)}` }, name), el('small', {}, ` ${of}`)),
				el('td', {}, el('span.state', { 'data-state': state }, state)), cell, el('td', {}, runs ? samples.toLocaleString('en') : '–')),
			el('tr', {}, el(words && runs ? 'td.words' : 'td.muted', { colSpan: 4 }, words || help)),
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
