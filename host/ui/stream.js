// Samples, plugins and reloads as they come, resumed where the stream broke off.

// One snapshot, with its samples by family and labels.
class Frame {
	constructor(id, time, families, previous) {
		Object.assign(this, { id, time, families, previous });
	}

	all(family) {
		return [...(this.families.get(family)?.values() ?? [])];
	}

	value(family) {
		return this.all(family)[0]?.value ?? NaN;
	}

	// Per second since the snapshot before. A counter that began again counts from zero.
	rates(family) {
		const before = this.previous?.families.get(family), span = this.time - this.previous?.time;
		if (!before || !(span > 0)) return [];
		return [...(this.families.get(family) ?? [])].flatMap(([key, { labels, value }]) => {
			const last = before.get(key)?.value;
			return last === undefined ? [] : { labels, value: (value < last ? value : value - last) / span };
		});
	}
}

// A shorter break is a hand-over, and nothing to speak of.
const BRIEF = 2000;
// After an answer that is no stream, the browser asks no more.
const AGAIN = 1000;

export class Stream {
	constructor(families, on) {
		Object.assign(this, { families, on });
		document.addEventListener('visibilitychange', () => this.follow());
		this.follow();
	}

	// A page that nobody sees holds no connection, and catches up from the history later.
	follow() {
		if (document.hidden) this.close();
		else if (!this.source) this.open();
	}

	want(families) {
		if (families.every((family) => this.families.includes(family))) return;
		this.families = [...new Set([...this.families, ...families])];
		this.close();
		this.follow();
	}

	close() {
		clearTimeout(this.again);
		this.source?.close();
		this.source = null;
	}

	open() {
		const { on } = this, query = new URLSearchParams(this.families.map((family) => ['family', family]));
		// From the beginning of the history, or where this page left off.
		query.append('last_event_id', this.last?.id ?? 0);
		// Numbers hold for one connection, and its first snapshot is whole.
		Object.assign(this, { names: [], values: new Map() });
		const source = (this.source = new EventSource(`/events?${query}`));
		source.onopen = () => {
			clearTimeout(this.broken);
			this.broken = null;
			on.state('live');
			on.open();
		};
		source.onerror = () => {
			this.broken ??= setTimeout(() => on.state('reconnecting'), BRIEF);
			if (source.readyState !== EventSource.CLOSED || this.source !== source) return;
			this.source = null;
			this.again = setTimeout(() => this.follow(), AGAIN);
		};
		const events = { series: (data) => this.series(data), samples: (data, id) => this.samples(data, id), plugins: on.plugins, reload: on.reload };
		for (const [name, act] of Object.entries(events)) source.addEventListener(name, ({ data, lastEventId }) => act(JSON.parse(data), Number(lastEventId)));
	}

	// The family and the labels of each number.
	series({ families }) {
		for (const { name, series } of families) for (const [number, labels] of series) this.names[number] = { name, labels, key: JSON.stringify(labels) };
	}

	samples({ time, values, gone = [] }, id) {
		const { last } = this;
		time /= 1000;
		for (let at = 0; at < values.length; at += 2) this.values.set(values[at], Number(values[at + 1]));
		for (const number of gone) this.values.delete(number);
		// Numbers begin again when the agent was started again, times don't.
		if (last && id <= last.id && time <= last.time) return;
		const families = new Map();
		for (const [number, value] of this.values) {
			const { name, labels, key } = this.names[number];
			if (!families.has(name)) families.set(name, new Map());
			families.get(name).set(key, { labels, value });
		}
		this.last = new Frame(id, time, families, last);
		// A rate looks one snapshot back, and no chain of them is kept.
		if (last) last.previous = null;
		this.on.samples(this.last);
	}
}
