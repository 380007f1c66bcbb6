//! Collections: one thread walks over the plugins; one that overstays keeps that thread, and a fresh one walks on.
//!
//! So isolation costs nothing until something hangs: no thread a plugin, no thread a scrape. A plugin that never
//! returns costs one thread for good, however many scrapes come by.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use relink_core::{Error, Facts};
use tokio::sync::watch;

use super::instance::Instance;
use super::own::Own;
use super::sideload;
use super::slot::{Done, Slot};
use super::walks::{Next, Progress, Schedule, Selection, Task, Walk, removed};
use crate::Failed;
use crate::counters::Counters;
use crate::plugins::set::{Plugin, PluginSet, Refused};
use crate::plugins::status::Status;
use crate::store::snapshot::{Reading, Snapshot};

/// How long the walking thread may be inside one plugin before another thread walks on. Well above what a healthy
/// collection takes (microseconds), and well below the shortest scrape time-out in use.
const PATIENCE: Duration = Duration::from_millis(5);

/// Runs the plugins.
pub(crate) struct Scheduler {
    shared: Arc<Shared>,
}

struct Shared {
    schedule: Mutex<Schedule>,
    /// Told when a walk is queued.
    queued: Condvar,
    own: Mutex<Own>,
    /// Told when what [`Scheduler::statuses`] says has changed, but for figures that change with each collection.
    news: watch::Sender<()>,
}

impl Scheduler {
    /// Makes the collectors of linked plugins. An error of a plugin's `new` names bad options.
    pub(crate) fn new(set: PluginSet, series: usize, counters: Arc<Counters>) -> Result<Self, Failed> {
        let news = watch::Sender::new(());
        let mut slots = BTreeMap::new();
        for plugin in set.plugins {
            let mut instance = Instance::new(&plugin, series);
            let made = instance.make(&plugin);
            made.map_err(|error| Failed::settings(error.context(format_args!("plugin {}", plugin.name))))?;
            slots.insert(plugin.name, Slot::new(Arc::new(plugin), instance, news.clone()));
        }
        let schedule = Schedule {
            claims: sideload::claims(&slots),
            slots,
            leaving: Vec::new(),
            refused: set.refused,
            refused_files: Vec::new(),
            queue: VecDeque::new(),
            change: 0,
            walker: 0,
            inside_since: None,
        };
        let shared = Arc::new(Shared {
            schedule: Mutex::new(schedule),
            queued: Condvar::new(),
            own: Mutex::new(Own::new(counters)),
            news,
        });
        shared.send_walker(0)?;
        Ok(Scheduler { shared })
    }

    /// Leaves what the agent's own process costs out of the snapshots.
    pub(crate) fn hide_process(&self) {
        self.shared.own.lock().unwrap_or_else(PoisonError::into_inner).hide_process();
    }

    /// Puts a plugin in, in place of the one of that name if there is one. The call in flight of the old one ends as
    /// it would have, and its collector is dropped after it; the next collection asks the new one.
    pub(crate) fn put(&self, plugin: Arc<Plugin>, instance: Instance) {
        let old = {
            let mut schedule = self.shared.lock();
            let old = schedule.slots.insert(plugin.name, Slot::new(plugin, instance, self.news().clone()));
            schedule.changed();
            old.and_then(|old| schedule.let_go(old))
        };
        self.news().send_replace(());
        if let Some(old) = old {
            old.retire();
        }
    }

    /// Takes a plugin out, in the same way.
    pub(crate) fn take(&self, name: &str) {
        let old = {
            let mut schedule = self.shared.lock();
            let old = schedule.slots.remove(name);
            schedule.changed();
            old.and_then(|old| schedule.let_go(old))
        };
        self.news().send_replace(());
        if let Some(old) = old {
            old.retire();
        }
    }

    /// Told when a plugin's state, generation or error changes, or which plugins there are.
    pub(crate) fn news(&self) -> &watch::Sender<()> {
        &self.shared.news
    }

    /// The files that have no plugin, for `GET /plugins`.
    pub(crate) fn set_refused_files(&self, refused: Vec<Refused>) {
        self.shared.lock().refused_files = refused;
        self.news().send_replace(());
    }

    /// Where a plugin of this name runs already, and which families the others declare.
    pub(crate) fn running(&self) -> Vec<Arc<Plugin>> {
        self.shared.lock().slots.values().map(|slot| Arc::clone(&slot.plugin)).collect()
    }

    /// The plugins that these filters leave; unknown names are an error that lists the known ones.
    pub(crate) fn select(&self, collect: &[&str], exclude: &[&str]) -> Result<Selection, Error> {
        let schedule = self.shared.lock();
        let names: Vec<_> = schedule.slots.keys().copied().collect();
        for wanted in collect.iter().chain(exclude) {
            if !names.contains(wanted) {
                let mut refused = schedule.refused.iter().chain(&schedule.refused_files);
                let why = match refused.find(|refused| refused.name == *wanted) {
                    Some(refused) => format!("plugin {wanted:?} does not run ({})", refused.error.message()),
                    None => format!("unknown plugin {wanted:?}"),
                };
                return Err(Error::new(why).hint(format!("the running plugins are: {}", names.join(", "))));
            }
        }
        let is_wanted =
            |name: &&str| (collect.is_empty() || collect.contains(name)) && !exclude.contains(name);
        Ok(Selection(names.into_iter().filter(is_wanted).collect()))
    }

    /// All plugins.
    pub(crate) fn everything(&self) -> Selection {
        Selection(self.shared.lock().slots.keys().copied().collect())
    }

    /// One collection. What has not answered by the deadline is left out and marked; the answer is on time.
    pub(crate) async fn collect(&self, selection: &Selection, deadline: Instant) -> Arc<Snapshot> {
        self.run(Task::Collect, selection, deadline).await
    }

    /// One collection of all plugins which asks for their facts too; [`Scheduler::facts_of`] has them afterwards.
    pub(crate) async fn collect_with_facts(&self, deadline: Instant) -> Arc<Snapshot> {
        self.run(Task::CollectWithFacts, &self.everything(), deadline).await
    }

    /// The facts that a plugin told last.
    pub(crate) fn facts_of(&self, plugin: &str) -> Facts {
        self.shared.lock().slots.get(plugin).map(|slot| slot.facts.clone()).unwrap_or_default()
    }

    /// How each plugin fares, sorted by name, those that do not run included.
    pub(crate) fn statuses(&self) -> Vec<Status> {
        let schedule = self.shared.lock();
        let mut all: Vec<_> = schedule.slots.values().map(Slot::status).collect();
        // A plugin that was not linked in, or is linked in and not enabled, may run as a library.
        let idle =
            schedule.refused.iter().filter(|refused| !schedule.slots.contains_key(refused.name.as_str()));
        all.extend(idle.chain(&schedule.refused_files).map(Refused::status));
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// The families that a running plugin declared.
    pub(crate) fn families_of(&self, plugin: &str) -> &'static [relink_core::Family] {
        self.shared.lock().slots.get(plugin).map_or(&[], |slot| slot.plugin.families)
    }

    async fn run(&self, task: Task, selection: &Selection, deadline: Instant) -> Arc<Snapshot> {
        let walk = self.shared.join(task, selection);
        let mut snapshot = walk.snapshot.subscribe();
        if let Some(made) = at_once(&snapshot).await {
            return made;
        }
        loop {
            let wake = (Instant::now() + PATIENCE).min(deadline);
            let finished = tokio::time::timeout_at(wake.into(), snapshot.wait_for(Option::is_some));
            if let Ok(Ok(made)) = finished.await
                && let Some(made) = made.as_ref()
            {
                return Arc::clone(made);
            }
            let now = Instant::now();
            if now >= deadline {
                return self.shared.cut_short(&walk, now);
            }
            self.shared.relieve_walker(now);
        }
    }
}

impl Shared {
    /// No call into a plugin is made under this lock, and nothing under it panics by intent; should it, the data
    /// is still sound.
    fn lock(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The walk for this selection that is under way, or a new one: also where the one under way may have asked code
    /// that has been replaced since.
    fn join(&self, task: Task, selection: &Selection) -> Arc<Walk> {
        let mut schedule = self.lock();
        let is_same = |walk: &&Arc<Walk>| {
            (walk.task, walk.change, &walk.selection) == (task, schedule.change, selection)
        };
        if let Some(walk) = schedule.queue.iter().find(is_same) {
            return Arc::clone(walk);
        }
        let readings = selection.0.iter().map(|_| None).collect();
        let walk = Arc::new(Walk {
            task,
            selection: selection.clone(),
            change: schedule.change,
            progress: Mutex::new(Progress { next: 0, readings }),
            snapshot: watch::Sender::new(None),
        });
        schedule.queue.push_back(Arc::clone(&walk));
        drop(schedule);
        self.queued.notify_all();
        walk
    }

    fn send_walker(self: &Arc<Self>, number: u64) -> Result<(), Error> {
        let shared = Arc::clone(self);
        std::thread::Builder::new()
            .name("walker".to_owned())
            .spawn(move || shared.walk(number))
            .map_err(|error| Error::from(error).context("starting a thread for the plugins"))?;
        Ok(())
    }

    /// Lets a fresh thread walk on if the present one has been inside a plugin for too long.
    fn relieve_walker(self: &Arc<Self>, now: Instant) {
        let mut schedule = self.lock();
        let overstays = schedule.inside_since.is_some_and(|since| now.duration_since(since) >= PATIENCE);
        if overstays {
            let number = schedule.walker + 1;
            // Without a fresh thread the old one stays in charge, and the next scrape tries once more.
            match self.send_walker(number) {
                Ok(()) => {
                    schedule.walker = number;
                    schedule.inside_since = None;
                }
                Err(error) => tracing::error!("{error}"),
            }
        }
    }

    /// What the walking thread does.
    fn walk(self: Arc<Self>, number: u64) {
        let mut schedule = self.lock();
        loop {
            if schedule.walker != number {
                return;
            }
            let (next, whole) = schedule.next();
            if !whole.is_empty() {
                drop(schedule);
                whole.iter().for_each(|walk| self.publish(walk));
                schedule = self.lock();
            }
            let Some(Next { task, name, serial, plugin, mut instance, claims }) = next else {
                if schedule.queue.is_empty() && schedule.walker == number {
                    schedule = self.queued.wait(schedule).unwrap_or_else(PoisonError::into_inner);
                }
                continue;
            };
            drop(schedule);
            let began = Instant::now();
            let facts = (task == Task::CollectWithFacts).then(|| instance.facts(&plugin));
            instance.set_claims(&claims);
            let frame = instance.collect(&plugin);
            let done = Done { facts, frame, left_out: instance.left_out() };
            schedule = self.lock();
            let (whole, gone) = schedule.finish(number, name, serial, instance, done, began);
            if !whole.is_empty() || gone.is_some() {
                drop(schedule);
                whole.iter().for_each(|walk| self.publish(walk));
                if let Some(gone) = gone {
                    gone.retire();
                }
                schedule = self.lock();
            }
        }
    }

    /// Makes the snapshot of a walk that has all its readings.
    fn publish(&self, walk: &Walk) {
        let mut progress = walk.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let readings = progress.readings.iter_mut().filter_map(Option::take).collect();
        drop(progress);
        walk.snapshot.send_replace(Some(self.snapshot(readings)));
    }

    /// The snapshot of a walk whose time is over: the missing plugins are marked.
    fn cut_short(&self, walk: &Walk, now: Instant) -> Arc<Snapshot> {
        let mut schedule = self.lock();
        // It may have become whole between the time-out and the lock.
        if let Some(made) = walk.snapshot.borrow().as_ref() {
            return Arc::clone(made);
        }
        let progress = walk.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let readings = progress.readings.iter().zip(walk.selection.0.iter());
        let readings = readings
            .map(|(reading, name)| match (reading, schedule.slots.get_mut(name)) {
                (Some(reading), _) => reading.clone(),
                (None, Some(slot)) => slot.missed(now),
                (None, None) => removed(name),
            })
            .collect();
        drop(progress);
        drop(schedule);
        self.snapshot(readings)
    }

    fn snapshot(&self, mut readings: Vec<Reading>) -> Arc<Snapshot> {
        sideload::settle(&mut readings);
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner).read(&readings);
        readings.push(own);
        Arc::new(Snapshot::new(readings))
    }
}

/// Waits without sleeping, for as long as a collection usually takes: two sleeps and two wake-ups of idle cores cost
/// more than the collection itself. Other requests are served meanwhile, and join the collection. With one core the
/// walking thread could not get on.
async fn at_once(snapshot: &watch::Receiver<Option<Arc<Snapshot>>>) -> Option<Arc<Snapshot>> {
    const USUAL: Duration = Duration::from_micros(100);
    static CORES: LazyLock<usize> =
        LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));
    if *CORES == 1 {
        return None;
    }
    let began = Instant::now();
    while began.elapsed() < USUAL {
        if let Some(made) = snapshot.borrow().as_ref() {
            return Some(Arc::clone(made));
        }
        tokio::task::yield_now().await;
    }
    None
}
