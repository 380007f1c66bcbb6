//! The plugins that run, and those that do not, with the reason.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use relink_core::registry::{CollectorDescriptor, Descriptor, Options};
use relink_core::{Collector as Code, Error, Family};

use super::status::{CollectorStatus, Placement, State, Status};
use crate::settings::Config;

/// Makes a collector.
pub(crate) type Factory = dyn Fn(&Options) -> Result<Box<dyn Code>, Error> + Send + Sync;

/// A plugin that can be run, wherever it came from.
pub(crate) struct Plugin {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) help: &'static str,
    pub(crate) placement: Placement,
    /// The library's file; nothing for a linked plugin.
    pub(crate) path: Option<PathBuf>,
    /// The generation of the agent, or of the library, that brought this code.
    pub(crate) generation: u64,
    /// Those of its collectors that run, sorted by name.
    pub(crate) collectors: Vec<Arc<Collector>>,
    /// Those that nobody has chosen.
    pub(crate) off: Vec<Off>,
}

/// A collector that can be run.
pub(crate) struct Collector {
    pub(crate) name: &'static str,
    pub(crate) plugin: &'static str,
    pub(crate) help: &'static str,
    pub(crate) families: &'static [Family],
    pub(crate) options: Options,
    pub(crate) new: Box<Factory>,
}

/// A collector that does not run because nobody has chosen it.
#[derive(Clone, Debug)]
pub(crate) struct Off {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) families: &'static [Family],
    /// Who decided.
    pub(crate) why: Error,
}

/// A plugin that is known and does not run: refused for a fault, or off.
#[derive(Clone, Debug)]
pub(crate) struct Idle {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) help: String,
    pub(crate) placement: Placement,
    pub(crate) path: Option<PathBuf>,
    pub(crate) state: State,
    pub(crate) error: Error,
    /// Its collectors, where they are known.
    pub(crate) off: Vec<Off>,
}

/// All plugins that this agent knows.
#[derive(Default)]
pub(crate) struct PluginSet {
    /// Sorted by name.
    pub(crate) plugins: Vec<Plugin>,
    pub(crate) idle: Vec<Idle>,
}

impl Plugin {
    /// A plugin with those of its collectors that the configuration has run. `new` makes the one at a place.
    pub(crate) fn new(
        about: &Descriptor,
        placement: Placement,
        path: Option<&Path>,
        generation: u64,
        config: &Config,
        new: impl Fn(usize) -> Box<Factory>,
    ) -> Result<Self, Error> {
        let (mut collectors, mut off) = (Vec::new(), Vec::new());
        // A reload that names a plugin wants it to run, also where a flag has switched all of it off.
        let is_wanted = config.plugins.is_chosen_by_reload()
            && config.plugins.enables(about.name)
            && about.collectors.iter().all(|collector| config.why_off(about.name, collector).is_some());
        for (at, collector) in about.collectors.iter().enumerate() {
            let &CollectorDescriptor { name, help, families, .. } = collector;
            let is_wanted = is_wanted && collector.on && !config.is_switched_by_reload(name);
            match config.why_off(about.name, collector).filter(|_| !is_wanted) {
                Some(why) => off.push(Off { name, help, families, why }),
                None => {
                    let options = config.options_of(collector)?;
                    let (plugin, new) = (about.name, new(at));
                    collectors.push(Arc::new(Collector { name, plugin, help, families, options, new }));
                }
            }
        }
        relink_order::sort_by(&mut collectors, |one, other| one.name.cmp(other.name));
        let &Descriptor { name, version, help, .. } = about;
        let path = path.map(Path::to_owned);
        Ok(Plugin { name, version, help, placement, path, generation, collectors, off })
    }

    /// All families of the collectors that run.
    pub(crate) fn families(&self) -> impl Iterator<Item = &'static Family> + '_ {
        self.collectors.iter().flat_map(|collector| collector.families)
    }

    /// The families of one of its collectors, also of one that is off.
    pub(crate) fn declared_by(&self, collector: &str) -> Option<&'static [Family]> {
        let running = self.collectors.iter().map(|one| (one.name, one.families));
        let mut all = running.chain(self.off.iter().map(|off| (off.name, off.families)));
        all.find(|(name, _)| *name == collector).map(|(_, families)| families)
    }

    /// The options that one of its collectors was made with.
    pub(crate) fn options_of(&self, collector: &str) -> Option<&Options> {
        self.collectors.iter().find(|one| one.name == collector).map(|one| &one.options)
    }

    fn idle(self, state: State, error: Error) -> Idle {
        Idle {
            name: self.name.to_owned(),
            version: self.version.to_owned(),
            help: self.help.to_owned(),
            placement: self.placement,
            path: self.path,
            state,
            error,
            off: self.off,
        }
    }
}

impl PluginSet {
    /// Adds a plugin, unless none of its collectors runs; or one of them, or of their families, is another's already: then
    /// both would be needed to understand either, and no scrape could show both.
    pub(crate) fn add(&mut self, plugin: Plugin) {
        if let Some(error) = conflict(&plugin, self.plugins.iter()) {
            self.idle.push(plugin.idle(State::Refused, error));
        } else if plugin.collectors.is_empty() {
            let why = why_none_runs(&plugin);
            self.idle.push(plugin.idle(State::Off, why));
        } else {
            let at = self.plugins.partition_point(|known| known.name < plugin.name);
            self.plugins.insert(at, plugin);
        }
    }
}

/// Why a plugin of which no collector runs is off: what was decided of them, if that was one and the same.
pub(crate) fn why_none_runs(plugin: &Plugin) -> Error {
    match plugin.off.as_slice() {
        [first, rest @ ..] if rest.iter().all(|off| off.why == first.why) => first.why.clone(),
        _ => Error::new("none of its collectors is on"),
    }
}

/// Whether a family of this name is the agent's own, or may be that of a later one.
pub(crate) fn is_reserved(family: &str) -> bool {
    let prefixes = ["relink_", "process_", "node_scrape_collector_"];
    family == "node_exporter_build_info" || prefixes.iter().any(|prefix| family.starts_with(prefix))
}

/// Why a plugin can't run next to these: each collector's name and each family has one owner.
pub(crate) fn conflict<'a>(
    plugin: &Plugin,
    running: impl Iterator<Item = &'a Plugin> + Clone,
) -> Option<Error> {
    for collector in &plugin.collectors {
        let name = collector.name;
        let owner = running.clone().find(|other| other.collectors.iter().any(|c| c.name == name));
        if let Some(owner) = owner {
            let error = Error::new(format!("has collector {name}, as plugin {} has", owner.name));
            return Some(error.hint(
                "rename the collector in one of them, or leave one of the plugins out with [plugins] enabled",
            ));
        }
    }
    if let Some(family) = plugin.families().find(|family| is_reserved(family.name())) {
        return Some(Error::new(format!("declares {}, which is the agent's own family", family.name())));
    }
    // Each with each would be a sixth of what a start computes: most families are names, and those are looked up.
    let patterns: Vec<_> = plugin.families().filter(|family| family.is_pattern()).collect();
    let mut names: Vec<_> = plugin.families().map(Family::name).collect();
    relink_order::sort_by(&mut names, |one, other| one.cmp(other));
    let may_collide = |known: &&Family| {
        known.is_pattern()
            || names.binary_search(&known.name()).is_ok()
            || patterns.iter().any(|family| family.collides(known))
    };
    running.clone().find_map(|owner| {
        let taken = |known: &Family| plugin.families().find(|family| family.collides(known));
        let family = owner.families().filter(may_collide).find_map(taken)?;
        let error = Error::new(format!("declares {}, as plugin {} does", family.name(), owner.name));
        Some(error.hint("rename the family in one of them, or leave one out with [plugins] enabled"))
    })
}

impl Off {
    /// What `GET /plugins` says of it.
    pub(crate) fn status(&self) -> CollectorStatus {
        CollectorStatus::idle(self.name, self.help, State::Off, self.why.to_string())
    }
}

impl Idle {
    /// What `GET /plugins` says of it.
    pub(crate) fn status(&self) -> Status {
        Status {
            name: self.name.clone(),
            version: self.version.clone(),
            help: self.help.clone(),
            placement: self.placement,
            state: self.state,
            generation: 0,
            path: self.path.as_ref().map(|path| path.display().to_string()),
            samples: 0,
            last_collect_seconds: None,
            error: Some(self.error.to_string()),
            collectors: self.off.iter().map(Off::status).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plugin with one collector, which has its name.
    fn plugin(name: &'static str, families: &'static [Family]) -> Plugin {
        let new = Box::new(|_: &Options| Err(Error::new("is never made")));
        let collector =
            Collector { name, plugin: name, help: "", families, options: Options::default(), new };
        Plugin {
            name,
            version: "",
            help: "",
            placement: Placement::Linked,
            path: None,
            generation: 1,
            collectors: vec![Arc::new(collector)],
            off: Vec::new(),
        }
    }

    #[test]
    fn a_family_has_one_owner_and_the_refusal_names_that_of_the_later_one() {
        const NAME: &[Family] = &[Family::gauge("a_x", "A.")];
        const OTHER: &[Family] = &[Family::gauge("b_x", "B."), Family::gauge("a_y_z", "A.")];
        const PATTERN: &[Family] = &[Family::gauge("c", "C."), Family::gauge("a_{}", "A.")];
        const OTHER_PATTERN: &[Family] = &[Family::gauge("a_{}_z", "A.")];
        for (known, later, expected) in [
            (NAME, NAME, Some("a_x")),
            (NAME, OTHER, None),
            (NAME, PATTERN, Some("a_{}")),
            (PATTERN, NAME, Some("a_x")),
            (PATTERN, OTHER, Some("a_y_z")),
            (PATTERN, OTHER_PATTERN, Some("a_{}_z")),
            (OTHER, OTHER_PATTERN, Some("a_{}_z")),
        ] {
            let known = [plugin("before", known)];
            let why = conflict(&plugin("later", later), known.iter()).map(|why| why.message().to_owned());
            let expected = expected.map(|family| format!("declares {family}, as plugin before does"));
            assert_eq!(why, expected);
        }
    }
}
