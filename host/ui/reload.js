// The reload: the button, the steps as they happen, the compiler's words.

import { clock, el, say, seconds } from './format.js';

const plain = (outcome) => outcome.replace('_', ' ');
const took = ({ steps }) => steps.reduce((sum, { ms }) => sum + ms, 0) / 1000;

export class Reloads {
	// `mark` is told the times at which new code went live.
	constructor(place, mark) {
		this.mark = mark;
		this.journals = new Map();
		this.button = el('button.primary', {}, 'Reload plugins');
		this.token = el('input', { type: 'password', autocomplete: 'off', ariaLabel: 'Bearer token', placeholder: 'Bearer token', hidden: true });
		this.status = el('p.unseen', { role: 'status' });
		this.list = el('div');
		const form = el('form', {}, this.token, this.button);
		form.onsubmit = (event) => {
			event.preventDefault();
			this.ask();
		};
		place.append(el('p.muted', {}, 'Builds what has changed and puts it live, without losing a request or a data point.'), form, this.status, this.list);
	}

	async ask() {
		// Not disabled, which would take the focus away.
		if (this.button.ariaDisabled === 'true') return;
		this.button.ariaDisabled = 'true';
		this.tell('asked for a reload');
		const headers = this.token.value ? { Authorization: `Bearer ${this.token.value}` } : {};
		try {
			const answer = await fetch('/plugins/reload', { method: 'PUT', headers }), body = await answer.json();
			if (body.id) return this.note(body);
			this.tell(`${answer.status}: ${body.error}. ${body.hint}`, 'words');
			if (answer.status === 401) {
				this.token.hidden = false;
				this.token.focus();
			}
		} catch {
			this.tell('The answer did not arrive; below is what the agent has on record.', 'words');
			this.fetch();
		}
		this.button.ariaDisabled = 'false';
	}

	// Tells screen readers, and with a class everybody.
	tell(text, className = 'unseen') {
		this.status.className = className;
		say(this.status, text);
	}

	// What is on record: this page may have been away.
	async fetch() {
		const answer = await fetch('/reloads').catch(() => null);
		if (!answer?.ok) return;
		this.journals = new Map((await answer.json()).reloads.map((journal) => [journal.id, journal]));
		this.draw();
	}

	note(journal) {
		const { id, steps, outcome, generation } = journal;
		this.journals.set(id, journal);
		this.tell(`Reload ${id}: ${outcome === 'running' ? (steps.at(-1)?.step ?? 'begins') : `${plain(outcome)}, generation ${generation}`}`);
		this.draw();
	}

	draw() {
		const all = [...this.journals.values()].sort((a, b) => b.id - a.id), [newest, ...older] = all;
		this.button.ariaDisabled = String(newest?.outcome === 'running');
		const open = [...this.list.querySelectorAll('[open]')].map(({ id }) => id);
		this.list.replaceChildren(...(newest ? [title(newest), ...account(newest)] : []), ...older.slice(0, 5).map((journal) => {
			const id = `reload-${journal.id}`;
			return el('details', { id, open: open.includes(id) }, el('summary', {}, title(journal)), ...account(journal));
		}));
		this.mark(all.filter(({ outcome }) => outcome === 'committed').map((journal) => journal.started + took(journal)));
	}
}

// As `7 committed +disk −net`.
function title({ id, outcome, plugins: { added, removed, replaced } }) {
	const changes = [[added, '+'], [removed, '−'], [replaced, '~']].flatMap(([names, sign]) => names.map((name) => sign + name));
	return el('span.state', { 'data-state': outcome }, [id, plain(outcome), ...changes].join(' '));
}

function account(journal) {
	const { steps, error, plugins, pause_ms: pause, started, generation } = journal;
	const paused = pause === null ? '' : `longest pause ${seconds(pause / 1000)}, `;
	const words = [error, ...plugins.refused.map(({ name, reason }) => `${name}: ${reason}`)].filter(Boolean);
	return [
		el('p.muted', {}, `at ${clock(started)}, took ${seconds(took(journal))}, ${paused}generation ${generation}`),
		el('ol.steps', {}, ...steps.map(({ step, ms, detail }) => el('li', {}, el('span', {}, step), el('small', {}, detail ?? ''), el('b', {}, seconds(ms / 1000))))),
		...words.map((text) => el('pre.words', { tabIndex: 0, role: 'region', ariaLabel: 'What went wrong' }, text)),
	];
}
