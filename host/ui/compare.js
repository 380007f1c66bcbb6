// Before and after: what changed most around a time, and what the agent itself cost.

import { show } from './detail.js';
import { clock, el, percent, sheet, unitOf, units } from './format.js';
import { ask } from './stream.js';

// Shows it, if it is still wanted when it is known.
export async function compare(place, time, wanted) {
	const title = `Before and after ${clock(time)}`;
	show(place, title, el('p.muted', 'asks the history …'));
	place.focus();
	const told = await ask(`/compare?at=${time}`);
	if (wanted()) show(place, title, ...(told.words ? [el('p.words', told.words)] : tell(told)));
}

function tell({ seconds, series, changed, most, cost, came, went }) {
	const list = (word, names) => (names.length ? el('p', `${word}: `, el('bdi', names.join(', '))) : '');
	const table = (title, rows) => sheet(title, ['Series', 'mean before', 'mean after', 'change', '95 % before', '95 % after'], el('tbody', ...rows.map(row)));
	return [el('p.muted', `${seconds} s on either side, rates of counters; ${series} series, ${changed} of them changed beyond what they waver by`),
		list('Came', came), list('Went', went), table('What changed', most), table('What the agent cost', cost)];
}

function row({ labels, before, after, ...told }) {
	const name = told.family, unit = unitOf({ ...told, name }), text = (value) => unit.text(unit === units.percent ? value * 100 : value);
	const part = (100 * (after.mean - before.mean)) / Math.abs(before.mean), key = Object.entries(labels).map(([key, value]) => `${key}="${value}"`).join(', ');
	const change = Math.abs(part) < 1e5 ? `${part > 0 ? '+' : '−'}${percent(Math.abs(part))}` : 'from 0';
	return el('tr', el('th', { scope: 'row', title: `${name} ${key}` }, el('bdi', name), el('small', ' ', el('bdi', key))),
		...[text(before.mean), text(after.mean), change, text(before.p95), text(after.p95)].map((words) => el('td', words)));
}
