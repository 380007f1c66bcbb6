//! The table `[plugins.cpu]` of `relink.toml`.

use serde::Deserialize;

/// What the operator may set.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Whether times, throttling and topology are emitted.
    pub cpu: bool,
    /// Whether frequencies and governors are emitted.
    pub cpufreq: bool,
    /// Whether `node_cpu_guest_seconds_total` is emitted.
    pub guest: bool,
    /// Whether `node_cpu_info` is emitted.
    pub info: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { cpu: true, cpufreq: true, guest: true, info: false }
    }
}
