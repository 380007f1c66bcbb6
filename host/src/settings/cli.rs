//! The command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use relink_core::registry::Descriptor;

use super::asked::{Verify, Whom};
use crate::settings::flags::{Flags, Given};
use crate::settings::{Print, address};

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
    Once {
        /// As JSON, whatever --print says
        #[arg(long)]
        json: bool,
    },
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
    /// Tell what an agent runs and how it fares; exit code 0 when it is ready
    Status {
        #[command(flatten)]
        whom: Whom,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Have an agent put new code live, or with --plugins another set of them, or switch collectors; exit code 0 when it is
    Reload {
        /// Re-execute also if nothing has changed: a restart in place
        #[arg(long)]
        force: bool,
        /// From now on these collectors as well
        #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
        on: Vec<String>,
        /// From now on without these collectors
        #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
        off: Vec<String>,
        #[command(flatten)]
        whom: Whom,
        /// The journal as JSON
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
    /// An address to listen on [default: 127.0.0.1:8000]; repeatable; port 0 takes a free one
    #[arg(
        long,
        visible_alias = "web.listen-address",
        global = true,
        value_name = "ADDRESS",
        env = "RELINK_LISTEN",
        value_delimiter = ',',
        value_parser = address
    )]
    pub(crate) listen: Vec<SocketAddr>,
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
    /// The plugins to run, and no others: names with commas between them
    #[arg(long, global = true, value_name = "NAMES", env = "RELINK_PLUGINS", value_delimiter = ',')]
    pub(crate) plugins: Option<Vec<String>>,
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
    /// Stand in for another agent: its defaults where nothing is set, and no --allow-remote is needed
    #[arg(long, global = true, env = "RELINK_DROP_IN")]
    pub(crate) drop_in: bool,
    /// TLS, passwords, headers: a web configuration file as Prometheus' exporters take it
    #[arg(
        long = "web.config.file",
        global = true,
        value_name = "FILE",
        env = "RELINK_WEB_CONFIG_FILE",
        value_parser = clap::value_parser!(OsString)
    )]
    pub(crate) web_config: Option<OsString>,
    /// Serve the samples at this path as well as at /metrics
    #[arg(long = "web.telemetry-path", global = true, value_name = "PATH")]
    pub(crate) telemetry_path: Option<String>,
    /// Leave what the agent's own process costs (process_…) out of /metrics
    #[arg(long = "web.disable-exporter-metrics", global = true)]
    pub(crate) disable_exporter_metrics: bool,
    /// The opposite, which is the default
    #[arg(
        long = "no-web.disable-exporter-metrics",
        global = true,
        hide = true,
        conflicts_with = "disable_exporter_metrics"
    )]
    pub(crate) exporter_metrics: bool,
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

/// What a command line says. Where a variable holds a wrong value, the error names the variable: nobody wrote the flag.
pub(crate) fn parse(
    words: &[OsString],
    flags: &Flags,
    linked: &[&'static Descriptor],
) -> Result<Cli, clap::Error> {
    let mut command = command(flags, linked);
    let parsed = command.try_get_matches_from_mut(words).and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.map_err(|mut error| {
        let variable = wrong_variable(&error, &command, words);
        if let Some(name) = variable {
            error.insert(ContextKind::InvalidArg, ContextValue::String(name));
        }
        error.format(&mut command)
    })
}

/// The variable of the option that an error is about, unless it is the command line that has the wrong value.
fn wrong_variable(error: &clap::Error, command: &clap::Command, words: &[OsString]) -> Option<String> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let shown = text(ContextKind::InvalidArg)?;
    let wrong = text(ContextKind::InvalidValue).unwrap_or_default();
    let arg = command.get_arguments().find(|arg| arg.to_string() == shown)?;
    let names = arg.get_long_and_visible_aliases()?;
    let is_wrong =
        |value: &str| value.split(|c| arg.get_value_delimiter() == Some(c)).any(|part| part == wrong);
    let words: Vec<_> = words.iter().filter_map(|word| word.to_str()).collect();
    let is_given = words.iter().enumerate().any(|(at, word)| {
        let next = words.get(at + 1).copied();
        let (name, value) = word.split_once('=').map_or((*word, next), |(name, value)| (name, Some(value)));
        name.strip_prefix("--").is_some_and(|name| names.contains(&name)) && value.is_none_or(is_wrong)
    });
    let variable = arg.get_env().filter(|_| !is_given)?;
    Some(variable.to_string_lossy().into_owned())
}

/// The command line's definition, with what is understood of another agent's flags.
pub(crate) fn command(flags: &Flags, linked: &[&'static Descriptor]) -> clap::Command {
    Cli::command().after_long_help(flags.help(linked))
}

/// What variables alone set.
pub(crate) fn environment() -> Settings {
    Cli::try_parse_from(["relink"]).map(|cli| cli.settings).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn fuzz_command_line() {
        let seeds = [
            "relink\nrun\n--listen\n127.0.0.1:0\n--plugins=cpu,disk\n--print\nnone",
            "node_exporter\n--web.listen-address=:9100\n--no-collector.wifi\n--collector.filesystem.mount-points-exclude=^/(dev|proc)($|/)",
            "relink\nreload\n--address\nhttp://[::1]:8000\n--force\n-h",
        ];
        let words = [
            "\n",
            "=",
            "--",
            "-",
            "--no-",
            "--collector.",
            "--web.",
            "--path.procfs=",
            "--log.level=",
            "''",
            "é",
            "\u{1b}[0m",
        ];
        relink_fuzz::fuzz_with("command_line", 100, |dice, given| {
            use std::os::unix::ffi::OsStringExt;
            let [sound, other] = [(); 2].map(|()| dice.pick(&seeds).unwrap_or_default());
            let input = dice.spoil(sound.as_bytes(), other.as_bytes(), &words);
            given(&input);
            let lines = input.split(|byte| *byte == b'\n');
            let args: Vec<_> = lines.map(|arg| OsString::from_vec(arg.to_vec())).collect();
            let _ = parse(&args, crate::settings::flags::NONE, &[]).map_err(|error| error.to_string());
        });
    }
}
