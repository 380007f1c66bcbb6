// The page of one plugin: its collectors with facts, options and all their families.

import { el, sheet, state, unitOf } from './format.js';
import { runs } from './plugins.js';
import { ask } from './stream.js';

// What is looked at closely, above the sections.
export function show(place, title, ...nodes) {
	place.hidden = false;
	place.replaceChildren(el('article.card', el('h2', el('bdi', title)), ' ', el('a', { href: '#' }, 'Close'), ...nodes));
}

const definitions = (pairs) => el('dl', ...Object.entries(pairs ?? {}).flatMap(([name, value]) => [el('dt', el('bdi', name)), el('dd', el('bdi', typeof value === 'string' ? value : JSON.stringify(value)))]));

export class Detail {
	// `turn(name, on)` asks for a reload that switches a collector; `chart(family)` shows one.
	constructor(place, turn, chart) {
		Object.assign(this, { place, turn, chart });
	}

	async open(name) {
		const fresh = this.name !== name;
		this.name = name;
		const { version, placement, generation, path, help, collectors = [], words } = await ask(`/plugins/${encodeURIComponent(name)}`);
		if (this.name !== name) return;
		show(this.place, `Plugin ${name}`, el('p.muted', words ?? `${help}. Version ${version}, ${placement}, generation ${generation} ${path ?? ''}`), ...collectors.flatMap((one) => this.collector(one)));
		if (fresh) this.place.focus();
	}

	close() {
		this.name = null;
		this.place.hidden = true;
	}

	collector({ name, help, state: is, error, warnings, facts, options, families }) {
		const on = runs(is), words = error ?? warnings.join('; ');
		return [el('h3', `${name} `, state(is), ' ', is === 'refused' ? '' : el('button', { onclick: () => this.turn(name, !on) }, on ? 'Switch off' : 'Switch on')),
			el('p.muted', help), words ? el('p.words', words) : '', definitions(facts), definitions(options),
			sheet(`Families of ${name}`, ['Family', 'Meaning', 'Now'], el('tbody', ...families.map((family) => this.row(family))))];
	}

	// A family with its newest value, or how many it has.
	row(family) {
		const { samples, name, help } = family, value = samples.length === 1 ? unitOf(family, false).text(Number(samples[0].value), 5) : `${samples.length} series`;
		return el('tr', el('th', { scope: 'row' }, el('button.entry', { onclick: () => this.chart(family) }, el('bdi', name))), el('td.muted', help), el('td', value));
	}
}
