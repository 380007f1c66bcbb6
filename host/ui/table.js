// A table whose rows are sorted by value, with a small line in each.

import { byName, el, say, sheet, small } from './format.js';
import { Line, STANDS } from './lines.js';
import { course } from './paint.js';
import { newest, store } from './view.js';

// What jumps is ranked by its mean of so many seconds.
const RECENT = 10;

// `spec` says what it lists: see things.js.
export class Table {
	constructor(spec, id) {
		Object.assign(this, { spec, rows: [], sorted: -Infinity, by: 0, down: true, whole: false, visible: false });
		this.columns = spec.small ? spec.columns.slice(0, 2) : spec.columns;
		this.heads = [spec.of, ...this.columns.map(({ title }) => title)].map((title, at) => (spec.small ? title : this.head(title, at - 1)));
		this.body = el('tbody');
		this.more = el('button.more', { hidden: true, onclick: () => this.change({ whole: !this.whole }) });
		this.element = el(`article.card.${spec.small ? 'small' : 'wide'}`, { id: `table-${id}` }, sheet(spec.title, [...this.heads, el('span.unseen', 'course')], this.body), this.more);
		// Rows don't run away from a pointer.
		this.element.onpointerenter = () => (this.held = true);
		this.element.onpointerleave = () => (this.held = false);
	}

	head(title, by) {
		return el('button', { onclick: () => this.change({ by, down: this.by === by ? !this.down : by >= 0 }) }, title);
	}

	change(part) {
		Object.assign(this, part, { sorted: -Infinity });
		this.draw();
	}

	// Whether there is something to show, looked up again when that has changed.
	get filled() {
		const stamp = store.stamp(this.spec.families);
		if (this.stamp !== stamp) {
			const before = new Map(this.rows.map((row) => [row.name, row]));
			this.rows = this.spec.things().map((thing) => Object.assign(before.get(thing.name) ?? {}, thing, { line: new Line(thing.name, thing.values[0]) }));
			Object.assign(this, { stamp, sorted: -Infinity });
		}
		return this.rows.length > 0;
	}

	draw() {
		if (!this.visible || !this.filled || !store.length) return;
		const now = performance.now() / 1000, place = newest();
		if (now - this.sorted > STANDS && !this.held) {
			this.sorted = now;
			this.sort(place);
		}
		for (const row of this.order) this.fill(row, place);
	}

	sort(place) {
		const { by, down, spec, rows } = this, from = store.find(store.times[place] - RECENT);
		for (const row of rows) row.rank = by ? row.values[by]?.(place) : row.line.mean(from, place + 1);
		const there = rows.filter(({ rank }) => by < 0 || !Number.isNaN(rank)), apart = (there.length ? there : rows).filter((row) => !row.apart);
		const sorted = (this.whole || !apart.length ? rows : apart).toSorted((a, b) => (by < 0 ? byName(b.name, a.name) : (a.rank || 0) - (b.rank || 0) || byName(b.name, a.name)));
		this.order = (down ? sorted.reverse() : sorted).slice(0, this.whole ? rows.length : spec.limit ?? 10);
		for (const row of this.order) row.element ??= this.row(row);
		const elements = this.order.map(({ element }) => element);
		if (elements.length !== this.body.children.length || elements.some((element, at) => this.body.children[at] !== element)) this.body.replaceChildren(...elements);
		if (spec.small) return;
		this.heads.forEach((head, at) => (head.parentElement.ariaSort = at - 1 === by ? (down ? 'descending' : 'ascending') : null));
		const folded = rows.filter((row) => row.apart).length;
		this.more.hidden = rows.length === this.order.length && !this.whole;
		say(this.more, this.whole ? 'fewer' : `all ${rows.length}${folded && apart.length ? `, ${folded} of them ${spec.rest}` : ''}`);
	}

	row(row) {
		row.cells = this.columns.map(({ bar }) => el(bar ? 'td.bar' : 'td'));
		row.canvas = small();
		return el('tr', el('th', { scope: 'row', title: row.name }, el('bdi', row.name)), ...row.cells, el('td.course', row.canvas));
	}

	fill({ cells, values, canvas, line }, place) {
		this.columns.forEach(({ unit, bar, bad }, at) => {
			const value = values[at](place), cell = cells[at];
			say(cell, unit.text(value));
			if (bar) cell.style.setProperty('--part', `${value || 0}%`);
			cell.classList.toggle('bad', value >= bad);
		});
		course(canvas, line.fill(), this.columns[0].bar ? 100 : 0);
	}

	point() {}
}
