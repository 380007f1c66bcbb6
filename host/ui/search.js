// Finds any family of any collector, by name, help or label, and makes a chart of it.

import { familyChart } from './catalogue.js';
import { el, say } from './format.js';
import { address, write } from './view.js';

const LISTED = 40;

// All families there are now.
export async function families() {
	const answer = await fetch('/metrics').catch(() => null);
	return answer?.ok ? parse(await answer.text()) : null;
}

// The families of a page of the text format, each with the texts of its labels.
function parse(text) {
	const families = new Map();
	let family;
	for (const line of text.split('\n')) {
		const [, what, name, rest] = line.match(/^# (HELP|TYPE) (\S+) ?(.*)/) ?? [];
		if (what) {
			family = families.get(name) ?? { name, help: '', type: 'gauge', series: 0, labels: '' };
			families.set(name, family);
			family[what === 'HELP' ? 'help' : 'type'] = rest;
		} else if (line && line[0] !== '#' && family) {
			family.series++;
			family.labels += line.match(/\{(.*)\}/)?.[1] ?? '';
		}
	}
	return [...families.values()];
}

export class Search {
	// `show` is given what a chart is made of.
	constructor(show) {
		this.show = show;
		this.field = el('input', { type: 'search', ariaLabel: 'Search families and labels', placeholder: 'Search all families and labels   /' });
		this.count = el('p.muted', { role: 'status' });
		this.list = el('ul.found');
		this.field.oninput = () => (this.families ? this.find() : this.load());
		this.field.onkeydown = ({ key }) => {
			if (key === 'Enter') this.list.querySelector('button')?.click();
			if (key === 'Escape') this.clear();
		};
		this.field.onfocus = () => this.load();
		this.element = el('search', {}, this.field, this.count, this.list);
	}

	async load() {
		this.families = (await families()) ?? this.families;
		this.find();
	}

	find() {
		const words = this.field.value.toLowerCase().split(/\s+/).filter(Boolean);
		const found = words.length && this.families ? this.families.filter(({ name, help, labels }) => words.every((word) => `${name} ${help} ${labels}`.toLowerCase().includes(word))) : [];
		say(this.count, words.length && this.families ? `${found.length} of ${this.families.length} families` : '');
		this.list.replaceChildren(...found.slice(0, LISTED).map((family) => el('li', {}, el('button', { onclick: () => this.take(family) }, el('bdi', {}, family.name)),
			el('span.muted', {}, ` ${family.series} series. `, el('bdi', {}, family.help)))));
	}

	clear() {
		this.field.value = '';
		this.find();
	}

	take(family) {
		this.clear();
		address.parts.append('chart', family.name);
		write();
		this.show([family]);
	}

	// Those that the address names.
	async named() {
		const names = address.parts.getAll('chart');
		if (!names.length) return;
		await this.load();
		this.show((this.families ?? []).filter(({ name }) => names.includes(name)));
	}
}

export const specs = (families) => families.map(familyChart);
