//! The walks over the collectors, and which call comes next: the state that a [`Scheduler`](super::scheduler::Scheduler)
//! keeps under its lock. Nothing here calls a collector, looks at a clock, or knows a thread but by its number.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use relink_core::Error;
use relink_exposition::Claims;
use tokio::sync::watch;

use super::instance::Instance;
use super::sideload;
use super::slot::{Done, Slot, Work};
use crate::lock::lock;
use crate::plugins::set::{Collector, Idle, Plugin};
use crate::plugins::status::State;
use crate::store::snapshot::{LeftOut, Reading, Snapshot};

/// How long the walker may be inside one collector before another one walks on. Well above what a healthy collection takes
/// (microseconds), and well below the shortest scrape time-out in use.
pub(super) const PATIENCE: Duration = Duration::from_millis(5);

/// The collectors that run, and the walks over them.
pub(super) struct Schedule {
    /// The plugins of the slots, by name.
    pub(super) plugins: BTreeMap<&'static str, Arc<Plugin>>,
    /// By the collector's name.
    pub(super) slots: BTreeMap<&'static str, Slot>,
    /// Replaced or removed while a call was in flight; each goes when that call returns.
    pub(super) leaving: Vec<Slot>,
    /// Linked plugins that do not run.
    pub(super) idle_linked: Vec<Idle>,
    /// Files that have no plugin.
    pub(super) idle_files: Vec<Idle>,
    /// Collectors of another agent that the command line asks for, and that nothing here stands for.
    pub(super) lacking: Vec<String>,
    /// Walks that have not yet asked all their collectors; the first is being walked.
    pub(super) queue: VecDeque<Arc<Walk>>,
    /// How often plugins were put in or taken out.
    pub(super) change: u64,
    /// The names of the declared families, made again by each change.
    pub(super) claims: Arc<Claims>,
    pub(super) walker: Walker,
    /// How many walkers there were: the number of the last one.
    pub(super) walkers: u64,
    pub(super) runtime: Runtime,
}

/// Who is in charge of the queue. A walker that finds another number than its own here has been relieved, and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walker {
    Nobody,
    /// A task of the runtime, as long as there is something in the queue; `inside` a collector since then.
    Task {
        number: u64,
        inside: Option<Instant>,
    },
    /// A thread, which waits for more.
    Thread {
        number: u64,
        inside: Option<Instant>,
    },
}

/// Whether the runtime has all its threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runtime {
    Whole,
    /// A collector keeps one of them. While it does, all walks are made by threads: a second one that is kept would leave
    /// nobody to answer scrapes.
    ShortOfOne,
}

/// A walker to be started, under this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Task(u64),
    Thread(u64),
}

/// Starts walkers, and says whether it could: a system may be out of threads.
pub(super) type Starter<'a> = &'a mut dyn FnMut(Start) -> bool;

/// One collection of some collectors, for all scrapes that asked for the same at the same time.
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

/// What a walk asks its collectors for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    Collect,
    CollectWithFacts,
}

/// How far a walk has come.
pub(super) struct Progress {
    /// The place in the selection of the collector to ask next.
    pub(super) next: usize,
    pub(super) readings: Vec<Option<Reading>>,
}

/// Which collectors a scrape wants, as made by [`Scheduler::select`](super::scheduler::Scheduler::select): their names, sorted.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Selection(pub(super) Arc<[&'static str]>);

/// What a walker does next.
pub(super) enum Next {
    /// Make this call, without the lock, and hand its outcome to [`Schedule::finish`].
    Call(Call),
    /// Publish this walk, which has all its readings.
    Publish(Arc<Walk>),
    /// Have those who wait for this walk look at the clock: it has asked all its collectors, and some have not answered.
    Unwatch(Arc<Walk>),
    /// Let those run who have been told something; then ask again.
    Pause,
    /// Wait until something is queued; then ask again.
    Wait,
    /// End: nothing is queued.
    End,
    /// End: another one walks.
    Relieved,
}

/// A call to make: which task, on which slot, with what.
pub(super) struct Call {
    pub(super) task: Task,
    pub(super) name: &'static str,
    pub(super) serial: u64,
    pub(super) collector: Arc<Collector>,
    pub(super) instance: Box<Instance>,
    pub(super) claims: Arc<Claims>,
}

/// A call that has returned.
pub(super) struct Returned {
    pub(super) name: &'static str,
    pub(super) serial: u64,
    pub(super) instance: Box<Instance>,
    pub(super) done: Done,
    pub(super) began: Instant,
}

/// What follows from a call that has returned.
#[derive(Default)]
pub(super) struct Finished {
    /// The walks that are whole now and no longer in the queue.
    pub(super) whole: Vec<Arc<Walk>>,
    /// The slot, if it has been replaced or removed during the call.
    pub(super) gone: Option<Slot>,
    /// The collector's state has changed.
    pub(super) is_news: bool,
}

impl Walker {
    fn number(self) -> Option<u64> {
        match self {
            Walker::Nobody => None,
            Walker::Task { number, .. } | Walker::Thread { number, .. } => Some(number),
        }
    }

    fn inside(&mut self) -> Option<&mut Option<Instant>> {
        match self {
            Walker::Nobody => None,
            Walker::Task { inside, .. } | Walker::Thread { inside, .. } => Some(inside),
        }
    }
}

impl Walk {
    fn new(task: Task, selection: &Selection, change: u64, stage: Stage) -> Arc<Self> {
        let readings = selection.0.iter().map(|_| None).collect();
        Arc::new(Walk {
            task,
            selection: selection.clone(),
            change,
            progress: Mutex::new(Progress { next: 0, readings }),
            stage: watch::Sender::new(stage),
        })
    }

    /// From now on, who waits for it has to look at the clock; they are told.
    pub(super) fn unwatch(&self) -> bool {
        self.stage.send_if_modified(|stage| {
            let was_watched = matches!(stage, Stage::Watched);
            if was_watched {
                *stage = Stage::Unwatched;
            }
            was_watched
        })
    }
}

impl Schedule {
    /// The schedule of these collectors, before the first walk.
    pub(super) fn new(
        plugins: BTreeMap<&'static str, Arc<Plugin>>,
        slots: BTreeMap<&'static str, Slot>,
        idle_linked: Vec<Idle>,
    ) -> Self {
        Schedule {
            claims: sideload::claims(&slots),
            plugins,
            slots,
            leaving: Vec::new(),
            idle_linked,
            idle_files: Vec::new(),
            lacking: Vec::new(),
            queue: VecDeque::new(),
            change: 0,
            walker: Walker::Nobody,
            walkers: 0,
            runtime: Runtime::Whole,
        }
    }

    /// The walk for this selection that is under way, or a new one: also where the one under way may have asked code
    /// that has been replaced since. `can_watch`: there is a watchdog, so that a task may walk.
    pub(super) fn join(
        &mut self,
        task: Task,
        selection: &Selection,
        can_watch: bool,
        start: Starter<'_>,
    ) -> Arc<Walk> {
        let is_same =
            |walk: &&Arc<Walk>| (walk.task, walk.change, &walk.selection) == (task, self.change, selection);
        if let Some(walk) = self.queue.iter().find(is_same) {
            return Arc::clone(walk);
        }
        if self.walker == Walker::Nobody {
            if can_watch && self.runtime == Runtime::Whole {
                self.send_task(start);
            } else {
                self.send_thread(start);
            }
        }
        // Nobody rings for a thread: it may be kept for good, and those who wait have to find out by the clock. The
        // same if nobody could be started.
        let is_watched = matches!(self.walker, Walker::Task { .. });
        let stage = if is_watched { Stage::Watched } else { Stage::Unwatched };
        let walk = Walk::new(task, selection, self.change, stage);
        self.queue.push_back(Arc::clone(&walk));
        walk
    }

    fn send_task(&mut self, start: Starter<'_>) {
        let number = self.walkers + 1;
        if start(Start::Task(number)) {
            (self.walkers, self.walker) = (number, Walker::Task { number, inside: None });
        }
    }

    /// Has a fresh thread walk, in place of whoever does. If there is none to be had, whoever does stays in charge, and
    /// the next look at the clock tries once more. The number is only used up when the thread has started: taken before,
    /// a walker that is still at work would find itself relieved, and nobody would walk.
    fn send_thread(&mut self, start: Starter<'_>) {
        let number = self.walkers + 1;
        if start(Start::Thread(number)) {
            if matches!(self.walker, Walker::Task { .. }) {
                // The task is inside a collector, so it keeps its thread of the runtime until it is back.
                self.runtime = Runtime::ShortOfOne;
            }
            (self.walkers, self.walker) = (number, Walker::Thread { number, inside: None });
        }
    }

    /// Lets a fresh thread walk on if the present walker has been inside a collector for too long; or if there is none
    /// though something is queued, because none could be started.
    pub(super) fn relieve(&mut self, now: Instant, start: Starter<'_>) {
        let overstays = self
            .walker
            .inside()
            .and_then(|inside| *inside)
            .is_some_and(|since| now.duration_since(since) >= PATIENCE);
        let nobody_walks = self.walker == Walker::Nobody && !self.queue.is_empty();
        if overstays || nobody_walks {
            self.send_thread(start);
        }
    }

    /// The watchdog has rung: those who wait look at the clock from now on. Says whether it has to ring again, because a
    /// task still walks: the timer may have run out while the task was between two collectors, or has just entered one.
    pub(super) fn rang(&mut self, now: Instant, start: Starter<'_>) -> bool {
        self.relieve(now, start);
        self.queue.iter().for_each(|walk| _ = walk.unwatch());
        matches!(self.walker, Walker::Task { .. }) && !self.queue.is_empty()
    }

    /// What the walker of this number does next. `told`: it has told somebody something since it last asked.
    pub(super) fn next(&mut self, number: u64, told: bool, can_watch: bool, now: Instant) -> Next {
        if self.walker.number() != Some(number) {
            return Next::Relieved;
        }
        if told && !self.queue.is_empty() {
            // Who has been told something may be queued on this very thread, which the next collector may keep.
            return Next::Pause;
        }
        while let Some(walk) = self.queue.front().cloned() {
            let mut progress = lock(&walk.progress);
            let place = progress.next;
            let Some(&name) = walk.selection.0.get(place) else {
                let is_whole = progress.readings.iter().all(Option::is_some);
                drop(progress);
                self.queue.pop_front();
                return if is_whole { Next::Publish(walk) } else { Next::Unwatch(walk) };
            };
            progress.next += 1;
            let Some(slot) = self.slots.get_mut(name) else {
                progress.readings[place] = Some(removed(name));
                continue;
            };
            if let Some(error) = slot.unavailable(now) {
                progress.readings[place] = Some(slot.reading(Duration::ZERO, Err(error)));
                continue;
            }
            if walk.task == Task::Collect
                && let Some(reading) = slot.rests(now)
            {
                progress.readings[place] = Some(reading);
                continue;
            }
            match &mut slot.work {
                // One call in flight a collector: whoever wants its reading as well waits for the same call.
                Work::Running { waiting, .. } => waiting.push((Arc::clone(&walk), place)),
                work @ Work::Idle(_) => {
                    let running = Work::Running { since: now, waiting: vec![(Arc::clone(&walk), place)] };
                    if let Work::Idle(instance) = std::mem::replace(work, running) {
                        let (serial, collector) = (slot.serial, Arc::clone(&slot.collector));
                        let (task, claims) = (walk.task, Arc::clone(&self.claims));
                        self.walker.inside().into_iter().for_each(|inside| *inside = Some(now));
                        return Next::Call(Call { task, name, serial, collector, instance, claims });
                    }
                }
            }
        }
        self.nothing_is_queued(can_watch)
    }

    /// A task ends, and the next scrape starts another. A thread stays where a task may not walk: without a watchdog, or
    /// as long as the runtime is short of a thread.
    fn nothing_is_queued(&mut self, can_watch: bool) -> Next {
        let stays = matches!(self.walker, Walker::Thread { .. })
            && (!can_watch || self.runtime == Runtime::ShortOfOne);
        if stays {
            return Next::Wait;
        }
        self.walker = Walker::Nobody;
        Next::End
    }

    /// A task that was relieved is back from its collector, and with it the runtime's thread.
    pub(super) fn task_is_back(&mut self) {
        self.runtime = Runtime::Whole;
    }

    /// Hands a finished call's reading to the walks that wait for it.
    pub(super) fn finish(&mut self, number: u64, returned: Returned, now: Instant) -> Finished {
        let Returned { name, serial, instance, done, began } = returned;
        // One that was relieved meanwhile must not say that its successor has left a collector.
        if self.walker.number() == Some(number) {
            self.walker.inside().into_iter().for_each(|inside| *inside = None);
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
        let (reading, waiting, is_news) = slot.finish(instance, done, began, now);
        finished.is_news = is_news;
        for (walk, place) in waiting {
            let mut progress = lock(&walk.progress);
            progress.readings[place] = Some(reading.clone());
            let is_queued = self.queue.iter().any(|queued| Arc::ptr_eq(queued, &walk));
            if !is_queued && progress.readings.iter().all(Option::is_some) {
                drop(progress);
                finished.whole.push(walk);
            }
        }
        finished
    }

    /// The collectors that are asked for and not here, beside so many readings: a scrape of some collectors did not ask for
    /// them, and one that a plugin has brought meanwhile is here.
    pub(super) fn lacking_beside(&self, readings: usize) -> Vec<String> {
        if readings < self.slots.len() {
            return Vec::new();
        }
        self.lacking.iter().filter(|name| !self.slots.contains_key(name.as_str())).cloned().collect()
    }

    /// Those that are known and don't run. One that is off, or not linked in, may run as a library.
    pub(super) fn idle(&self) -> impl Iterator<Item = &Idle> {
        let linked = self.idle_linked.iter().filter(|idle| !self.plugins.contains_key(idle.name.as_str()));
        linked.chain(&self.idle_files)
    }

    /// How many plugins are in each state: that of the worst of their collectors.
    pub(super) fn states(&self) -> [usize; State::ALL.len()] {
        let running = self.plugins.values().map(|plugin| {
            let states = plugin.collectors.iter().filter_map(|one| Some(self.slots.get(one.name)?.state()));
            states.min_by_key(|state| state.rank()).unwrap_or(State::Off)
        });
        let states = running.chain(self.idle().map(|idle| idle.state));
        states.fold([0; State::ALL.len()], |mut counts, state| {
            counts[state as usize] += 1;
            counts
        })
    }

    /// The readings of a walk whose time is over, the missing ones marked; and whether a collector's state has changed by
    /// that. The walk goes on, for others who wait for it.
    pub(super) fn cut_short(&mut self, walk: &Walk, now: Instant) -> (Vec<Reading>, bool) {
        let progress = lock(&walk.progress);
        let mut is_news = false;
        let readings = progress.readings.iter().zip(walk.selection.0.iter());
        let readings = readings
            .map(|(reading, name)| match (reading, self.slots.get_mut(name)) {
                (Some(reading), _) => reading.clone(),
                (None, Some(slot)) => {
                    let (reading, is_new) = slot.missed(now);
                    is_news |= is_new;
                    reading
                }
                (None, None) => removed(name),
            })
            .collect();
        (readings, is_news)
    }

    /// Takes note that a plugin was put in or taken out.
    fn changed(&mut self) {
        self.change += 1;
        self.claims = sideload::claims(&self.slots);
    }

    /// Puts a plugin in, with its collectors and what they are made of, in place of the one of that name if there is one;
    /// and gives back the slots of that one which nobody is in.
    pub(super) fn put(&mut self, plugin: Arc<Plugin>, slots: Vec<Slot>) -> Vec<Slot> {
        let old = self.take(plugin.name);
        self.plugins.insert(plugin.name, plugin);
        self.slots.extend(slots.into_iter().map(|slot| (slot.collector.name, slot)));
        self.changed();
        old
    }

    /// Takes a plugin out, in the same way.
    pub(super) fn take(&mut self, name: &str) -> Vec<Slot> {
        let collectors = self.plugins.remove(name).into_iter().flat_map(|plugin| plugin.collectors.clone());
        let old: Vec<_> = collectors.filter_map(|collector| self.slots.remove(collector.name)).collect();
        self.changed();
        old.into_iter().filter_map(|slot| self.let_go(slot)).collect()
    }

    /// Gives a replaced slot back if nothing is in flight; else it stays among those that leave.
    fn let_go(&mut self, old: Slot) -> Option<Slot> {
        match old.work {
            Work::Idle(_) => Some(old),
            Work::Running { .. } => {
                self.leaving.push(old);
                None
            }
        }
    }
}

/// The reading of a collector that was taken out between the beginning of a collection and its turn.
fn removed(name: &'static str) -> Reading {
    let result = Err(Error::new("the collector was just removed"));
    Reading { collector: name, duration: Duration::ZERO, result, left_out: LeftOut::default() }
}
