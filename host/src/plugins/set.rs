//! The plugins that run, and those that do not, with the reason.

use std::path::PathBuf;

use relink_core::{Collector, Error, Family, Options};

use super::status::{Placement, State, Status};

/// Makes a collector.
pub(crate) type Factory = dyn Fn(&Options) -> Result<Box<dyn Collector>, Error> + Send + Sync;

/// A plugin that can be run, wherever it came from.
pub(crate) struct Plugin {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) help: &'static str,
    pub(crate) families: &'static [Family],
    pub(crate) placement: Placement,
    /// The library's file; nothing for a linked plugin.
    pub(crate) path: Option<PathBuf>,
    /// The generation of the agent, or of the library, that brought this code.
    pub(crate) generation: u64,
    pub(crate) options: Options,
    pub(crate) new: Box<Factory>,
}

/// A plugin that is known and does not run: refused for a fault, or off.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) help: String,
    pub(crate) placement: Placement,
    pub(crate) path: Option<PathBuf>,
    pub(crate) state: State,
    pub(crate) error: Error,
}

/// All plugins that this agent knows.
#[derive(Default)]
pub(crate) struct PluginSet {
    /// Sorted by name.
    pub(crate) plugins: Vec<Plugin>,
    pub(crate) refused: Vec<Refused>,
}

impl PluginSet {
    /// Adds a plugin, unless one of its families is another's already: then both would be needed to understand
    /// either, and no scrape could show both.
    pub(crate) fn add(&mut self, plugin: Plugin) {
        match self.conflict(&plugin) {
            Some(error) => self.refused.push(Refused {
                name: plugin.name.to_owned(),
                version: plugin.version.to_owned(),
                help: plugin.help.to_owned(),
                placement: plugin.placement,
                path: plugin.path,
                state: State::Refused,
                error,
            }),
            None => {
                let at = self.plugins.partition_point(|known| known.name < plugin.name);
                self.plugins.insert(at, plugin);
            }
        }
    }

    fn conflict(&self, plugin: &Plugin) -> Option<Error> {
        conflict(plugin, self.plugins.iter())
    }
}

/// Whether a family of this name is the agent's own, or may be that of a later one.
pub(crate) fn is_reserved(family: &str) -> bool {
    let prefixes = ["relink_", "process_", "node_scrape_collector_"];
    family == "node_exporter_build_info" || prefixes.iter().any(|prefix| family.starts_with(prefix))
}

/// Why a plugin can't run beside these: each family has one owner.
pub(crate) fn conflict<'a>(
    plugin: &Plugin,
    running: impl Iterator<Item = &'a Plugin> + Clone,
) -> Option<Error> {
    for family in plugin.families {
        if is_reserved(family.name()) {
            return Some(Error::new(format!("declares {}, which is the agent's own family", family.name())));
        }
        let owner = running.clone().find(|p| p.families.iter().any(|f| f.name() == family.name()));
        if let Some(owner) = owner {
            let error = Error::new(format!("declares {}, as plugin {} does", family.name(), owner.name));
            return Some(
                error.hint("rename the family in one of them, or leave one out with [plugins] enabled"),
            );
        }
    }
    None
}

impl Refused {
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
            since: 0.0,
        }
    }
}
