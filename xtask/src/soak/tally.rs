//! What all clients report, and the gate at which they wait while the agent is looked at.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::end::End;
use crate::failure::Failure;

/// So many failures are told in words.
const TOLD: usize = 5;

#[derive(Default)]
pub(super) struct Tally {
    pub end: End,
    gate: RwLock<()>,
    requests: AtomicUsize,
    failures: AtomicUsize,
    words: Mutex<Vec<String>>,
}

impl Tally {
    /// The way for one request.
    pub(super) fn pass(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no request is on its way; none begins as long as this is held.
    pub(super) fn rest(&self) -> RwLockWriteGuard<'_, ()> {
        self.gate.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn asked(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Something failed that must not: it is counted, and said at once.
    pub(super) fn failed(&self, who: &str, failure: &Failure) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let words = format!("{who}: {}", failure.message());
        eprintln!("  {words}");
        let mut told = self.words();
        if told.len() < TOLD {
            told.push(words);
        }
    }

    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn failures(&self) -> usize {
        self.failures.load(Ordering::Relaxed)
    }

    /// What failed first.
    pub(super) fn first(&self) -> String {
        self.words().join(", ")
    }

    fn words(&self) -> MutexGuard<'_, Vec<String>> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
