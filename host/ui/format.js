// Numbers for people, and elements made without markup: what a plugin says is only ever text.

/** An element with properties or attributes, and children; strings become text. */
export function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Writes a text where it differs, so that nothing is laid out or announced for nothing. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** So many significant digits, without zeros that say nothing. */
function significant(value, digits) {
  const size = value ? Math.floor(Math.log10(Math.abs(value))) : 0;
  return value.toLocaleString('en', { maximumFractionDigits: Math.max(0, Math.min(9, digits - 1 - size)) });
}

/** With the prefix that fits; what would be rounded up to the next one is written in it. */
function scaled(value, digits, base, units) {
  let power = 0;
  for (; power < units.length - 1 && Math.abs(value) >= base * 0.9995; power++) value /= base;
  return `${significant(value, digits)} ${units[power]}`.trim();
}

const SI = ['', 'k', 'M', 'G', 'T', 'P'];
const unit = (format, base, least) => ({ text: (value, digits = 3) => (Number.isFinite(value) ? format(value, digits) : '–'), base, least });

/** How each quantity is written, the base of its scale, and the lowest top of its axis. */
export const units = {
  plain: unit((v, d) => scaled(v, d, 1000, SI), 10, 1),
  percent: unit((v, d) => `${v.toLocaleString('en', { maximumFractionDigits: d > 3 ? 2 : v < 10 ? 1 : 0 })} %`, 10, 5),
  memory: unit((v, d) => scaled(v, d, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']), 1024, 1024),
  bytesPerSecond: unit((v, d) => scaled(v, d, 1000, SI.map((prefix) => `${prefix}B/s`)), 10, 1000),
  perSecond: unit((v, d) => scaled(v, d, 1000, SI) + '/s', 10, 1),
  seconds: unit(span, 10, 0.001),
};

/** A span of time in the unit that fits. */
function span(value, digits) {
  if (value === 0) return '0 s';
  const [unit, name] = [[86400, 'd'], [3600, 'h'], [90, 'min'], [1, 's'], [1e-3, 'ms']].find(([unit]) => Math.abs(value) >= unit * 0.9995) ?? [1e-6, 'µs'];
  return `${significant(value / (unit === 90 ? 60 : unit), digits)} ${name}`;
}
export const seconds = units.seconds.text;

/** The time of day of a number of seconds since 1970. */
export function clock(time, withSeconds = true) {
  return new Date(time * 1000).toLocaleTimeString('en-GB').slice(0, withSeconds ? 8 : 5);
}

/** By name, numbers in it by their value: cpu2 before cpu10. */
export const byName = new Intl.Collator('en', { numeric: true }).compare;
