//! The account of a reload while it runs: its steps, how long each took, and what came of it.

use std::time::Instant;

use super::transaction::{Reloader, State, milliseconds};
use crate::journal::{Journal, Outcome, Step};

impl Reloader {
    /// Closes the journal of the reload that led to this image.
    pub(crate) fn conclude(&self, id: &str, close: impl FnOnce(&mut Journal)) -> Option<Journal> {
        let mut state = self.lock();
        let journal = state.journals.get_mut(id)?;
        close(journal);
        if let Some(outcome) = journal.outcome {
            self.agent.counters.reload_ended(outcome);
        }
        let journal = journal.clone();
        log(&journal);
        Some(journal)
    }

    /// All reloads, newest first; the running step's time up to now.
    pub(crate) fn journals(&self) -> Vec<Journal> {
        let mut state = self.lock();
        state.touch();
        state.journals.newest_first()
    }

    pub(crate) fn journal(&self, id: &str) -> Option<Journal> {
        let mut state = self.lock();
        state.touch();
        state.journals.get(id).cloned()
    }

    pub(super) fn step(&self, id: &str, name: &str) {
        let mut state = self.lock();
        state.touch();
        let now = Instant::now();
        if let Some((_, began)) = &mut state.running {
            *began = now;
        }
        state.enter(id, name);
        if let Some(journal) = state.journals.get(id) {
            self.agent.events.reload(journal);
        }
    }

    /// Writes into the journal.
    pub(super) fn note(&self, id: &str, write: impl FnOnce(&mut Journal)) {
        if let Some(journal) = self.lock().journals.get_mut(id) {
            write(journal);
        }
    }

    pub(super) fn detail(&self, id: &str, words: impl Into<String>) {
        let mut state = self.lock();
        state.touch();
        if let Some(step) = state.journals.get_mut(id).and_then(|journal| journal.steps.last_mut()) {
            step.detail = words.into();
        }
        if let Some(journal) = state.journals.get(id) {
            self.agent.events.reload(journal);
        }
    }
}

/// Logs how a reload ended.
pub(super) fn log(journal: &Journal) {
    tracing::info!(
        reload = journal.id,
        outcome = journal.outcome.map(Outcome::name),
        generation = journal.generation,
        pause_ms = journal.pause_ms,
        error = journal.error,
        "reload ended"
    );
}

impl State {
    /// Begins a step in the journal.
    pub(super) fn enter(&mut self, id: &str, step: &str) {
        if let Some(journal) = self.journals.get_mut(id) {
            journal.steps.push(Step { step: step.to_owned(), ms: 0.0, detail: String::new() });
        }
    }

    /// Brings the running step's time up to now.
    pub(super) fn touch(&mut self) {
        if let Some((id, began)) = &self.running
            && let Some(step) = self.journals.get_mut(id).and_then(|journal| journal.steps.last_mut())
        {
            step.ms = milliseconds(began.elapsed());
        }
    }
}
