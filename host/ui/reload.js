// The reload: the button, its steps as they happen, the compiler's words, and what came of those before.

import { clock, el, say, seconds } from './format.js';

const took = (journal) => journal.steps.reduce((sum, step) => sum + step.ms, 0) / 1000;
const running = (journal) => journal.outcome === 'running';
const OUTCOMES = { running: 'running', unchanged: 'nothing had changed', committed: 'new code is live', rolled_back: 'rolled back, the old code serves', refused: 'refused, nothing has changed', failed: 'failed, the old code serves' };

/** What a reload changed, as `+disk −net`. */
function changes({ plugins }) {
  const of = (sign, names) => names.map((name) => sign + name);
  return [...of('+', plugins.added), ...of('−', plugins.removed), ...of('↻', plugins.replaced)].join(' ');
}

export class Reloads {
  /** `mark` is told when new code went live. */
  constructor(place, mark) {
    this.mark = mark;
    this.journals = new Map();
    this.button = el('button', { type: 'button', className: 'primary', textContent: 'Reload plugins' });
    this.status = el('p', { role: 'status', className: 'muted' });
    this.token = el('input', { type: 'password', autocomplete: 'off', 'aria-label': 'Bearer token', placeholder: 'Bearer token', hidden: true });
    this.current = el('div', { className: 'reload' });
    this.past = el('div', { id: 'past' });
    place.append(el('p', { className: 'muted', textContent: 'Builds what has changed and puts it live. No request and no data point is lost.' }),
      el('div', { className: 'row reload' }, this.button, this.token), this.status, this.current, this.past);
    this.button.addEventListener('click', () => this.ask());
    this.token.addEventListener('keydown', (event) => event.key === 'Enter' && this.ask());
  }

  async ask() {
    this.button.disabled = true;
    say(this.status, 'asked for a reload');
    const headers = this.token.value ? { Authorization: `Bearer ${this.token.value}` } : {};
    try {
      const answer = await fetch('/plugins/reload', { method: 'PUT', headers });
      const body = await answer.json();
      if (body.id) this.note(body);
      else this.refuse(answer.status, body);
    } catch {
      say(this.status, 'The answer did not arrive; the list below tells what came of it.');
      this.fetch();
    } finally {
      this.button.disabled = [...this.journals.values()].some(running);
    }
  }

  /** Not allowed, or another reload runs: the agent says why and what to do. */
  refuse(status, { error, hint }) {
    say(this.status, `${status}: ${error}. ${hint ?? ''}`);
    if (status === 401) {
      this.token.hidden = false;
      this.token.focus();
    }
  }

  async fetch() {
    const answer = await fetch('/reloads').catch(() => null);
    if (!answer?.ok) return;
    const { reloads } = await answer.json();
    // An agent that was started anew counts from 1 again.
    this.journals.clear();
    for (const journal of reloads) this.journals.set(journal.id, journal);
    this.draw();
  }

  note(journal) {
    this.journals.set(journal.id, journal);
    const { id, steps, outcome, generation } = journal;
    say(this.status, running(journal) ? `Reload ${id}: ${steps.at(-1)?.step ?? 'begins'}` : `Reload ${id}: ${OUTCOMES[outcome]}, generation ${generation}`);
    this.draw();
  }

  draw() {
    const [newest, ...older] = [...this.journals.values()].sort((a, b) => b.id - a.id);
    this.button.disabled = newest !== undefined && running(newest);
    this.current.replaceChildren(...(newest ? this.account(newest, true) : []));
    this.past.replaceChildren(...older.slice(0, 8).map((journal) => el('details', {}, el('summary', {}, this.title(journal)), ...this.account(journal))));
    this.mark([...this.journals.values()].filter(({ outcome }) => outcome === 'committed').map((journal) => journal.started + took(journal)));
  }

  title({ id, outcome, started, ...rest }) {
    return el('span', { className: 'state', 'data-state': outcome, 'data-outcome': outcome, textContent: `${id} ${outcome.replace('_', ' ')} ${changes(rest)}` });
  }

  account(journal, titled = false) {
    const { steps, error, plugins, pause_ms: pause, started, generation } = journal;
    const facts = [clock(started), seconds(took(journal))];
    if (pause !== null) facts.push(`longest pause ${seconds(pause / 1000)}`);
    if (!running(journal)) facts.push(`generation ${generation}`);
    return [
      ...(titled ? [this.title(journal)] : []),
      el('p', { className: 'muted', textContent: facts.join(', ') }),
      el('ol', { className: 'steps' }, ...steps.map(({ step, ms, detail }) => el('li', {}, el('span', { textContent: step }), el('small', { textContent: detail }), el('b', { textContent: seconds(ms / 1000) })))),
      ...(error ? [el('pre', { className: 'words', tabIndex: 0, role: 'region', 'aria-label': 'What went wrong', textContent: error })] : []),
      ...plugins.refused.map(({ name, reason }) => el('p', {}, `${name}: ${reason}`)),
    ];
  }
}
