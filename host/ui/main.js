// The dashboard: one stream in; sections of charts and tables, the timeline, plugins and reloads out.

import { SECTIONS, familyChart, isOther } from './catalogue.js';
import { compare } from './compare.js';
import { Detail } from './detail.js';
import { at, say } from './format.js';
import { FACTS, Header } from './header.js';
import { WATCHED, drawHealth } from './health.js';
import { Plugins, runs } from './plugins.js';
import { Reloads } from './reload.js';
import { Search, families } from './search.js';
import { Section } from './section.js';
import { STARTED, Stream, ask } from './stream.js';
import { COSTS } from './sums.js';
import { Timeline } from './timeline.js';
import { address, pause, read, store, view, wanted } from './view.js';

// So many charts of families that nobody knows.
const MOST = 24;

// `aim`: the section that the address names, until it is there to be scrolled to. `looked`: the plugins whose families are known.
let aim = null, looked = '', running = [];

// Once, when the browser paints next.
function once(act) {
	let asked = false;
	return () => {
		if (!asked) requestAnimationFrame(() => {
			asked = false;
			act();
		});
		asked = true;
	};
}
view.redraw = once(draw);
view.recursor = once(() => {
	for (const section of sections) section.point();
});
view.changed = want;

function draw() {
	if (!store.length) return;
	drawHealth(at('health'), running);
	for (const part of [timeline, header, ...sections, plugins]) part.draw(!stream.id);
	aim?.element.scrollIntoView();
	aim = null;
}

read();
const header = new Header();
const reloads = new Reloads(at('reload'), view.redraw);
const timeline = new Timeline(at('timeline'), reloads, (time) => (location.hash = `compare/${time.toFixed(1)}`));
const stream = new Stream(store, {
	came() {
		view.ahead = 0;
		header.age(false, 0, stream.id);
		view.redraw();
	},
	plugins({ plugins: list }) {
		running = list;
		plugins.list(list);
		look();
		view.redraw();
	},
	reload(journal) {
		reloads.note(journal);
		if (journal.outcome === 'committed' && detail.name) detail.open(detail.name);
	},
	opened() {
		reloads.fetch();
		reach();
		// Of an agent that has just begun it is soon more.
		setTimeout(reach, 10000);
	},
	state(silent) {
		header.age(silent, stream.age(), stream.id);
		view.ahead = silent ? stream.age() : 0;
		if (silent) view.redraw();
	},
});
const sections = SECTIONS.map((spec) => new Section(spec, want));
at('charts').append(...sections.map(({ element }) => element));
const sectionOf = (id) => sections.find((section) => section.id === id);
const plugins = new Plugins(sectionOf('agent').body);
const found = new Section({ title: 'Found', tables: [], charts: [] }, want);
sections.push(found);
at('search').after(found.element);
const showChart = (list) => {
	found.add(list.map(familyChart));
	aim = found;
	view.redraw();
};
const search = new Search(showChart);
at('search').append(search.element);
const detail = new Detail(at('detail'), (name, on) => reloads.ask(`?${on ? 'on' : 'off'}=${encodeURIComponent(name)}`), (family) => showChart([family]));

// What changes without an event.
setInterval(() => {
	if (document.hidden || view.ahead) return;
	reach();
	looked = '';
	look();
}, 60000);

// All that is in view, what stands above it first.
function want() {
	stream.want([...FACTS, ...sections.flatMap((section) => section.families()), ...WATCHED, COSTS, 'process_cpu_seconds_total'], wanted());
}

// How far back the agent remembers, and when it did not measure.
async function reach() {
	const told = await ask('/history?family=relink_generation');
	if (told.words) return say(at('reach'), told.words);
	stream.interval = told.interval;
	timeline.past(told.families[0].series[0]?.points.map(([time]) => time) ?? [], told.gaps);
	header.reach(told.time - (told.tiers[0]?.oldest ?? NaN), told.seconds_kept, told.time - store.now(STARTED));
}

// Families that no section knows of, looked for when other plugins run than before.
async function look() {
	const key = running.map(({ name, generation, state }) => name + generation + runs(state)).join();
	if (looked === key) return;
	looked = key;
	sectionOf('more').add((await families()).filter(isOther).slice(0, MOST).map(familyChart));
}

function route() {
	read();
	const [kind, name] = address.place.split('/');
	if (kind === 'plugin' && name) detail.open(name);
	else detail.close();
	if (kind === 'compare' && Number(name)) compare(at('detail'), Number(name), () => address.place === `compare/${name}`);
	aim = sectionOf(kind);
	if (aim) aim.element.open = true;
	view.redraw();
}
addEventListener('hashchange', route);
addEventListener('resize', view.redraw);
addEventListener('keydown', (event) => {
	if (event.target.closest('button, input, a, summary') || event.ctrlKey || event.altKey || event.metaKey) return;
	if (event.key === ' ') pause();
	else if (event.key === '/') search.field.focus();
	else return;
	event.preventDefault();
});
route();
search.named();
