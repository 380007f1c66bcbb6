// The dashboard: one stream in; charts, plugins, reloads and the agent's own figures out.

import { Agent, OWN, Plugins, runs } from './plugins.js';
import { FAMILIES, charts, chartsOf } from './catalogue.js';
import { readColours, view } from './chart.js';
import { Reloads } from './reload.js';
import { Stream } from './stream.js';
import { el, say } from './format.js';

const at = (id) => document.getElementById(id);
let asked = false, newest = null, began = 0, picked = 0;

// Once, when the browser paints next.
function redraw() {
	if (!asked) requestAnimationFrame(draw);
	asked = true;
}

function draw() {
	asked = false;
	// A short past fills a short range, until somebody chooses one.
	const minutes = picked || (view.now - began > 60 ? 5 : 1);
	view.range = minutes * 60;
	for (const button of ranges) button.ariaPressed = String(Number(button.value) === minutes);
	let before = at('charts').firstChild;
	// A chart is on the page while it has something to show.
	for (const chart of all) {
		if (!chart.times.length) chart.element.remove();
		else {
			if (!chart.element.isConnected) before.after(chart.element);
			before = chart.element;
			chart.draw();
		}
	}
	if (newest) for (const panel of [agent, plugins]) panel.draw(newest);
}

let all = charts;
view.redraw = redraw;
const agent = new Agent(at('agent'));
const plugins = new Plugins(at('plugins'));
const reloads = new Reloads(at('reload'), (marks) => {
	view.marks = marks;
	redraw();
});

// Asks plugins that the catalogue may not know what they have.
const looked = new Set();
async function look({ name, generation, state }) {
	const key = `${name} ${generation}`;
	if (!runs({ state }) || looked.has(key)) return;
	looked.add(key);
	const answer = await fetch(`/plugins/${encodeURIComponent(name)}`).catch(() => null);
	// It will be in the next list again.
	if (!answer?.ok) return looked.delete(key);
	const more = (await answer.json()).collectors.flatMap(chartsOf).filter(({ spec }) => !all.some((chart) => chart.spec.id === spec.id));
	all = [...all, ...more];
	stream.want(more.flatMap(({ spec }) => spec.families));
}

const stream = new Stream([...FAMILIES, ...OWN], {
	samples(frame) {
		began ||= frame.time;
		newest = frame;
		view.now = frame.time;
		for (const chart of all) chart.push(frame);
		const uname = frame.all('node_uname_info')[0];
		if (uname) say(at('host'), (document.title = uname.labels.nodename));
		redraw();
	},
	plugins(list) {
		at('main').hidden = false;
		plugins.list(list.plugins);
		list.plugins.forEach(look);
		redraw();
	},
	reload: (journal) => reloads.note(journal),
	open: () => reloads.fetch(),
	state(state) {
		at('link').dataset.state = state;
		say(at('link'), state);
	},
});

const ranges = [1, 5, 10].map((value) => {
	const onclick = () => {
		picked = value;
		redraw();
	};
	return el('button', { value, onclick }, `${value} min`);
});
at('range').append(...ranges);

const THEMES = ['system', 'light', 'dark'], root = document.documentElement;
// A browser that keeps nothing begins with what it is set to itself.
function stored(theme) {
	try {
		if (theme) localStorage.theme = theme;
		return localStorage.theme;
	} catch {}
}
function theme(name) {
	root.dataset.theme = name;
	say(at('theme'), `Theme: ${name}`);
	readColours();
	redraw();
}
at('theme').onclick = () => {
	theme(THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % 3]);
	stored(root.dataset.theme);
};
theme(THEMES.includes(stored()) ? stored() : 'system');
matchMedia('(prefers-color-scheme: dark)').onchange = () => theme(root.dataset.theme);
addEventListener('resize', redraw);
