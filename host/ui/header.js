// The head of the page: which machine, how old the newest data is, how far back the agent remembers; ranges, pause, theme.

import { clock, el, say, seconds, units } from './format.js';
import { readColours } from './paint.js';
import { STARTED } from './stream.js';
import { CPU, by } from './sums.js';
import { RANGES, change, kept, pause, store, unzoom, view } from './view.js';

export const FACTS = ['node_uname_info', 'node_boot_time_seconds', 'node_memory_MemTotal_bytes', 'relink_generation', STARTED];

// Seconds that a start may take before the first snapshot.
const GRACE = 15;

const at = (id) => document.getElementById(id);
const last = (family) => store.one(family)?.at(store.last) ?? NaN;
const seconds_ = (value) => (value < 120 ? `${Math.floor(value)} s` : seconds(value, 2));

export class Header {
	constructor() {
		this.ranges = [[0, 'fit'], ...RANGES].map(([value, name]) => el('button', { value, onclick: () => change({ picked: value, from: null, to: null, paused: null }) }, name));
		this.back = el('button', { onclick: unzoom, hidden: true }, 'Whole range');
		this.pause = el('button', { onclick: pause, title: 'Space' }, 'Pause');
		at('range').append(...this.ranges, this.back, this.pause);
		this.theme(kept('theme') ?? 'system');
		at('theme').onclick = () => {
			const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % 3];
			this.theme(next);
			kept('theme', next);
		};
		matchMedia('(prefers-color-scheme: dark)').onchange = () => this.theme(document.documentElement.dataset.theme);
	}

	theme(name) {
		const theme = THEMES.includes(name) ? name : 'system';
		document.documentElement.dataset.theme = theme;
		say(at('theme'), `Theme: ${theme}`);
		readColours();
		view.redraw();
	}

	draw() {
		const uname = store.one('node_uname_info')?.labels, cpus = by(store.all(CPU), 'cpu').size, memory = last('node_memory_MemTotal_bytes');
		const facts = [uname?.release, cpus && `${cpus} CPUs`, memory > 0 && units.memory.text(memory), store.length && `up ${seconds(store.newest - last('node_boot_time_seconds'), 2)}`,
			`generation ${units.plain.text(last('relink_generation'))}`];
		say(at('host'), uname?.nodename ?? location.host);
		document.title = `${uname?.nodename ?? location.host} – relink`;
		say(at('facts'), facts.filter((fact) => fact && !fact.includes('–')).join(' · '));
		for (const button of this.ranges) button.ariaPressed = String(view.from === null && Number(button.value) === view.picked);
		this.back.hidden = view.from === null;
		this.pause.ariaPressed = String(view.paused !== null);
		say(this.pause, view.paused === null ? 'Pause' : `Paused at ${clock(view.paused)}`);
	}

	// How far back the history goes, snapshot by snapshot and in all, where it could go back `age` seconds.
	reach(fine, all, age) {
		if (!(fine >= 0)) return;
		const more = all > 1.5 * fine ? `, ${seconds_(all)} more coarsely` : '';
		say(at('reach'), `${seconds_(fine)} kept${more}${fine < 0.9 * Math.min(600, age) - GRACE ? ': raise [history] bytes' : ''}`);
	}

	// The age is told each second; that it has become silent, or came back, once.
	age(silent, age, snapshot) {
		document.body.classList.toggle('silent', silent);
		at('link').dataset.state = silent ? 'silent' : 'live';
		if (!store.length) return say(at('link'), silent ? 'no answer yet' : 'connecting');
		at('link').title = `snapshot ${snapshot}, ${clock(store.newest)}`;
		say(at('link'), silent ? `silent for ${seconds_(age)}` : `data ${Math.floor(age)} s old`);
		if (this.silent !== silent) say(at('said'), silent ? `The agent is silent; the figures are as of ${clock(store.newest)}` : this.silent ? 'The agent answers again' : '');
		this.silent = silent;
	}
}

const THEMES = ['system', 'light', 'dark'];
