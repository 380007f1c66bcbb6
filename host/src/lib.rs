//! The engine of relink: it finds plugins, runs them, stores and exposes what they say, serves it, and reloads.
//! It knows no plugin by name.
//!
//! An agent of your own is a crate that names its plugins and calls [`main`]:
//!
//! ```no_run
//! // use metrics_cpu as _;
//! fn main() -> std::process::ExitCode {
//!     relink_host::main()
//! }
//! ```

mod agent;
mod arrival;
mod cli;
mod commands;
mod config;
mod counters;
mod duration;
mod events;
pub mod expose;
pub mod flags;
mod http;
mod memory;
mod names;
mod plugins;
mod push;
#[doc(hidden)]
pub mod reload;
mod schedule;
mod serve;
mod serving;
pub mod store;
mod systemd;
mod telemetry;
mod web;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::FromArgMatches;
use relink_core::{Context, Error, registry};

use crate::agent::Agent;
use crate::arrival::Start;
use crate::cli::{Cli, Command};
use crate::config::{Config, Print};
use crate::flags::{Flags, Given};
use crate::plugins::linked::Built;
use crate::reload::preflight;
use crate::telemetry::{Format, Level};

/// Runs the agent with the plugins that are linked in. All that an executable has to call, and the first: a reload
/// counts on nothing having started a thread before.
///
/// The exit code is 0 after a clean end, 1 when the agent can't run, 2 when the command line or the configuration
/// is wrong.
pub fn main() -> ExitCode {
    start(None, flags::NONE)
}

/// The same for an executable that knows which plugins it was built `with` and `without`: names separated by commas,
/// in `with` each followed by `@` and a hash of its sources where that is known. It refuses to start when one of the former did not register, and lists the latter as left out.
/// `flags` are those of another agent that it understands beside its own.
pub fn main_with(with: &'static str, without: &'static str, flags: &'static Flags) -> ExitCode {
    start(Some(Built { with, without }), flags)
}

fn start(built: Option<Built>, flags: &'static Flags) -> ExitCode {
    let mut start = match Start::new() {
        Ok(start) => start,
        Err(error) => return complain(&error, 1),
    };
    let linked: Vec<_> = registry::plugins().iter().map(|plugin| plugin.name).collect();
    let taken = Given::take(std::env::args_os(), flags, &linked);
    let (cli, given) = match taken.map(|(rest, given)| (parse(rest, flags), given)) {
        Ok((Ok(cli), given)) => (cli, given),
        // Also `--help` and `--version`, which go to stdout with exit code 0.
        Ok((Err(error), _)) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
        Err(error) => {
            start.give_back(&error);
            return complain(&error, 2);
        }
    };
    let settings = cli::Settings { given: given.called(std::env::args_os().next()), ..cli.settings };
    let command = cli.command.unwrap_or(Command::Run);
    // These say what could be set, so they work whatever is set.
    if let Some(outcome) = commands::about(&command, flags) {
        return outcome.unwrap_or_else(|failed| complain(&failed.error, failed.code));
    }
    if let Some(outcome) = commands::ask(&command, &settings, built) {
        return outcome.unwrap_or_else(|failed| complain(&failed.error, failed.code));
    }
    let outcome = config::check_environment(std::env::vars_os().map(|(name, _)| name))
        .and_then(|()| Config::load(&settings, &Agent::known_plugins(built)))
        // What does not serve needs no key, which may be for the agent's user alone to read.
        .and_then(|config| if command.serves() { config.guarded() } else { Ok(config) });
    let mut config = match outcome {
        Ok(config) => config,
        Err(error) => {
            start.give_back(&error);
            return complain(&error, 2);
        }
    };
    if preflight::asked_for().is_some() {
        // What it says is read by people, in the account of the reload.
        config.log.format = Format::Text;
    }
    telemetry::start(config.log);
    // Once: the images that follow have the same command line.
    if start.arrival.is_none() && preflight::asked_for().is_none() {
        settings.given.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    }
    let format = config.log.format;
    let outcome = match command {
        Command::Run => match preflight::asked_for() {
            Some(enabled) => commands::prove(built, config, &enabled, start.boot).map_err(Failed::from),
            None => {
                serving::run(built, config, &mut start).inspect_err(|failed| start.give_back(&failed.error))
            }
        },
        Command::Once { json } => {
            config.print = if json { Print::Json } else { config.print };
            commands::once(built, config)
        }
        Command::Plugins { json } => commands::plugins(built, config, json),
        Command::Check { json } => commands::check(built, config, &settings, json),
        Command::Verify(asked) => commands::verify(&config, &asked).map(|never| match never {}),
        // Done above.
        Command::Status { .. }
        | Command::Reload { .. }
        | Command::Config
        | Command::Completions { .. }
        | Command::Man => Ok(ExitCode::SUCCESS),
    };
    outcome.unwrap_or_else(|failed| match format {
        Format::Text => complain(&failed.error, failed.code),
        Format::Json => {
            telemetry::tell_as(format, Level::Error, &format!("relink: {}", failed.error));
            ExitCode::from(failed.code)
        }
    })
}

fn parse(arguments: Vec<OsString>, flags: &Flags) -> Result<Cli, clap::Error> {
    let mut command = cli::command(flags);
    let matches = command.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Why the agent ends, and the exit code that tells it.
pub(crate) struct Failed {
    pub(crate) error: Error,
    code: u8,
}

impl Failed {
    /// The operator has set something wrongly.
    pub(crate) fn settings(error: Error) -> Self {
        Failed { error, code: 2 }
    }
}

impl<E: Into<Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Failed { error: error.into(), code: 1 }
    }
}

fn complain(error: &Error, code: u8) -> ExitCode {
    telemetry::tell(format_args!("relink: {}", error.message()));
    if let Some(hint) = error.advice() {
        telemetry::tell(format_args!("  hint: {hint}"));
    }
    ExitCode::from(code)
}

/// The async runtime. One thread is enough: a scrape costs some 10 µs beside its collection, so that it serves tens of
/// thousands a second. The other sleeps until there is a lot to do, or until a plugin keeps the first; see
/// `schedule/walker.rs`.
fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    let mut builder = if cfg!(target_os = "linux") {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    builder.worker_threads(2).thread_name("runtime").enable_all().build().context("starting the runtime")
}
