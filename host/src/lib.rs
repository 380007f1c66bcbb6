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
mod events;
pub mod expose;
mod http;
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

use std::process::ExitCode;

use clap::Parser;
use relink_core::{Context, Error};

use crate::agent::Agent;
use crate::arrival::Start;
use crate::cli::{Cli, Command};
use crate::config::Config;
use crate::plugins::linked::Built;
use crate::reload::preflight;

/// Runs the agent with the plugins that are linked in. All that an executable has to call, and the first: a reload
/// counts on nothing having started a thread before.
///
/// The exit code is 0 after a clean end, 1 when the agent can't run, 2 when the command line or the configuration
/// is wrong.
pub fn main() -> ExitCode {
    start(None)
}

/// The same for an executable that knows which plugins it was built `with` and `without`: names separated by commas,
/// in `with` each followed by `@` and a hash of its sources where that is known. It refuses to start when one of the former did not register, and lists the latter as left out.
pub fn main_with(with: &'static str, without: &'static str) -> ExitCode {
    start(Some(Built { with, without }))
}

fn start(built: Option<Built>) -> ExitCode {
    let mut start = match Start::new() {
        Ok(start) => start,
        Err(error) => return complain(&error, 1),
    };
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Also `--help` and `--version`, which go to stdout with exit code 0.
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let outcome = config::check_environment(std::env::vars_os().map(|(name, _)| name))
        .and_then(|()| telemetry::start())
        .and_then(|()| Config::load(&cli.settings, &Agent::known_plugins(built)));
    let config = match outcome {
        Ok(config) => config,
        Err(error) => {
            start.give_back(&error);
            return complain(&error, 2);
        }
    };
    let outcome = match cli.command.unwrap_or(Command::Run) {
        Command::Run => match preflight::asked_for() {
            Some(enabled) => commands::prove(built, config, &enabled, start.boot).map_err(Failed::from),
            None => {
                serving::run(built, config, &mut start).inspect_err(|failed| start.give_back(&failed.error))
            }
        },
        Command::Once => commands::once(built, config),
        Command::Plugins { json } => commands::plugins(built, config, json),
        Command::Check { json } => commands::check(built, config, json),
    };
    outcome.unwrap_or_else(|failed| complain(&failed.error, failed.code))
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
    eprintln!("relink: {}", error.message());
    if let Some(hint) = error.advice() {
        eprintln!("  hint: {hint}");
    }
    ExitCode::from(code)
}

/// The async runtime: one thread. A scrape costs it some 10 µs, so that it serves tens of thousands a second, and a
/// second thread would cost more to wake than it saves; the plugins have a thread of their own.
fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")
}
