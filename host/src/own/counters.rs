//! What the agent counts of its own doings, shown on `/metrics` and carried from image to image.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};

use serde::{Deserialize, Serialize};

use super::SelfReport;
use crate::access::Web;
use crate::journal::{Outcome, unix_seconds};
use crate::lock::lock;
use crate::store::history::Reach;

/// The counters. Any part of the agent may add; the agent's own reading shows them.
#[derive(Default)]
pub(crate) struct Counters {
    generation: AtomicU64,
    /// Since when it serves: seconds since 1970 as bits of an `f64`.
    since: AtomicU64,
    /// When the process began, in the same form.
    started: AtomicU64,
    reloads: [AtomicU64; Outcome::ALL.len()],
    /// Seconds since 1970 as bits of an `f64`; 0 before the first success.
    last_success: AtomicU64,
    history_lost: AtomicU64,
    requests_refused: AtomicU64,
    /// Of this image alone: a re-exec is rid of them.
    retired_bytes: AtomicU64,
    /// How far back the history goes, once it has something.
    history: Mutex<Option<Reach>>,
    /// The web configuration file, where there is one.
    web: OnceLock<Arc<Web>>,
    /// The push, which counts for itself.
    push: OnceLock<Arc<dyn SelfReport>>,
}

/// The counters as one value, for the hand-over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Counted {
    pub(crate) generation: u64,
    /// Since when this generation serves, in seconds since 1970; 0 for one that begins.
    pub(crate) since: f64,
    /// When the process began, in seconds since 1970; 0 for one that begins.
    pub(crate) started: f64,
    pub(crate) reloads: Vec<u64>,
    pub(crate) last_success: f64,
    pub(crate) history_lost: u64,
    pub(crate) requests_refused: u64,
}

impl Counters {
    /// Those that the image before has handed over.
    pub(crate) fn starting_from(counted: &Counted) -> Self {
        let counters = Counters::default();
        counters.generation.store(counted.generation.max(1), Relaxed);
        let since = if counted.since > 0.0 { counted.since } else { unix_seconds() };
        counters.since.store(since.to_bits(), Relaxed);
        let started = if counted.started > 0.0 { counted.started } else { unix_seconds() };
        counters.started.store(started.to_bits(), Relaxed);
        for (counter, value) in counters.reloads.iter().zip(&counted.reloads) {
            counter.store(*value, Relaxed);
        }
        counters.last_success.store(counted.last_success.to_bits(), Relaxed);
        counters.history_lost.store(counted.history_lost, Relaxed);
        counters.requests_refused.store(counted.requests_refused, Relaxed);
        counters
    }

    /// Those of a process that has just begun.
    pub(crate) fn first() -> Self {
        Self::starting_from(&Counted::default())
    }

    pub(crate) fn counted(&self) -> Counted {
        Counted {
            generation: self.generation(),
            since: f64::from_bits(self.since.load(Relaxed)),
            started: f64::from_bits(self.started.load(Relaxed)),
            reloads: self.reloads.iter().map(|counter| counter.load(Relaxed)).collect(),
            last_success: f64::from_bits(self.last_success.load(Relaxed)),
            history_lost: self.history_lost.load(Relaxed),
            requests_refused: self.requests_refused.load(Relaxed),
        }
    }

    /// The counter of commits: how often new code went live in this process, its start included.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Relaxed)
    }

    /// New code went live in this image.
    pub(crate) fn committed(&self) {
        self.generation.fetch_add(1, Relaxed);
        self.since.store(unix_seconds().to_bits(), Relaxed);
    }

    /// The web configuration file, to say how it fares.
    pub(crate) fn web(&self) -> Option<&Web> {
        self.web.get().map(Arc::as_ref)
    }

    pub(crate) fn set_web(&self, web: Option<Arc<Web>>) {
        if let Some(web) = web {
            let _ = self.web.set(web);
        }
    }

    pub(crate) fn retired_bytes(&self) -> u64 {
        self.retired_bytes.load(Relaxed)
    }

    pub(crate) fn set_retired_bytes(&self, bytes: u64) {
        self.retired_bytes.store(bytes, Relaxed);
    }

    /// How far back the history goes, if there is one.
    pub(super) fn history(&self) -> Option<Reach> {
        *lock(&self.history)
    }

    /// Takes note of how far back the history goes now, and tells what that was before.
    pub(crate) fn set_history(&self, reach: Reach) -> Option<Reach> {
        lock(&self.history).replace(reach)
    }

    /// What the push says of itself, if anything is pushed.
    pub(super) fn push(&self) -> Option<&Arc<dyn SelfReport>> {
        self.push.get()
    }

    pub(crate) fn set_push(&self, push: Arc<dyn SelfReport>) {
        let _ = self.push.set(push);
    }

    pub(crate) fn reload_ended(&self, outcome: Outcome) {
        self.reloads[outcome as usize].fetch_add(1, Relaxed);
        if matches!(outcome, Outcome::Committed | Outcome::Unchanged) {
            self.last_success.store(unix_seconds().to_bits(), Relaxed);
        }
    }

    /// The hand-over brought no history, or one that could not be read.
    pub(crate) fn history_was_lost(&self) {
        self.history_lost.fetch_add(1, Relaxed);
    }

    pub(crate) fn request_was_refused(&self) {
        self.requests_refused.fetch_add(1, Relaxed);
    }
}
