//! Who walks over the plugins: a task on one of the runtime's threads, looked after by a watchdog; and where a plugin
//! overstays, a thread of its own.
//!
//! Handing a collection to another thread and waiting for it takes two wake-ups of idle cores, which cost more than the
//! collection. So a walk is a task of the runtime, which has one thread more than it needs. A plugin that overstays
//! keeps the thread it is on; the watchdog then wakes the other, and has a thread walk on. While a thread of the runtime
//! is kept, all walks are that thread's, and a plugin that overstays keeps it, and a fresh one walks on. So isolation costs
//! nothing until something hangs, and a plugin that never returns costs one thread for good, however many scrapes
//! come by.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use relink_core::Error;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::watch;

use super::own::Own;
use super::sideload;
use super::slot::Done;
use super::walks::{Call, Finished, InCharge, Next, Progress, Schedule, Selection, Stage, Task, Walk};
use super::watchdog::Watchdog;
use crate::counters::Counters;
use crate::plugins::status::State;
use crate::store::snapshot::{Reading, Snapshot};

/// How long the walker may be inside one plugin before another one walks on. Well above what a healthy collection takes
/// (microseconds), and well below the shortest scrape time-out in use.
pub(super) const PATIENCE: Duration = Duration::from_millis(5);

/// What scrapes and walkers share.
pub(super) struct Shared {
    schedule: Mutex<Schedule>,
    /// Told when a walk is queued, and when the runtime has its thread back.
    queued: Condvar,
    pub(super) own: Mutex<Own>,
    /// Told when what [`Scheduler::statuses`](super::collection::Scheduler::statuses) says has changed, but for figures
    /// that change with each collection.
    pub(super) news: watch::Sender<()>,
    /// Started by the first walk that can use it. `None`: this system has none.
    watchdog: OnceLock<Option<Watchdog>>,
}

/// Where a walker has come to.
enum Reached {
    /// Somebody was told something.
    Told,
    /// The end of the queue.
    End,
    /// Another one walks on.
    Relieved,
}

impl Shared {
    pub(super) fn new(schedule: Schedule, counters: Arc<Counters>) -> Self {
        Shared {
            schedule: Mutex::new(schedule),
            queued: Condvar::new(),
            own: Mutex::new(Own::new(counters)),
            news: watch::Sender::new(()),
            watchdog: OnceLock::new(),
        }
    }

    /// No call into a plugin is made under this lock, and nothing under it panics by intent; should it, the data
    /// is still sound.
    pub(super) fn lock(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The walk for this selection that is under way, or a new one: also where the one under way may have asked code
    /// that has been replaced since.
    pub(super) fn join(self: &Arc<Self>, task: Task, selection: &Selection) -> Arc<Walk> {
        let has_watchdog = self.watchdog().is_some();
        let mut schedule = self.lock();
        let is_same = |walk: &&Arc<Walk>| {
            (walk.task, walk.change, &walk.selection) == (task, schedule.change, selection)
        };
        if let Some(walk) = schedule.queue.iter().find(is_same) {
            return Arc::clone(walk);
        }
        if schedule.in_charge == InCharge::Nobody {
            let number = schedule.walker + 1;
            if has_watchdog && !schedule.keeps_worker {
                tokio::spawn(Arc::clone(self).walk_as_task(number));
                (schedule.walker, schedule.in_charge) = (number, InCharge::Task);
            } else {
                self.send_thread(&mut schedule);
            }
        }
        let is_watched = schedule.in_charge == InCharge::Task;
        let walk = Arc::new(Walk {
            task,
            selection: selection.clone(),
            change: schedule.change,
            progress: Mutex::new(Progress { next: 0, readings: selection.0.iter().map(|_| None).collect() }),
            stage: watch::Sender::new(if is_watched { Stage::Watched } else { Stage::Unwatched }),
        });
        schedule.queue.push_back(Arc::clone(&walk));
        drop(schedule);
        if !is_watched {
            self.queued.notify_all();
        }
        walk
    }

    /// The watchdog, where a walk can be a task: without a second thread of the runtime, nobody could be told that the
    /// first is kept.
    fn watchdog(self: &Arc<Self>) -> Option<&Watchdog> {
        let runtime = Handle::try_current().ok()?;
        if runtime.runtime_flavor() != RuntimeFlavor::MultiThread {
            return None;
        }
        let start = || {
            let shared = Arc::downgrade(self);
            let ring = move || {
                if let Some(shared) = shared.upgrade() {
                    shared.walk_takes_long(&runtime);
                }
            };
            Watchdog::start(ring).inspect_err(|error| tracing::warn!("no watchdog: {error}")).ok()
        };
        self.watchdog.get_or_init(start).as_ref()
    }

    /// Called by the watchdog. Those who wait for a walk look at the clock from now on.
    fn walk_takes_long(self: &Arc<Self>, runtime: &Handle) {
        self.relieve_walker(Instant::now());
        let schedule = self.lock();
        schedule.queue.iter().for_each(|walk| walk.unwatch());
        if schedule.in_charge == InCharge::Task
            && !schedule.queue.is_empty()
            && let Some(Some(watchdog)) = self.watchdog.get()
        {
            watchdog.set(PATIENCE);
        }
        drop(schedule);
        // The thread that is kept may have been the one that looks at sockets and timers.
        runtime.spawn(async {});
    }

    /// Has a fresh thread walk, instead of whoever does. Without one, the next scrape tries once more.
    fn send_thread(self: &Arc<Self>, schedule: &mut Schedule) {
        let number = schedule.walker + 1;
        let shared = Arc::clone(self);
        let thread = std::thread::Builder::new().name("walker".to_owned());
        match thread.spawn(move || shared.walk_as_thread(number)) {
            Ok(_) => {
                schedule.keeps_worker |= schedule.in_charge == InCharge::Task;
                (schedule.walker, schedule.in_charge) = (number, InCharge::Thread);
                schedule.inside_since = None;
            }
            Err(error) => {
                tracing::error!("{}", Error::from(error).context("starting a thread for the plugins"));
            }
        }
    }

    /// Lets a fresh thread walk on if the present walker has been inside a plugin for too long; or if there is none.
    pub(super) fn relieve_walker(self: &Arc<Self>, now: Instant) {
        let mut schedule = self.lock();
        let overstays = schedule.inside_since.is_some_and(|since| now.duration_since(since) >= PATIENCE);
        let nobody_walks = schedule.in_charge == InCharge::Nobody && !schedule.queue.is_empty();
        if overstays || nobody_walks {
            self.send_thread(&mut schedule);
        }
    }

    async fn walk_as_task(self: Arc<Self>, number: u64) {
        while self.walk_a_stretch(number) {
            // Who has been told something may be queued on this very thread, which the next plugin may keep.
            tokio::task::yield_now().await;
        }
    }

    /// Whether there is more to walk for this task.
    fn walk_a_stretch(&self, number: u64) -> bool {
        let watchdog = self.watchdog.get().and_then(Option::as_ref);
        watchdog.inspect(|watchdog| watchdog.set(PATIENCE));
        let (reached, mut schedule) = self.walk_on(number);
        match reached {
            Reached::Relieved => {
                schedule.keeps_worker = false;
                drop(schedule);
                self.queued.notify_all();
                return false;
            }
            Reached::End => schedule.in_charge = InCharge::Nobody,
            Reached::Told => {}
        }
        drop(schedule);
        watchdog.inspect(|watchdog| watchdog.stop());
        matches!(reached, Reached::Told)
    }

    fn walk_as_thread(self: Arc<Self>, number: u64) {
        let has_watchdog = matches!(self.watchdog.get(), Some(Some(_)));
        loop {
            let (reached, mut schedule) = self.walk_on(number);
            match reached {
                Reached::Told => {}
                Reached::Relieved => return,
                Reached::End if has_watchdog && !schedule.keeps_worker => {
                    schedule.in_charge = InCharge::Nobody;
                    return;
                }
                Reached::End => {
                    drop(self.queued.wait(schedule).unwrap_or_else(PoisonError::into_inner));
                }
            }
        }
    }

    /// Walks until somebody has been told something, or there is nothing more to do. Once those who waited have been told
    /// and nothing is queued, that is the end.
    fn walk_on(&self, number: u64) -> (Reached, MutexGuard<'_, Schedule>) {
        let mut schedule = self.lock();
        loop {
            if schedule.walker != number {
                return (Reached::Relieved, schedule);
            }
            let is_told = match schedule.next() {
                Next::Nothing => return (Reached::End, schedule),
                Next::Asked { walk, is_whole } => {
                    drop(schedule);
                    if is_whole {
                        self.publish(&walk);
                    } else {
                        walk.unwatch();
                    }
                    true
                }
                Next::Call(call) => {
                    drop(schedule);
                    self.call(number, call)
                }
            };
            schedule = self.lock();
            if is_told && schedule.walker == number && !schedule.queue.is_empty() {
                return (Reached::Told, schedule);
            }
        }
    }

    /// Makes a call, and says whether anybody was told of its outcome.
    fn call(&self, number: u64, call: Call) -> bool {
        let Call { task, name, serial, plugin, mut instance, claims } = call;
        let began = Instant::now();
        instance.set_claims(&claims);
        let frame = instance.collect(&plugin);
        let left_out = instance.left_out();
        // After the collection, which finds out what there is: CPUs that have just come have no usage before.
        let facts = (task == Task::CollectWithFacts).then(|| instance.facts(&plugin));
        let done = Done { facts, frame, left_out };
        let Finished { whole, gone, is_news } =
            self.lock().finish(number, name, serial, instance, done, began);
        whole.iter().for_each(|walk| self.publish(walk));
        if is_news {
            self.news.send_replace(());
        }
        if let Some(gone) = gone {
            gone.retire();
        }
        is_news || !whole.is_empty()
    }

    /// Makes the snapshot of a walk that has all its readings.
    fn publish(&self, walk: &Walk) {
        let mut progress = walk.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let readings = progress.readings.iter_mut().filter_map(Option::take).collect();
        drop(progress);
        walk.stage.send_replace(Stage::Made(self.snapshot(readings)));
    }

    pub(super) fn snapshot(&self, mut readings: Vec<Reading>) -> Arc<Snapshot> {
        sideload::settle(&mut readings);
        let (lacking, states) = {
            let schedule = self.lock();
            (schedule.lacking_beside(readings.len()), State::ALL.map(|state| schedule.count(state)))
        };
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let own = own.read(&readings, &lacking, states);
        readings.push(own);
        Arc::new(Snapshot::new(readings))
    }
}
