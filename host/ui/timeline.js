// The generations of this agent on a strip above all charts: which code served when, and what happened in between.

import { clock, el, say } from './format.js';
import { changes, ended, plain, summary, title } from './reload.js';
import { span, store, unzoom, view } from './view.js';

// Seconds that it shows at least.
const LEAST = 600;
const TONES = { committed: 'accent', refused: 'bad', rolled_back: 'bad', failed: 'bad' };

export class Timeline {
	// `open` shows what was before and after a time.
	constructor(place, reloads, open) {
		Object.assign(this, { reloads, open, gaps: [] });
		this.strip = el('div.strip', { role: 'group', ariaLabel: 'Generations of the code, and what happened', ondblclick: unzoom });
		this.words = el('p.muted');
		place.append(el('div.head', el('h2', 'Generations'), this.words), this.strip);
	}

	// When the agent measured, as far as it remembers, and before which of these times nobody did.
	past(times, gaps) {
		this.oldest = times[0];
		// Nothing is known from before the first.
		this.gaps = gaps.filter((gap) => gap > times[0]).map((gap) => [times.findLast((time) => time < gap), gap]);
		this.key = '';
	}

	// All that happened, the oldest first.
	events() {
		const reloads = this.reloads.all.filter(({ outcome }) => TONES[outcome]).map((journal) => ({
			time: ended(journal), tone: TONES[journal.outcome], journal,
			word: journal.outcome === 'committed' ? changes(journal) || `gen ${journal.generation}` : plain(journal.outcome),
			detail: `Reload ${title(journal)}, ${summary(journal)}${journal.error ? `: ${journal.error.split('\n')[0]}` : ''}`,
		}));
		// One start is known from the stream and from the record.
		const starts = [this.reloads.started ?? [], store.restarts].flat().filter((time, at, all) => !all.slice(0, at).some((other) => Math.abs(other - time) < 15));
		return [...reloads, ...starts.map((time) => ({ time, tone: 'warn', word: 'agent started', detail: `The agent was started, at ${clock(time)}` }))].sort((a, b) => a.time - b.time);
	}

	draw() {
		const events = this.events(), to = store.newest + view.ahead, seconds = Math.max(LEAST, view.picked), from = to - seconds;
		view.marks = events;
		const key = [...events.map(({ time, word }) => time + word), this.gaps.length, store.epoch, store.now('relink_generation')].join();
		if (this.key !== key) {
			this.key = key;
			// The last is what the charts show.
			this.parts = [...this.bands(events), ...this.holes(), ...events.map((event) => this.mark(event)), { element: el('span.window', { ariaHidden: 'true' }), span }];
			this.strip.replaceChildren(...this.parts.map(({ element }) => element));
		}
		const x = (time) => `${Math.min(100, Math.max(0, (100 * (time - from)) / seconds)).toFixed(2)}%`;
		for (const { element, span } of this.parts) {
			const [start, end] = span();
			element.hidden = end < from || start > to;
			element.style.left = x(start);
			if (end > start) element.style.width = `calc(${x(end)} - ${x(start)})`;
			// A mark's word stands on the side that has more room.
			element.classList.toggle('flip', start > (from + to) / 2);
		}
	}

	bands(events) {
		const borders = events.filter(({ journal }) => journal?.outcome === 'committed');
		const names = [borders[0]?.journal.before ?? store.now('relink_generation'), ...borders.map(({ journal }) => journal.generation)];
		return names.map((name, at) => ({
			element: el('span.band', { 'data-odd': at % 2 }, `gen ${name}`),
			span: () => [borders[at - 1]?.time ?? Math.max(store.restarts[0] ?? 0, this.oldest ?? store.times[0]), borders[at]?.time ?? store.newest + view.ahead],
		}));
	}

	// Times at which nobody measured.
	holes() {
		const own = [];
		for (let place = 1; place < store.length; place++) if (store.gaps[place]) own.push([store.times[place - 1], store.times[place]]);
		return [...own, ...this.gaps].map((pair) => ({ element: el('span.hole', { title: `nobody measured from ${clock(pair[0])} to ${clock(pair[1])}` }), span: () => pair }));
	}

	mark({ time, word, tone, detail }) {
		const show = () => say(this.words, detail);
		const element = el('button.mark', { 'data-tone': tone, title: `${detail}. Compare before and after`, onclick: () => this.open(time), onpointerenter: show, onfocus: show }, el('bdi', word));
		return { element, span: () => [time, time] };
	}
}
