// The reload: the button, the steps as they happen, the compiler's words.

import { clock, el, say, seconds } from './format.js';

const plain = (outcome) => outcome.replace('_', ' ');
export const took = ({ steps }) => steps.reduce((sum, { ms }) => sum + ms, 0) / 1000;

export class Reloads {
	// `told` is called when there is news of a reload.
	constructor(place, told) {
		Object.assign(this, { told, journals: new Map(), answered: '' });
		this.button = el('button.primary', {}, 'Reload plugins');
		this.token = el('input', { type: 'password', autocomplete: 'off', ariaLabel: 'Bearer token', placeholder: 'Bearer token', hidden: true });
		this.status = el('p.unseen', { role: 'status' });
		this.newest = el('div.newest');
		this.older = el('details', { hidden: true }, el('summary', {}, 'Earlier reloads'));
		this.form = el('form', {}, this.token, this.button);
		this.form.onsubmit = (event) => {
			event.preventDefault();
			this.ask();
		};
		place.append(this.form, this.newest, this.status, this.older);
	}

	get all() {
		return [...this.journals.values()].sort((a, b) => b.id - a.id);
	}

	// `query` says more of what is wanted, such as other plugins.
	async ask(query = '') {
		// Not disabled, which would take the focus away.
		if (this.button.ariaDisabled === 'true') return;
		this.button.ariaDisabled = 'true';
		this.tell('asked for a reload');
		const headers = this.token.value ? { Authorization: `Bearer ${this.token.value}` } : {};
		try {
			const answer = await fetch(`/plugins/reload${query}`, { method: 'PUT', headers }), body = await answer.json();
			if (body.id) return this.note(body);
			this.tell(`${answer.status}: ${body.error}. ${body.hint}`, 'words');
			if (answer.status === 401) {
				this.token.hidden = false;
				this.token.focus();
			}
		} catch {
			this.tell('The answer did not arrive. When the agent answers again, what it has on record is shown here.', 'words');
			this.lost = true;
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
		const { reloads, started } = await answer.json();
		this.journals = new Map(reloads.map((journal) => [journal.id, journal]));
		this.started = started;
		if (this.lost) this.tell('');
		this.lost = false;
		this.draw();
	}

	note(journal) {
		const { id, steps, outcome, generation } = journal;
		this.journals.set(id, journal);
		this.tell(`Reload ${id}: ${outcome === 'running' ? (steps.at(-1)?.step ?? 'begins') : `${plain(outcome)}, generation ${generation}`}`);
		this.draw();
	}

	draw() {
		const { all } = this, [newest, ...older] = all;
		this.button.ariaDisabled = String(newest?.outcome === 'running');
		const open = [...this.older.querySelectorAll('[open]')].map(({ id }) => id);
		this.newest.replaceChildren(...(newest ? [el('p', {}, title(newest), el('span.muted', {}, summary(newest))), ...account(newest)] : []));
		this.older.hidden = !older.length;
		this.older.replaceChildren(this.older.firstChild, ...older.slice(0, 20).map((journal) => {
			const id = `reload-${journal.id}`;
			return el('details', { id, open: open.includes(id) }, el('summary', {}, title(journal)), el('p.muted', {}, summary(journal)), ...account(journal));
		}));
		this.told();
	}
}

// As `+disk −net ~cpu`; of collectors, where no plugin came or went.
export function changes({ plugins: { added, removed, replaced }, collectors }) {
	const words = (...lists) => lists.flatMap(([sign, names = []]) => names.map((name) => sign + name)).join(' ');
	return words(['+', added], ['−', removed], ['~', replaced]) || words(['+', collectors?.added], ['−', collectors?.removed]);
}

const title = (journal) => el('span.state', { 'data-state': journal.outcome }, el('bdi', {}, `${journal.id} ${plain(journal.outcome)} ${changes(journal)}`.trim()));

// In words, on one line.
export function summary(journal) {
	const { outcome, pause_ms: pause, started, generation, by } = journal, running = outcome === 'running';
	return [`at ${clock(started)}`, by && `asked by ${by}`, running ? 'under way' : `took ${seconds(took(journal))}`,
		pause !== null && `longest pause ${seconds(pause / 1000)}`, `generation ${generation}`].filter(Boolean).join(', ');
}

function account(journal) {
	const { steps, error, plugins } = journal, words = [error, ...plugins.refused.map(({ name, reason }) => `${name}: ${reason}`)].filter(Boolean);
	return [
		el('ol.steps', {}, ...steps.map(({ step, ms, detail }) => el('li', { title: detail ?? '' }, el('span', {}, step), el('b', {}, seconds(ms / 1000)), el('small', {}, detail ?? '')))),
		...words.map((text) => el('pre.words', { tabIndex: 0, role: 'region', ariaLabel: 'What went wrong' }, text)),
	];
}
