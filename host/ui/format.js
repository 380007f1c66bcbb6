// Numbers for people, and elements made without markup: what a plugin says is only ever text.

// An element, as `tag.class`, with properties or attributes where the next is an object of such, and children; strings become text.
export function el(kind, ...children) {
	const [tag, ...classes] = kind.split('.'), made = document.createElement(tag);
	made.className = classes.join(' ');
	const props = children[0]?.constructor === Object ? children.shift() : {};
	for (const [name, value] of Object.entries(props)) {
		if (name in made) made[name] = value;
		else made.setAttribute(name, value);
	}
	made.append(...children);
	return made;
}

export const at = (id) => document.getElementById(id);

// Only where it differs, so that nothing is laid out or announced for nothing.
export function say(node, text) {
	if (node.textContent !== text) node.textContent = text;
}

// A table that scrolls sideways where there is no room for it.
export const sheet = (title, heads, body) => el('div.scroll', { tabIndex: 0, role: 'region', ariaLabel: title },
	el('table.things', el('caption', title), el('thead', el('tr', ...heads.map((head) => el('th', { scope: 'col' }, head)))), body));

export const state = (name, words = name) => el('span.state', { 'data-state': name }, el('bdi', words));

// The canvas of a small line.
export const small = () => el('canvas', { ariaHidden: 'true' });

// So many digits that say something, but all before the point.
function significant(value, digits) {
	const whole = Math.trunc(Math.abs(value)).toString().length;
	return String(Number(value.toPrecision(Math.max(digits, Math.min(whole, 20)))));
}

// What would be rounded up to the next prefix is written in it.
const scaled = (base, unit, prefixes = ['', 'k', 'M', 'G', 'T', 'P']) => (value, digits) => {
	let power = 0;
	for (; power < 5 && Math.abs(value) >= base * 0.9995; power++) value /= base;
	return `${significant(value, digits)} ${prefixes[power]}${unit}`.trim();
};

function duration(value, digits) {
	const [unit, name] = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's'], [1e-3, 'ms']]
		.find(([unit]) => Math.abs(value) >= unit * (unit === 60 ? 1.5 : 0.9995)) ?? (value ? [1e-6, 'µs'] : [1, 's']);
	return `${significant(value / unit, digits)} ${name}`;
}

const unit = (format, least, base = 10) => ({ text: (value, digits = 3) => (Number.isFinite(value) ? format(value, digits) : '–'), least, base });

// How each quantity is written, the lowest top of its axis, and the base of its scale.
export const units = {
	plain: unit(scaled(1000, ''), 1),
	percent: unit((value, digits) => `${significant(value, digits - 1)} %`, 5),
	memory: unit(scaled(1024, 'B', ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi']), 1024, 2),
	bytesPerSecond: unit(scaled(1000, 'B/s'), 1000),
	perSecond: unit(scaled(1000, '/s'), 1),
	seconds: unit(duration, 0.001),
	hertz: unit(scaled(1000, 'Hz'), 1e9),
	celsius: unit((value, digits) => `${significant(value, digits)} °C`, 50),
	rpm: unit((value, digits) => `${significant(value, digits + 1)} rpm`, 1000),
};
export const seconds = units.seconds.text;
export const percent = units.percent.text;

// By what a family is declared with, or its name ends with: the unit of what a gauge is, and of what a counter grows by.
const MEANT = [['bytes', 'memory', 'bytesPerSecond'], ['seconds', 'seconds', 'percent'], ['ratio', 'percent', 'percent'],
	['celsius', 'celsius', 'plain'], ['hertz', 'hertz', 'plain'], ['rpm', 'rpm', 'plain'], ['', 'plain', 'perSecond']];

export function unitOf(family, asCounter = isCounter(family)) {
	const [, is, grows] = MEANT.find(([word]) => word === family.unit || family.name.replace(/_total$/, '').endsWith(word));
	return units[asCounter ? grows : is];
}

// What the kernel counts without a word on its kind counts as well.
export const isCounter = ({ name, type }) => type === 'counter' || /^node_(netstat|vmstat)_(?!nr_|Tcp_(CurrEstab|MaxConn|Rto))/.test(name);

const CLOCK = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
export const clock = (time, length = 8) => CLOCK.format(time * 1000).slice(0, length);

// cpu2 before cpu10.
export const byName = new Intl.Collator('en', { numeric: true }).compare;
