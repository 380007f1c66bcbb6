// What came over the stream: one axis of times for all, and a column of values a series.

const PLACES = 256;

let serial = 0;

// One series. While it stands still it has one value in place of a column.
export class Series {
	constructor(family, labels, since) {
		Object.assign(this, { family, labels, since, serial: ++serial, still: NaN, column: null, low: null, high: null });
	}

	at(place) {
		return this.column ? this.column[place] : place >= this.since ? this.still : NaN;
	}

	// Gives it a column, as its values differ from here on.
	unfold(store) {
		this.column = new Float64Array(store.room).fill(NaN);
		this.column.fill(this.still, this.since, store.length);
		store.moving.add(this);
	}
}

export class Store {
	constructor() {
		this.reset();
	}

	reset() {
		Object.assign(this, { length: 0, room: PLACES, times: new Float64Array(PLACES), gaps: new Uint8Array(PLACES) });
		Object.assign(this, { families: new Map(), moving: new Set() });
		// How many places were dropped at the front; how often which series there are has changed; how often all began anew.
		this.dropped = 0;
		this.version = (this.version ?? 0) + 1;
		this.epoch = (this.epoch ?? 0) + 1;
		this.restarts = [];
	}

	get last() {
		return this.length - 1;
	}

	get newest() {
		return this.length ? this.times[this.length - 1] : NaN;
	}

	family(name) {
		return this.families.get(name);
	}

	all(name) {
		return this.families.get(name)?.series ?? [];
	}

	// The one series of a family without labels, or the first.
	one(name) {
		return this.all(name)[0];
	}

	add(name, kind, unit, labels) {
		let family = this.families.get(name);
		if (!family) this.families.set(name, (family = { name, kind, unit, series: [], byKey: new Map() }));
		const key = JSON.stringify(labels);
		let series = family.byKey.get(key);
		if (!series) {
			series = new Series(family, labels, this.length);
			family.byKey.set(key, series);
			family.series.push(series);
			this.version++;
		}
		return series;
	}

	// A new place at a time. What is not set after it stands still. Before a gap nobody measured.
	push(time, gap = false) {
		// The clock was set back: what lies ahead now can't be drawn beside what will come.
		const back = this.length > 0 && time <= this.newest;
		if (back) {
			let length = this.length;
			while (length && this.times[length - 1] >= time) length--;
			this.cut(length);
		}
		if (this.length === this.room) this.grow();
		const place = this.length++;
		this.times[place] = time;
		this.gaps[place] = gap || back ? 1 : 0;
		for (const { column } of this.moving) column[place] = place ? column[place - 1] : NaN;
		return place;
	}

	// Sets a value at the newest place.
	set(series, value) {
		const place = this.length - 1;
		if (series.column) series.column[place] = value;
		else if (Number.isNaN(series.still) && series.since >= place) Object.assign(series, { still: value, since: place });
		else if (value !== series.still && !(Number.isNaN(value) && Number.isNaN(series.still))) {
			series.unfold(this);
			series.column[place] = value;
		}
	}

	// The places of past times, made where they are not there yet; -1 for one that can't have a place, as the clock was set back since.
	places(times, gaps) {
		const before = new Set(gaps), soonest = times.slice();
		for (let at = times.length - 2; at >= 0; at--) soonest[at] = Math.min(times[at], soonest[at + 1]);
		return times.map((time, at) => {
			const place = this.find(time);
			if (place < this.length) return this.times[place] === time ? place : -1;
			return soonest[at + 1] <= time ? -1 : this.push(time, before.has(at));
		});
	}

	// Past values: one for all places, or columns of the last, the lowest and the highest, null where there was none.
	fill(series, places, last, ...more) {
		if (!Array.isArray(last) && !series.column && (Number.isNaN(series.still) || series.still === Number(last))) {
			const first = places.find((place) => place >= 0);
			if (first >= 0) Object.assign(series, { still: Number(last), since: Math.min(first, series.since) });
			return;
		}
		if (!series.column) series.unfold(this);
		for (const [name, column] of [['column', last], ['low', more[0]], ['high', more[1]]]) {
			if (column === undefined) continue;
			series[name] ??= new Float64Array(this.room).fill(NaN);
			places.forEach((place, at) => {
				if (place < 0) return;
				const value = Array.isArray(column) ? column[at] : column;
				series[name][place] = value === null ? NaN : Number(value);
				if (at && places[at - 1] >= 0) this.bridge(series[name], places[at - 1], place);
			});
		}
	}

	// Between two places of a past that is told more coarsely, as the line will be.
	bridge(column, from, to) {
		for (let place = from + 1; place < to; place++) {
			if (this.gaps[place]) return;
			column[place] = column[from] + ((column[to] - column[from]) * (this.times[place] - this.times[from])) / (this.times[to] - this.times[from]);
		}
	}

	cut(length) {
		this.length = length;
		for (const { series } of this.families.values()) for (const one of series) one.since = Math.min(one.since, length);
		this.epoch++;
	}

	grow() {
		this.room *= 2;
		const longer = (old, made) => (made.set(old), made);
		this.times = longer(this.times, new Float64Array(this.room));
		this.gaps = longer(this.gaps, new Uint8Array(this.room));
		for (const series of this.moving) {
			for (const name of ['column', 'low', 'high']) if (series[name]) series[name] = longer(series[name], new Float64Array(this.room).fill(NaN));
		}
	}

	// Drops what is older than a time, when it is a good part of all.
	forget(before) {
		let count = 0;
		while (count < this.length && this.times[count] < before) count++;
		if (count < 64 || count < this.length / 4) return;
		const { length } = this;
		this.times.copyWithin(0, count, length);
		this.gaps.copyWithin(0, count, length);
		for (const [name, family] of this.families) {
			family.series = family.series.filter((series) => this.shift(series, count, length));
			if (family.series.length === family.byKey.size) continue;
			family.byKey = new Map(family.series.map((series) => [JSON.stringify(series.labels), series]));
			if (!family.series.length) this.families.delete(name);
			this.version++;
		}
		this.length -= count;
		this.dropped += count;
	}

	// Whether a series still has a value.
	shift(series, count, length) {
		series.since = Math.max(0, series.since - count);
		if (!series.column) return !Number.isNaN(series.still);
		for (const name of ['column', 'low', 'high']) series[name]?.copyWithin(0, count, length);
		for (let place = length - count - 1; place >= 0; place--) if (!Number.isNaN(series.column[place])) return true;
		this.moving.delete(series);
		return false;
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

	// The place nearest to a time; -1 where there is none.
	nearest(time) {
		const after = this.find(time);
		if (after === 0) return this.length ? 0 : -1;
		return after < this.length && this.times[after] - time < time - this.times[after - 1] ? after : after - 1;
	}

	// Per second, since the place before. A counter that began again counts from zero; over a gap there is no rate.
	rate(series, place) {
		if (place < 1 || this.gaps[place]) return NaN;
		const before = series.at(place - 1), value = series.at(place), span = this.times[place] - this.times[place - 1];
		return (value < before ? value : value - before) / span;
	}

	// How much a counter has grown in the last so many seconds, and in how many of these that is known: not over gaps.
	growth(series, seconds) {
		let sum = 0, known = 0;
		for (let place = this.find(this.newest - seconds) + 1; place < this.length; place++) {
			const rate = this.rate(series, place), span = this.times[place] - this.times[place - 1];
			if (!Number.isNaN(rate)) [sum, known] = [sum + rate * span, known + span];
		}
		return [sum, known];
	}

	// The mean rate over the last so many seconds, if it is known for half of them.
	mean(series, seconds) {
		const [sum, known] = this.growth(series, seconds);
		return known >= seconds / 2 ? sum / known : NaN;
	}
}

// Names the sources of a line that is reckoned from several series.
export const sources = (list) => list.map(({ serial }) => serial).join();
