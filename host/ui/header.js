// The head of the page: which machine, how old the newest data is, how far back the agent remembers; ranges, pause.

import { at, clock, el, say, seconds, units } from './format.js';
import { readColours } from './paint.js';
import { STARTED } from './stream.js';
import { CPU, by } from './sums.js';
import { RANGES, change, pause, store, unzoom, view } from './view.js';

export const FACTS = ['node_uname_info', 'node_boot_time_seconds', 'node_memory_MemTotal_bytes', 'relink_generation', STARTED];

// Seconds that a start may take before the first snapshot.
const GRACE = 15;

const whole = (value) => (value < 120 ? `${Math.floor(value)} s` : seconds(value, 2));

export class Header {
	constructor() {
		this.ranges = RANGES.map(([value, name]) => el('button', { value, onclick: () => change({ picked: value, from: null, to: null, paused: null }) }, name));
		this.back = el('button', { onclick: unzoom, hidden: true }, 'Whole range');
		this.pause = el('button', { onclick: pause, title: 'Space' });
		at('range').append(...this.ranges, this.back, this.pause);
		readColours();
		matchMedia('(prefers-color-scheme: dark)').onchange = () => {
			readColours();
			view.redraw();
		};
	}

	draw() {
		const uname = store.one('node_uname_info')?.labels, cpus = by(CPU, 'cpu').size, host = uname?.nodename ?? location.host;
		const facts = [uname?.release, cpus && `${cpus} CPUs`, units.memory.text(store.now('node_memory_MemTotal_bytes')), `up ${seconds(store.newest - store.now('node_boot_time_seconds'), 2)}`,
			`generation ${store.now('relink_generation')}`];
		say(at('host'), host);
		document.title = `${host} – relink`;
		say(at('facts'), facts.filter((fact) => fact && !/–|NaN/.test(fact)).join(' · '));
		for (const button of this.ranges) button.ariaPressed = view.from === null && Number(button.value) === view.picked;
		this.back.hidden = view.from === null;
		this.pause.ariaPressed = view.paused !== null;
		say(this.pause, view.paused === null ? 'Pause' : `Paused at ${clock(view.paused)}`);
	}

	// How far back the history goes, snapshot by snapshot and in all, where it could go back `age` seconds.
	reach(fine, all, age) {
		if (!(fine >= 0)) return;
		const more = all > 1.5 * fine ? `, ${whole(all)} more coarsely` : '';
		say(at('reach'), `${whole(fine)} kept${more}${fine < 0.9 * Math.min(600, age) - GRACE ? ': raise [history] bytes' : ''}`);
	}

	// The age is told each second; that it has become silent, or came back, once.
	age(silent, age, snapshot) {
		const link = at('link'), words = silent ? `The agent is silent; the figures are as of ${clock(store.newest)}` : 'The agent answers again';
		document.body.classList.toggle('silent', silent);
		link.dataset.state = silent ? 'silent' : 'live';
		if (!store.length) return say(link, silent ? 'no answer yet' : 'connecting');
		link.title = `snapshot ${snapshot}, ${clock(store.newest)}`;
		say(link, silent ? `silent for ${whole(age)}` : `data ${Math.floor(age)} s old`);
		if (silent !== Boolean(this.silent)) say(at('said'), words);
		this.silent = silent;
	}
}
