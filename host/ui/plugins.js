// The collectors: how they fare, what each costs, and what is off.

import { el, say, seconds } from './format.js';
import { Line } from './lines.js';
import { course } from './paint.js';
import { COSTS } from './sums.js';
import { store } from './view.js';

// Whether a collector in this state is asked for samples.
export const runs = ({ state }) => state !== 'refused' && state !== 'off';

export const link = (plugin, text = plugin) => el('a', { href: `#plugin/${encodeURIComponent(plugin)}` }, el('bdi', {}, text));

export class Plugins {
	constructor(place) {
		this.place = place;
		const head = ['Collector', 'Plugin', 'State', 'Samples', 'Cost', 'Course of the cost'].map((name) => el('th', { scope: 'col' }, name));
		this.count = el('p.muted', { role: 'status' });
		this.body = el('tbody');
		this.rows = new Map();
		this.off = el('details', { hidden: true });
		const table = el('table.things', {}, el('caption', {}, 'Collectors'), el('thead', {}, el('tr', {}, ...head)), this.body);
		this.element = el('article.card.wide', { id: 'plugins' }, el('div.scroll', { tabIndex: 0, role: 'region', ariaLabel: 'Collectors' }, table), this.count, this.off);
		place.append(this.element);
	}

	// Those that nobody has chosen are folded away. A plugin that could not be looked into stands for its collectors.
	list(plugins) {
		this.all = plugins.flatMap((plugin) => (plugin.collectors.length ? plugin.collectors : [{ ...plugin, warnings: [] }]).map((one) => ({ ...one, plugin })));
		const worst = ({ state }) => ['stuck', 'failing', 'refused', 'active'].indexOf(state), shown = this.all.filter(({ state }) => state !== 'off');
		const off = this.all.filter(({ state }) => state === 'off');
		this.rows = new Map();
		this.body.replaceChildren(...shown.sort((a, b) => worst(a) - worst(b)).flatMap((one) => this.row(one)));
		this.off.hidden = !off.length;
		this.off.replaceChildren(el('summary', {}, `off: ${off.map(({ name }) => name).join(', ')}`), el('ul', {}, ...off.map(({ name, error, plugin }) => el('li', {}, link(plugin.name, name), el('span.muted', {}, ` ${error}`)))));
		const counts = Object.entries(Object.groupBy(this.all, ({ state }) => state)).map(([state, those]) => `${those.length} ${state}`);
		say(this.count, counts.join(', '));
		this.draw();
	}

	// And below it in words why it does not run, or what it leaves out.
	row({ name, help, state, samples, last_collect_seconds: cost, error, warnings, plugin }) {
		const words = error ?? warnings.join('; '), cell = el('td', {}, seconds(cost ?? NaN)), canvas = el('canvas', { ariaHidden: 'true' });
		this.rows.set(name, { cell, canvas });
		const { version, placement, generation, path } = plugin, title = `${help}. Plugin ${plugin.name}, version ${version}, generation ${generation} ${path ?? ''}`;
		const row = el('tr', {}, el('th', { scope: 'row', title }, link(plugin.name, name)), el('td', {}, `${plugin.name}, ${placement}`),
			el('td', {}, el('span.state', { 'data-state': state }, state)), el('td', {}, runs({ state }) ? samples.toLocaleString('en') : '–'), cell, el('td.course', {}, canvas));
		return words ? [row, el('tr', {}, el(state === 'active' ? 'td.muted' : 'td.words', { colSpan: 6 }, el('bdi', {}, words)))] : [row];
	}

	draw() {
		if (!this.place.parentNode.open || !store.length) return;
		for (const series of store.all(COSTS)) {
			const row = this.rows.get(series.labels.collector);
			if (!row) continue;
			say(row.cell, seconds(series.at(store.last)));
			if (row.line?.of !== series) row.line = Object.assign(new Line('', (place) => series.at(place)), { of: series });
			course(row.canvas, row.line.fill());
		}
	}
}
