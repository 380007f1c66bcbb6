// The collectors: how they fare, what each costs, and what is off.

import { el, say, seconds, sheet, small, state } from './format.js';
import { collectors } from './health.js';
import { Line } from './lines.js';
import { course } from './paint.js';
import { COSTS } from './sums.js';
import { store } from './view.js';

// Whether a collector in this state is asked for samples.
export const runs = (state) => state !== 'refused' && state !== 'off';

const link = (plugin, text) => el('a', { href: `#plugin/${encodeURIComponent(plugin)}` }, el('bdi', text));
const ORDER = ['stuck', 'failing', 'refused', 'active'];

export class Plugins {
	constructor(place) {
		Object.assign(this, { place, rows: new Map() });
		this.count = el('p.muted', { role: 'status' });
		this.body = el('tbody');
		this.off = el('details', { hidden: true });
		place.append(el('article.card.wide', { id: 'plugins' }, sheet('Collectors', ['Collector', 'Plugin', 'State', 'Samples', 'Cost', 'Course of the cost'], this.body), this.count, this.off));
	}

	// Those that nobody has chosen are folded away.
	list(plugins) {
		const { off = [], ...others } = Object.groupBy(collectors(plugins), ({ state }) => state), shown = Object.values(others).flat();
		this.rows.clear();
		this.body.replaceChildren(...shown.sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state)).flatMap((one) => this.row(one)));
		this.off.hidden = !off.length;
		this.off.replaceChildren(el('summary', `off: ${off.map(({ name }) => name).join(', ')}`), el('ul', ...off.map(({ name, error, plugin }) => el('li', link(plugin.name, name), el('span.muted', ` ${error}`)))));
		say(this.count, Object.entries({ ...others, off }).map(([state, those]) => `${those.length} ${state}`).join(', '));
		this.draw();
	}

	// And below it in words why it does not run, or what it leaves out.
	row(one) {
		const { name, help, plugin, error, warnings = [] } = one, words = error ?? warnings.join('; '), cost = el('td', seconds(one.last_collect_seconds ?? NaN)), canvas = small();
		this.rows.set(name, { cost, canvas });
		const row = el('tr', el('th', { scope: 'row', title: help }, link(plugin.name, name)), el('td', `${plugin.name}, ${plugin.placement}`), el('td', state(one.state)),
			el('td', runs(one.state) ? one.samples.toLocaleString('en') : '–'), cost, el('td.course', canvas));
		return words ? [row, el('tr', el(one.state === 'active' ? 'td.muted' : 'td.words', { colSpan: 6 }, el('bdi', words)))] : [row];
	}

	draw() {
		if (!this.place.parentNode.open || !store.length) return;
		for (const series of store.all(COSTS)) {
			const row = this.rows.get(series.labels.collector);
			if (!row) continue;
			say(row.cost, seconds(series.at(store.last)));
			if (row.line?.series !== series) row.line = new Line('', (place) => series.at(place), series);
			course(row.canvas, row.line.fill());
		}
	}
}
