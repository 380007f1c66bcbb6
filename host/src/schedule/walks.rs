//! The walks over the plugins, and which call comes next: the state that a [`Scheduler`](super::collection::Scheduler)
//! keeps under its lock. Nothing here calls a plugin or knows a thread but by its number.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use relink_core::{Claims, Error};
use tokio::sync::watch;

use super::instance::Instance;
use super::sideload;
use super::slot::{Done, Slot, Work};
use crate::plugins::set::{Plugin, Refused};
use crate::plugins::status::State;
use crate::store::snapshot::{Reading, Snapshot};

/// The plugins that run, and the walks over them.
pub(super) struct Schedule {
    /// By plugin name.
    pub(super) slots: BTreeMap<&'static str, Slot>,
    /// Replaced or removed while a call was in flight; each goes when that call returns.
    pub(super) leaving: Vec<Slot>,
    /// Linked plugins that do not run.
    pub(super) refused: Vec<Refused>,
    /// Files that have no plugin.
    pub(super) refused_files: Vec<Refused>,
    /// Collectors of another agent that the command line asks for, and that nothing here stands for.
    pub(super) lacking: Vec<String>,
    /// Walks that have not yet asked all their plugins; the first is being walked.
    pub(super) queue: VecDeque<Arc<Walk>>,
    /// How often plugins were put in or taken out.
    pub(super) change: u64,
    /// The names of the declared families, made anew by each change.
    pub(super) claims: Arc<Claims>,
    /// Who walks. One that finds another number here has been relieved and ends.
    pub(super) walker: u64,
    pub(super) in_charge: InCharge,
    /// Since when the walker is inside a plugin.
    pub(super) inside_since: Option<Instant>,
    /// A plugin keeps a thread of the runtime.
    pub(super) keeps_worker: bool,
}

/// What kind of walker is in charge of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InCharge {
    Nobody,
    /// A task of the runtime, as long as there is something in the queue.
    Task,
    /// A thread, which waits for more.
    Thread,
}

/// One collection of some plugins, for all scrapes that asked for the same at the same time.
pub(crate) struct Walk {
    pub(super) task: Task,
    pub(super) selection: Selection,
    /// The schedule's when it began.
    pub(super) change: u64,
    pub(super) progress: Mutex<Progress>,
    pub(super) stage: watch::Sender<Stage>,
}

/// How a walk stands, for those who wait for it.
#[derive(Clone)]
pub(super) enum Stage {
    /// Under way, and the watchdog looks after it.
    Watched,
    /// Under way, and who waits for it has to look at the clock.
    Unwatched,
    Made(Arc<Snapshot>),
}

/// What a walk asks its plugins for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    Collect,
    CollectWithFacts,
}

/// How far a walk has come.
pub(super) struct Progress {
    /// The place in the selection of the plugin to ask next.
    pub(super) next: usize,
    pub(super) readings: Vec<Option<Reading>>,
}

/// Which plugins a scrape wants, as made by [`Scheduler::select`](super::collection::Scheduler::select): their names, sorted.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Selection(pub(super) Arc<[&'static str]>);

/// What a walker does next.
pub(super) enum Next {
    Call(Call),
    /// This walk has asked all its plugins, and has left the queue.
    Asked {
        walk: Arc<Walk>,
        /// It has all its readings.
        is_whole: bool,
    },
    /// Nothing is queued.
    Nothing,
}

/// A call to make: which task, on which slot, with what.
pub(super) struct Call {
    pub(super) task: Task,
    pub(super) name: &'static str,
    pub(super) serial: u64,
    pub(super) plugin: Arc<Plugin>,
    pub(super) instance: Box<Instance>,
    pub(super) claims: Arc<Claims>,
}

/// What follows from a call that has returned.
#[derive(Default)]
pub(super) struct Finished {
    /// The walks that are whole now and no longer in the queue.
    pub(super) whole: Vec<Arc<Walk>>,
    /// The slot, if it has been replaced or removed during the call.
    pub(super) gone: Option<Slot>,
    /// The plugin's state has changed.
    pub(super) is_news: bool,
}

impl Walk {
    /// From now on, who waits for it has to look at the clock.
    pub(super) fn unwatch(&self) {
        self.stage.send_if_modified(|stage| {
            let was_watched = matches!(stage, Stage::Watched);
            if was_watched {
                *stage = Stage::Unwatched;
            }
            was_watched
        });
    }
}

impl Schedule {
    /// The collectors that are asked for and not here, beside so many readings: a scrape of some plugins did not ask for
    /// them, and one that a plugin has brought meanwhile is here.
    pub(super) fn lacking_beside(&self, readings: usize) -> Vec<String> {
        if readings < self.slots.len() {
            return Vec::new();
        }
        self.lacking.iter().filter(|name| !self.slots.contains_key(name.as_str())).cloned().collect()
    }

    /// What to do next.
    pub(super) fn next(&mut self) -> Next {
        let now = Instant::now();
        while let Some(walk) = self.queue.front().cloned() {
            let mut progress = walk.progress.lock().unwrap_or_else(PoisonError::into_inner);
            let place = progress.next;
            let Some(&name) = walk.selection.0.get(place) else {
                let is_whole = progress.readings.iter().all(Option::is_some);
                drop(progress);
                self.queue.pop_front();
                return Next::Asked { walk, is_whole };
            };
            progress.next += 1;
            let Some(slot) = self.slots.get_mut(name) else {
                progress.readings[place] = Some(removed(name));
                continue;
            };
            if let Some(error) = slot.unavailable(now) {
                let reading =
                    Reading { plugin: slot.plugin.name, duration: Duration::ZERO, result: Err(error) };
                progress.readings[place] = Some(reading);
                continue;
            }
            match &mut slot.work {
                Work::Running { waiting, .. } => waiting.push((Arc::clone(&walk), place)),
                work @ Work::Idle(_) => {
                    let running = Work::Running { since: now, waiting: vec![(Arc::clone(&walk), place)] };
                    if let Work::Idle(instance) = std::mem::replace(work, running) {
                        self.inside_since = Some(now);
                        let (serial, plugin) = (slot.serial, Arc::clone(&slot.plugin));
                        let (task, claims) = (walk.task, Arc::clone(&self.claims));
                        return Next::Call(Call { task, name, serial, plugin, instance, claims });
                    }
                }
            }
        }
        Next::Nothing
    }

    /// Hands a finished call's reading to the walks that wait for it.
    pub(super) fn finish(
        &mut self,
        number: u64,
        name: &str,
        serial: u64,
        instance: Box<Instance>,
        done: Done,
        began: Instant,
    ) -> Finished {
        if self.walker == number {
            self.inside_since = None;
        }
        let mut finished = Finished::default();
        let slot = match self.slots.get_mut(name).filter(|slot| slot.serial == serial) {
            Some(slot) => slot,
            None => match self.leaving.iter().position(|slot| slot.serial == serial) {
                Some(at) => finished.gone.insert(self.leaving.swap_remove(at)),
                // Every call in flight has its slot in one of the two.
                None => return finished,
            },
        };
        let (reading, waiting, is_news) = slot.finish(instance, done, began);
        finished.is_news = is_news;
        for (walk, place) in waiting {
            let mut progress = walk.progress.lock().unwrap_or_else(PoisonError::into_inner);
            progress.readings[place] = Some(reading.clone());
            let is_queued = self.queue.iter().any(|queued| Arc::ptr_eq(queued, &walk));
            if !is_queued && progress.readings.iter().all(Option::is_some) {
                drop(progress);
                finished.whole.push(walk);
            }
        }
        finished
    }

    /// Those that are known and don't run. One that is off, or not linked in, may run as a library.
    pub(super) fn idle(&self) -> impl Iterator<Item = &Refused> {
        let linked = self.refused.iter().filter(|idle| !self.slots.contains_key(idle.name.as_str()));
        linked.chain(&self.refused_files)
    }

    /// How many plugins are in this state.
    pub(super) fn count(&self, state: State) -> usize {
        let running = self.slots.values().filter(|slot| slot.state() == state).count();
        running + self.idle().filter(|idle| idle.state == state).count()
    }

    /// Takes note that a plugin was put in or taken out.
    pub(super) fn changed(&mut self) {
        self.change += 1;
        self.claims = sideload::claims(&self.slots);
    }

    /// Gives a replaced slot back if nothing is in flight; else it stays among those that leave.
    pub(super) fn let_go(&mut self, old: Slot) -> Option<Slot> {
        match old.work {
            Work::Idle(_) => Some(old),
            Work::Running { .. } => {
                self.leaving.push(old);
                None
            }
        }
    }
}

/// The reading of a plugin that was taken out between the beginning of a collection and its turn.
pub(super) fn removed(name: &'static str) -> Reading {
    Reading { plugin: name, duration: Duration::ZERO, result: Err(Error::new("the plugin was just removed")) }
}
