//! Libraries into the schedule: look, prove, put in, retire.

use std::path::Path;
use std::sync::Arc;

use relink_core::Error;

use crate::journal::{PluginChanges, RefusedPlugin};
use crate::plugins::dylib::{self, Cause, Judged, Libraries, Objection, Plan, Unproven};
use crate::plugins::set::{self, Idle};
use crate::plugins::status::{Placement, State};
use crate::schedule::instance::{Instance, Trial};
use crate::schedule::scheduler::Scheduler;
use crate::settings::{Config, Prefer};

/// Brings the schedule up to what is in the plugin folders now. A plugin serves on until its successor has proven
/// itself; what is refused changes nothing.
///
/// Blocks: it reads files, loads code and runs a trial collection of each new plugin.
pub(crate) fn refresh(libraries: &mut Libraries, scheduler: &Scheduler, config: &Config) -> PluginChanges {
    let mut changes = PluginChanges::default();
    let plan = libraries.plan();
    if plan.is_empty() {
        changes.unchanged = libraries.plugins();
        return changes;
    }
    let Plan { look_at, gone, refused: folders } = plan;
    // What is gone leaves last: a file that was renamed is one that is gone and one that has come, and taken out first, its
    // plugin would be missing from the scrapes until the other is proven.
    libraries.leave(&gone);
    let leaving = gone.iter().filter_map(|path| libraries.plugin_of(path)).map(str::to_owned).collect();
    let mut refresh = Refresh { libraries, scheduler, config, changes, leaving };
    for (path, seen) in look_at {
        match refresh.libraries.look(&path, &seen, config) {
            Judged::Same => {}
            Judged::Refused(refused) => refresh.changes.refused.push(reported(&refused)),
            Judged::Unproven(unproven) => refresh.put_in(&path, *unproven),
        }
    }
    gone.iter().for_each(|path| refresh.libraries.forget(path));
    refresh.take_out();
    let Refresh { mut changes, .. } = refresh;
    let folders: Vec<_> =
        folders.iter().map(|(dir, error)| dylib::refused(dir, &error.clone().into())).collect();
    changes.refused.extend(folders.iter().map(reported));
    scheduler.set_idle_files(libraries.refused().into_iter().chain(folders).collect());
    changes.unchanged = libraries.plugins();
    changes.unchanged.retain(|name| !changes.added.contains(name) && !changes.replaced.contains(name));
    changes
}

/// A refresh under way.
struct Refresh<'a> {
    libraries: &'a mut Libraries,
    scheduler: &'a Scheduler,
    config: &'a Config,
    changes: PluginChanges,
    /// The plugins that run and have no file any more, or whose file now has another plugin. They serve until all that has
    /// come is in place, and stand in the way of nothing that comes.
    leaving: Vec<String>,
}

impl Refresh<'_> {
    /// Proves a library, and puts its plugin into the schedule.
    fn put_in(&mut self, path: &Path, unproven: Unproven) {
        let name = unproven.plugin.name;
        // The same file may have another plugin now.
        let predecessor = self.libraries.plugin_of(path).filter(|before| *before != name).map(str::to_owned);
        self.leaving.extend(predecessor.clone());
        match prove(&unproven.plugin, self.scheduler, self.config, &self.leaving) {
            Ok(trials) => {
                let replaces = running(self.scheduler, name, Placement::Loaded).is_some();
                let plugin = self.libraries.accept(unproven);
                // It has come back under another file: taken out at the end, the new one would go with the old.
                self.leaving.retain(|other| other != name);
                make_room(&plugin, self.scheduler, &self.leaving);
                // With `prefer = "loaded"` it may be the linked one, which comes back when the library goes.
                self.libraries.displace(running(self.scheduler, name, Placement::Linked));
                self.scheduler.put(plugin, trials);
                let list = if replaces { &mut self.changes.replaced } else { &mut self.changes.added };
                list.push(name.to_owned());
            }
            Err(why) => {
                // The file's plugin of before serves on: without this, a bad build would take it away.
                self.leaving.retain(|other| Some(other) != predecessor.as_ref());
                let is_chosen = !unproven.plugin.collectors.is_empty();
                let refused = self.libraries.reject(unproven, why);
                // What the configuration leaves out is no fault of the library's: it is only listed.
                if is_chosen {
                    self.changes.refused.push(reported(&refused));
                }
            }
        }
    }

    /// Takes out what leaves, and puts back the linked plugin that one of them had displaced.
    fn take_out(&mut self) {
        for name in std::mem::take(&mut self.leaving) {
            match self.libraries.displaced(&name) {
                Some(linked) => {
                    let series = self.config.collect.series;
                    let fresh = |collector: &Arc<set::Collector>| {
                        let instance = Instance::new(collector, series);
                        Trial { collector: Arc::clone(collector), instance, error: None }
                    };
                    let collectors = linked.collectors.iter().map(fresh).collect();
                    self.scheduler.put(linked, collectors);
                    self.changes.replaced.push(name);
                }
                None => {
                    self.scheduler.take(&name);
                    self.changes.removed.push(name);
                }
            }
        }
    }
}

/// Whether the plugin may run next to the others, and does run: a trial collection of each collector, within the time of
/// any other.
fn prove(
    plugin: &Arc<set::Plugin>,
    scheduler: &Scheduler,
    config: &Config,
    leaving: &[String],
) -> Result<Vec<Trial>, Objection> {
    if plugin.collectors.is_empty() {
        let error = set::why_none_runs(plugin);
        return Err(Objection { error, cause: Cause::Choice(plugin.name) });
    }
    let running = scheduler.running();
    let twin = running.iter().find(|other| other.name == plugin.name && other.placement == Placement::Linked);
    if twin.is_some() && config.plugins.prefer != Some(Prefer::Loaded) {
        let path = plugin.path.as_deref().unwrap_or("?".as_ref()).display();
        return Err(Error::new(format!("plugin {} is linked in, and is in {path} as well", plugin.name))
            .hint("remove the file, or set [plugins] prefer = \"loaded\"")
            .into());
    }
    let stays = |other: &&Arc<set::Plugin>| {
        other.name != plugin.name && !leaving.iter().any(|name| name == other.name)
    };
    let others: Vec<_> = running.iter().filter(stays).map(Arc::as_ref).collect();
    if let Some(error) = set::conflict(plugin, others.into_iter()) {
        return Err(Objection { error, cause: Cause::Another });
    }
    let (series, limit) = (config.collect.series, *config.collect.timeout);
    let trials = Instance::trials(plugin, series, limit, |name| {
        format!("{}: collector {name}", config.origin_of_options(name))
    })?;
    Ok(judged(trials, &works_now(scheduler, plugin.name))?)
}

/// The collectors of the running plugin of this name whose last collection succeeded.
fn works_now(scheduler: &Scheduler, name: &str) -> Vec<String> {
    let plugin = scheduler.statuses().into_iter().find(|status| status.name == name);
    let collectors = plugin.into_iter().flat_map(|plugin| plugin.collectors);
    collectors.filter(|one| one.state == State::Active).map(|one| one.name).collect()
}

/// A library is refused if a collector fails that works now, or if all fail. One of several that fails on this machine
/// takes the others along no more than a linked one would.
fn judged(trials: Vec<Trial>, works_now: &[String]) -> Result<Vec<Trial>, Error> {
    let fails = |trial: &&Trial| trial.error.is_some();
    let all_fail = trials.iter().all(|trial| fails(&trial));
    let is_worse = |trial: &&Trial| all_fail || works_now.iter().any(|name| name == trial.collector.name);
    let Some(worse) = trials.iter().filter(fails).find(is_worse) else { return Ok(trials) };
    let (name, error) = (worse.collector.name, worse.error.clone().unwrap_or_else(|| Error::new("")));
    trials.into_iter().for_each(|mut trial| trial.instance.retire());
    Err(error.context(format_args!("the trial collection of {name}")))
}

/// The plugin of this name, if it runs and came so.
fn running(scheduler: &Scheduler, name: &str, placement: Placement) -> Option<Arc<set::Plugin>> {
    scheduler.running().into_iter().find(|other| other.name == name && other.placement == placement)
}

/// Takes out what can't run beside a plugin that is put in: those that leave and have one of its families.
fn make_room(plugin: &set::Plugin, scheduler: &Scheduler, leaving: &[String]) {
    for other in scheduler.running().iter().filter(|other| leaving.iter().any(|name| name == other.name)) {
        if set::conflict(plugin, std::iter::once(other.as_ref())).is_some() {
            scheduler.take(other.name);
        }
    }
}

fn reported(refused: &Idle) -> RefusedPlugin {
    tracing::warn!(plugin = refused.name, "refused: {}", refused.error);
    RefusedPlugin { name: refused.name.clone(), reason: refused.error.to_string() }
}
