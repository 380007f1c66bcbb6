// The lines of a chart: values kept as far as they are reckoned, and which of many are shown.

import { byName } from './format.js';
import { store } from './view.js';

// So many have a colour.
export const SHOWN = 8;
// Seconds for which the choice among many stands.
const STANDS = 5;

// The values of a line at each place of the store. `at(place)` reckons one.
export class Line {
	constructor(name, at) {
		Object.assign(this, { name, at, values: new Float64Array(0), done: 0, dropped: store.dropped, epoch: store.epoch });
	}

	fill() {
		if (this.epoch !== store.epoch) Object.assign(this, { done: 0, epoch: store.epoch, dropped: store.dropped });
		if (this.dropped < store.dropped) {
			const count = store.dropped - this.dropped;
			this.values.copyWithin(0, count, this.done);
			Object.assign(this, { done: Math.max(0, this.done - count), dropped: store.dropped });
		}
		if (this.values.length < store.length) {
			const longer = new Float64Array(store.room);
			longer.set(this.values.subarray(0, this.done));
			this.values = longer;
		}
		for (; this.done < store.length; this.done++) this.values[this.done] = this.at(this.done);
		return this.values;
	}

	// Its mean between two places; -1 where it has no value.
	mean(first, end) {
		const values = this.fill();
		let sum = 0, count = 0;
		for (let place = first; place < end; place++) {
			if (!Number.isNaN(values[place])) count++, sum += values[place];
		}
		return count ? sum / count : -1;
	}
}

// The lines of one chart.
export class Lines {
	constructor(spec) {
		Object.assign(this, { spec, all: new Map(), shown: [], others: [], only: null, chosen: -Infinity });
	}

	// Looks again which there are, if that has changed.
	renew() {
		if (this.version === store.version) return;
		this.version = store.version;
		const before = this.epoch === store.epoch ? this.all : new Map();
		this.epoch = store.epoch;
		const order = this.spec.order ?? [], place = (name) => order.indexOf(name) + 1 || 99;
		const found = this.spec.lines(store).sort((a, b) => place(a.name) - place(b.name) || byName(a.name, b.name));
		// A line with the same sources goes on; one of more sources is reckoned anew.
		this.all = new Map(found.map(({ name, at, of, series }) => {
			const known = before.get(name);
			return [name, known?.of === of ? known : Object.assign(new Line(name, at), { of, series })];
		}));
		this.chosen = -Infinity;
	}

	// Which have a colour: all where they are few, else those with the most in view. Who had one keeps it while it is among them.
	choose({ first, end }) {
		this.renew();
		for (const line of this.all.values()) line.fill();
		const { quiet } = this.spec, now = performance.now() / 1000;
		if (now - this.chosen < STANDS && this.seen === `${first > 0} ${this.only}`) return;
		Object.assign(this, { chosen: now, seen: `${first > 0} ${this.only}` });
		let lines = [...this.all.values()].map((line) => ({ line, mean: (line.rank = line.mean(first, end)) })).filter(({ mean }) => mean >= 0 || this.all.size <= SHOWN);
		const ranked = () => lines.sort((a, b) => b.mean - a.mean);
		// Where only some do something, those that do nothing are left out.
		if (quiet) {
			const busy = lines.filter(({ mean }) => mean > 0);
			lines = busy.length ? busy : lines.slice(0, quiet);
		}
		const some = lines.length > SHOWN ? ranked().slice(0, SHOWN).map(({ line }) => line) : lines.map(({ line }) => line);
		this.others = lines.map(({ line }) => line).filter((line) => !some.includes(line));
		if (lines.length <= SHOWN) some.forEach((line, slot) => (line.slot = slot));
		else this.colour(some);
		this.shown = this.only === null ? some : some.filter(({ name }) => name === this.only);
	}

	colour(some) {
		const taken = new Set(), had = new Set(this.coloured ?? []);
		for (const line of some) {
			if (had.has(line) && !taken.has(line.slot)) taken.add(line.slot);
			else line.slot = -1;
		}
		for (const line of some) {
			if (line.slot >= 0) continue;
			line.slot = [...Array(SHOWN).keys()].find((slot) => !taken.has(slot));
			taken.add(line.slot);
		}
		this.coloured = some;
	}

	value(name, place) {
		return this.all.get(name)?.fill()[place] ?? NaN;
	}

	// The lowest, the highest and the sum of those without a colour.
	rest(place) {
		let low = NaN, high = NaN, sum = NaN;
		for (const { values } of this.others) {
			const value = values[place];
			if (Number.isNaN(value)) continue;
			sum = (sum || 0) + value;
			if (!(low <= value)) low = value;
			if (!(high >= value)) high = value;
		}
		return { low, high, sum };
	}
}
