//! Collections: a scrape joins the walk over the plugins that is under way, or begins one, and has an answer by its
//! deadline. Who walks is [`worker`](super::worker)'s.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use relink_core::{Error, Facts};
use tokio::sync::watch;

use super::instance::Instance;
use super::queue::{PATIENCE, Schedule, Selection, Stage, Task, Walk};
use super::slot::Slot;
use super::worker::Shared;
use crate::failure::Failed;
use crate::lock::lock;
use crate::own::counters::Counters;
use crate::plugins::set::{Plugin, PluginSet, Refused};
use crate::plugins::status::{State, Status};
use crate::store::snapshot::Snapshot;

/// Runs the plugins.
pub(crate) struct Scheduler {
    shared: Arc<Shared>,
}

impl Scheduler {
    /// Makes the collectors of linked plugins. An error of a plugin's `new` names bad options, and `wrong` what they
    /// stand in; those of all plugins are told.
    pub(crate) fn new(
        set: PluginSet,
        series: usize,
        counters: Arc<Counters>,
        wrong: impl Fn(&str, Error) -> Error,
    ) -> Result<Self, Failed> {
        let (mut slots, mut faults) = (BTreeMap::new(), Vec::new());
        for plugin in set.plugins {
            let mut instance = Instance::new(&plugin, series);
            if let Err(error) = instance.make(&plugin) {
                faults.push(wrong(plugin.name, error));
            }
            slots.insert(plugin.name, Slot::new(Arc::new(plugin), instance));
        }
        match faults.as_slice() {
            [] => {}
            [_] => return Err(Failed::settings(faults.remove(0))),
            many => {
                let lines: Vec<_> = many.iter().map(ToString::to_string).collect();
                return Err(Failed::settings(Error::new(lines.join("\n"))));
            }
        }
        let schedule = Schedule::new(slots, set.refused);
        Ok(Scheduler { shared: Arc::new(Shared::new(schedule, counters)) })
    }

    /// Leaves what the agent's own process costs out of the snapshots.
    pub(crate) fn hide_process(&self) {
        lock(&self.shared.own).hide_process();
    }

    /// Shows these as collectors that failed, but for one that a plugin of its name brings.
    pub(crate) fn lacks(&self, collectors: Vec<String>) {
        self.shared.lock().lacking = collectors;
    }

    /// Puts a plugin in, in place of the one of that name if there is one. The call in flight of the old one ends as
    /// it would have, and its collector is dropped after it; the next collection asks the new one.
    pub(crate) fn put(&self, plugin: Arc<Plugin>, instance: Instance) {
        let old = {
            let mut schedule = self.shared.lock();
            let old = schedule.slots.insert(plugin.name, Slot::new(plugin, instance));
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

    /// One collection which asks for facts too; [`Scheduler::facts_of`] has them afterwards.
    pub(crate) async fn collect_with_facts(&self, selection: &Selection, deadline: Instant) -> Arc<Snapshot> {
        self.run(Task::CollectWithFacts, selection, deadline).await
    }

    /// How long ago a plugin told its facts, if it ever did.
    pub(crate) fn age_of_facts(&self, plugin: &str) -> Option<Duration> {
        Some(self.shared.lock().slots.get(plugin)?.told?.elapsed())
    }

    /// The facts that a plugin told last.
    pub(crate) fn facts_of(&self, plugin: &str) -> Facts {
        self.shared.lock().slots.get(plugin).map(|slot| slot.facts.clone()).unwrap_or_default()
    }

    /// How each plugin fares, sorted by name, those that do not run included.
    pub(crate) fn statuses(&self) -> Vec<Status> {
        let now = Instant::now();
        let schedule = self.shared.lock();
        let mut all: Vec<_> = schedule.slots.values().map(|slot| slot.status(now)).collect();
        let running: Vec<_> = schedule.slots.keys().copied().collect();
        all.extend(schedule.idle().map(|idle| {
            let mut status = idle.status();
            if idle.state == State::Off && idle.error.advice().is_none() {
                status.error = Some(idle.error.clone().hint(switch_on(&running, &idle.name)).to_string());
            }
            status
        }));
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// The families that a running plugin declared.
    pub(crate) fn families_of(&self, plugin: &str) -> &'static [relink_core::Family] {
        self.shared.lock().slots.get(plugin).map_or(&[], |slot| slot.plugin.families)
    }

    async fn run(&self, task: Task, selection: &Selection, deadline: Instant) -> Arc<Snapshot> {
        let walk = self.shared.join(task, selection);
        let mut stage = walk.stage.subscribe();
        // Without a timer, which would cost more than most collections: the watchdog ends this wait should it be long.
        let is_told = stage.wait_for(|stage| !matches!(stage, Stage::Watched));
        if let Ok(stage) = is_told.await
            && let Stage::Made(made) = &*stage
        {
            return Arc::clone(made);
        }
        loop {
            let wake = (Instant::now() + PATIENCE).min(deadline);
            let is_made = stage.wait_for(|stage| matches!(stage, Stage::Made(_)));
            if let Ok(Ok(stage)) = tokio::time::timeout_at(wake.into(), is_made).await
                && let Stage::Made(made) = &*stage
            {
                return Arc::clone(made);
            }
            let now = Instant::now();
            if now >= deadline {
                return self.cut_short(&walk, now);
            }
            self.shared.relieve_walker(now);
        }
    }

    /// The snapshot of a walk whose time is over: the missing plugins are marked.
    fn cut_short(&self, walk: &Walk, now: Instant) -> Arc<Snapshot> {
        let (readings, is_news) = {
            let mut schedule = self.shared.lock();
            // It may have become whole between the time-out and the lock.
            if let Stage::Made(made) = &*walk.stage.borrow() {
                return Arc::clone(made);
            }
            schedule.cut_short(walk, now)
        };
        if is_news {
            self.news().send_replace(());
        }
        self.shared.snapshot(readings)
    }
}

/// The command that has a plugin run beside those that do, in place.
fn switch_on(running: &[&str], name: &str) -> String {
    let mut wanted: Vec<_> = running.iter().copied().chain([name]).collect();
    wanted.sort_unstable();
    format!("relink reload --plugins {} switches it on in place", wanted.join(","))
}
