// A table whose rows are sorted by value, with a small line in each.

import { byName, el, say } from './format.js';
import { Line } from './lines.js';
import { course } from './paint.js';
import { span, store, view } from './view.js';

// Seconds for which the order stands, so that rows don't run away from who reads them.
const STANDS = 5, LATELY = 10;

// `spec` says what it lists: see things.js.
export class Table {
	constructor(spec) {
		Object.assign(this, { spec, rows: new Map(), order: [], sorted: -Infinity, by: spec.sort, down: true, whole: false, visible: false });
		const head = [['name', spec.of], ...Object.entries(spec.columns).map(([id, { title }]) => [id, title])];
		this.heads = head.map(([id, title]) => this.head(id, title));
		this.body = el('tbody');
		this.more = el('button.more', { hidden: true, onclick: () => this.change({ whole: !this.whole }) });
		this.note = el('p.muted');
		const table = el('table.things', {}, el('caption', {}, spec.title), el('thead', {}, el('tr', {}, ...this.heads, el('th', { scope: 'col' }, el('span.unseen', {}, 'course')))), this.body);
		this.element = el(`article.card.${spec.small ? 'small' : 'wide'}`, { id: `table-${spec.id}` }, el('div.scroll', { tabIndex: spec.small ? -1 : 0, role: 'region', ariaLabel: spec.title }, table), this.note, this.more);
		this.element.onpointerenter = () => (this.held = true);
		this.element.onpointerleave = () => (this.held = false);
	}

	head(id, title) {
		if (this.spec.small) return el('th', { scope: 'col' }, title);
		const button = el('button', { onclick: () => this.change({ by: id, down: this.by === id ? !this.down : id !== 'name' }) }, title);
		return el('th', { scope: 'col', 'data-id': id }, button);
	}

	change(part) {
		Object.assign(this, part, { sorted: -Infinity });
		this.draw();
	}

	get filled() {
		return this.things().size > 0;
	}

	// What there is, looked up again when that has changed.
	things() {
		if (this.version === store.version) return this.rows;
		this.version = store.version;
		const before = this.rows;
		this.rows = new Map(this.spec.things().map((thing) => {
			const known = before.get(thing.name);
			if (known?.thing.of === thing.of && known.epoch === store.epoch) return [thing.name, Object.assign(known, { thing })];
			return [thing.name, { thing, line: new Line(thing.name, thing.course), epoch: store.epoch }];
		}));
		this.sorted = -Infinity;
		return this.rows;
	}

	draw() {
		if (!this.visible || !store.length) return;
		const place = this.place(), all = [...this.things().values()];
		const at = performance.now() / 1000;
		for (const row of all) row.values = row.thing.values(place);
		const there = all.filter(({ values }) => !Number.isNaN(values[this.spec.sort]));
		if (at - this.sorted > STANDS && !this.held) {
			this.sorted = at;
			this.sort(there.length ? there : all);
		}
		this.order.forEach((row) => this.fill(row));
	}

	place() {
		const end = view.from !== null || view.paused !== null ? store.find(span()[1] + 1e-6) - 1 : store.last;
		return Math.max(0, Math.min(store.last, end));
	}

	sort(all) {
		const { by, down, spec } = this, end = this.place() + 1, from = store.find(store.times[end - 1] - LATELY);
		// What jumps is ranked by its mean of late.
		for (const row of all) row.rank = by === spec.sort ? row.line.mean(from, end) : row.values[by] ?? NaN;
		const value = ({ rank }) => (Number.isNaN(rank) ? -Infinity : rank);
		const ranked = by === 'name' ? (a, b) => byName(a.thing.name, b.thing.name) : (a, b) => value(a) - value(b) || byName(b.thing.name, a.thing.name);
		const sorted = all.sort((a, b) => (down ? ranked(b, a) : ranked(a, b))), apart = sorted.filter(({ thing }) => !thing.apart);
		this.order = this.whole ? sorted : (apart.length ? apart : sorted).slice(0, spec.limit);
		this.order.forEach((row) => (row.element ??= this.row(row)));
		const elements = this.order.map(({ element }) => element);
		if (elements.some((element, at) => this.body.children[at] !== element) || this.body.children.length !== elements.length) this.body.replaceChildren(...elements);
		for (const head of this.heads) head.ariaSort = head.dataset.id === by ? (down ? 'descending' : 'ascending') : null;
		this.more.hidden = spec.small || (sorted.length === this.order.length && !this.whole);
		say(this.more, this.whole ? 'fewer' : `all ${sorted.length}${spec.rest && sorted.length > apart.length ? `, ${sorted.length - apart.length} of them ${spec.rest}` : ''}`);
	}

	row(row) {
		row.cells = Object.keys(this.spec.columns).map(() => el('td'));
		row.canvas = el('canvas', { ariaHidden: 'true' });
		return el('tr', {}, el('th', { scope: 'row', title: row.thing.name }, el('bdi', {}, row.thing.name)), ...row.cells, el('td.course', {}, row.canvas));
	}

	fill(row) {
		Object.entries(this.spec.columns).forEach(([id, { text, bar, bad }], at) => {
			const value = row.values[id], cell = row.cells[at];
			say(cell, text(value));
			if (bar) cell.style.setProperty('--part', `${Math.min(100, Math.max(0, value || 0))}%`);
			cell.classList.toggle('bar', Boolean(bar));
			cell.classList.toggle('bad', Boolean(bad?.(value)));
		});
		course(row.canvas, row.line.fill(), this.spec.top);
	}

	point() {}
}
