// The dashboard: one stream in; charts, plugins, reloads and the agent's own figures out.

import { Agent, OWN, Plugins } from './plugins.js';
import { FAMILIES, charts, chartsOf } from './catalogue.js';
import { readColours, view } from './chart.js';
import { Reloads } from './reload.js';
import { Stream } from './stream.js';
import { el, say } from './format.js';

const at = (id) => document.getElementById(id);
let asked = false, newest = null, began = 0, picked = false;

/** Draws what is in sight, once, when the browser paints next. */
function redraw() {
  if (!asked) requestAnimationFrame(draw);
  asked = true;
}

function draw() {
  asked = false;
  // A short past fills a short range, until somebody chooses one.
  if (!picked) choose(view.now - began > 60 ? 5 : 1);
  arrange();
  // Also what is not in sight once, so that it has its height.
  for (const chart of all) if (chart.visible || !chart.key) chart.draw();
  if (newest) for (const panel of [agent, plugins]) panel.draw(newest);
}

let all = charts(redraw);
const agent = new Agent(at('agent'));
const plugins = new Plugins(at('plugins'));
const reloads = new Reloads(at('reload'), (marks) => {
  view.marks = marks;
  redraw();
});

const sight = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) all.find(({ element }) => element === target).visible = isIntersecting;
  redraw();
});

/** A chart is on the page while it has something to show. */
function arrange() {
  let before = at('charts-title');
  for (const { element, known } of all) {
    if (known && !element.isConnected) {
      before.after(element);
      sight.observe(element);
    } else if (!known) {
      element.remove();
    }
    if (known) before = element;
  }
}

/** Asks plugins that the catalogue may not know what they have. */
const looked = new Set();
async function look(list) {
  for (const { name, generation, state } of list) {
    const key = `${name} ${generation}`;
    if (state === 'refused' || looked.has(key)) continue;
    looked.add(key);
    const answer = await fetch(`/plugins/${encodeURIComponent(name)}`).catch(() => null);
    // It will be in the next list again.
    if (!answer?.ok) looked.delete(key);
    else grow(chartsOf(await answer.json(), redraw));
  }
}

function grow(more) {
  more = more.filter(({ spec }) => !all.some((chart) => chart.spec.id === spec.id));
  all = [...all, ...more];
  stream.want(more.flatMap(({ spec }) => spec.families));
}

const WORDS = { live: 'live', reconnecting: 'not reachable, trying again' };
const stream = new Stream([...FAMILIES, ...OWN], {
  frame(frame) {
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
    look(list.plugins);
    redraw();
  },
  reload: (journal) => reloads.note(journal),
  open: () => reloads.fetch(),
  state(state) {
    at('link').dataset.state = state;
    say(at('link'), WORDS[state]);
  },
});

function choose(minutes) {
  view.range = minutes * 60;
  for (const button of at('range').children) button.ariaPressed = String(button.value === String(minutes));
}
for (const value of [1, 5, 10]) {
  const button = el('button', { type: 'button', value, textContent: `${value} min` });
  button.addEventListener('click', () => {
    picked = true;
    choose(value);
    redraw();
  });
  at('range').append(button);
}

/** `system` follows the browser. A browser that keeps nothing begins with it each time. */
const THEMES = ['system', 'light', 'dark'];
function theme(name) {
  document.documentElement.dataset.theme = name;
  say(at('theme'), `Theme: ${name}`);
  readColours();
  redraw();
}
at('theme').addEventListener('click', () => {
  const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % 3];
  theme(next);
  try {
    localStorage.theme = next;
  } catch {}
});
let kept;
try {
  kept = localStorage.theme;
} catch {}
theme(THEMES.includes(kept) ? kept : 'system');
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => theme(document.documentElement.dataset.theme));
addEventListener('resize', redraw);
