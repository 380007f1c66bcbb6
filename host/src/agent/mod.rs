//! The running agent: what the routes and the reload speak for.

pub(crate) mod events;
pub(crate) mod loading;
mod pacing;
pub(crate) mod push;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use relink_core::{Error, registry};
use relink_order::gathered;
use tokio::sync::watch;

use crate::agent::events::Events;
use crate::agent::pacing::Pacing;
use crate::agent::push::Push;
use crate::expose::table::{self, Style};
use crate::expose::{Packer, Part, Section, json};
use crate::failure::Failed;
use crate::journal::PluginChanges;
use crate::lock::lock;
use crate::own::counters::Counters;
use crate::plugins::dylib::{Generations, Libraries};
use crate::plugins::linked::{self, Built};
use crate::plugins::set::{Collector, Plugin};
use crate::plugins::status::{Placement, State};
use crate::schedule::queue::Selection;
use crate::schedule::scheduler::Scheduler;
use crate::settings::{Choice, Config, Print};
use crate::store::history::{History, Reach};
use crate::store::snapshot::Snapshot;
use crate::telemetry::{self, Quota};

/// The plugins, the configuration they run under, and what has been counted.
pub(crate) struct Agent {
    pub(crate) config: Config,
    pub(crate) scheduler: Scheduler,
    pub(crate) counters: Arc<Counters>,
    pub(crate) events: Events,
    /// What is pushed, if anything is.
    pub(crate) push: Option<Arc<Push>>,
    /// What reloads chose, in place of the configuration.
    pub(crate) chosen: Choice,
    /// For bodies of `/metrics`.
    pub(crate) packer: Packer,
    /// For the log of refused requests.
    pub(crate) refusals: Quota,
    built: Option<Built>,
    history: Mutex<History>,
    libraries: Mutex<Libraries>,
    /// When somebody last asked for the recent past, or reloaded.
    looked: watch::Sender<Option<Instant>>,
    pacing: Mutex<Pacing>,
    /// How far apart snapshots were when the last one was taken.
    paced: Mutex<Duration>,
}

/// How much of the figures a table shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    /// What fits a terminal, so that what comes below it stays in sight.
    Brief,
    /// Facts and families.
    Whole,
}

/// What an image takes over from the one before.
pub(crate) struct Inherited {
    pub(crate) counters: Arc<Counters>,
    pub(crate) history: History,
    /// What is pushed, with what the image before had not delivered.
    pub(crate) push: Option<Arc<Push>>,
    /// What reloads chose.
    pub(crate) chosen: Choice,
    /// How often each library was loaded.
    pub(crate) library_generations: Generations,
}

/// How long a collector has between the two calls for facts, so that it can tell usage. See
/// [`relink_core::Collector::facts`].
const BETWEEN_FACTS: Duration = Duration::from_millis(250);

/// How long facts may tell the usage since they were told last: what lies further back is not what goes on now.
const USAGE: Duration = Duration::from_secs(10);

/// For so long after somebody looked, snapshots are as close as while somebody does.
const LOOKED: Duration = Duration::from_secs(600);

/// How many refused requests are logged a minute: it is the record of who tried to change the agent.
const REFUSALS: u32 = 60;

impl Agent {
    /// An agent that begins.
    pub(crate) fn new(built: Option<Built>, config: Config, counters: Arc<Counters>) -> Result<Self, Failed> {
        let history = History::new(*config.history.seconds, config.history.bytes);
        Self::inheriting(
            built,
            config,
            Inherited {
                counters,
                history,
                push: None,
                chosen: Choice::default(),
                library_generations: Generations::new(),
            },
        )
    }

    /// An agent that goes on with what the image before left.
    pub(crate) fn inheriting(
        built: Option<Built>,
        mut config: Config,
        inherited: Inherited,
    ) -> Result<Self, Failed> {
        let Inherited { counters, history, push, chosen, library_generations } = inherited;
        if !history.is_empty() {
            // From the first page on: a series that a page leaves out has ended, for those who are pushed to.
            counters.set_history(history.reach());
        }
        // Whoever has reloaded wants to see what that changed.
        let looked = (!history.is_empty()).then(Instant::now);
        let paced = config.history.idle_interval.max(*config.history.interval);
        // So that one snapshot follows the other in time also across a re-exec.
        let last = history.last_time_ms().map(|ms| SystemTime::UNIX_EPOCH + Duration::from_millis(ms));
        let age = last.and_then(|last| SystemTime::now().duration_since(last).ok());
        let pacing = Pacing::since(age.and_then(|age| Instant::now().checked_sub(age)));
        if let Some(push) = push.clone() {
            counters.set_push(push);
        }
        config.choose(&chosen);
        let set = linked::plugins(built, &config, counters.generation())?;
        let wrong = |collector: &str, error: Error| {
            error.context(format_args!("{}: collector {collector}", config.origin_of_options(collector)))
        };
        let scheduler = Scheduler::new(set, config.collect.series, Arc::clone(&counters), wrong)?;
        scheduler.lacks(config.collectors.lacking.clone());
        if !config.exporter_metrics {
            scheduler.hide_process();
        }
        let mut libraries = Libraries::new(config.plugins.dir.clone(), library_generations);
        if !config.plugins.dir.is_empty() {
            loading::refresh(&mut libraries, &scheduler, &config);
            counters.set_retired_bytes(libraries.retired_bytes());
            let statuses = scheduler.statuses();
            let mut known: Vec<_> = statuses.iter().map(|status| status.name.as_str()).collect();
            known.extend(Self::known_plugins(built));
            known.sort_unstable();
            known.dedup();
            config.check_plugins(&known).map_err(Failed::settings)?;
            let collectors = statuses.iter().flat_map(|status| &status.collectors);
            let mut known: Vec<_> = collectors.map(|collector| collector.name.as_str()).collect();
            known.extend(registry::plugins().iter().flat_map(|plugin| plugin.collectors).map(|one| one.name));
            known.sort_unstable();
            known.dedup();
            // A library that was refused does not tell its collectors, and a table of one must not keep the rest from starting.
            if statuses.iter().all(|one| one.placement == Placement::Linked || one.state != State::Refused) {
                config.check_collectors(&known).map_err(Failed::settings)?;
            }
        }
        Ok(Agent {
            scheduler,
            counters,
            events: Events::new(config.limits.max_streams, history.last_id()),
            push,
            config,
            chosen,
            packer: Packer::new(),
            refusals: Quota::new(REFUSALS),
            built,
            history: Mutex::new(history),
            libraries: Mutex::new(libraries),
            looked: watch::Sender::new(looked),
            pacing: Mutex::new(pacing),
            paced: Mutex::new(paced),
        })
    }

    /// Brings the loaded plugins up to what is in their folders now.
    pub(crate) fn refresh_libraries(&self) -> PluginChanges {
        let mut libraries = self.libraries();
        let changes = loading::refresh(&mut libraries, &self.scheduler, &self.config);
        self.counters.set_retired_bytes(libraries.retired_bytes());
        changes
    }

    /// The loaded plugins. One reload at a time takes this for longer.
    pub(crate) fn libraries(&self) -> MutexGuard<'_, Libraries> {
        lock(&self.libraries)
    }

    /// The hash of a plugin's sources, where the executable knows it.
    pub(crate) fn source_of(&self, plugin: &str) -> Option<&'static str> {
        self.built?.source_of(plugin)
    }

    /// The names of the plugins that run.
    pub(crate) fn running_plugins(&self) -> Vec<String> {
        let statuses = self.scheduler.statuses().into_iter();
        statuses.filter(|status| status.state.runs()).map(|status| status.name).collect()
    }

    /// The recent snapshots.
    pub(crate) fn history(&self) -> MutexGuard<'_, History> {
        lock(&self.history)
    }

    /// Takes note that somebody looks at the recent past.
    pub(crate) fn was_looked_at(&self) {
        self.looked.send_replace(Some(Instant::now()));
    }

    /// How far apart snapshots are now: a collection a second costs more than all scrapes, so while nobody looks there are fewer.
    fn pace(&self) -> Duration {
        let history = &self.config.history;
        let lately = self.looked.borrow().is_some_and(|looked| looked.elapsed() < LOOKED);
        if lately || self.events.are_followed() {
            *history.interval
        } else {
            history.idle_interval.max(*history.interval)
        }
    }

    /// Waits until somebody looks.
    pub(crate) async fn next_look(&self) {
        // The sender is this agent's own, so it does not fail.
        let _ = self.looked.subscribe().changed().await;
    }

    /// How long until the history wants a collection of its own.
    pub(crate) fn until_next_collection(&self) -> Duration {
        let pace = self.pace();
        lock(&self.pacing).wait(Instant::now(), pace)
    }

    /// Takes note of a scrape of all collectors, which serves the history as well if the next snapshot is nearly due. Here, and
    /// not in the task that keeps the history: to wake that one costs as much as a small collection.
    pub(crate) fn was_scraped(&self, snapshot: Arc<Snapshot>) {
        if self.config.history.interval.is_zero() {
            return;
        }
        let pace = self.pace();
        let serves = lock(&self.pacing).scraped(Instant::now(), pace);
        if serves {
            self.record(snapshot);
        }
    }

    /// A collection for the history and the event streams.
    pub(crate) async fn collect_and_record(&self) {
        let now = Instant::now();
        let pace = self.pace();
        lock(&self.pacing).collected(now, pace);
        let deadline = now + self.config.collect.timeout.min(*self.config.history.interval);
        self.record(self.scheduler.collect(&self.scheduler.everything(), deadline).await);
    }

    /// Puts a snapshot into the history, and tells the event streams.
    pub(crate) fn record(&self, snapshot: Arc<Snapshot>) {
        // A scrape that joined the history's own collection brings the same.
        if snapshot.is_recorded.swap(true, Ordering::Relaxed) {
            return;
        }
        let pace = self.pace();
        // Until somebody looked, it may have been slower.
        let expected = pace.max(std::mem::replace(&mut *lock(&self.paced), pace));
        let (id, is_kept, reach) = {
            let mut history = self.history();
            history.push(&snapshot, expected);
            (history.last_id(), !history.is_empty(), history.reach())
        };
        self.tell_reach(&reach);
        // One that is too large for the history's budget can still be streamed.
        self.events.recorded(id, (!is_kept).then_some(snapshot));
    }

    /// Shows how far back the history goes, and says once that it does not go as far as it should.
    fn tell_reach(&self, reach: &Reach) {
        let before = self.counters.set_history(*reach);
        if reach.is_short && !before.is_some_and(|before| before.is_short) {
            tracing::warn!(
                bytes = reach.bytes_limit,
                "the history is thinned out before its {} seconds are over, for want of memory: raise [history] bytes",
                self.config.history.seconds.as_secs_f64()
            );
        }
    }

    /// The names of plugins that the configuration may speak of: those linked in, and those left out at build time.
    pub(crate) fn known_plugins(built: Option<Built>) -> Vec<&'static str> {
        let mut known: Vec<_> = registry::plugins().iter().map(|plugin| plugin.name).collect();
        known.extend(built.into_iter().flat_map(|built| linked::names(built.without)));
        known.sort_unstable();
        known.dedup();
        known
    }

    /// Why the agent should get no traffic, if so.
    pub(crate) fn not_ready(&self) -> Vec<String> {
        let collectors = self.scheduler.statuses().into_iter().flat_map(|status| status.collectors);
        let running: Vec<_> = collectors.filter(|collector| collector.state.runs()).collect();
        let works = running.iter().any(|collector| collector.state == State::Active);
        if works || running.is_empty() {
            return Vec::new();
        }
        running
            .into_iter()
            .map(|collector| format!("collector {}: {}", collector.name, collector.error.unwrap_or_default()))
            .collect()
    }

    /// What does not go as it should, although the agent should get traffic.
    pub(crate) fn troubles(&self) -> Vec<String> {
        self.push.as_ref().map(|push| push.troubles()).unwrap_or_default()
    }

    /// One collection of all collectors with facts, as text in the configured shape. Takes a quarter of a second.
    pub(crate) async fn figures(&self, print: Print, table: Table) -> String {
        let everything = self.scheduler.everything();
        self.scheduler.collect_with_facts(&everything, self.deadline()).await;
        // sleep: usage is the difference of two readings this far apart; there is no event to wait for.
        tokio::time::sleep(BETWEEN_FACTS).await;
        let snapshot = self.scheduler.collect_with_facts(&everything, self.deadline()).await;
        self.rendered(print, table, &snapshot)
    }

    /// One collection of these collectors, after which [`Scheduler::facts_of`] has their facts of now. Takes a quarter of a
    /// second where nobody has asked for them lately.
    pub(crate) async fn collect_with_facts(&self, selection: &Selection) -> Arc<Snapshot> {
        let mut age = self.scheduler.age_of_facts(selection);
        if age.is_none_or(|age| age > USAGE) {
            self.scheduler.collect_with_facts(selection, self.deadline()).await;
            age = None;
        }
        // sleep: as above.
        tokio::time::sleep(BETWEEN_FACTS.saturating_sub(age.unwrap_or_default())).await;
        self.scheduler.collect_with_facts(selection, self.deadline()).await
    }

    fn deadline(&self) -> Instant {
        Instant::now() + *self.config.collect.timeout
    }

    fn rendered(&self, print: Print, table: Table, snapshot: &Snapshot) -> String {
        let running = self.scheduler.running();
        let idle: Vec<_> =
            self.scheduler.statuses().into_iter().filter(|status| !status.state.runs()).collect();
        let collectors = running.iter().flat_map(|plugin| &plugin.collectors);
        let facts: BTreeMap<_, _> =
            gathered(collectors.map(|collector| (collector.name, self.scheduler.facts_of(collector.name))));
        let part = |collector: &Arc<Collector>| {
            let reading = snapshot.reading(collector.name)?;
            Some(Part {
                name: collector.name,
                families: collector.families,
                error: reading.result.as_ref().err(),
                facts: facts.get(collector.name).map_or(&[], |facts| facts.rows()),
                frame: reading.result.as_ref().ok(),
                duration: reading.duration,
            })
        };
        let section = |plugin: &Arc<Plugin>| {
            let parts: Vec<_> = plugin.collectors.iter().filter_map(part).collect();
            let &Plugin { name, version, help, placement, .. } = plugin.as_ref();
            (!parts.is_empty()).then(|| Section { name, version, help, placement: placement.name(), parts })
        };
        let sections: Vec<_> = running.iter().filter_map(section).collect();
        let style = Style { color: telemetry::colour(&std::io::stdout()), width: telemetry::width() };
        match (print, table) {
            (Print::Table, Table::Whole) => table::render(&sections, style),
            (Print::Table, Table::Brief) => {
                let in_state = |state| idle.iter().filter(move |status| status.state == state);
                let off: Vec<_> = in_state(State::Off).map(|status| status.name.as_str()).collect();
                let refused: Vec<_> = in_state(State::Refused)
                    .map(|status| (status.name.as_str(), status.error.as_deref().unwrap_or_default()))
                    .collect();
                table::overview(&sections, &refused, &off, style)
            }
            (Print::Json, _) => json::snapshot(snapshot.taken, &sections) + "\n",
            (Print::None, _) => String::new(),
        }
    }
}

/// Prints the figures once. Stdout may be a pipe that nobody reads, so a thread of its own writes there.
pub(crate) async fn print_figures(agent: Arc<Agent>) {
    if agent.config.print == Print::None {
        return;
    }
    let text = agent.figures(agent.config.print, Table::Brief).await;
    let written = tokio::task::spawn_blocking(move || telemetry::say(&text)).await;
    if let Ok(Err(error)) = written {
        tracing::warn!("the figures could not be printed: {error}");
    }
}
