// The connection: what comes goes into the store. It resumes where it broke off, and asks ever more seldom while nobody answers.

// Milliseconds before it asks again; doubled each time.
const SOONEST = 100, LATEST = 5000;
// A connection on which nothing comes for so long is given up.
const DEAD = 10000;
// Within this time all that is wanted goes into one request.
const GATHER = 50;

// Of the agent's process: another value is another process.
export const STARTED = 'process_start_time_seconds';

// What the agent answers; where that is an error, with what it says of it.
export async function ask(path, options) {
	const answer = await fetch(path, options).catch(() => null), told = await answer?.json().catch(() => null);
	if (answer?.ok && told) return told;
	return { ...told, status: answer?.status, words: told ? `${told.error}. ${told.hint}` : 'The answer did not arrive.' };
}

const times = () => [performance.now(), Date.now()];

export class Stream {
	// `on` has plugins(list), reload(journal), opened(), came() after each snapshot, and state(silent).
	constructor(store, on) {
		Object.assign(this, { store, on, families: [], span: 0, id: 0, delay: SOONEST, interval: 1, fresh: true, heard: times() });
		document.addEventListener('visibilitychange', () => this.follow());
		setInterval(() => this.watch(), 1000);
	}

	// Asks for these families, in this order, and for the past of so many seconds.
	want(families, span) {
		if (span === this.span && families.every((family) => this.families.includes(family))) return;
		// Of another span the store begins anew, as it is told as fine as can be; what other families have fills into it.
		this.anew ||= span !== this.span;
		Object.assign(this, { fresh: true, families: [...new Set([...families, ...this.families])], span });
		this.later(this.source ? GATHER : 0);
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

	later(delay) {
		clearTimeout(this.timer);
		this.timer = setTimeout(() => this.open(), delay);
	}

	open() {
		this.close();
		if (document.hidden) return;
		const query = new URLSearchParams(this.families.map((family) => ['family', family]));
		query.append('span', Math.ceil(this.span));
		if (!this.fresh) query.append('last_event_id', this.id);
		// Numbers hold for one connection, and its first snapshot is whole.
		Object.assign(this, { numbers: [], whole: true, asked: performance.now() });
		const source = (this.source = new EventSource(`/events?${query}`));
		source.onopen = this.on.opened;
		source.onerror = () => this.source === source && this.again();
		for (const name of ['series', 'past', 'samples', 'plugins', 'reload']) {
			source.addEventListener(name, ({ data, lastEventId }) => this.source === source && (this[name] ?? this.on[name]).call(this, JSON.parse(data), Number(lastEventId)));
		}
	}

	again() {
		this.close();
		this.later(this.delay);
		this.delay = Math.min(LATEST, this.delay * 2);
		this.watch();
	}

	// Seconds since the newest snapshot came; a suspended machine's monotonic clock may stand still meanwhile.
	age() {
		return Math.max(...times().map((time, at) => time - this.heard[at])) / 1000;
	}

	watch() {
		if (document.hidden) return;
		const age = this.age(), { interval } = this;
		this.on.state(age > Math.max(3, 3 * interval));
		if (this.source && performance.now() - this.asked > DEAD && age * 1000 > Math.max(DEAD, 5000 * interval)) this.again();
	}

	// The family and the labels of each number.
	series({ families }) {
		if (this.fresh && this.anew) this.store.reset();
		this.fresh = this.anew = false;
		for (const { series, ...family } of families) {
			for (const [number, labels] of series) this.numbers[number] = this.store.add(family, labels);
		}
	}

	// What was before this page came, some families at a time.
	past({ times, gaps, series }) {
		const places = this.store.places(times.map((time) => time / 1000), gaps);
		for (const [number, ...columns] of series) this.store.fill(this.numbers[number], places, ...columns);
		this.came();
	}

	samples({ time, gap, values, gone = [] }, id) {
		const { store, numbers } = this, set = new Set();
		this.id = id;
		// A connection begins with the newest snapshot, which may be known.
		if (time / 1000 !== store.newest) store.push(time / 1000, gap);
		for (let at = 0; at < values.length; at += 2) {
			store.set(numbers[values[at]], Number(values[at + 1]));
			set.add(numbers[values[at]]);
		}
		for (const one of this.whole ? store.every() : []) if (!set.has(one)) store.set(one, NaN);
		for (const number of gone) store.set(numbers[number], NaN);
		this.whole = false;
		this.came();
	}

	came() {
		const { store } = this, started = store.now(STARTED);
		if (started > 0) {
			if (this.started && this.started !== started) {
				store.restarts.push(started);
				// What came before it is of another process.
				store.gaps[store.find(started)] = 1;
			}
			this.started = started;
		}
		Object.assign(this, { heard: times(), delay: SOONEST });
		store.forget(store.newest - Math.max(600, this.span) * 1.25);
		this.on.came();
	}
}
