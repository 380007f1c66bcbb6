// The connection: what comes goes into the store. It resumes where it broke off, and asks ever more seldom while nobody answers.

// Milliseconds before it asks again; doubled each time.
const SOONEST = 100, LATEST = 5000;
// A connection on which nothing comes for so long is given up.
const DEAD = 10000;
// Within this time all that is wanted goes into one request.
const GATHER = 50;

// Of the agent's process: another value is another process.
export const STARTED = 'process_start_time_seconds';

const now = () => performance.now();

export class Stream {
	// `on` has plugins(list), reload(journal), opened(), came() after each snapshot, and state(name).
	constructor(store, on) {
		Object.assign(this, { store, on, families: [], span: 0, id: 0, delay: SOONEST, interval: 1, fresh: true });
		this.heard = [now(), Date.now()];
		document.addEventListener('visibilitychange', () => this.follow());
		setInterval(() => this.watch(), 1000);
	}

	// Asks for these families, in this order, and for the past of so many seconds.
	want(families, span) {
		if (span === this.span && families.every((family) => this.families.includes(family))) return;
		// Of another span the store begins anew, as it is told as fine as can be; what other families have fills into it.
		this.anew ||= span !== this.span;
		this.fresh = true;
		this.families = [...new Set([...families, ...this.families])];
		this.span = span;
		clearTimeout(this.timer);
		this.timer = setTimeout(() => this.open(), GATHER);
	}

	// A page that nobody sees holds no connection, and catches up from the history later.
	follow() {
		if (document.hidden) this.close();
		else if (!this.source) this.open();
	}

	close() {
		clearTimeout(this.timer);
		this.source?.close();
		this.source = null;
	}

	open() {
		this.close();
		if (document.hidden) return;
		const query = new URLSearchParams(this.families.map((family) => ['family', family]));
		query.append('span', Math.ceil(this.span));
		if (!this.fresh) query.append('last_event_id', this.id);
		// Numbers hold for one connection, and its first snapshot is whole.
		Object.assign(this, { numbers: [], whole: true });
		const source = (this.source = new EventSource(`/events?${query}`));
		this.asked = now();
		source.onopen = () => this.on.opened();
		source.onerror = () => this.source === source && this.again();
		const events = { series: (data) => this.series(data), past: (data) => this.past(data), samples: (data, id) => this.samples(data, id), plugins: this.on.plugins, reload: this.on.reload };
		for (const [name, act] of Object.entries(events)) {
			source.addEventListener(name, ({ data, lastEventId }) => this.source === source && act(JSON.parse(data), Number(lastEventId)));
		}
	}

	again() {
		this.close();
		this.timer = setTimeout(() => this.open(), this.delay);
		this.delay = Math.min(LATEST, this.delay * 2);
		this.watch();
	}

	// Seconds since the newest snapshot came; a suspended machine's monotonic clock may stand still meanwhile.
	age() {
		const [steady, wall] = this.heard;
		return Math.max(now() - steady, Date.now() - wall) / 1000;
	}

	silent() {
		return this.age() > Math.max(3, 3 * this.interval);
	}

	watch() {
		if (document.hidden) return;
		this.on.state(this.silent());
		if (this.source && now() - this.asked > DEAD && this.age() * 1000 > Math.max(DEAD, 5000 * this.interval)) this.again();
	}

	// The family and the labels of each number.
	series({ families }) {
		if (this.fresh && this.anew) this.store.reset();
		this.fresh = this.anew = false;
		for (const { name, type, unit, series } of families) {
			for (const [number, labels] of series) this.numbers[number] = this.store.add(name, type, unit, labels);
		}
	}

	// What was before this page came, some families at a time.
	past({ times, gaps, series }) {
		const places = this.store.places(times.map((time) => time / 1000), gaps);
		for (const [number, ...columns] of series) this.store.fill(this.numbers[number], places, ...columns);
		this.came();
	}

	samples({ time, gap, values, gone = [] }, id) {
		const { store, numbers } = this;
		this.id = id;
		// A connection begins with the newest snapshot, which may be known.
		if (time / 1000 !== store.newest) store.push(time / 1000, gap);
		if (this.whole) {
			const there = new Set(values.filter((_, at) => at % 2 === 0).map((number) => numbers[number]));
			for (const { series } of store.families.values()) for (const one of series) if (!there.has(one)) store.set(one, NaN);
		}
		this.whole = false;
		for (let at = 0; at < values.length; at += 2) store.set(numbers[values[at]], Number(values[at + 1]));
		for (const number of gone) store.set(numbers[number], NaN);
		this.came();
	}

	came() {
		const { store } = this, started = store.one(STARTED)?.at(store.last);
		if (started > 0) {
			if (this.started && this.started !== started) {
				store.restarts.push(started);
				// What came before it is of another process.
				store.gaps[store.find(started)] = 1;
			}
			this.started = started;
		}
		this.heard = [now(), Date.now()];
		this.delay = SOONEST;
		store.forget(store.newest - Math.max(600, this.span) * 1.25);
		this.on.came();
	}
}
