// The dashboard: one stream in; sections of charts and tables, the timeline, plugins and reloads out.

import { SECTIONS, familyChart, isOther } from './catalogue.js';
import { Compare } from './compare.js';
import { Detail } from './detail.js';
import { say } from './format.js';
import { FACTS, Header } from './header.js';
import { Health, WATCHED } from './health.js';
import { Plugins, runs } from './plugins.js';
import { Reloads } from './reload.js';
import { Search, families, specs } from './search.js';
import { Section } from './section.js';
import { STARTED, Stream } from './stream.js';
import { COSTS } from './sums.js';
import { Timeline } from './timeline.js';
import { address, pause, read, store, view, wanted } from './view.js';

// So many charts of families that nobody knows.
const MOST = 24;

const at = (id) => document.getElementById(id);
// `aim`: the section that the address names, until it is there to be scrolled to.
let asked = false, pointed = false, aim = null;

// Once, when the browser paints next.
view.redraw = () => {
	if (!asked) requestAnimationFrame(draw);
	asked = true;
};
view.recursor = () => {
	if (!pointed) requestAnimationFrame(point);
	pointed = true;
};
view.changed = () => stream.want([], wanted());

function draw() {
	asked = false;
	if (!store.length) return;
	timeline.draw();
	header.draw();
	health.draw();
	for (const section of sections) section.draw();
	plugins.draw();
	detail.draw();
	aim?.element.scrollIntoView();
	aim = null;
}

function point() {
	pointed = false;
	for (const section of sections) section.point();
}

read();
const header = new Header();
const health = new Health(at('health'));
const reloads = new Reloads(at('reload'), () => view.redraw());
const timeline = new Timeline(at('timeline'), reloads, (time) => (location.hash = `compare/${time.toFixed(1)}`));
const sections = SECTIONS.map((spec) => new Section(spec, want));
at('charts').append(...sections.map(({ element }) => element));
const plugins = new Plugins(sections.find(({ spec }) => spec.id === 'agent').body);
const found = new Section({ id: 'found', title: 'Found', open: true, charts: [] }, want);
sections.push(found);
const chart = (list) => {
	found.add(specs(list));
	if (!found.element.isConnected) at('search').after(found.element);
	aim = found;
	view.redraw();
};
const search = new Search(chart);
at('search').append(search.element);
const detail = new Detail(at('detail'), want, (name, on) => reloads.ask(`?${on ? 'on' : 'off'}=${encodeURIComponent(name)}`), (family) => chart([family]));
const compare = new Compare(at('detail'));

const stream = new Stream(store, {
	came: () => {
		if (view.ahead) view.ahead = 0;
		header.age(false, 0, stream.id);
		view.redraw();
	},
	plugins({ plugins: list }) {
		plugins.list(list);
		health.plugins(list);
		look((running = list));
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
// What changes without an event.
setInterval(() => {
	if (document.hidden || view.ahead) return;
	reach();
	looked = '';
	look(running);
}, 60000);

// All that is in view, what stands above it first.
function want() {
	stream.want([...FACTS, ...detail.families, ...sections.flatMap((section) => section.families()), ...WATCHED, COSTS, 'process_cpu_seconds_total'], wanted());
}

// How far back the agent remembers, and when it did not measure.
async function reach() {
	const answer = await fetch('/history?family=relink_generation').catch(() => null);
	if (!answer) return;
	const told = await answer.json();
	if (!answer.ok) return say(at('reach'), told.error);
	const times = told.families[0].series[0]?.points.map(([time]) => time) ?? [];
	stream.interval = told.interval;
	timeline.past(times, told.gaps);
	header.reach(told.time - (told.tiers[0]?.oldest ?? NaN), told.seconds_kept, told.time - store.one(STARTED)?.at(store.last));
}

// Families that no section knows of, looked for when other plugins run than before.
const more = sections.find(({ spec }) => spec.id === 'more');
let looked = '', running = [];
async function look(plugins) {
	const key = plugins.map(({ name, generation, state }) => name + generation + runs({ state })).join();
	if (looked === key) return;
	looked = key;
	more.add(((await families()) ?? []).filter(isOther).slice(0, MOST).map(familyChart));
}

function route() {
	read();
	const [kind, name] = address.place.split('/');
	if (kind === 'plugin' && name) detail.open(name);
	else detail.close();
	if (kind === 'compare' && Number(name)) compare.open(Number(name));
	else compare.close();
	aim = sections.find(({ spec }) => spec.id === kind);
	aim?.open();
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
