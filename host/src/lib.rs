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

mod access;
mod agent;
mod commands;
mod duration;
mod expose;
mod failure;
mod http;
mod journal;
mod lock;
mod memory;
mod names;
mod own;
mod plugins;
mod reload;
mod schedule;
mod serve;
mod settings;
mod store;
mod systemd;
mod telemetry;

pub use settings::flags;

use std::process::ExitCode;

use relink_core::registry;

use crate::agent::Agent;
use crate::commands::arrival::Start;
use crate::failure::{Failed, complain};
use crate::plugins::linked::Built;
use crate::settings::cli::Command;
use crate::settings::flags::{Flags, Given};
use crate::settings::{Config, Print};
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
    let linked = registry::plugins();
    let taken = Given::take(std::env::args_os(), flags, &linked);
    let (cli, given) = match taken.map(|(rest, given)| (settings::cli::parse(&rest, flags, &linked), given)) {
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
    let settings =
        settings::cli::Settings { given: given.called(std::env::args_os().next()), ..cli.settings };
    let command = cli.command.unwrap_or(Command::Run);
    // These say what could be set, so they work whatever is set.
    if let Some(outcome) = commands::about(&command, flags, &linked) {
        return outcome.unwrap_or_else(|failed| complain(&failed.error, failed.code));
    }
    if let Some(outcome) = commands::ask(&command, &settings, built) {
        return outcome.unwrap_or_else(|failed| complain(&failed.error, failed.code));
    }
    let outcome = settings::check_environment(std::env::vars_os().map(|(name, _)| name))
        .and_then(|()| Config::load(&settings, &Agent::known_plugins(built), &linked))
        .and_then(|config| http::check(&config).map(|()| config))
        // What does not serve needs no key, which may be for the agent's user alone to read.
        .and_then(|config| if command.serves() { config.guarded() } else { Ok(config) });
    let mut config = match outcome {
        Ok(config) => config,
        Err(error) => {
            start.give_back(&error);
            return complain(&error, 2);
        }
    };
    if commands::prove::asked_for().is_some() {
        // What it says is read by people, in the account of the reload.
        config.log.format = Format::Text;
    }
    telemetry::start(config.log);
    // Once: the images that follow have the same command line.
    if start.arrival.is_none() && commands::prove::asked_for().is_none() {
        settings.given.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    }
    let format = config.log.format;
    let outcome = match command {
        Command::Run => match commands::prove::asked_for() {
            Some(enabled) => commands::prove(built, config, &enabled, start.boot).map_err(Failed::from),
            None => commands::run::run(built, config, &mut start)
                .inspect_err(|failed| start.give_back(&failed.error)),
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
