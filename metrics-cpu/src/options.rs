//! The table `[plugins.cpu]` of `relink.toml`.

use serde::Deserialize;

/// What the operator may set.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Whether `node_cpu_info` is emitted.
    pub info: bool,
}
