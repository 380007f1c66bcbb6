//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::Print;

/// A system-metrics agent made of plugins that can be reloaded while it runs.
#[derive(Debug, Parser)]
#[command(name = "relink", version, args_conflicts_with_subcommands = false)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print what each plugin says, then serve (the default)
    Run,
    /// Print one collection and end
    Once,
    /// List the plugins of this executable
    Plugins {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Prove configuration and plugins; exit code 0 or 1
    Check {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

impl Command {
    /// Whether it serves, or proves that it could.
    pub(crate) fn serves(&self) -> bool {
        matches!(self, Command::Run | Command::Check { .. })
    }
}

/// What the command line and the environment may set; each wins over the configuration file.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Settings {
    /// The address to listen on [default: 127.0.0.1:8000]; port 0 takes a free one
    #[arg(long, global = true, value_name = "ADDRESS", env = "RELINK_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,
    /// The configuration file [default: relink.toml, where there is one]
    #[arg(long, global = true, value_name = "FILE", env = "RELINK_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// A folder with plugins to load; repeatable
    #[arg(
        long = "plugin-dir",
        global = true,
        value_name = "DIR",
        env = "RELINK_PLUGIN_DIR",
        value_delimiter = ':'
    )]
    pub(crate) plugin_dirs: Vec<PathBuf>,
    /// What to print on stdout at start and after a reload [default: table]
    #[arg(long, global = true, value_enum, env = "RELINK_PRINT")]
    pub(crate) print: Option<Print>,
    /// Where procfs is mounted [default: /proc]
    #[arg(long = "path.procfs", global = true, value_name = "DIR", env = "RELINK_PATH_PROCFS")]
    pub(crate) procfs: Option<PathBuf>,
    /// Where sysfs is mounted [default: /sys]
    #[arg(long = "path.sysfs", global = true, value_name = "DIR", env = "RELINK_PATH_SYSFS")]
    pub(crate) sysfs: Option<PathBuf>,
    /// Where the root of the machine's file systems is mounted [default: /]
    #[arg(long = "path.rootfs", global = true, value_name = "DIR", env = "RELINK_PATH_ROOTFS")]
    pub(crate) rootfs: Option<PathBuf>,
    /// A host name under which the agent may be asked, beside localhost and addresses; repeatable
    #[arg(long = "allow-host", global = true, value_name = "NAME")]
    pub(crate) hosts: Vec<String>,
    /// Listen on an address that other machines can reach, without TLS and password
    #[arg(long, global = true, env = "RELINK_ALLOW_REMOTE")]
    pub(crate) allow_remote: bool,
    /// TLS, passwords, headers: a web configuration file as Prometheus' exporters take it
    #[arg(long = "web.config.file", global = true, value_name = "FILE", env = "RELINK_WEB_CONFIG_FILE")]
    pub(crate) web_config: Option<PathBuf>,
    /// Set by `cargo xtask run`: the command that builds the agent, as a JSON list
    #[arg(long, hide = true, global = true, env = "RELINK_BUILDER")]
    pub(crate) builder: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
