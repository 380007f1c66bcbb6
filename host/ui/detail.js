// The page of one plugin: its collectors with facts, options and all their families.

import { familyChart } from './catalogue.js';
import { el, sheet, small, state, unitOf } from './format.js';
import { Lines } from './lines.js';
import { course } from './paint.js';
import { runs } from './plugins.js';
import { store } from './view.js';

const definitions = (pairs) => el('dl', ...Object.entries(pairs ?? {}).flatMap(([name, value]) => [el('dt', el('bdi', name)), el('dd', el('bdi', String(value)))]));

// What is looked at closely, above the sections.
export function show(place, title, ...nodes) {
	place.hidden = false;
	place.replaceChildren(el('article.card', el('h2', el('bdi', title)), ' ', el('a', { href: '#' }, 'Close'), ...nodes));
}

export class Detail {
	// `turn(name, on)` asks for a reload that switches a collector; `chart(family)` shows one.
	constructor(place, want, turn, chart) {
		Object.assign(this, { place, want, turn, chart, cells: [] });
	}

	async open(name) {
		const fresh = this.name !== name;
		this.name = name;
		const answer = await fetch(`/plugins/${encodeURIComponent(name)}`).catch(() => null), told = (await answer?.json()) ?? { error: 'The agent does not answer', hint: '' };
		if (this.name !== name) return;
		this.cells = [];
		const { version, placement, generation, path = '', help, collectors, error, hint } = told;
		show(this.place, `Plugin ${name}`, ...(answer?.ok ? [el('p.muted', `${help}. Version ${version}, ${placement}, generation ${generation} ${path}`), ...collectors.flatMap((one) => this.collector(one))] : [`${error}. ${hint}`]));
		this.want();
		if (fresh) this.place.focus();
	}

	close() {
		Object.assign(this, { name: null, cells: [] });
		this.place.hidden = true;
	}

	get families() {
		return this.cells.map(({ name }) => name);
	}

	collector({ name, help, state: is, error, warnings, facts, options, families }) {
		const on = runs(is), words = error ?? warnings.join('; ');
		return [el('h3', `${name} `, state(is), ' ', is === 'refused' ? '' : el('button', { onclick: () => this.turn(name, !on) }, on ? 'Switch off' : 'Switch on')),
			el('p.muted', help), words ? el('p.words', words) : '', definitions(facts), definitions(options),
			sheet(`Families of ${name}`, ['Family', 'Meaning', 'Now', 'Course'], el('tbody', ...families.map((family) => this.row(family))))];
	}

	// A family with its newest value, or how many it has.
	row(family) {
		const { samples, name, help } = family, canvas = small();
		this.cells.push({ name, canvas, lines: new Lines(familyChart(family)) });
		const value = samples.length === 1 ? unitOf(family, false).text(Number(samples[0].value), 5) : `${samples.length} series`;
		return el('tr', el('th', { scope: 'row' }, el('button.entry', { onclick: () => this.chart(family) }, el('bdi', name))), el('td.muted', help), el('td', value), el('td.course', canvas));
	}

	// The small line of a family is that of the series with the most.
	draw() {
		for (const { canvas, lines } of this.cells) {
			lines.choose({ first: 0, end: store.length });
			const [most] = lines.shown.toSorted((a, b) => b.rank - a.rank);
			if (most) course(canvas, most.fill());
		}
	}
}
