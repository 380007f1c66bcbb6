// The lines of a chart: values kept as far as they are reckoned, and which of many are shown.

import { unitOf } from './format.js';
import { store } from './view.js';

// So many have a colour.
export const SHOWN = 8;
// Seconds for which the choice among many stands, so that it does not run away from who reads it.
export const STANDS = 5;

// The values of a line at each place of the store. `at(place)` reckons one.
export class Line {
	constructor(name, at, series) {
		Object.assign(this, { name, at, series, values: [], done: 0 });
	}

	fill() {
		if (this.epoch !== store.epoch) Object.assign(this, { done: 0, epoch: store.epoch });
		if (this.values.length < store.length) {
			const longer = store.column();
			longer.set(this.values);
			this.values = longer;
		}
		for (; this.done < store.length; this.done++) this.values[this.done] = this.at(this.done);
		return this.values;
	}

	// Its mean between two places.
	mean(first, end) {
		const values = this.fill();
		let sum = 0, count = 0;
		for (let place = first; place < end; place++) {
			if (!Number.isNaN(values[place])) count++, sum += values[place];
		}
		return sum / count;
	}

	// The lowest and the highest, where it is told more coarsely.
	get bounds() {
		return this.series?.columns?.slice(1) ?? [];
	}
}

// The lines of one chart.
export class Lines {
	constructor(spec) {
		Object.assign(this, { spec, all: [], shown: [], others: [], only: null, chosen: -Infinity });
	}

	// Looks again which there are, if that has changed.
	renew() {
		const { families, lines, unit } = this.spec, stamp = store.stamp(families);
		if (this.stamp === stamp) return;
		const there = families.find((family) => store.families.has(family));
		this.unit = unit ?? (there && unitOf(store.families.get(there)));
		Object.assign(this, { stamp, chosen: -Infinity, all: lines(this.unit).map(([name, at, series]) => new Line(name, at, series)) });
	}

	// Which have a colour: all that do something where they are few, else those with the most in view.
	choose({ first, end }) {
		const now = performance.now() / 1000, key = `${first > 0} ${this.only}`;
		if (now - this.chosen < STANDS && this.key === key) return;
		Object.assign(this, { chosen: now, key });
		for (const line of this.all) line.rank = line.mean(first, end) || 0;
		const busy = this.all.filter(({ rank }) => rank), some = busy.length ? busy : this.all.slice(0, SHOWN / 2);
		const shown = some.length > SHOWN ? some.toSorted((a, b) => b.rank - a.rank).slice(0, SHOWN) : some;
		this.others = some.filter((line) => !shown.includes(line));
		this.colour(shown);
		this.shown = this.only === null ? shown : this.all.filter(({ name }) => name === this.only);
	}

	// Who had a colour keeps it while it is among them.
	colour(shown) {
		const kept = this.slots ?? new Map(), taken = new Set(shown.map(({ name }) => kept.get(name)));
		const free = [...Array(SHOWN).keys()].filter((slot) => !taken.has(slot));
		for (const line of shown) line.slot = kept.get(line.name) ?? free.shift();
		this.slots = new Map(shown.map(({ name, slot }) => [name, slot]));
	}

	value(name, place) {
		return this.all.find((line) => line.name === name)?.fill()[place] ?? NaN;
	}

	// Those without a colour: the lowest, the highest and the sum of all at each place.
	rest({ first, end }) {
		const [low, high, sum] = [store.column(), store.column(), store.column()];
		for (let place = first; place < end; place++) {
			for (const { values } of this.others) {
				const value = values[place];
				if (Number.isNaN(value)) continue;
				sum[place] = (sum[place] || 0) + value;
				if (!(low[place] <= value)) low[place] = value;
				if (!(high[place] >= value)) high[place] = value;
			}
		}
		return { low, high, sum };
	}
}
