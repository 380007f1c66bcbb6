// The reload: the button, its steps as they happen, the compiler's words, and what came of those before.

import { clock, el, say, seconds } from './format.js';

const took = ({ steps }) => steps.reduce((sum, { ms }) => sum + ms, 0) / 1000;
const OUTCOMES = { unchanged: 'nothing had changed', committed: 'new code is live', rolled_back: 'rolled back, the old code serves',
  refused: 'refused, nothing was changed', failed: 'failed, the old code serves' };

/** What a reload changed, as `+disk −net`. */
const changes = ({ added, removed, replaced }) => [...added.map((name) => `+${name}`), ...removed.map((name) => `−${name}`), ...replaced.map((name) => `~${name}`)].join(' ');

export class Reloads {
  /** `mark` is told when new code went live. */
  constructor(place, mark) {
    this.mark = mark;
    this.journals = new Map();
    this.button = el('button', { className: 'primary', textContent: 'Reload plugins' });
    this.token = el('input', { type: 'password', autocomplete: 'off', ariaLabel: 'Bearer token', placeholder: 'Bearer token', hidden: true });
    this.status = el('p', { role: 'status', className: 'unseen' });
    this.newest = el('div');
    this.older = el('div');
    const form = el('form', {}, this.token, this.button);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.ask();
    });
    place.append(el('p', { className: 'muted', textContent: 'Builds what has changed and puts it live, without losing a request or a data point.' }), form, this.status, this.newest, this.older);
  }

  async ask() {
    // Not disabled, which would take the focus away.
    if (this.button.ariaDisabled === 'true') return;
    this.button.ariaDisabled = 'true';
    this.tell('asked for a reload');
    const headers = this.token.value ? { Authorization: `Bearer ${this.token.value}` } : {};
    try {
      const answer = await fetch('/plugins/reload', { method: 'PUT', headers });
      const body = await answer.json();
      if (body.id) return this.note(body);
      this.tell(`${answer.status}: ${body.error}. ${body.hint}`, 'words');
      this.token.hidden = answer.status !== 401 && this.token.hidden;
      if (answer.status === 401) this.token.focus();
    } catch {
      this.tell('The answer did not arrive; below is what the agent has on record.', 'words');
      this.fetch();
    }
    this.button.ariaDisabled = 'false';
  }

  /** Tells screen readers, and with a class everybody. */
  tell(text, className = 'unseen') {
    Object.assign(this.status, { className });
    say(this.status, text);
  }

  /** What is on record: this page may have been away. */
  async fetch() {
    const answer = await fetch('/reloads').catch(() => null);
    if (!answer?.ok) return;
    const { reloads } = await answer.json();
    this.journals = new Map(reloads.map((journal) => [journal.id, journal]));
    this.draw();
  }

  note(journal) {
    const { id, steps, outcome, generation } = journal;
    this.journals.set(id, journal);
    this.tell(outcome === 'running' ? `Reload ${id}: ${steps.at(-1)?.step ?? 'begins'}` : `Reload ${id}: ${OUTCOMES[outcome]}, generation ${generation}`);
    this.draw();
  }

  draw() {
    const [newest, ...older] = [...this.journals.values()].sort((a, b) => b.id - a.id);
    this.button.ariaDisabled = String(newest?.outcome === 'running');
    this.newest.replaceChildren(...(newest ? [this.title(newest), ...this.account(newest)] : []));
    const open = new Set([...this.older.children].filter((one) => one.open).map((one) => one.id));
    this.older.replaceChildren(...older.slice(0, 8).map((journal) => {
      const id = `reload-${journal.id}`;
      return el('details', { id, open: open.has(id) }, el('summary', {}, this.title(journal)), ...this.account(journal));
    }));
    this.mark([...this.journals.values()].filter(({ outcome }) => outcome === 'committed').map((journal) => journal.started + took(journal)));
  }

  title({ id, outcome, plugins }) {
    return el('span', { className: 'state', 'data-state': outcome, textContent: `${id} ${outcome.replace('_', ' ')} ${changes(plugins)}` });
  }

  account(journal) {
    const { steps, error, plugins, pause_ms: pause, started, generation } = journal;
    const facts = [`at ${clock(started)}`, `took ${seconds(took(journal))}`, ...(pause === null ? [] : [`longest pause ${seconds(pause / 1000)}`]), `generation ${generation}`];
    const rows = steps.map(({ step, ms, detail }) => el('li', {}, el('span', { textContent: step }), el('small', { textContent: detail }), el('b', { textContent: seconds(ms / 1000) })));
    const words = [error, ...plugins.refused.map(({ name, reason }) => `${name}: ${reason}`)].filter(Boolean);
    return [el('p', { className: 'muted', textContent: facts.join(', ') }), el('ol', { className: 'steps' }, ...rows),
      ...words.map((text) => el('pre', { className: 'words', tabIndex: 0, role: 'region', ariaLabel: 'What went wrong', textContent: text }))];
  }
}
