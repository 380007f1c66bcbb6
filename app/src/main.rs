//! relink: a system-metrics agent made of plugins that can be reloaded while it runs.

mod node_exporter;
mod plugins;

use std::process::ExitCode;

fn main() -> ExitCode {
    relink_host::main_with(env!("BUILT_WITH"), env!("BUILT_WITHOUT"), &node_exporter::FLAGS)
}
