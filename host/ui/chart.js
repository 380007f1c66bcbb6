// One chart: its recent past, how it is drawn, and the cursor that reads exact values off it.

import { byName, clock, el, say } from './format.js';

/** What all charts share: the span that is shown, its end, the cursor, and the reloads to mark. */
export const view = { range: 300, now: 0, cursor: null, marks: [] };
/** How far back a page remembers, in seconds: the longest range. */
const KEPT = 600;
/** So many series have a colour of their own. */
const COLOURS = 8;
const ROWS = 12;
const PAD = { left: 52, right: 10, top: 10, bottom: 20 };

let palette = {};
/** The colours of the style sheet, as they are in this theme. */
export function readColours() {
  const probe = document.body.appendChild(el('i'));
  const read = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  palette = Object.fromEntries(['line', 'muted', 'text', 'card', 'accent'].map((name) => [name, read(name)]));
  palette.series = Array.from({ length: COLOURS }, (_, at) => read(`s${at}`));
  probe.remove();
}

/** The lowest round number above a value that four lines divide well. */
function roundTop(value, base) {
  const power = base === 1024 ? 1024 ** Math.floor(Math.log(value) / Math.log(1024)) : 10 ** Math.floor(Math.log10(value));
  const steps = base === 1024 ? [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] : [1, 2, 4, 6, 8, 10];
  return power * steps.find((step) => step * power >= value * 0.9999);
}

const STEPS = { 60: 15, 300: 60, 600: 120 };

/** A card of the page. `spec` says what it shows: see catalogue.js. */
export class Chart {
  constructor(spec, redraw) {
    this.spec = spec;
    this.redraw = redraw;
    this.times = [];
    this.series = new Map();
    this.order = [];
    this.visible = true;
    this.build();
  }

  build() {
    const id = `chart-${this.spec.id}`;
    this.now = el('p', { className: 'now' });
    this.canvas = el('canvas', { ariaHidden: 'true' });
    this.tip = el('div', { className: 'tip', hidden: true, ariaHidden: 'true' });
    this.plot = el('div', {
      className: 'plot', tabIndex: 0, role: 'slider', 'aria-labelledby': id,
      'aria-valuemin': 0, 'aria-valuemax': 0, 'aria-valuenow': 0, 'aria-valuetext': 'no values yet',
    }, this.canvas, this.tip);
    this.legend = el('ul', { className: 'legend' });
    this.note = el('p', { className: 'note', hidden: true });
    this.element = el('article', { className: 'card chart' },
      el('div', { className: 'head' }, el('h3', { id, textContent: this.spec.title }), this.now),
      this.plot, this.legend, this.note);
    this.listen();
  }

  /** Whether a snapshot had something for this chart lately, or a point of it is still in sight. */
  get known() {
    return this.times.length > 0;
  }

  push(frame) {
    const values = this.spec.read(frame);
    if (values.length === 0) {
      this.gap();
    } else {
      this.gone = false;
      this.times.push(frame.time);
      for (const [name, value] of values) {
        if (!this.series.has(name)) this.add(name);
        this.series.get(name).push(value);
      }
      for (const points of this.series.values()) if (points.length < this.times.length) points.push(NaN);
    }
    this.forget(frame.time - KEPT);
  }

  /** Where the families are missing the line ends. */
  gap() {
    if (!this.known || this.gone) return;
    this.gone = true;
    this.times.push(view.now);
    for (const points of this.series.values()) points.push(NaN);
  }

  add(name) {
    this.series.set(name, new Array(this.times.length - 1).fill(NaN));
    const wanted = this.spec.order ?? [];
    const place = (name) => (wanted.indexOf(name) + 1 || wanted.length + 1);
    this.order = [...this.series.keys()].sort((a, b) => place(a) - place(b) || byName(a, b));
  }

  forget(before) {
    let old = 0;
    while (old < this.times.length && this.times[old] < before) old++;
    if (old === 0) return;
    this.times.splice(0, old);
    for (const [name, points] of this.series) {
      points.splice(0, old);
      if (points.every(Number.isNaN)) this.series.delete(name);
    }
    this.order = this.order.filter((name) => this.series.has(name));
  }

  /** The first point to draw: the last one before the left edge. */
  first(from) {
    let low = 0;
    for (let high = this.times.length; low < high;) {
      const middle = (low + high) >> 1;
      if (this.times[middle] < from) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  /** The point nearest to a time; -1 where there is none. */
  nearest(time) {
    let best = -1;
    for (let at = this.first(time); at < this.times.length && at <= this.first(time) + 2; at++) {
      if (best < 0 || Math.abs(this.times[at] - time) < Math.abs(this.times[best] - time)) best = at;
    }
    return best;
  }

  colour(name) {
    const at = this.order.indexOf(name);
    return at < COLOURS ? at : -1;
  }

  /** The series to draw. Where only some do something, those that do nothing are left out. */
  shown(first) {
    if (!this.spec.quiet) return this.order;
    const busy = this.order.filter((name) => this.series.get(name).slice(first).some((value) => value > 0));
    return busy.length > 0 ? busy : this.order.slice(0, this.spec.quiet);
  }

  draw() {
    const { width, height } = this.fit();
    if (width === 0 || !this.known) return;
    const from = view.now - view.range;
    const first = this.first(from);
    const names = this.shown(first);
    const heat = this.spec.heat && names.length > COLOURS;
    const lines = this.spec.stacked ? this.stack(names, first) : names.map((name) => this.series.get(name));
    const scale = heat ? null : this.scale(lines, first);
    const { left, right, top, bottom } = PAD;
    const area = {
      x: (time) => left + ((time - from) / view.range) * (width - left - right),
      y: (value) => top + (1 - value / (scale?.top ?? 1)) * (height - top - bottom),
      left, right: width - right, top, bottom: height - bottom, from, first, names, lines,
    };
    this.area = area;
    const g = this.g;
    g.clearRect(0, 0, width, height);
    this.grid(g, area, scale);
    g.save();
    g.beginPath();
    g.rect(area.left, 0, area.right - area.left, height);
    g.clip();
    if (heat) this.heat(g, area);
    else if (this.spec.stacked) this.areas(g, area);
    else this.strokes(g, area);
    this.marks(g, area);
    this.cursor(g, area, heat);
    g.restore();
    this.words(names, heat);
  }

  /** Fits the canvas to the page and the screen's pixels. */
  fit() {
    const width = this.plot.clientWidth, height = this.plot.clientHeight, ratio = devicePixelRatio;
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
    }
    this.g ??= this.canvas.getContext('2d');
    this.g.setTransform(ratio, 0, 0, ratio, 0, 0);
    return { width, height };
  }

  stack(names, first) {
    const sums = new Array(this.times.length).fill(0);
    return names.map((name) => {
      const points = this.series.get(name);
      for (let at = first; at < sums.length; at++) sums[at] += Number.isNaN(points[at]) && !this.hole(at) ? 0 : points[at];
      return sums.slice();
    });
  }

  /** Whether no series has a value here. */
  hole(at) {
    return this.order.every((name) => Number.isNaN(this.series.get(name)[at]));
  }

  scale(lines, first) {
    const { unit, max } = this.spec;
    let most = Math.max(unit.least, typeof max === 'function' ? max(this) : (max ?? 0));
    if (typeof max !== 'number') {
      for (const points of lines) for (let at = first; at < points.length; at++) if (points[at] > most) most = points[at];
    }
    return { top: typeof max === 'number' ? max : roundTop(most, unit.base), unit };
  }

  grid(g, area, scale) {
    g.font = '11px system-ui, sans-serif';
    g.lineWidth = 1;
    g.strokeStyle = palette.line;
    g.fillStyle = palette.muted;
    g.textBaseline = 'middle';
    g.textAlign = 'right';
    for (let part = 0; part <= 2 && scale; part++) {
      const value = (scale.top * part) / 2, y = Math.round(area.y(value)) + 0.5;
      g.beginPath();
      g.moveTo(area.left, y);
      g.lineTo(area.right, y);
      g.stroke();
      g.fillText(scale.unit.text(value), area.left - 8, y);
    }
    const step = STEPS[view.range];
    g.textBaseline = 'alphabetic';
    g.textAlign = 'center';
    for (let time = Math.ceil(area.from / step) * step; time <= view.now; time += step) {
      const x = area.x(time);
      if (x > area.left + 16 && x < area.right - 20) g.fillText(clock(time, step < 60), x, area.bottom + 16);
    }
  }

  /** Goes along a line and calls back for each piece without a hole. */
  pieces(points, first, each) {
    let piece = [];
    for (let at = first; at < points.length; at++) {
      if (Number.isNaN(points[at])) {
        if (piece.length) each(piece);
        piece = [];
      } else piece.push(at);
    }
    if (piece.length) each(piece);
  }

  strokes(g, area) {
    g.lineWidth = 1.75;
    g.lineJoin = 'round';
    // The first in the legend lies on top.
    for (let line = area.lines.length - 1; line >= 0; line--) {
      g.strokeStyle = palette.series[this.colour(area.names[line])] ?? palette.muted;
      this.pieces(area.lines[line], area.first, (piece) => this.trace(g, area, area.lines[line], piece));
    }
  }

  trace(g, area, points, piece) {
    g.beginPath();
    for (const at of piece) g.lineTo(area.x(this.times[at]), area.y(points[at]));
    // A single point is a dot.
    if (piece.length === 1) g.lineTo(area.x(this.times[piece[0]]) + 1, area.y(points[piece[0]]));
    g.stroke();
  }

  areas(g, area) {
    for (let line = 0; line < area.lines.length; line++) {
      const points = area.lines[line], below = area.lines[line - 1];
      g.fillStyle = g.strokeStyle = palette.series[this.colour(area.names[line])] ?? palette.muted;
      this.pieces(points, area.first, (piece) => {
        g.beginPath();
        for (const at of piece) g.lineTo(area.x(this.times[at]), area.y(points[at]));
        for (const at of piece.reverse()) g.lineTo(area.x(this.times[at]), area.y(below?.[at] ?? 0));
        g.globalAlpha = 0.8;
        g.fill();
        g.globalAlpha = 1;
      });
    }
  }

  /** Many series of one scale: a row each, the darker the more. */
  heat(g, area) {
    const height = (area.bottom - area.top) / area.names.length;
    g.fillStyle = palette.series[0];
    area.names.forEach((name, row) => {
      const points = this.series.get(name);
      for (let at = area.first; at < points.length; at++) {
        const x = area.x(this.times[at]), next = area.x(this.times[at + 1] ?? view.now + 0.01);
        g.globalAlpha = Math.max(0.04, Math.min(1, points[at] / this.spec.max)) || 0;
        g.fillRect(x, area.top + row * height, next - x + 0.5, Math.max(1, height - 0.5));
      }
    });
    g.globalAlpha = 1;
  }

  /** Where a reload went live. */
  marks(g, area) {
    g.strokeStyle = g.fillStyle = palette.accent;
    g.lineWidth = 1;
    g.setLineDash([3, 3]);
    for (const time of view.marks) {
      if (time < area.from) continue;
      const x = Math.round(area.x(time)) + 0.5;
      g.beginPath();
      g.moveTo(x, area.top);
      g.lineTo(x, area.bottom);
      g.stroke();
      g.beginPath();
      g.moveTo(x - 4, area.top - 6);
      g.lineTo(x + 4, area.top - 6);
      g.lineTo(x, area.top);
      g.fill();
    }
    g.setLineDash([]);
  }

  cursor(g, area, heat) {
    const at = view.cursor === null ? -1 : this.nearest(view.cursor);
    this.at = at >= 0 && this.times[at] >= area.from ? at : -1;
    if (this.at < 0) return;
    const x = Math.round(area.x(this.times[at])) + 0.5;
    g.strokeStyle = palette.muted;
    g.beginPath();
    g.moveTo(x, area.top);
    g.lineTo(x, area.bottom);
    g.stroke();
    if (heat) return;
    area.lines.forEach((points, line) => {
      if (Number.isNaN(points[at])) return;
      g.fillStyle = palette.series[this.colour(area.names[line])] ?? palette.muted;
      g.strokeStyle = palette.card;
      g.beginPath();
      g.arc(x, area.y(points[at]), 3.5, 0, 7);
      g.fill();
      g.stroke();
    });
  }

  valueAt(name, at) {
    return this.series.get(name)?.[at] ?? NaN;
  }

  /** Headline, legend, tooltip, and what a screen reader says. */
  words(names, heat) {
    const end = this.times.length - 1;
    const last = (name) => this.valueAt(name, end);
    say(this.now, this.gone ? '–' : this.spec.headline(last, this.order));
    const at = this.at >= 0 ? this.at : end;
    const listed = heat ? [] : names.slice(0, COLOURS);
    const rest = heat ? `${names.length} rows, 0 to ${this.spec.max} %: the darker the more` : names.length > COLOURS ? `and ${names.length - COLOURS} more` : '';
    const key = listed.join('\n') + rest;
    if (this.key !== key) {
      this.key = key;
      this.entries = listed.map((name) => el('b'));
      this.legend.replaceChildren(...listed.map((name, entry) =>
        el('li', { className: `c${this.colour(name)}` }, el('span', { textContent: name }), this.entries[entry])));
      if (rest) this.legend.append(el('li', { className: 'rest', textContent: rest }));
    }
    listed.forEach((name, entry) => say(this.entries[entry], this.spec.unit.text(this.valueAt(name, at))));
    this.element.classList.toggle('gone', this.gone === true);
    this.note.hidden = !this.gone;
    if (this.gone) say(this.note, `no longer collected since ${clock(this.times[end])}`);
    this.tell(names, at);
  }

  tell(names, at) {
    const values = names.map((name) => [name, this.valueAt(name, at)]).filter(([, value]) => !Number.isNaN(value));
    if (!this.spec.stacked && values.length > ROWS) values.sort(([, a], [, b]) => b - a);
    const rows = values.slice(0, ROWS).map(([name, value]) => [name, this.spec.unit.text(value, 5)]);
    const focused = document.activeElement === this.plot;
    if (focused || !this.told) {
      this.told = true;
      const text = `${clock(this.times[at])}: ${rows.map((row) => row.join(' ')).join(', ')}`;
      for (const [name, value] of [['max', this.times.length - 1], ['now', at], ['text', text]]) {
        this.plot.setAttribute(`aria-value${name}`, value);
      }
    }
    this.tip.hidden = this.at < 0 || view.owner !== this;
    if (this.tip.hidden) return;
    const left = values.length - rows.length;
    this.tip.replaceChildren(
      el('time', { textContent: clock(this.times[at]) }),
      ...(this.spec.stacked ? rows.toReversed() : rows).map(([name, value]) =>
        el('div', { className: `c${this.colour(name)}` }, el('span', { textContent: name }), el('b', { textContent: value }))),
      ...(left > 0 ? [el('small', { textContent: `and ${left} lower` })] : []));
    const x = this.area.x(this.times[at]);
    const flip = x > (this.area.left + this.area.right) / 2;
    this.tip.style.left = flip ? '' : `${x + 12}px`;
    this.tip.style.right = flip ? `${this.plot.clientWidth - x + 12}px` : '';
  }

  /** The cursor, by pointer and by keys; all charts show the same moment. */
  listen() {
    const point = (cursor, owner = this) => {
      view.cursor = cursor;
      view.owner = owner;
      this.redraw();
    };
    const follow = (event) => {
      if (!this.area) return;
      const part = (event.offsetX - this.area.left) / (this.area.right - this.area.left);
      point(view.now - view.range * (1 - Math.min(1, Math.max(0, part))));
    };
    const leave = () => view.owner === this && point(null, null);
    this.plot.addEventListener('pointermove', follow);
    this.plot.addEventListener('pointerdown', follow);
    this.plot.addEventListener('pointerleave', leave);
    this.plot.addEventListener('blur', leave);
    this.plot.addEventListener('keydown', (event) => {
      const at = this.at >= 0 ? this.at : this.times.length - 1;
      const far = event.shiftKey ? 10 : 1;
      const to = { ArrowLeft: at - far, ArrowDown: at - far, ArrowRight: at + far, ArrowUp: at + far, PageDown: at - 30, PageUp: at + 30, Home: this.first(view.now - view.range) + 1, End: this.times.length - 1 }[event.key];
      if (event.key === 'Escape') leave();
      else if (to !== undefined) point(this.times[Math.min(this.times.length - 1, Math.max(0, to))]);
      else return;
      event.preventDefault();
    });
  }
}
