// The reload: the button, the steps as they happen, the compiler's words.

import { clock, el, say, seconds, state } from './format.js';
import { ask } from './stream.js';

export class Reloads {
	// `told` is called when there is news of a reload.
	constructor(place, told) {
		Object.assign(this, { told, journals: new Map() });
		this.button = el('button.primary', 'Reload plugins');
		this.token = el('input', { type: 'password', autocomplete: 'off', ariaLabel: 'Bearer token', placeholder: 'Bearer token', hidden: true });
		this.status = el('p.unseen', { role: 'status' });
		this.newest = el('div.newest');
		this.older = el('details', { hidden: true }, el('summary', 'Earlier reloads'), el('div'));
		this.form = el('form', this.token, this.button);
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
		this.button.ariaDisabled = true;
		this.tell('asked for a reload');
		const headers = this.token.value ? { Authorization: `Bearer ${this.token.value}` } : {};
		const told = await ask(`/plugins/reload${query}`, { method: 'PUT', headers });
		this.button.ariaDisabled = false;
		if (told.id) return this.note(told);
		this.lost = !told.status;
		this.tell(this.lost ? `${told.words} When the agent answers again, what it has on record is shown here.` : `${told.status}: ${told.words}`, 'words');
		if (this.lost) this.fetch();
		if (told.status !== 401) return;
		this.token.hidden = false;
		this.token.focus();
	}

	// Tells screen readers, and with a class everybody.
	tell(text, className = 'unseen') {
		this.status.className = className;
		say(this.status, text);
	}

	// What is on record: this page may have been away.
	async fetch() {
		const { reloads, started, words } = await ask('/reloads');
		if (words) return;
		this.journals = new Map(reloads.map((journal) => [journal.id, journal]));
		this.started = started;
		if (this.lost) this.tell('');
		this.lost = false;
		this.draw();
	}

	note(journal) {
		const { id, steps, outcome } = journal;
		this.journals.set(id, journal);
		this.tell(`Reload ${id}: ${outcome === 'running' ? (steps.at(-1)?.step ?? 'begins') : plain(outcome)}`);
		this.draw();
	}

	draw() {
		const [newest, ...older] = this.all;
		this.button.ariaDisabled = newest?.outcome === 'running';
		this.newest.replaceChildren(...(newest ? account(newest) : []));
		this.older.hidden = !older.length;
		this.older.lastChild.replaceChildren(...older.slice(0, 20).flatMap(account));
		this.told();
	}
}

export const plain = (outcome) => outcome.replace('_', ' ');

// As `+disk −net ~cpu`; of collectors, where no plugin came or went.
export function changes({ plugins: { added, removed, replaced }, collectors }) {
	const words = (...lists) => lists.flatMap(([sign, names = []]) => names.map((name) => sign + name)).join(' ');
	return words(['+', added], ['−', removed], ['~', replaced]) || words(['+', collectors?.added], ['−', collectors?.removed]);
}

export const title = (journal) => `${journal.id} ${plain(journal.outcome)} ${changes(journal)}`.trim();

// When it ended.
export const ended = ({ started, steps }) => started + steps.reduce((sum, { ms }) => sum + ms, 0) / 1000;

// In words, on one line.
export function summary(journal) {
	const { outcome, pause_ms: pause, started, generation, by } = journal;
	return [`at ${clock(started)}`, by && `asked by ${by}`, outcome === 'running' ? 'under way' : `took ${seconds(ended(journal) - started)}`,
		pause !== null && `longest pause ${seconds(pause / 1000)}`, `generation ${generation}`].filter(Boolean).join(', ');
}

// All of it: title and summary, steps, what went wrong.
function account(journal) {
	const { outcome, steps, error, plugins } = journal, words = [error, ...plugins.refused.map(({ name, reason }) => `${name}: ${reason}`)].filter(Boolean);
	return [
		el('p', state(outcome, title(journal)), el('span.muted', ` ${summary(journal)}`)),
		el('ol.steps', ...steps.map(({ step, ms, detail }) => el('li', { title: detail ?? '' }, step, el('b', seconds(ms / 1000)), el('small', detail ?? '')))),
		...words.map((text) => el('pre.words', { tabIndex: 0, role: 'region', ariaLabel: 'What went wrong' }, text)),
	];
}
