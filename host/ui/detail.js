// The page of one plugin: its collectors with facts, options and all their families.

import { familyChart } from './catalogue.js';
import { el, units } from './format.js';
import { Line } from './lines.js';
import { course } from './paint.js';
import { runs } from './plugins.js';
import { plainLines } from './sums.js';
import { store } from './view.js';

const definitions = (pairs) => el('dl', {}, ...pairs.flatMap(([name, value]) => [el('dt', {}, el('bdi', {}, name)), el('dd', {}, el('bdi', {}, String(value)))]));

export class Detail {
	// `switch_(name, on)` asks for a reload that switches a collector; `chart(family)` shows one.
	constructor(place, want, switch_, chart) {
		Object.assign(this, { place, want, switch_, chart, families: [], cells: [] });
	}

	async open(name) {
		const fresh = this.name !== name;
		this.name = name;
		this.place.hidden = false;
		const answer = await fetch(`/plugins/${encodeURIComponent(name)}`).catch(() => null), told = await answer?.json().catch(() => null);
		if (this.name !== name) return;
		const back = el('a', { href: '#agent' }, 'Close');
		if (!answer?.ok) return this.place.replaceChildren(el('article.card', {}, el('h2', {}, `Plugin ${name}`), ' ', back, el('p', {}, told ? `${told.error}. ${told.hint}` : 'The agent does not answer.')));
		const { version, placement, generation, path, help, collectors } = told;
		this.cells = [];
		this.place.replaceChildren(el('article.card', {}, el('h2', {}, el('bdi', {}, `Plugin ${name}`)), ' ', back,
			el('p.muted', {}, `${help}. Version ${version}, ${placement}, generation ${generation}${path ? `, ${path}` : ''}`), ...collectors.flatMap((one) => this.collector(one))));
		this.families = this.cells.map(({ family }) => family.name);
		this.want();
		if (fresh) this.place.focus();
	}

	close() {
		this.name = null;
		this.families = [];
		this.place.hidden = true;
		this.place.replaceChildren();
	}

	collector({ name, help, state, error, warnings, facts, options, families }) {
		const on = runs({ state }), button = el('button', { onclick: () => this.switch_(name, !on) }, on ? 'Switch off' : 'Switch on');
		const words = error ?? warnings.join('; '), rows = families.map((family) => this.row(family));
		return [el('h3', {}, `${name} `, el('span.state', { 'data-state': state }, state), ' ', state === 'refused' ? '' : button), el('p.muted', {}, help), words ? el('p.words', {}, words) : '',
			definitions(Object.entries(facts ?? {})), options ? definitions(Object.entries(options)) : '',
			el('div.scroll', { tabIndex: 0, role: 'region', ariaLabel: `Families of ${name}` }, el('table.things', {}, el('tbody', {}, ...rows)))];
	}

	// A family with its newest value, or how many it has.
	row(family) {
		const canvas = el('canvas', { ariaHidden: 'true' }), value = el('td'), { unit } = familyChart(family), { samples, name, help, type } = family;
		if (samples.length === 1) value.textContent = type === 'counter' ? units.plain.text(Number(samples[0].value), 5) : unit.text(Number(samples[0].value), 5);
		else value.textContent = `${samples.length} series`;
		this.cells.push({ family, canvas });
		const button = el('button.entry', { onclick: () => this.chart(family) }, el('bdi', {}, name));
		return el('tr', {}, el('th', { scope: 'row' }, button), el('td.muted', {}, help), value, el('td.course', {}, canvas));
	}

	// The small line of a family is that of its series with the most.
	draw() {
		if (!this.name) return;
		for (const cell of this.cells) {
			if (cell.version !== store.version) {
				cell.version = store.version;
				const found = plainLines({ [cell.family.name]: '' }, { gauge: cell.family.type !== 'counter' }).slice(0, 64).map(({ name, at }) => new Line(name, at));
				cell.line = found.sort((a, b) => b.mean(0, store.length) - a.mean(0, store.length))[0];
			}
			if (cell.line) course(cell.canvas, cell.line.fill());
		}
	}
}
