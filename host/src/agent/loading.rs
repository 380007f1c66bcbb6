//! Libraries into the schedule: look, prove, put in, retire.

use std::sync::Arc;

use relink_core::Error;

use crate::journal::{PluginChanges, RefusedPlugin};
use crate::plugins::dylib::{self, Cause, Judged, Libraries, Objection, Plan};
use crate::plugins::set::{self, Refused};
use crate::plugins::status::Placement;
use crate::schedule::instance::Instance;
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
    // What is gone goes last: a file that was renamed is one that is gone and one that has come.
    libraries.leave(&gone);
    let mut leaving: Vec<_> =
        gone.iter().filter_map(|path| libraries.plugin_of(path)).map(str::to_owned).collect();
    for (path, seen) in look_at {
        let unproven = match libraries.look(&path, &seen, config) {
            Judged::Same => continue,
            Judged::Refused(refused) => {
                changes.refused.push(reported(&refused));
                continue;
            }
            Judged::Unproven(unproven) => *unproven,
        };
        let name = unproven.plugin.name;
        // The same file may have another plugin now.
        let predecessor = libraries.plugin_of(&path).filter(|before| *before != name).map(str::to_owned);
        leaving.extend(predecessor.clone());
        match prove(&unproven.plugin, scheduler, config, &leaving) {
            Ok(instance) => {
                let replaces = running(scheduler, name, Placement::Loaded).is_some();
                let plugin = libraries.accept(unproven);
                leaving.retain(|other| other != name);
                make_room(&plugin, scheduler, &leaving);
                // With `prefer = "loaded"` it may be the linked one, which comes back when the library goes.
                libraries.displace(running(scheduler, name, Placement::Linked));
                scheduler.put(plugin, instance);
                let list = if replaces { &mut changes.replaced } else { &mut changes.added };
                list.push(name.to_owned());
            }
            Err(why) => {
                leaving.retain(|other| Some(other) != predecessor.as_ref());
                let is_enabled = config.plugins.enables(name);
                let refused = libraries.reject(unproven, why);
                // What the configuration leaves out is no fault of the library's: it is only listed.
                if is_enabled {
                    changes.refused.push(reported(&refused));
                }
            }
        }
    }
    gone.iter().for_each(|path| libraries.forget(path));
    for name in leaving {
        match libraries.displaced(&name) {
            Some(linked) => {
                let instance = Instance::new(&linked, config.collect.series);
                scheduler.put(linked, instance);
                changes.replaced.push(name);
            }
            None => {
                scheduler.take(&name);
                changes.removed.push(name);
            }
        }
    }
    let mut refused = libraries.refused();
    refused.extend(folders.iter().map(|(dir, error)| dylib::refused(dir, &error.clone().into())));
    changes
        .refused
        .extend(folders.iter().map(|(dir, error)| reported(&dylib::refused(dir, &error.clone().into()))));
    scheduler.set_refused_files(refused);
    let touched = [&changes.added, &changes.replaced];
    changes.unchanged = libraries
        .plugins()
        .into_iter()
        .filter(|name| !touched.iter().any(|list| list.contains(name)))
        .collect();
    changes
}

/// Whether the plugin may run beside the others, and does run: a trial collection, within the time of any other.
fn prove(
    plugin: &Arc<set::Plugin>,
    scheduler: &Scheduler,
    config: &Config,
    leaving: &[String],
) -> Result<Instance, Objection> {
    if !config.plugins.enables(plugin.name) {
        return Err(Objection { error: config.why_off(plugin.name), cause: Cause::Choice(plugin.name) });
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
    let limit = *config.collect.timeout;
    let origin = config.origin_of_options(plugin.name);
    Ok(Instance::proven(plugin, config.collect.series, limit, origin)?)
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

fn reported(refused: &Refused) -> RefusedPlugin {
    tracing::warn!(plugin = refused.name, "refused: {}", refused.error);
    RefusedPlugin { name: refused.name.clone(), reason: refused.error.to_string() }
}
