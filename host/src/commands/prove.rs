//! The new image's side of the preflight: it proves itself to the image that runs.

use std::sync::Arc;
use std::time::Instant;

use relink_core::{Context, Error};
use relink_handover::Boot;

use crate::agent::{Agent, push};
use crate::failure::runtime;
use crate::http::Site;
use crate::http::caller::Token;
use crate::names;
use crate::own::counters::Counters;
use crate::plugins::linked::Built;
use crate::reload::preflight::Report;
use crate::settings::{Choice, Config, environment};

/// What `RELINK_PREFLIGHT` asks for, if it is set.
pub(crate) fn asked_for() -> Option<String> {
    std::env::var(environment::PREFLIGHT).ok()
}

/// The new image's side: starts the plugins, asks itself for `/metrics` and `/-/ready`, and reports.
pub(crate) fn prove(
    built: Option<Built>,
    mut config: Config,
    chosen: &str,
    boot: &'static Boot,
) -> Result<String, Error> {
    let chosen: Choice = serde_json::from_slice(chosen.as_bytes()).context("reading RELINK_PREFLIGHT")?;
    config.choose(&chosen);
    let agent = Agent::new(built, config, Arc::new(Counters::first())).map_err(|failed| failed.error)?;
    let agent = Arc::new(agent);
    push::check(&agent.config.push)?;
    all_run(&agent, &chosen)?;
    // Nobody asks for it here, but serving would fail over it.
    agent.config.reload.token_file.as_deref().map(Token::read).transpose()?;
    runtime()?.block_on(async {
        let everything = agent.scheduler.everything();
        agent.scheduler.collect(&everything, Instant::now() + *agent.config.collect.timeout).await;
        let mut report = Report::of(&agent);
        let client =
            rocket::local::asynchronous::Client::untracked(crate::http::rocket(Site::to_prove(agent, boot)))
                .await
                .map_err(|error| Error::new(format!("Rocket does not start: {error}")))?;
        report.ready = client.get("/-/ready").dispatch().await.status().code;
        report.metrics = client.get("/metrics").dispatch().await.into_string().await.unwrap_or_default();
        Ok(serde_json::to_string(&report)?)
    })
}

/// Whether each plugin and collector that a caller chose runs in this image; left out, it would vanish without a word.
fn all_run(agent: &Agent, chosen: &Choice) -> Result<(), Error> {
    let statuses = agent.scheduler.statuses();
    for name in chosen.on() {
        let mut collectors = statuses.iter().flat_map(|status| &status.collectors);
        let collector = collectors.find(|collector| collector.name == name);
        if collector.is_none_or(|collector| !collector.state.runs()) {
            let why = collector.and_then(|collector| collector.error.clone());
            let why = why.unwrap_or_else(|| "this executable has no such collector".to_owned());
            let hint = format!("relink reload --off {name} does without it");
            return Err(Error::new(format!("collector {name} does not run: {why}")).hint(hint));
        }
    }
    for name in chosen.plugins.iter().flatten() {
        match statuses.iter().find(|status| status.name == *name) {
            None => {
                let known: Vec<_> = statuses.iter().map(|status| status.name.as_str()).collect();
                let error = Error::new(format!("unknown plugin {name:?}"));
                let close = names::did_you_mean(name, known.iter().copied());
                return Err(error.hint(format!("{close}the plugins of this agent are: {}", known.join(", "))));
            }
            Some(status) if !status.state.runs() => {
                let why = status.error.clone().unwrap_or_default();
                return Err(Error::new(format!("plugin {name} does not run: {why}")));
            }
            Some(_) => {}
        }
    }
    Ok(())
}
