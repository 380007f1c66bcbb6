//! The commands that end by themselves: `once`, `plugins`, `check`.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use relink_core::Error;
use serde::Serialize;

use crate::Failed;
use crate::agent::Agent;
use crate::config::{Config, Print};
use crate::counters::Counters;
use crate::plugins::linked::Built;
use crate::plugins::status::{State, Status};
use crate::reload::exec::Boot;
use crate::reload::preflight;

/// `relink once`: one collection on stdout.
pub(crate) fn once(built: Option<Built>, config: Config) -> Result<ExitCode, Failed> {
    let print = if config.print == Print::None { Print::Table } else { config.print };
    let agent = Agent::new(built, config, Arc::new(Counters::first()))?;
    let text = super::runtime()?.block_on(agent.figures(print));
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
        let line = |s: &Status| {
            let error = s.error.as_deref().map(|error| format!(" ({error})")).unwrap_or_default();
            format!("{:wide$}  {}  {}  {}{error}\n", s.name, s.version, s.placement.name(), s.help)
        };
        say(&statuses.iter().map(line).collect::<String>())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What `relink check --json` prints.
#[derive(Serialize)]
struct Report {
    ok: bool,
    plugins: Vec<Status>,
}

/// `relink check`: the configuration was read to come here; now each plugin has to succeed in one collection, and each
/// library that the configuration does not leave out to be a plugin.
pub(crate) fn check(built: Option<Built>, config: Config, as_json: bool) -> Result<ExitCode, Failed> {
    let agent = Agent::new(built, config, Arc::new(Counters::first()))?;
    let deadline = Instant::now() + agent.config.collect_timeout();
    let everything = agent.scheduler.everything();
    super::runtime()?.block_on(agent.scheduler.collect(&everything, deadline));
    let plugins = agent.scheduler.statuses();
    let ok = plugins.iter().all(|status| match (status.state, &status.path) {
        (State::Failing | State::Stuck, _) => false,
        (State::Refused, Some(path)) => agent.libraries().is_left_out(path.as_ref()),
        (State::Refused, None) | (State::Active, _) => true,
    });
    if as_json {
        say(&(serde_json::to_string(&Report { ok, plugins })? + "\n"))?;
    } else {
        for status in &plugins {
            let said = match &status.error {
                Some(error) => error.clone(),
                None => format!("{} samples", status.samples),
            };
            say(&format!("{}: {}: {said}\n", status.name, status.state.name()))?;
        }
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The preflight of a reload: this image proves itself to the one that runs.
pub(crate) fn prove(
    built: Option<Built>,
    config: Config,
    enabled: &str,
    boot: &'static Boot,
) -> Result<ExitCode, Error> {
    say(&(preflight::prove(built, config, enabled, boot)? + "\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes to stdout; a reader who has left (`relink once | head -1`) is no error.
pub(crate) fn say(text: &str) -> Result<(), Error> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
