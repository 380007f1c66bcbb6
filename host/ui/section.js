// A part of the page that folds: its charts and tables, drawn and asked for while they are seen.

import { Chart } from './chart.js';
import { el } from './format.js';
import { Table } from './table.js';
import { TABLES } from './things.js';
import { kept } from './view.js';

// Draws only what is near the window.
const seen = new IntersectionObserver((entries) => {
	for (const { target, isIntersecting } of entries) target.shown?.(isIntersecting);
}, { rootMargin: '20px' });

export class Section {
	// `want` is called when it needs other families than before.
	constructor(spec, want) {
		Object.assign(this, { spec, want, near: false });
		this.parts = [...(spec.tables ?? []).map((name) => new Table({ id: name, ...TABLES[name] })), ...spec.charts.map((one) => new Chart(one))];
		this.body = el('div.body');
		this.element = el('details.section.blank', { hidden: !this.parts.length, id: spec.id, open: this.remembered() ?? Boolean(spec.open) }, el('summary', {}, el('h2', {}, spec.title)), this.body);
		this.element.ontoggle = () => {
			kept(`open ${spec.id}`, this.element.open ? 1 : 0);
			this.want();
			this.draw();
		};
		this.element.shown = (near) => {
			const first = near && !this.near;
			this.near ||= near;
			if (first) this.want();
		};
		seen.observe(this.element);
		this.parts.forEach((part) => this.watch(part));
	}

	remembered() {
		const word = kept(`open ${this.spec.id}`);
		return word === null ? null : word === '1';
	}

	watch(part) {
		part.element.shown = (visible) => {
			part.visible = visible;
			if (visible) part.draw();
		};
	}

	add(specs) {
		const fresh = specs.filter(({ id }) => !this.parts.some(({ spec }) => spec.id === id)).map((spec) => new Chart(spec));
		fresh.forEach((part) => this.watch(part));
		this.parts.push(...fresh);
		this.element.hidden = !this.parts.length;
		this.want();
	}

	families() {
		if (!this.element.open || !this.near) return [];
		return this.parts.flatMap(({ spec }) => spec.families);
	}

	open() {
		this.element.open = true;
	}

	// A part is on the page while it has something to show.
	draw() {
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
		this.element.classList.toggle('blank', !before);
	}

	point() {
		for (const part of this.parts) if (part.visible) part.point();
	}
}
