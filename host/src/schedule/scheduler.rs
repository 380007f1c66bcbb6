//! Collections: a scrape joins the walk over the collectors that is under way, or begins one, and has an answer by its
//! deadline. Who walks is [`worker`](super::worker)'s.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use relink_core::{Error, Facts};
use tokio::sync::watch;

use super::instance::{Instance, Trial};
use super::queue::{PATIENCE, Schedule, Selection, Stage, Task, Walk};
use super::slot::Slot;
use super::worker::Shared;
use crate::failure::Failed;
use crate::lock::lock;
use crate::names;
use crate::own::counters::Counters;
use crate::plugins::set::{Idle, Off, Plugin, PluginSet};
use crate::plugins::status::{CollectorStatus, State, Status};
use crate::store::snapshot::Snapshot;

/// Runs the collectors of all plugins.
pub(crate) struct Scheduler {
    shared: Arc<Shared>,
}

impl Scheduler {
    /// Makes the collectors of linked plugins. An error of a collector's `new` names bad options, and `wrong` what they
    /// stand in; those of all collectors are told.
    pub(crate) fn new(
        set: PluginSet,
        series: usize,
        counters: Arc<Counters>,
        wrong: impl Fn(&str, Error) -> Error,
    ) -> Result<Self, Failed> {
        let (mut plugins, mut slots, mut faults) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for plugin in set.plugins {
            for collector in &plugin.collectors {
                let mut instance = Instance::new(collector, series);
                if let Err(error) = instance.make(collector) {
                    faults.push(wrong(collector.name, error));
                }
                slots.insert(collector.name, Slot::new(Arc::clone(collector), instance));
            }
            plugins.insert(plugin.name, Arc::new(plugin));
        }
        match faults.as_slice() {
            [] => {}
            [_] => return Err(Failed::settings(faults.remove(0))),
            many => {
                let lines: Vec<_> = many.iter().map(ToString::to_string).collect();
                return Err(Failed::settings(Error::new(lines.join("\n"))));
            }
        }
        let schedule = Schedule::new(plugins, slots, set.idle);
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

    /// Puts a plugin in, in place of the one of that name if there is one. A call in flight of the old one ends as it would
    /// have, and its collector is dropped after it; the next collection asks the new one.
    pub(crate) fn put(&self, plugin: Arc<Plugin>, collectors: Vec<Trial>) {
        let slots = collectors.into_iter().map(|trial| Slot::new(trial.collector, trial.instance)).collect();
        let old = self.shared.lock().put(plugin, slots);
        self.news().send_replace(());
        old.into_iter().for_each(Slot::retire);
    }

    /// Takes a plugin out, in the same way.
    pub(crate) fn take(&self, name: &str) {
        let old = self.shared.lock().take(name);
        self.news().send_replace(());
        old.into_iter().for_each(Slot::retire);
    }

    /// Told when a collector's state, error or warnings change, or a plugin's generation, or which plugins there are.
    pub(crate) fn news(&self) -> &watch::Sender<()> {
        &self.shared.news
    }

    /// The files that have no plugin, for `GET /plugins`.
    pub(crate) fn set_idle_files(&self, idle: Vec<Idle>) {
        self.shared.lock().idle_files = idle;
        self.news().send_replace(());
    }

    /// The plugins that run.
    pub(crate) fn running(&self) -> Vec<Arc<Plugin>> {
        self.shared.lock().plugins.values().cloned().collect()
    }

    /// The collectors that these filters leave; each names a collector, or else a plugin and with it all its collectors.
    /// Unknown names are an error that lists the known ones.
    pub(crate) fn select(&self, collect: &[&str], exclude: &[&str]) -> Result<Selection, Error> {
        let schedule = self.shared.lock();
        let collectors: Vec<_> = schedule.slots.keys().copied().collect();
        let named = |names: &[&str]| -> Result<Vec<&'static str>, Error> {
            let mut all = Vec::new();
            for name in names {
                match (collectors.iter().find(|known| *known == name), schedule.plugins.get(name)) {
                    (Some(collector), _) => all.push(*collector),
                    // A collector that is off stands for no plugin of its name: that would show what was not asked for.
                    (None, Some(plugin)) if plugin.off.iter().all(|off| off.name != *name) => {
                        all.extend(plugin.collectors.iter().map(|one| one.name));
                    }
                    _ => return Err(schedule.not_running(name)),
                }
            }
            Ok(all)
        };
        let (collect, exclude) = (named(collect)?, named(exclude)?);
        let is_wanted =
            |name: &&str| (collect.is_empty() || collect.contains(name)) && !exclude.contains(name);
        Ok(Selection(collectors.iter().copied().filter(is_wanted).collect()))
    }

    /// The collectors of a plugin, if it runs.
    pub(crate) fn of_plugin(&self, name: &str) -> Option<Selection> {
        let schedule = self.shared.lock();
        Some(Selection(schedule.plugins.get(name)?.collectors.iter().map(|one| one.name).collect()))
    }

    /// All collectors.
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

    /// How long ago all of these told their facts, if they ever did.
    pub(crate) fn age_of_facts(&self, selection: &Selection) -> Option<Duration> {
        let schedule = self.shared.lock();
        let ages = selection.0.iter().map(|name| Some(schedule.slots.get(name)?.told?.elapsed()));
        ages.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// The facts that a collector told last.
    pub(crate) fn facts_of(&self, collector: &str) -> Facts {
        self.shared.lock().slots.get(collector).map(|slot| slot.facts.clone()).unwrap_or_default()
    }

    /// How each plugin and its collectors fare, sorted by name, those that do not run included.
    pub(crate) fn statuses(&self) -> Vec<Status> {
        let now = Instant::now();
        let schedule = self.shared.lock();
        let mut all: Vec<_> = schedule.plugins.values().map(|plugin| schedule.status(plugin, now)).collect();
        let running: Vec<_> = schedule.plugins.keys().copied().collect();
        all.extend(schedule.idle().map(|idle| {
            let mut status = idle.status();
            if idle.state == State::Off && idle.error.advice().is_none() {
                status.error = Some(idle.error.clone().hint(switch_on(&running, &idle.name)).to_string());
            }
            status
        }));
        relink_order::sort_by(&mut all, |one, other| one.name.cmp(&other.name));
        all
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

    /// The snapshot of a walk whose time is over: the missing collectors are marked.
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

impl Schedule {
    /// Why a name stands for no collector that runs.
    fn not_running(&self, name: &str) -> Error {
        let all = self.plugins.values().flat_map(|plugin| &plugin.off);
        let off = all.chain(self.idle().flat_map(|idle| &idle.off)).find(|off| off.name == name);
        let why = match (off, self.idle().find(|idle| idle.name == name)) {
            (Some(off), _) => format!("collector {name:?} does not run ({})", off.why.message()),
            (None, Some(idle)) => format!("plugin {name:?} does not run ({})", idle.error.message()),
            (None, None) => format!("unknown collector {name:?}"),
        };
        let join = |names: Vec<&str>| names.join(", ");
        let (collectors, plugins) =
            (self.slots.keys().copied().collect(), self.plugins.keys().copied().collect());
        let close = names::did_you_mean(name, self.slots.keys().chain(self.plugins.keys()).copied());
        Error::new(why).hint(format!(
            "{close}the running collectors are: {}; and all of a plugin's: {}",
            join(collectors),
            join(plugins)
        ))
    }

    fn status(&self, plugin: &Plugin, now: Instant) -> Status {
        let slots: Vec<_> = plugin.collectors.iter().filter_map(|one| self.slots.get(one.name)).collect();
        let mut collectors: Vec<_> = slots.iter().map(|slot| slot.status(now)).collect();
        let worst = collectors.iter().min_by_key(|collector| collector.state.rank());
        let error = worst.and_then(|worst| Some(format!("{}: {}", worst.name, worst.error.as_ref()?)));
        let state = worst.map_or(State::Off, |worst| worst.state);
        let times = collectors.iter().filter_map(|collector| collector.last_collect_seconds);
        let samples = collectors.iter().map(|collector| collector.samples).sum();
        let last_collect_seconds = times.reduce(|sum, one| sum + one);
        collectors.extend(plugin.off.iter().map(Off::status));
        relink_order::sort_by(&mut collectors, |one: &CollectorStatus, other| one.name.cmp(&other.name));
        Status {
            name: plugin.name.to_owned(),
            version: plugin.version.to_owned(),
            help: plugin.help.to_owned(),
            placement: plugin.placement,
            state,
            generation: plugin.generation,
            path: plugin.path.as_ref().map(|path| path.display().to_string()),
            samples,
            last_collect_seconds,
            error,
            collectors,
        }
    }
}

/// The command that has a plugin run next to those that do, in place.
fn switch_on(running: &[&str], name: &str) -> String {
    let mut wanted: Vec<_> = running.iter().copied().chain([name]).collect();
    wanted.sort_unstable();
    format!("relink reload --plugins {} switches it on in place", wanted.join(","))
}
