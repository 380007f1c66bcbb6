// The dashboard: one stream in, charts, plugins, reloads and the agent's own figures out.

import { Agent, Plugins } from './plugins.js';
import { FAMILIES, charts, chartsOf } from './catalogue.js';
import { readColours, view } from './chart.js';
import { Reloads } from './reload.js';
import { Stream } from './stream.js';
import { el, say } from './format.js';

const at = (id) => document.getElementById(id);
const OWN = ['relink_build_info', 'relink_generation', 'process_cpu_seconds_total', 'process_resident_memory_bytes',
  'process_open_fds', 'process_start_time_seconds', 'node_scrape_collector_duration_seconds', 'node_uname_info'];

let asked = false;
/** Draws all that is in sight, once, when the browser paints next. */
function redraw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    arrange();
    for (const chart of all) if (chart.visible) chart.draw();
    if (newest) agent.draw(newest);
    if (newest) plugins.draw(newest);
  });
}

let all = charts(redraw);
let newest = null;
const agent = new Agent(at('agent'));
const plugins = new Plugins(at('plugins'));
const reloads = new Reloads(at('reload'), (marks) => {
  view.marks = marks;
  redraw();
});

const inSight = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const chart = all.find((chart) => chart.element === target);
    if (chart) chart.visible = isIntersecting;
  }
  redraw();
}, { rootMargin: '200px' });

/** A chart is on the page while it has something to show. */
function arrange() {
  let before = at('charts-title');
  for (const chart of all) {
    if (chart.known && !chart.element.isConnected) {
      before.after(chart.element);
      inSight.observe(chart.element);
    } else if (!chart.known && chart.element.isConnected) {
      inSight.unobserve(chart.element);
      chart.element.remove();
    }
    if (chart.known) before = chart.element;
  }
  at('empty').hidden = !newest || all.some((chart) => chart.known);
  say(at('empty'), 'No plugin brings anything to draw yet.');
}

/** Plugins that the catalogue may not know, by name and generation. */
const looked = new Set();
async function look(list) {
  for (const { name, generation, state } of list) {
    const key = `${name} ${generation}`;
    if (state === 'refused' || looked.has(key)) continue;
    looked.add(key);
    const answer = await fetch(`/plugins/${encodeURIComponent(name)}`).catch(() => null);
    if (!answer?.ok) {
      looked.delete(key);
      continue;
    }
    const more = chartsOf(await answer.json(), redraw).filter((chart) => !all.some(({ spec }) => spec.id === chart.spec.id));
    all = [...all, ...more];
    stream.want(more.flatMap((chart) => chart.spec.families));
  }
}

const WORDS = { live: 'live', reconnecting: 'agent not reachable, trying again' };
const stream = new Stream([...FAMILIES, ...OWN], {
  frame(frame) {
    at('main').hidden = false;
    newest = frame;
    view.now = frame.time;
    for (const chart of all) chart.push(frame);
    const uname = frame.all('node_uname_info')[0]?.labels;
    if (uname) say(at('host'), uname.nodename);
    if (uname) document.title = `${uname.nodename} – relink`;
    redraw();
  },
  plugins(list) {
    at('main').hidden = false;
    plugins.list(list.plugins);
    look(list.plugins);
    redraw();
  },
  reload: (journal) => reloads.note(journal),
  // What happened while the stream was away, as over a hand-over, is on record.
  open: () => reloads.fetch(),
  state(state) {
    at('link').dataset.state = state;
    say(at('link'), WORDS[state]);
  },
});

for (const minutes of [1, 5, 10]) {
  const button = el('button', { type: 'button', textContent: `${minutes} min`, ariaPressed: String(minutes === 5) });
  button.addEventListener('click', () => {
    view.range = minutes * 60;
    for (const other of at('range').children) other.ariaPressed = String(other === button);
    redraw();
  });
  at('range').append(button);
}

const THEMES = ['system', 'light', 'dark'];
/** `system` follows the browser. The choice is kept where the browser lets it. */
function theme(name) {
  document.documentElement.dataset.theme = name;
  say(at('theme'), `Theme: ${name}`);
  try {
    localStorage.setItem('theme', name);
  } catch { /* a browser that keeps nothing */ }
  readColours();
  redraw();
}
at('theme').addEventListener('click', () => theme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % 3]));
let kept = null;
try {
  kept = localStorage.getItem('theme');
} catch { /* as above */ }
theme(THEMES.includes(kept) ? kept : 'system');
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => theme(document.documentElement.dataset.theme));
addEventListener('resize', redraw);
