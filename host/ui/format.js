// Numbers for people, and elements made without markup: what a plugin says is only ever text.

/** An element with properties and children; strings become text. */
export function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name in made && !name.startsWith('aria')) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Writes a text where it differs, so that nothing is laid out or announced for nothing. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** `digits` significant digits, without zeros that say nothing. */
function significant(value, digits) {
  if (value === 0) return '0';
  const size = Math.floor(Math.log10(Math.abs(value)));
  return value.toLocaleString('en', { maximumFractionDigits: Math.max(0, Math.min(9, digits - 1 - size)) });
}

function scaled(value, digits, base, units) {
  let power = 0;
  // What would be rounded up to the next unit is written in it.
  while (power < units.length - 1 && Math.abs(value) >= base * 0.9995) {
    value /= base;
    power++;
  }
  return `${significant(value, digits)} ${units[power]}`.trim();
}

const known = (format) => (value, digits = 3) => (Number.isFinite(value) ? format(value, digits) : '–');
const si = (unit) => ['', 'k', 'M', 'G', 'T', 'P'].map((prefix) => prefix + unit);

/** How a quantity is written, and the base of its scale. `least` is the lowest top of an axis. */
const unit = (format, base, least) => ({ text: known(format), base, least });
export const units = {
  plain: unit((v, d) => scaled(v, d, 1000, si('')), 10, 1),
  percent: unit((v, d) => `${v.toLocaleString('en', { maximumFractionDigits: d > 3 ? 2 : v < 10 ? 1 : 0 })} %`, 10, 5),
  memory: unit((v, d) => scaled(v, d, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']), 1024, 1024),
  bytesPerSecond: unit((v, d) => scaled(v, d, 1000, si('B').map((b) => b + '/s')), 10, 1000),
  perSecond: unit((v, d) => `${scaled(v, d, 1000, si(''))}/s`, 10, 1),
  celsius: unit((v, d) => `${significant(v, d)} °C`, 10, 50),
  seconds: unit((v, d) => seconds(v, d), 10, 0.001),
};

/** A span of time in the unit that fits. */
export function seconds(value, digits = 3) {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 86400) return `${significant(value / 86400, 2)} d`;
  if (size >= 3600) return `${significant(value / 3600, 2)} h`;
  if (size >= 90) return `${significant(value / 60, 2)} min`;
  if (size >= 0.9995) return `${significant(value, digits)} s`;
  if (size >= 0.0009995) return `${significant(value * 1e3, digits)} ms`;
  return `${significant(value * 1e6, digits)} µs`;
}

/** The time of day of a number of seconds since 1970. */
export function clock(time, withSeconds = true) {
  const options = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
  if (withSeconds) options.second = '2-digit';
  return new Date(time * 1000).toLocaleTimeString('en-GB', options);
}

/** By name, numbers in it by their value: cpu2 before cpu10. */
const collator = new Intl.Collator('en', { numeric: true });
export const byName = (a, b) => collator.compare(a, b);
