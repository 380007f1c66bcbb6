// What came over the stream: one axis of times for all, and columns of values a series.

import { isCounter } from './format.js';

const PLACES = 256;

// One series. While it stands still it has one value in place of columns: of the last, the lowest and the highest.
class Series {
	constructor(labels, counter, since) {
		Object.assign(this, { labels, counter, since, still: NaN, columns: null });
	}

	at(place) {
		return this.columns ? this.columns[0][place] : place >= this.since ? this.still : NaN;
	}
}

export class Store {
	constructor() {
		this.reset();
	}

	reset() {
		Object.assign(this, { length: 0, room: PLACES, times: new Float64Array(PLACES), gaps: new Uint8Array(PLACES), families: new Map(), restarts: [] });
		this.renumber();
	}

	// What was reckoned for the places so far holds no more.
	renumber() {
		this.epoch = (this.epoch ?? 0) + 1;
	}

	get last() {
		return this.length - 1;
	}

	get newest() {
		return this.length ? this.times[this.last] : NaN;
	}

	all(name) {
		return [...(this.families.get(name)?.series.values() ?? [])];
	}

	// The one series of a family without labels, or the first.
	one(name) {
		return this.families.get(name)?.series.values().next().value;
	}

	// The newest value of such a family.
	now(name) {
		return this.one(name)?.at(this.last) ?? NaN;
	}

	// Differs when what was reckoned from some families has to be reckoned again.
	stamp(names) {
		return [this.epoch, ...names.map((name) => this.families.get(name)?.version)].join();
	}

	add({ name, type, unit }, labels) {
		if (!this.families.has(name)) this.families.set(name, { name, type, unit, series: new Map(), version: 0 });
		const family = this.families.get(name), key = JSON.stringify(labels);
		if (!family.series.has(key)) family.series.set(key, new Series(labels, isCounter(family), this.length));
		family.version++;
		return family.series.get(key);
	}

	*every() {
		for (const { series } of this.families.values()) yield* series.values();
	}

	// A new place at a time. What is not set after it stands still. Before a gap nobody measured.
	push(time, gap = false) {
		// The clock was set back: what lies ahead now can't be drawn beside what will come.
		const back = time <= this.newest;
		if (back) {
			this.length = this.find(time);
			for (const one of this.every()) one.since = Math.min(one.since, this.length);
			this.renumber();
		}
		if (this.length === this.room) this.grow();
		const place = this.length++;
		this.times[place] = time;
		this.gaps[place] = gap || back ? 1 : 0;
		for (const { columns } of this.every()) if (columns) columns[0][place] = place ? columns[0][place - 1] : NaN;
		return place;
	}

	grow() {
		this.room *= 2;
		const longer = (old, made) => (made.set(old), made);
		this.times = longer(this.times, new Float64Array(this.room));
		this.gaps = longer(this.gaps, new Uint8Array(this.room));
		for (const one of this.every()) one.columns = one.columns?.map((column) => longer(column, this.column()));
	}

	column() {
		return new Float64Array(this.room).fill(NaN);
	}

	// Gives a series columns, as its values differ from here on.
	unfold(series) {
		series.columns ??= [this.column().fill(series.still, series.since, this.length)];
	}

	// Sets a value at the newest place.
	set(series, value) {
		if (!series.columns && Number.isNaN(series.still) && series.since >= this.last) Object.assign(series, { still: value, since: this.last });
		else if (!Object.is(series.at(this.last), value)) {
			this.unfold(series);
			series.columns[0][this.last] = value;
		}
	}

	// The places of past times, made where they are not there yet; -1 for one that can't have a place, as the clock was set back since.
	places(times, gaps) {
		const before = new Set(gaps), soonest = [...times, Infinity];
		for (let at = times.length - 1; at >= 0; at--) soonest[at] = Math.min(times[at], soonest[at + 1]);
		return times.map((time, at) => {
			const place = this.find(time);
			if (place < this.length) return this.times[place] === time ? place : -1;
			return soonest[at + 1] <= time ? -1 : this.push(time, before.has(at));
		});
	}

	// Past values: one for all places, or columns, null where there was none.
	fill(series, places, ...told) {
		if (!Array.isArray(told[0]) && !series.columns && (Number.isNaN(series.still) || series.still === Number(told[0]))) {
			const first = places.find((place) => place >= 0) ?? this.length;
			Object.assign(series, { still: Number(told[0]), since: Math.min(first, series.since) });
			return;
		}
		this.unfold(series);
		told.forEach((values, which) => {
			const column = (series.columns[which] ??= this.column());
			places.forEach((place, at) => {
				if (place < 0) return;
				const value = Array.isArray(values) ? values[at] : values;
				column[place] = value === null ? NaN : Number(value);
				if (places[at - 1] >= 0) this.bridge(column, places[at - 1], place);
			});
		});
	}

	// Between two places of a past that is told more coarsely, as the line will be.
	bridge(column, from, to) {
		const { times } = this, slope = (column[to] - column[from]) / (times[to] - times[from]);
		for (let place = from + 1; place < to && !this.gaps[place]; place++) column[place] = column[from] + slope * (times[place] - times[from]);
	}

	// Drops what is older than a time, when it is a good part of all.
	forget(before) {
		const count = this.find(before), { length } = this;
		if (count < 64 || count < length / 4) return;
		for (const column of [this.times, this.gaps]) column.copyWithin(0, count, length);
		for (const [name, { series }] of this.families) {
			for (const [key, one] of series) if (!this.shift(one, count)) series.delete(key);
			if (!series.size) this.families.delete(name);
		}
		this.length -= count;
		this.renumber();
	}

	// Whether a series still has a value.
	shift(series, count) {
		series.since = Math.max(0, series.since - count);
		for (const column of series.columns ?? []) column.copyWithin(0, count, this.length);
		return series.columns ? !series.columns[0].subarray(0, this.length - count).every(Number.isNaN) : !Number.isNaN(series.still);
	}

	// The first place that is not before a time.
	find(time) {
		let low = 0, high = this.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (this.times[middle] < time) low = middle + 1;
			else high = middle;
		}
		return low;
	}

	// The place nearest to a time.
	nearest(time) {
		const after = this.find(time), before = Math.max(0, after - 1);
		return after < this.length && this.times[after] - time < time - this.times[before] ? after : before;
	}

	// What a gauge is, and what a counter grows by a second since the place before. One that began again counts from zero; over a gap there is no rate.
	read(series, place) {
		if (!series?.counter) return series ? series.at(place) : NaN;
		if (place < 1 || this.gaps[place]) return NaN;
		const before = series.at(place - 1), value = series.at(place);
		return (value < before ? value : value - before) / (this.times[place] - this.times[place - 1]);
	}
}
