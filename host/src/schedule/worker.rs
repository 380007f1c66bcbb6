//! Who walks over the collectors: a task on one of the runtime's threads, looked after by a watchdog; and where a collector
//! overstays, a thread of its own.
//!
//! Handing a collection to another thread and waiting for it takes two wake-ups of idle cores, which cost more than the
//! collection. So a walk is a task of the runtime, which has one thread more than it needs. A collector that overstays
//! keeps the thread it is on; the watchdog then wakes the other, and has a thread walk on. While a thread of the runtime
//! is kept, all walks are that thread's, and a collector that overstays keeps it, and a fresh one walks on. So isolation costs
//! nothing until something hangs, and a collector that never returns costs one thread for good, however many scrapes
//! come by.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::watch;

use super::queue::{Call, Finished, Next, PATIENCE, Returned, Schedule, Selection, Stage, Start, Task, Walk};
use super::sideload;
use super::slot::Done;
use super::watchdog::Watchdog;
use crate::lock::lock;
use crate::own::Own;
use crate::own::counters::Counters;
use crate::store::snapshot::{Reading, Snapshot};

/// What scrapes and walkers share.
pub(super) struct Shared {
    schedule: Mutex<Schedule>,
    /// Told when a walk is queued, and when the runtime has its thread back.
    queued: Condvar,
    pub(super) own: Mutex<Own>,
    /// Told when what [`Scheduler::statuses`](super::scheduler::Scheduler::statuses) says has changed, but for figures
    /// that change with each collection.
    pub(super) news: watch::Sender<()>,
    /// Started by the first walk that can use it. `None`: this system has none.
    watchdog: OnceLock<Option<Watchdog>>,
}

thread_local! {
    /// Whether this thread has the lock.
    static LOCKED: Cell<bool> = const { Cell::new(false) };
}

/// The schedule, locked; and this thread knows that it is, so that a call under the lock is found out.
pub(super) struct Locked<'a> {
    guard: MutexGuard<'a, Schedule>,
    _mark: Mark,
}

struct Mark;

impl Drop for Mark {
    fn drop(&mut self) {
        LOCKED.set(false);
    }
}

impl Locked<'_> {
    /// Lets go of the lock until `queued` tells.
    fn wait(self, queued: &Condvar) {
        drop(queued.wait(self.guard).unwrap_or_else(PoisonError::into_inner));
    }
}

impl Deref for Locked<'_> {
    type Target = Schedule;

    fn deref(&self) -> &Schedule {
        &self.guard
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Schedule {
        &mut self.guard
    }
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

    /// No call into a collector is made under this lock, and nothing under it panics by intent; should it, the data
    /// is still sound.
    pub(super) fn lock(&self) -> Locked<'_> {
        let guard = lock(&self.schedule);
        LOCKED.set(true);
        Locked { guard, _mark: Mark }
    }

    /// The walk for this selection that is under way, or a new one.
    pub(super) fn join(self: &Arc<Self>, task: Task, selection: &Selection) -> Arc<Walk> {
        let can_watch = self.watchdog().is_some();
        let walk = self.lock().join(task, selection, can_watch, &mut |start| self.start(start));
        if !matches!(*walk.stage.borrow(), Stage::Watched) {
            // A thread may be in charge, and wait for something to be queued: untold, it would sleep, and this walk with it,
            // to the scrape's deadline. A task never waits so: it ends when the queue is empty.
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
            Watchdog::start(ring)
                .inspect_err(|error| tracing::warn!("collectors run without a watchdog: {error}"))
                .ok()
        };
        self.watchdog.get_or_init(start).as_ref()
    }

    /// Called by the watchdog, on its own thread, when a walk has not ended in time: one of the runtime's two threads is kept
    /// by a collector, and without this every scrape would wait for that one.
    fn walk_takes_long(self: &Arc<Self>, runtime: &Handle) {
        let rings_again = self.lock().rang(Instant::now(), &mut |start| self.start(start));
        if rings_again && let Some(Some(watchdog)) = self.watchdog.get() {
            watchdog.set(PATIENCE);
        }
        // The thread that is kept may have been the one that looks at sockets and timers. The other sleeps until it gets
        // something to do, and would look at none of them: an empty task wakes it.
        runtime.spawn(async {});
    }

    /// Lets a fresh thread walk on if the walker overstays, or if there is none.
    pub(super) fn relieve_walker(self: &Arc<Self>, now: Instant) {
        self.lock().relieve(now, &mut |start| self.start(start));
    }

    /// Starts a walker. It waits for the lock, under which this is called.
    fn start(self: &Arc<Self>, start: Start) -> bool {
        let shared = Arc::clone(self);
        match start {
            Start::Task(number) => {
                tokio::spawn(shared.walk_as_task(number));
                true
            }
            Start::Thread(number) => {
                let thread = std::thread::Builder::new().name("walker".to_owned());
                let started = thread.spawn(move || shared.walk_as_thread(number));
                if let Err(error) = &started {
                    tracing::error!("a thread for the collectors could not be started: {error}");
                }
                started.is_ok()
            }
        }
    }

    async fn walk_as_task(self: Arc<Self>, number: u64) {
        // A task is started only where there is a watchdog.
        let Some(Some(watchdog)) = self.watchdog.get() else { return };
        watchdog.set(PATIENCE);
        let mut told = false;
        loop {
            let next = self.next_for_task(number, told, watchdog);
            told = match next {
                Next::Call(call) => self.call(number, call),
                Next::Publish(walk) => self.publish(&walk),
                Next::Unwatch(walk) => walk.unwatch(),
                Next::Pause => {
                    tokio::task::yield_now().await;
                    watchdog.set(PATIENCE);
                    false
                }
                Next::Relieved => {
                    // The thread that walks now may wait, and has to end, as the runtime is whole again.
                    self.queued.notify_all();
                    return;
                }
                Next::Wait | Next::End => return,
            };
        }
    }

    fn next_for_task(&self, number: u64, told: bool, watchdog: &Watchdog) -> Next {
        let mut schedule = self.lock();
        let next = schedule.next(number, told, true, Instant::now());
        match next {
            // Under the lock: what is queued after it starts another task, which sets the timer. Stopped later than
            // that, the timer would not ring for that one, and those who wait for it would wait for ever.
            Next::Pause | Next::End => watchdog.stop(),
            Next::Relieved => schedule.task_is_back(),
            _ => {}
        }
        next
    }

    fn walk_as_thread(self: Arc<Self>, number: u64) {
        let can_watch = matches!(self.watchdog.get(), Some(Some(_)));
        let mut told = false;
        loop {
            let mut schedule = self.lock();
            let next = schedule.next(number, told, can_watch, Instant::now());
            if matches!(next, Next::Wait) {
                // Without letting go of the lock in between, so that nothing is queued unnoticed.
                schedule.wait(&self.queued);
            } else {
                drop(schedule);
            }
            told = match next {
                Next::Call(call) => self.call(number, call),
                Next::Publish(walk) => self.publish(&walk),
                Next::Unwatch(walk) => walk.unwatch(),
                Next::Pause | Next::Wait => false,
                Next::End | Next::Relieved => return,
            };
        }
    }

    /// Makes a call, and says whether anybody was told of its outcome.
    fn call(&self, number: u64, call: Call) -> bool {
        debug_assert!(!LOCKED.get(), "a collector is called under the schedule's lock");
        let Call { task, name, serial, collector, mut instance, claims } = call;
        let began = Instant::now();
        instance.set_claims(&claims);
        let frame = instance.collect(&collector);
        let notes = instance.notes();
        // After the collection, which finds out what there is: CPUs that have just come have no usage before.
        let facts = (task == Task::CollectWithFacts).then(|| instance.facts(&collector));
        let done = Done { facts, frame, notes };
        let returned = Returned { name, serial, instance, done, began };
        let Finished { whole, gone, is_news } = self.lock().finish(number, returned, Instant::now());
        whole.iter().for_each(|walk| _ = self.publish(walk));
        if is_news {
            self.news.send_replace(());
        }
        if let Some(gone) = gone {
            gone.retire();
        }
        is_news || !whole.is_empty()
    }

    /// Makes the snapshot of a walk that has all its readings; those who wait for it are told.
    fn publish(&self, walk: &Walk) -> bool {
        let mut progress = lock(&walk.progress);
        let readings = progress.readings.iter_mut().filter_map(Option::take).collect();
        drop(progress);
        walk.stage.send_replace(Stage::Made(self.snapshot(readings)));
        true
    }

    pub(super) fn snapshot(&self, mut readings: Vec<Reading>) -> Arc<Snapshot> {
        sideload::settle(&mut readings);
        let (lacking, states) = {
            let schedule = self.lock();
            (schedule.lacking_beside(readings.len()), schedule.states())
        };
        let mut own = lock(&self.own);
        let own = own.read(&readings, &lacking, states);
        readings.push(own);
        Arc::new(Snapshot::new(readings))
    }
}
