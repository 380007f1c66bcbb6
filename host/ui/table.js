// A table whose rows are sorted by value, with a small line in each.

import { byName, el, say, sheet, small } from './format.js';
import { Line, STANDS } from './lines.js';
import { course } from './paint.js';
import { mean } from './sums.js';
import { rows } from './things.js';
import { newest, store } from './view.js';

// What jumps is ranked by its mean of so many seconds.
const RECENT = 10;

// `spec` says what it lists: see things.js.
export class Table {
	constructor(spec, id) {
		Object.assign(this, { spec, rows: [], order: [], sorted: -Infinity, by: 0, down: true, whole: false, visible: false });
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
		return el('button', { onclick: () => this.change({ by, down: this.by === by ? !this.down : true }) }, title);
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
			this.rows = rows(this.spec).map((thing) => Object.assign(before.get(thing.name) ?? {}, thing, { line: new Line(thing.name, thing.values[0]) }));
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
		const { by, down, spec, rows: all, whole } = this;
		for (const row of all) row.rank = by < 0 ? 0 : mean(row.values[by], RECENT, place);
		const own = all.filter(({ apart, rank }) => !apart && !Number.isNaN(rank)), sorted = (whole || !own.length ? all : own).toSorted((a, b) => (a.rank || 0) - (b.rank || 0) || byName(b.name, a.name));
		this.order = (down ? sorted.reverse() : sorted).slice(0, whole ? all.length : spec.limit ?? 10);
		for (const row of this.order) row.element ??= this.row(row);
		this.body.replaceChildren(...this.order.map(({ element }) => element));
		if (spec.small) return;
		this.heads.forEach((head, at) => (head.parentElement.ariaSort = at - 1 === by ? (down === by >= 0 ? 'descending' : 'ascending') : null));
		this.more.hidden = all.length === this.order.length && !whole;
		say(this.more, whole ? 'fewer' : `all ${all.length}${spec.rest ?? ''}`);
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
