// A part of the page that folds: its charts and tables, drawn and asked for while they are seen.

import { Chart } from './chart.js';
import { el } from './format.js';
import { Table } from './table.js';
import { TABLES } from './things.js';
import { kept } from './view.js';

// Draws only what is near the window.
const seen = new IntersectionObserver((entries) => {
	for (const { target, isIntersecting } of entries) target.shown(isIntersecting);
}, { rootMargin: '20px' });

// Folded until somebody opens them.
const FOLDED = ['sockets', 'system', 'sensors'];

// A title as it stands in the address.
const slug = (title) => title.toLowerCase().replaceAll(' ', '-');

export class Section {
	// `want` is called when it needs other families than before.
	constructor({ title, tables, charts }, want) {
		Object.assign(this, { id: slug(title), want, near: false, parts: [] });
		const known = kept(`open ${this.id}`), open = known ? known === '1' : !FOLDED.includes(this.id);
		this.body = el('div.body');
		this.element = el('details.section.blank', { id: this.id, open }, el('summary', el('h2', title)), this.body);
		this.element.ontoggle = () => {
			kept(`open ${this.id}`, this.element.open ? 1 : 0);
			this.want();
			this.draw();
		};
		this.element.shown = (near) => {
			if (!near || this.near) return;
			this.near = true;
			this.want();
		};
		seen.observe(this.element);
		this.take([...tables.map((name) => new Table(TABLES[name], name)), ...this.charts(charts)]);
	}

	charts(specs) {
		return specs.map((spec) => new Chart(spec, slug(spec.title)));
	}

	take(parts) {
		for (const part of parts) {
			part.element.shown = (visible) => {
				part.visible = visible;
				if (visible) part.draw();
			};
		}
		this.parts.push(...parts);
		this.element.hidden = !this.parts.length;
	}

	// Charts that it has not yet.
	add(specs) {
		this.take(this.charts(specs.filter(({ title }) => !this.parts.some(({ spec }) => spec.title === title))));
		this.want();
	}

	families() {
		return this.element.open && this.near ? this.parts.flatMap(({ spec }) => spec.families) : [];
	}

	// A part is on the page while it has something to show. `early`: there is more to come, which takes the room.
	draw(early) {
		if (!this.element.open) return;
		let before = null;
		for (const part of this.parts) {
			const { element } = part;
			if (!part.filled) {
				seen.unobserve(element);
				element.remove();
				continue;
			}
			if (!element.isConnected) {
				if (before) before.after(element);
				else this.body.prepend(element);
				seen.observe(element);
			}
			before = element;
			part.draw();
		}
		this.element.classList.toggle('blank', early || !before);
	}

	point() {
		for (const part of this.parts) if (part.visible) part.point();
	}
}
