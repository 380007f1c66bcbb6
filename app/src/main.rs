//! relink: a system-metrics agent made of plugins that can be reloaded while it runs.

mod node_exporter;
mod plugins;

use std::process::ExitCode;

fn main() -> ExitCode {
    relink_host::main_with(env!("RELINK_PLUGINS"), env!("RELINK_PLUGINS_OFF"), &node_exporter::FLAGS)
}
