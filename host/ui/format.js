// Numbers for people, and elements made without markup: what a plugin says is only ever text.

// An element, as `tag.class`, with properties or attributes, and children; strings become text.
export function el(kind, props = {}, ...children) {
	const [tag, ...classes] = kind.split('.'), made = document.createElement(tag);
	made.className = classes.join(' ');
	for (const [name, value] of Object.entries(props)) {
		if (name in made) made[name] = value;
		else made.setAttribute(name, value);
	}
	made.append(...children);
	return made;
}

// Only where it differs, so that nothing is laid out or announced for nothing.
export function say(node, text) {
	if (node.textContent !== text) node.textContent = text;
}

// Made once: that is most of what a number costs.
const FORMATS = [...Array(10).keys()].map((maximumFractionDigits) => new Intl.NumberFormat('en', { maximumFractionDigits }));

function significant(value, digits) {
	const size = value ? Math.floor(Math.log10(Math.abs(value))) : 0;
	return FORMATS[Math.max(0, Math.min(9, digits - 1 - size))].format(value);
}

// What would be rounded up to the next prefix is written in it.
const scaled = (base, names) => (value, digits) => {
	let power = 0;
	for (; power < names.length - 1 && Math.abs(value) >= base * 0.9995; power++) value /= base;
	return `${significant(value, digits)} ${names[power]}`.trim();
};

function span(value, digits) {
	const [unit, name] = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's'], [1e-3, 'ms']]
		.find(([unit]) => Math.abs(value) >= unit * (unit === 60 ? 1.5 : 0.9995)) ?? (value ? [1e-6, 'µs'] : [1, 's']);
	return `${significant(value / unit, digits)} ${name}`;
}

const SI = ['', 'k', 'M', 'G', 'T', 'P'];
const unit = (format, least, base = 10) => ({ text: (value, digits = 3) => (Number.isFinite(value) ? format(value, digits) : '–'), least, base });

// How each quantity is written, the lowest top of its axis, and the base of its scale.
export const units = {
	plain: unit(scaled(1000, SI), 1),
	percent: unit((value, digits) => `${significant(value, digits - 1)} %`, 5),
	memory: unit(scaled(1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']), 1024, 2),
	bytesPerSecond: unit(scaled(1000, SI.map((prefix) => `${prefix}B/s`)), 1000),
	perSecond: unit(scaled(1000, SI.map((prefix) => `${prefix}/s`)), 1),
	seconds: unit(span, 0.001),
	hertz: unit(scaled(1000, SI.map((prefix) => `${prefix}Hz`)), 1e9),
	celsius: unit((value, digits) => `${significant(value, digits)} °C`, 50),
	rpm: unit((value, digits) => `${significant(value, digits + 1)} rpm`, 1000),
};
export const seconds = units.seconds.text;

const CLOCK = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
export const clock = (time, length = 8) => CLOCK.format(time * 1000).slice(0, length);

// cpu2 before cpu10.
export const byName = new Intl.Collator('en', { numeric: true }).compare;
