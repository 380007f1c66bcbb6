//! A reload while it runs: its steps, how long each took, and what came of it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::transaction::{Reloader, milliseconds};
use crate::journal::{Entry, Journal, Outcome, Step};

/// A reload that runs. Whatever it does, it tells its journal and those who listen.
#[derive(Clone, Copy)]
pub(super) struct Run<'r> {
    pub(super) reloader: &'r Arc<Reloader>,
    pub(super) account: &'r Account,
}

/// The journal of a reload that runs.
pub(super) struct Account {
    pub(super) id: String,
    written: Mutex<Written>,
}

struct Written {
    journal: Journal,
    /// When its present step began.
    began: Instant,
}

impl Run<'_> {
    pub(super) fn step(&self, step: Step) {
        self.account.write(|written| {
            written.journal.steps.push(Entry::new(step));
            written.began = Instant::now();
            self.reloader.agent.events.reload(&written.journal);
        });
    }

    /// What comes of the present step, in words.
    pub(super) fn detail(&self, words: impl Into<String>) {
        self.account.write(|written| {
            written.present().detail = words.into();
            self.reloader.agent.events.reload(&written.journal);
        });
    }

    /// Writes into the journal.
    pub(super) fn note(&self, write: impl FnOnce(&mut Journal)) {
        self.account.write(|written| write(&mut written.journal));
    }
}

impl Account {
    /// Of a journal with its first step.
    pub(super) fn new(journal: Journal) -> Self {
        let id = journal.id.clone();
        Account { id, written: Mutex::new(Written { journal, began: Instant::now() }) }
    }

    /// The journal as it is now.
    pub(super) fn journal(&self) -> Journal {
        self.write(|written| written.journal.clone())
    }

    /// Which step it is at.
    pub(super) fn at(&self) -> Step {
        self.write(|written| written.present().step)
    }

    /// Brings the present step's time up to now, and then writes.
    fn write<T>(&self, write: impl FnOnce(&mut Written) -> T) -> T {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.present().ms = milliseconds(written.began.elapsed());
        write(&mut written)
    }
}

impl Written {
    fn present(&mut self) -> &mut Entry {
        self.journal.steps.last_mut().expect("a reload begins with a step")
    }
}

impl Reloader {
    /// Closes the journal of the reload that led to this image, if it was handed over whole.
    pub(crate) fn conclude(&self, id: &str, close: impl FnOnce(&mut Journal)) -> Option<Journal> {
        let mut state = self.lock();
        let journal = state.ended.get_mut(id)?;
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
        let state = self.lock();
        let running = state.running.iter().map(|running| running.journal());
        running.chain(state.ended.newest_first()).collect()
    }

    pub(crate) fn journal(&self, id: &str) -> Option<Journal> {
        let state = self.lock();
        let running = state.running.iter().find(|running| running.id == id);
        running.map(|running| running.journal()).or_else(|| state.ended.get(id).cloned())
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
