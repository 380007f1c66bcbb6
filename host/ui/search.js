// Finds any family of any collector, by name, help or label, and makes a chart of it.

import { el, say } from './format.js';
import { address, write } from './view.js';

const LISTED = 40;

// All families there are now, from the page of the text format: `text` is all that it says of one.
export async function families() {
	const answer = await fetch('/metrics').catch(() => null), page = answer?.ok ? await answer.text() : '';
	return page.split(/^# HELP /m).slice(1).map((text) => {
		const [, name, help, type] = text.match(/^(\S+) ?(.*)\n# TYPE \S+ (.*)/) ?? [];
		return { name, help, type, text: text.toLowerCase(), series: text.split('\n').length - 3 };
	});
}

export class Search {
	// `show` is given families to make charts of.
	constructor(show) {
		Object.assign(this, { show, families: [] });
		this.field = el('input', { type: 'search', ariaLabel: 'Search families and labels', placeholder: 'Search all families and labels   /' });
		this.count = el('p.muted', { role: 'status' });
		this.list = el('ul.found');
		this.field.oninput = () => this.find();
		this.field.onfocus = () => this.load();
		this.field.onkeydown = ({ key }) => {
			if (key === 'Enter') this.list.querySelector('button')?.click();
			if (key === 'Escape') this.clear();
		};
		this.element = el('search', this.field, this.count, this.list);
	}

	async load() {
		this.families = await families();
		this.find();
	}

	find() {
		const words = this.field.value.toLowerCase().split(/\s+/).filter(Boolean);
		const found = this.families.filter(({ text }) => words.length && words.every((word) => text.includes(word)));
		say(this.count, words.length ? `${found.length} of ${this.families.length} families` : '');
		this.list.replaceChildren(...found.slice(0, LISTED).map((family) => el('li', el('button', { onclick: () => this.take(family) }, el('bdi', family.name)),
			el('span.muted', ` ${family.series} series. `, el('bdi', family.help)))));
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
		const asked = address.parts.getAll('chart');
		if (asked.length) this.show((await families()).filter(({ name }) => asked.includes(name)));
	}
}
