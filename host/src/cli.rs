//! The command line.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::commands::Verify;
use crate::config::Print;
use crate::flags::{Flags, Given};

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
    /// Explain configuration and plugins, and prove them; exit code 0 or 1
    Check {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Tell what would go silent if relink took node_exporter's place; exit code 0 or 1
    Verify(Verify),
    /// Print the default configuration, with comments
    Config,
    /// Print the completions for a shell
    Completions { shell: clap_complete::Shell },
    /// Print the manual page
    Man,
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
    #[arg(
        long,
        visible_alias = "web.listen-address",
        global = true,
        value_name = "ADDRESS",
        env = "RELINK_LISTEN",
        value_parser = address
    )]
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
    /// Serve the samples at this path as well as at /metrics
    #[arg(long = "web.telemetry-path", global = true, value_name = "PATH")]
    pub(crate) telemetry_path: Option<String>,
    /// Leave what the agent's own process costs (process_…) out of /metrics
    #[arg(long = "web.disable-exporter-metrics", global = true)]
    pub(crate) disable_exporter_metrics: bool,
    /// The least level to log: off, error, warn, info, debug or trace [default: warn]
    #[arg(long = "log.level", global = true, value_name = "LEVEL", env = "RELINK_LOG")]
    pub(crate) log_level: Option<String>,
    /// The shape of the log: text or json [default: text]
    #[arg(long = "log.format", global = true, value_name = "FORMAT", env = "RELINK_LOG_FORMAT")]
    pub(crate) log_format: Option<String>,
    /// Another agent's flags.
    #[arg(skip)]
    pub(crate) given: Given,
    /// Set by `cargo xtask run`: the command that builds the agent, as a JSON list
    #[arg(long, hide = true, global = true, env = "RELINK_BUILDER")]
    pub(crate) builder: Option<String>,
}

/// The command line's definition, with what is understood of another agent's flags.
pub(crate) fn command(flags: &Flags) -> clap::Command {
    Cli::command().after_long_help(flags.help())
}

/// What variables alone set.
pub(crate) fn environment() -> Settings {
    Cli::try_parse_from(["relink"]).map(|cli| cli.settings).unwrap_or_default()
}

/// An address as Go writes it: a host's name may stand in it, and `:9100` is that port on all addresses.
fn address(text: &str) -> Result<SocketAddr, String> {
    if let Some(port) = text.strip_prefix(':') {
        let port = port.parse().map_err(|_| format!("expected a port behind the colon, found {port:?}"))?;
        return Ok(SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, port)));
    }
    let expected = "expected an address and a port, such as 127.0.0.1:8000, [::1]:8000 or :8000";
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let found = text.to_socket_addrs().map_err(|error| format!("{error}; {expected}"))?.next();
    found.ok_or_else(|| expected.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_go_writes_them() {
        let parsed = |text| address(text).map(|address| address.to_string());
        assert_eq!(parsed("127.0.0.1:1").unwrap(), "127.0.0.1:1");
        assert_eq!(parsed(":9100").unwrap(), "[::]:9100");
        assert_eq!(parsed("localhost:1").unwrap().rsplit(':').next(), Some("1"));
        for wrong in ["", ":", ":x", "localhost", "127.0.0.1", "127.0.0.1:65536"] {
            assert!(parsed(wrong).unwrap_err().contains("expected"), "{wrong}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
