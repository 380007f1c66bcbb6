// One chart: its recent past, how it is drawn, and the cursor that reads exact values off it.

import { byName, clock, el, say } from './format.js';

/** What all charts share: the span that is shown and its end, the cursor and whose it is, the reloads to mark. */
export const view = { range: 300, now: 0, cursor: null, owner: null, marks: [] };
/** How far back a page remembers, in seconds: the longest range. */
const KEPT = 600;
/** So many series have a colour and an entry in the legend. */
const COLOURS = 8;
const PAD = { left: 60, right: 8, top: 10, bottom: 20 };
/** Seconds between two labels of the time axis. */
const STEPS = { 60: 15, 300: 60, 600: 120 };

let palette;
/** Reads the colours of the style sheet, as they are in this theme. */
export function readColours() {
  const probe = document.body.appendChild(el('i'));
  const read = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  palette = Object.fromEntries(['line', 'muted', 'card', 'accent'].map((name) => [name, read(name)]));
  palette.series = Array.from({ length: COLOURS }, (_, at) => read(`s${at}`));
  probe.remove();
}

/** The lowest round number that is not below a value. */
function roundTop(value, base) {
  const power = base ** Math.floor(Math.log(value) / Math.log(base));
  const steps = base === 10 ? [1, 2, 4, 6, 8, 10] : [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
  return power * steps.find((step) => step * power >= value * 0.999);
}

/** A card of the page. `spec` says what it shows: see catalogue.js. */
export class Chart {
  constructor(spec, redraw) {
    this.spec = spec;
    this.redraw = redraw;
    this.times = [];
    this.series = new Map();
    this.order = [];
    this.at = -1;
    const id = `chart-${spec.id}`;
    this.now = el('p', { className: 'now' });
    this.canvas = el('canvas', { ariaHidden: 'true' });
    this.tip = el('div', { className: 'tip', hidden: true, ariaHidden: 'true' });
    this.plot = el('div', { className: 'plot', tabIndex: 0, role: 'slider', 'aria-labelledby': id, 'aria-valuenow': 0 }, this.canvas, this.tip);
    this.legend = el('ul', { className: 'legend' });
    this.note = el('p', { className: 'note', hidden: true });
    this.element = el('article', { className: 'card chart', title: spec.hint ?? '' },
      el('div', { className: 'head' }, el('h3', { id, textContent: spec.title }), this.now), this.plot, this.legend, this.note);
    this.listen();
  }

  /** Whether there is a point to show. */
  get known() {
    return this.times.length > 0;
  }

  push(frame) {
    const values = this.spec.read(frame);
    // Where the families are missing, the line ends.
    if (values.length === 0 && (!this.known || this.gone)) return this.forget(frame.time - KEPT);
    this.gone = values.length === 0;
    this.times.push(frame.time);
    for (const [name, value] of values) {
      if (!this.series.has(name)) this.add(name);
      this.series.get(name).push(value);
    }
    const missing = this.spec.stacked && !this.gone ? 0 : NaN;
    for (const points of this.series.values()) if (points.length < this.times.length) points.push(missing);
    this.forget(frame.time - KEPT);
  }

  add(name) {
    this.series.set(name, new Array(this.times.length - 1).fill(this.spec.stacked ? 0 : NaN));
    const wanted = this.spec.order ?? [];
    const place = (name) => (wanted.indexOf(name) + 1 || wanted.length + 1);
    this.order = [...this.series.keys()].sort((a, b) => place(a) - place(b) || byName(a, b));
  }

  forget(before) {
    const old = this.times.findIndex((time) => time >= before);
    if (old === 0) return;
    this.times.splice(0, old < 0 ? Infinity : old);
    for (const [name, points] of this.series) {
      points.splice(0, old < 0 ? Infinity : old);
      if (points.every(Number.isNaN)) this.series.delete(name);
    }
    this.order = this.order.filter((name) => this.series.has(name));
  }

  value(name, at) {
    return this.series.get(name)?.[at] ?? NaN;
  }

  colour(name) {
    return palette.series[this.order.indexOf(name)] ?? palette.muted;
  }

  /** The series to draw. Where only some do something, those that do nothing are left out. */
  shown(first) {
    if (!this.spec.quiet) return this.order;
    const busy = this.order.filter((name) => this.series.get(name).some((value, at) => at >= first && value > 0));
    return busy.length > 0 ? busy : this.order.slice(0, this.spec.quiet);
  }

  draw() {
    const width = this.plot.clientWidth, height = this.plot.clientHeight, from = view.now - view.range;
    if (width === 0 || !this.known) return;
    const first = Math.max(0, this.times.findIndex((time) => time >= from) - 1);
    const names = this.shown(first);
    const lines = this.lines(names);
    const top = this.top(lines, first);
    const area = { left: PAD.left, right: width - PAD.right, top: PAD.top, bottom: height - PAD.bottom, from, first, names, lines };
    area.x = (time) => area.left + ((time - from) / view.range) * (area.right - area.left);
    area.y = (value) => area.bottom - (value / top) * (area.bottom - area.top);
    this.area = area;
    const g = this.context(width, height);
    this.grid(g, area, top);
    g.save();
    g.beginPath();
    g.rect(area.left, 0, area.right - area.left, height);
    g.clip();
    // The first in the legend lies on top.
    for (let line = lines.length - 1; line >= 0; line--) this.line(g, area, line);
    this.marks(g, area);
    this.cursor(g, area);
    g.restore();
    this.words(names);
  }

  /** A clean canvas that fits the page and the screen's pixels. */
  context(width, height) {
    const ratio = devicePixelRatio;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const g = this.canvas.getContext('2d');
    g.scale(ratio, ratio);
    return g;
  }

  lines(names) {
    let below = new Array(this.times.length).fill(0);
    return names.map((name) => {
      const points = this.series.get(name);
      if (!this.spec.stacked) return points;
      return (below = points.map((value, at) => below[at] + value));
    });
  }

  top(lines, first) {
    const { max, unit } = this.spec;
    if (max) return max();
    let most = unit.least;
    for (const points of lines) for (let at = first; at < points.length; at++) if (points[at] > most) most = points[at];
    return roundTop(most, unit.base);
  }

  grid(g, area, top) {
    g.font = '11px system-ui, sans-serif';
    g.strokeStyle = palette.line;
    g.fillStyle = palette.muted;
    g.textBaseline = 'middle';
    g.textAlign = 'right';
    for (const value of [0, top / 2, top]) {
      const y = Math.round(area.y(value)) + 0.5;
      stroke(g, [area.left, y], [area.right, y]);
      g.fillText(this.spec.unit.text(value), area.left - 8, y);
    }
    const step = STEPS[view.range];
    g.textAlign = 'center';
    for (let time = Math.ceil(area.from / step) * step; time <= view.now; time += step) {
      const x = area.x(time);
      if (x > area.left + 16 && x < area.right - 16) g.fillText(clock(time, step < 60), x, area.bottom + 12);
    }
  }

  line(g, area, line) {
    const points = area.lines[line], below = area.lines[line - 1];
    g.fillStyle = g.strokeStyle = this.colour(area.names[line]);
    // What has no colour of its own stays in the background.
    const own = this.order.indexOf(area.names[line]) < COLOURS;
    g.lineWidth = own ? 1.75 : 1;
    g.globalAlpha = own ? 1 : 0.4;
    g.lineJoin = 'round';
    const places = (points, piece) => piece.map((at) => [area.x(this.times[at]), area.y(points?.[at] ?? 0)]);
    let piece = [];
    for (let at = area.first; at <= points.length; at++) {
      if (points[at] >= 0 || points[at] < 0) piece.push(at);
      else if (piece.length) {
        const edge = places(points, piece);
        if (this.spec.stacked) {
          path(g, [...edge, ...places(below, piece).reverse()]);
          g.globalAlpha = 0.8;
          g.fill();
          g.globalAlpha = 1;
        } else stroke(g, ...edge, [edge.at(-1)[0] + 0.5, edge.at(-1)[1]]);
        piece = [];
      }
    }
    g.globalAlpha = 1;
  }

  /** Where a reload put new code live. */
  marks(g, area) {
    g.strokeStyle = g.fillStyle = palette.accent;
    g.lineWidth = 1;
    g.setLineDash([3, 3]);
    for (const time of view.marks) {
      const x = Math.round(area.x(time)) + 0.5;
      stroke(g, [x, area.top], [x, area.bottom]);
      path(g, [[x - 4, area.top - 6], [x + 4, area.top - 6], [x, area.top]]);
      g.fill();
    }
    g.setLineDash([]);
  }

  cursor(g, area) {
    const far = (at) => Math.abs(this.times[at] - view.cursor);
    this.at = view.cursor === null ? -1 : this.times.reduce((best, _, at) => (at >= area.first && (best < 0 || far(at) < far(best)) ? at : best), -1);
    if (this.at < 0) return;
    const x = Math.round(area.x(this.times[this.at])) + 0.5;
    g.strokeStyle = palette.muted;
    stroke(g, [x, area.top], [x, area.bottom]);
    g.strokeStyle = palette.card;
    area.lines.forEach((points, line) => {
      g.fillStyle = this.colour(area.names[line]);
      g.beginPath();
      g.arc(x, area.y(points[this.at]), 3.5, 0, 7);
      if (line < COLOURS && !Number.isNaN(points[this.at])) g.fill(), g.stroke();
    });
  }

  /** Headline, legend, tooltip, and what a screen reader says. */
  words(names) {
    const end = this.times.length - 1, at = this.at < 0 ? end : this.at;
    say(this.now, this.gone ? '–' : this.spec.headline((name) => this.value(name, end) || 0, this.order));
    const listed = names.slice(0, COLOURS), more = names.length - listed.length;
    if (this.key !== names.join('\n')) {
      this.key = names.join('\n');
      this.entries = listed.map((name) => el('b'));
      this.legend.replaceChildren(...listed.map((name, entry) => this.entry('li', name, this.entries[entry])), ...(more > 0 ? [el('li', { textContent: `and ${more} more` })] : []));
    }
    listed.forEach((name, entry) => say(this.entries[entry], this.spec.unit.text(this.value(name, at))));
    this.element.classList.toggle('gone', this.gone);
    this.note.hidden = !this.gone;
    say(this.note, `no longer collected since ${clock(this.times[end])}`);
    this.tell(names, at);
  }

  entry(tag, name, value) {
    const place = this.order.indexOf(name);
    return el(tag, { className: place < COLOURS ? `c${place}` : '' }, el('span', { textContent: name }), value);
  }

  tell(names, at) {
    let rows = names.map((name) => [name, this.value(name, at)]).filter(([, value]) => !Number.isNaN(value));
    // Of many, the highest.
    if (rows.length > 12) rows = rows.sort(([, a], [, b]) => b - a).slice(0, 12);
    rows = rows.map(([name, value]) => [name, this.spec.unit.text(value, 5)]);
    this.tip.hidden = this.at < 0 || view.owner !== this;
    if (this.tip.hidden && this.told) return;
    this.told = true;
    const time = clock(this.times[at]), end = this.times.length - 1;
    this.plot.ariaValueText = `${time}: ${rows.map((row) => row.join(' ')).join(', ')}`;
    this.plot.ariaValueNow = at;
    this.plot.ariaValueMin = 0;
    this.plot.ariaValueMax = end;
    if (this.spec.stacked) rows.reverse();
    this.tip.replaceChildren(el('time', { textContent: time }), ...rows.map(([name, value]) => this.entry('div', name, el('b', { textContent: value }))));
    const x = this.area.x(this.times[at]), right = x > this.plot.clientWidth / 2;
    this.tip.style.left = right ? '' : `${x + 12}px`;
    this.tip.style.right = right ? `${this.plot.clientWidth - x + 12}px` : '';
  }

  /** The cursor, by pointer and by keys; all charts show the same moment. */
  listen() {
    const point = (cursor, owner = this) => {
      Object.assign(view, { cursor, owner });
      this.redraw();
    };
    const follow = ({ offsetX }) => {
      const part = (offsetX - this.area.left) / (this.area.right - this.area.left);
      point(view.now - view.range * (1 - Math.min(1, Math.max(0, part))));
    };
    const leave = () => view.owner === this && point(null, null);
    for (const [event, act] of [['pointermove', follow], ['pointerdown', follow], ['pointerleave', leave], ['blur', leave]]) this.plot.addEventListener(event, act);
    this.plot.addEventListener('keydown', (event) => {
      const end = this.times.length - 1, at = this.at < 0 ? end : this.at, far = event.shiftKey ? 10 : 1;
      const to = { ArrowLeft: at - far, ArrowRight: at + far, Home: this.area.first + 1, End: end }[event.key];
      if (event.key === 'Escape') leave();
      else if (to !== undefined) point(this.times[Math.min(end, Math.max(0, to))]);
      else return;
      event.preventDefault();
    });
  }
}

function path(g, places) {
  g.beginPath();
  for (const place of places) g.lineTo(...place);
}

function stroke(g, ...places) {
  path(g, places);
  g.stroke();
}
