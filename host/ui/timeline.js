// The generations of this agent on a strip above all charts: which code served when, and what happened in between.

import { clock, el, say } from './format.js';
import { changes, summary, took } from './reload.js';
import { change, span, store, view } from './view.js';

const SPANS = [[600, '10 min'], [7200, '2 h'], [86400, '24 h']];
// Pixels that a mark's word takes.
const ROOM = 110;
const TONES = { committed: 'accent', refused: 'bad', rolled_back: 'bad', failed: 'bad' };

export class Timeline {
	// `open` shows what was before and after a time.
	constructor(place, reloads, open) {
		Object.assign(this, { reloads, open, seconds: 600, gaps: [] });
		this.buttons = SPANS.map(([value, name]) => el('button', { value, onclick: () => this.choose(value) }, name));
		this.strip = el('div.strip', { role: 'group', ariaLabel: 'Generations of the code, and what happened' });
		this.words = el('p.muted', {}, '');
		place.append(el('div.head', {}, el('h2', {}, 'Generations'), this.words, el('div.group', { role: 'group', ariaLabel: 'Span of the strip' }, ...this.buttons)), this.strip);
		this.strip.ondblclick = () => change({ from: null, to: null });
	}

	// When the agent measured, as far as it remembers, and before which of these times nobody did.
	past(times, gaps) {
		this.oldest = times[0];
		this.gaps = gaps.map((gap) => [times.findLast((time) => time < gap) ?? gap, gap]);
		this.key = '';
	}

	choose(seconds) {
		this.seconds = seconds;
		this.key = '';
		this.draw();
	}

	// All that happened, the oldest first.
	events() {
		const reloads = this.reloads.all.filter(({ outcome }) => TONES[outcome]).map((journal) => ({
			time: journal.started + took(journal), tone: TONES[journal.outcome], journal,
			word: journal.outcome === 'committed' ? changes(journal) || `gen ${journal.generation}` : `${journal.outcome.replace('_', ' ')} ${journal.id}`,
			detail: `Reload ${journal.id} ${`${journal.outcome.replace('_', ' ')} ${changes(journal)}`.trim()}, ${summary(journal)}${journal.error ? `: ${journal.error.split('\n')[0]}` : ''}`,
		}));
		const starts = [this.reloads.started ?? [], store.restarts].flat()
			.map((time) => ({ time, tone: 'warn', word: 'agent started', detail: `The agent was started, at ${clock(time)}` }));
		// One start is known from the stream and from the record.
		const distinct = starts.filter(({ time }, at) => !starts.some((other, place) => place < at && Math.abs(other.time - time) < 15));
		return [...reloads, ...distinct].sort((a, b) => a.time - b.time);
	}

	draw() {
		if (!store.length) return;
		const events = this.events(), to = store.newest + view.ahead, from = to - this.seconds;
		view.marks = events;
		for (const button of this.buttons) button.ariaPressed = String(Number(button.value) === this.seconds);
		const x = (time) => `${Math.min(100, Math.max(0, (100 * (time - from)) / this.seconds)).toFixed(2)}%`;
		const key = [...events.map(({ time, word }) => time + word), this.gaps.length, store.epoch].join();
		if (this.key !== key) {
			this.key = key;
			this.parts = [...this.bands(events), ...this.holes(), ...events.map((event) => this.mark(event)), this.window()];
			this.strip.replaceChildren(...this.parts.map(({ element }) => element));
		}
		// A word that would lie on the next mark is left to the tip; one at the right end stands to the left.
		const marks = this.parts.filter(({ time }) => time), room = this.strip.clientWidth / this.seconds;
		marks.forEach(({ element, time }, at) => {
			element.classList.toggle('bare', (marks[at + 1]?.time - time) * room < ROOM);
			element.classList.toggle('flip', (to - time) * room < ROOM);
		});
		for (const { element, span, time } of this.parts) {
			const [start, end] = span?.() ?? [time, time];
			element.hidden = end < from || start > to;
			element.style.left = x(start);
			if (span) element.style.width = `calc(${x(end)} - ${x(start)})`;
		}
	}

	bands(events) {
		const borders = events.filter(({ journal }) => journal?.outcome === 'committed'), earliest = borders[0]?.journal.before;
		const generation = store.one('relink_generation')?.at(store.last);
		const names = borders.length ? [earliest, ...borders.map(({ journal }) => journal.generation)] : [generation];
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
		const element = el('button.mark', { 'data-tone': tone, title: detail, ariaLabel: `${word}. ${detail}. Compare before and after`, onclick: () => this.open(time), onpointerenter: show, onfocus: show }, el('bdi', {}, word));
		return { element, time };
	}

	// What the charts show.
	window() {
		return { element: el('span.window', { ariaHidden: 'true' }), span };
	}
}
