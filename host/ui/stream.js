// The event stream: samples, plugins and reloads as they come, resumed where it broke off.

/** One snapshot, with its samples by family and labels. */
export class Frame {
  constructor(data, previous) {
    this.id = data.id;
    this.time = data.time;
    this.previous = previous;
    this.families = new Map();
    for (const family of data.families) {
      const samples = new Map();
      for (const { labels, value } of family.samples) {
        samples.set(JSON.stringify(labels), { labels, value: Number(value) });
      }
      if (samples.size > 0) this.families.set(family.name, samples);
    }
  }

  /** The samples of a family. */
  all(family) {
    return [...(this.families.get(family)?.values() ?? [])];
  }

  /** The value of a family without labels. */
  value(family) {
    return this.all(family)[0]?.value ?? NaN;
  }

  /** How fast a counter's samples grew since the snapshot before. One that began anew counts from zero. */
  rates(family) {
    const before = this.previous?.families.get(family);
    const span = this.time - this.previous?.time;
    if (!before || !(span > 0)) return [];
    const rates = [];
    for (const [key, { labels, value }] of this.families.get(family) ?? []) {
      const last = before.get(key)?.value;
      if (last !== undefined) rates.push({ labels, value: (value < last ? value : value - last) / span });
    }
    return rates;
  }

  /** The same of a family without labels. */
  rate(family) {
    return this.rates(family)[0]?.value ?? NaN;
  }
}

/** A shorter break than this is a hand-over from one image to the next, and nothing to speak of. */
const BRIEF = 2000;
/** After an answer that is no stream, the browser leaves it to the page to ask again. */
const AGAIN = 1000;

export class Stream {
  /** `on` has `frame`, `plugins`, `reload`, `open` and `state`. */
  constructor(families, on) {
    this.families = families;
    this.on = on;
    this.last = null;
    this.source = null;
    // A page that nobody sees holds no connection; it catches up from the history when it is looked at again.
    document.addEventListener('visibilitychange', () => this.follow());
    addEventListener('pagehide', () => this.close());
    addEventListener('pageshow', () => this.follow());
    this.follow();
  }

  follow() {
    if (document.hidden) this.close();
    else if (!this.source) this.open();
  }

  /** Asks for these families from now on. */
  want(families) {
    if (families.every((family) => this.families.includes(family))) return;
    this.families = [...new Set([...this.families, ...families])];
    this.close();
    this.follow();
  }

  close() {
    clearTimeout(this.again);
    this.source?.close();
    this.source = null;
  }

  open() {
    const query = new URLSearchParams(this.families.map((family) => ['family', family]));
    // From the beginning of the history, or where this page left off.
    query.append('last_event_id', this.last?.id ?? 0);
    const source = (this.source = new EventSource(`/events?${query}`));
    source.onopen = () => {
      clearTimeout(this.broken);
      this.broken = null;
      this.on.state('live');
      this.on.open();
    };
    source.onerror = () => {
      this.broken ??= setTimeout(() => this.on.state('reconnecting'), BRIEF);
      if (source.readyState === EventSource.CLOSED && this.source === source) {
        this.source = null;
        this.again = setTimeout(() => this.follow(), AGAIN);
      }
    };
    source.addEventListener('samples', (event) => this.samples(JSON.parse(event.data)));
    source.addEventListener('plugins', (event) => this.on.plugins(JSON.parse(event.data)));
    source.addEventListener('reload', (event) => this.on.reload(JSON.parse(event.data)));
  }

  samples(data) {
    // Numbers begin anew when the agent was started anew, times don't.
    if (this.last && data.id <= this.last.id && data.time <= this.last.time) return;
    const frame = new Frame(data, this.last);
    // A rate looks one snapshot back, and no chain of them is kept.
    if (this.last) this.last.previous = null;
    this.last = frame;
    this.on.frame(frame);
  }
}
