//! The commands that end by themselves: `once`, `plugins`, `check`, `verify`, those that ask an agent, and those that tell
//! what could be set.

pub(crate) mod arrival;
mod check;
pub(crate) mod prove;
mod reload;
pub(crate) mod remote;
pub(crate) mod run;
mod status;
mod verify;

use std::process::ExitCode;
use std::sync::Arc;

use relink_core::Error;
use relink_core::registry::Descriptor;

use crate::agent::{Agent, Table};
use crate::failure::{Failed, runtime};
use crate::journal::Asked;
use crate::own::counters::Counters;
use crate::plugins::linked::Built;
use crate::plugins::status::{State, Status};
use crate::settings::cli::{Command, Settings};
use crate::settings::flags::Flags;
use crate::settings::{Config, DEFAULT_TOML, Print, cli};
use crate::telemetry::say;
use relink_handover::Boot;

pub(crate) use check::check;
use remote::Remote;
pub(crate) use verify::verify;

/// `relink once`: one collection on stdout.
pub(crate) fn once(built: Option<Built>, config: Config) -> Result<ExitCode, Failed> {
    let print = if config.print == Print::None { Print::Table } else { config.print };
    let agent = Agent::new(built, config, Arc::new(Counters::first()))?;
    let text = runtime()?.block_on(agent.figures(print, Table::Whole));
    say(&text)?;
    let failed = agent.scheduler.statuses().iter().any(|s| matches!(s.state, State::Failing | State::Stuck));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// `relink plugins`: what is linked in, and what is not.
pub(crate) fn plugins(built: Option<Built>, config: Config, as_json: bool) -> Result<ExitCode, Failed> {
    let agent = Agent::new(built, config, Arc::new(Counters::first()))?;
    let statuses = agent.scheduler.statuses();
    if as_json {
        say(&(serde_json::to_string(&statuses)? + "\n"))?;
    } else {
        let wide = statuses.iter().map(|status| status.name.len()).max().unwrap_or(0);
        let because =
            |error: &Option<String>| error.as_deref().map(|error| format!(" ({error})")).unwrap_or_default();
        let mut text = String::new();
        for plugin in &statuses {
            let Status { name, version, help, .. } = plugin;
            let (placement, error) = (plugin.placement.name(), because(&plugin.error));
            text += &format!("{name:wide$}  {version}  {placement}  {help}{error}\n");
            let wide = plugin.collectors.iter().map(|one| one.name.len()).max().unwrap_or(0);
            for one in &plugin.collectors {
                text += &format!("  {:wide$}  {}{}\n", one.name, one.help, because(&one.error));
            }
        }
        say(&text)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The commands that print what could be set, and need nothing to be set for it; `None` for the others.
pub(crate) fn about(
    command: &Command,
    flags: &Flags,
    linked: &[&'static Descriptor],
) -> Option<Result<ExitCode, Failed>> {
    let text = match command {
        Command::Config => Ok(DEFAULT_TOML.as_bytes().to_vec()),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut cli::command(flags, linked), "relink", &mut script);
            Ok(script)
        }
        Command::Man => {
            let mut page = Vec::new();
            let page = clap_mangen::Man::new(cli::command(flags, linked)).render(&mut page).map(|()| page);
            page.map_err(Error::from)
        }
        _ => return None,
    };
    let said = text.and_then(|text| say(&String::from_utf8_lossy(&text)));
    Some(said.map(|()| ExitCode::SUCCESS).map_err(Failed::from))
}

/// The commands that ask an agent that runs; `None` for the others. They need no configuration where they are told the
/// agent's address.
pub(crate) fn ask(
    command: &Command,
    settings: &Settings,
    built: Option<Built>,
) -> Option<Result<ExitCode, Failed>> {
    // Of a reload they are what the other agent shall run, and it knows its own.
    let (plugins, settings) = (settings.plugins.as_deref(), &Settings { plugins: None, ..settings.clone() });
    let outcome = match command {
        Command::Status { whom, json } => {
            Remote::new(whom, settings, built).map(|remote| status::status(&remote, *json))
        }
        Command::Reload { whom, force, on, off, json } => {
            let plugins = plugins.filter(|plugins| !plugins.is_empty()).map(<[_]>::to_vec);
            let asked = Asked { plugins, on: on.clone(), off: off.clone(), force: *force };
            Remote::new(whom, settings, built).map(|remote| reload::reload(&remote, &asked, *json))
        }
        _ => return None,
    };
    Some(outcome.map_err(Failed::settings).and_then(|outcome| outcome.map_err(Failed::from)))
}

/// The preflight of a reload: this image proves itself to the one that runs.
pub(crate) fn prove(
    built: Option<Built>,
    config: Config,
    enabled: &str,
    boot: &'static Boot,
) -> Result<ExitCode, Error> {
    say(&(prove::prove(built, config, enabled, boot)? + "\n"))?;
    Ok(ExitCode::SUCCESS)
}
