//! What all get that listen to the same families: the numbers of the series, and each snapshot's event, rendered once.

use std::sync::{Arc, Mutex, MutexGuard};

use super::Newest;
use super::numbers::{Numbers, State};
use crate::agent::Agent;
use crate::expose::changes;
use crate::expose::gzip::Text;
use crate::lock::lock;
use crate::store::history::Past;

/// The families that some subscribers want, and where they are.
pub(super) struct Channel {
    families: Arc<[String]>,
    inner: Mutex<Inner>,
}

pub(super) struct Inner {
    pub(super) numbers: Numbers,
    /// At the snapshot that the one got who is furthest on.
    pub(super) state: State,
    /// What leads there from the snapshot before.
    pub(super) step: Option<Step>,
    /// Most numbers are of series that are no more. Who comes back gets new ones.
    pub(super) is_worn: bool,
}

/// What leads from one snapshot to the next.
#[derive(Clone)]
pub(super) struct Step {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) text: Text,
}

impl Channel {
    pub(super) fn new(families: Arc<[String]>) -> Self {
        let numbers = Numbers::new(Arc::clone(&families));
        let inner = Inner { numbers, state: State::default(), step: None, is_worn: false };
        Channel { families, inner: Mutex::new(inner) }
    }

    /// Whether who wants these families, sorted, can listen here.
    pub(super) fn is_of(&self, families: &[String]) -> bool {
        *self.families == *families && !self.inner().is_worn
    }

    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

impl Inner {
    /// Goes on by a snapshot, to one after that of the state.
    pub(super) fn go_on(&mut self, past: &Past) -> Step {
        let from = self.state.id;
        let changes = self.state.go_on(past, &mut self.numbers);
        self.is_worn = self.state.is_worn(&self.numbers);
        let step = Step { from, to: past.id, text: Text::new(changes::samples(past.id, &changes)) };
        // Who is where this begins is not to miss what it passes over.
        self.step = (past.id == from + 1).then(|| step.clone());
        step
    }

    /// Goes to the newest snapshot, if it is not there. `false`: there is none yet, or it is forgotten.
    pub(super) fn catch_up(&mut self, agent: &Agent, newest: &Newest) -> bool {
        if self.state.id < newest.id {
            let past = agent.history().after(newest.id - 1).pop();
            match past.or_else(|| newest.past()) {
                Some(past) => drop(self.go_on(&past)),
                None => return false,
            }
        }
        self.state.id != 0
    }
}

impl Newest {
    /// The snapshot, where it is not in the history.
    pub(super) fn past(&self) -> Option<Past> {
        Some(Past::of(self.id, self.snapshot.as_deref()?))
    }
}
