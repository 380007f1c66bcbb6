//! What reloads have chosen, in place of file and flags.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What reloads have chosen; the next ones keep to it, as long as the process lives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Choice {
    /// The plugins that run; nothing where no reload has said.
    pub(crate) plugins: Option<Vec<String>>,
    /// Collectors that a reload has switched on or off.
    pub(crate) collectors: BTreeMap<String, Switch>,
}

/// That a reload has switched a collector.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Switch {
    /// On, or off.
    pub(crate) on: bool,
    /// The reload's id.
    pub(crate) reload: String,
}

impl Choice {
    /// The collectors that are switched on.
    pub(crate) fn on(&self) -> impl Iterator<Item = &str> {
        self.collectors.iter().filter(|(_, switch)| switch.on).map(|(name, _)| name.as_str())
    }
}
