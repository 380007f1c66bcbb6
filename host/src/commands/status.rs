//! `relink status`: what an agent runs, and how it fares.

use std::process::ExitCode;

use relink_core::Error;
use serde::Serialize;
use serde_json::Value;

use super::reload::Account;
use super::remote::{Remote, harmless};
use crate::expose::table::{date, seconds};
use crate::journal::{Journal, unix_seconds};
use crate::telemetry::say;

/// What `relink status --json` prints.
#[derive(Default, Serialize)]
struct StatusReport {
    /// Where it was asked.
    address: String,
    /// Whether it should get traffic.
    ready: bool,
    /// Why it is not ready, or nobody answers.
    why: Option<String>,
    /// As in `GET /plugins`.
    version: Value,
    generation: Value,
    since: Value,
    plugins: Vec<Value>,
    /// As in `GET /reloads`; the newest.
    last_reload: Option<Journal>,
}

/// The exit code is 0 when the agent is ready.
pub(super) fn status(remote: &Remote, as_json: bool) -> Result<ExitCode, Error> {
    let report = match StatusReport::of(remote) {
        Ok(report) => report,
        Err(error) if as_json => StatusReport {
            address: remote.url.clone(),
            why: Some(error.to_string()),
            ..StatusReport::default()
        },
        Err(error) => return Err(error),
    };
    say(&if as_json { serde_json::to_string(&report)? + "\n" } else { harmless(&report.text()) })?;
    Ok(if report.ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl StatusReport {
    fn of(remote: &Remote) -> Result<Self, Error> {
        let mut list = remote.get("/plugins")?.success()?;
        let mut reloads = remote.get("/reloads")?.success()?;
        let ready = remote.get("/-/ready")?;
        let last = reloads["reloads"].get_mut(0).map(Value::take);
        let why = ready.body["error"].as_str().unwrap_or("it does not say why").to_owned();
        Ok(StatusReport {
            address: remote.url.clone(),
            ready: ready.status == 200,
            why: (ready.status != 200).then_some(why),
            version: list["version"].take(),
            generation: list["generation"].take(),
            since: list["since"].take(),
            plugins: list["plugins"].as_array_mut().map(std::mem::take).unwrap_or_default(),
            last_reload: last.and_then(|journal| Journal::told(&journal).ok()),
        })
    }

    fn text(&self) -> String {
        let ready = match &self.why {
            None => "ready".to_owned(),
            Some(why) => format!("not ready: {why}"),
        };
        let mut text =
            format!("relink {} at {}: {ready}\n", self.version.as_str().unwrap_or("?"), self.address);
        let since = self.since.as_f64().unwrap_or_default();
        let ago = seconds((unix_seconds() - since).max(0.0));
        text += &format!("generation {} since {} ({ago})\n", self.generation, date(since));
        text += &match &self.last_reload {
            None => "no reload yet\n".to_owned(),
            Some(journal) => {
                format!("last reload at {}: {}\n", date(journal.started), Account(journal).summary())
            }
        };
        let word = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
        // The collectors of plugins that run; a plugin that does not stands for its own.
        let units: Vec<&Value> = self
            .plugins
            .iter()
            .flat_map(|plugin| match plugin["collectors"].as_array() {
                Some(collectors) if !["off", "refused"].contains(&&*word(plugin, "state")) => {
                    collectors.iter().collect()
                }
                _ => vec![plugin],
            })
            .collect();
        let mut states: Vec<(String, Vec<String>)> = Vec::new();
        for one in &units {
            let (name, state) = (word(one, "name"), word(one, "state"));
            match states.iter_mut().find(|(known, _)| *known == state) {
                Some((_, names)) => names.push(name),
                None => states.push((state, vec![name])),
            }
        }
        for (state, names) in states {
            text += &format!("{} {state}: {}\n", names.len(), names.join(", "));
        }
        for one in &units {
            for warning in one["warnings"].as_array().into_iter().flatten() {
                text += &format!("  {} warns: {}\n", word(one, "name"), warning.as_str().unwrap_or_default());
            }
        }
        let reasons = units.into_iter().filter(|one| !one["error"].is_null());
        let (off, other): (Vec<_>, Vec<_>) = reasons.partition(|one| one["state"] == "off");
        for one in other {
            let [name, state, error] = ["name", "state", "error"].map(|key| word(one, key));
            text += &format!("  {name} {state}: {error}\n");
        }
        // Who has switched off one has switched off many; the way to switch it on is told for the first.
        let mut told: Vec<(String, Vec<String>, String)> = Vec::new();
        for one in off {
            let [name, error] = ["name", "error"].map(|key| word(one, key));
            let reason = error.split("; ").next().unwrap_or_default().to_owned();
            match told.iter_mut().find(|(known, ..)| *known == reason) {
                Some((_, names, _)) => names.push(name),
                None => told.push((reason, vec![name], error)),
            }
        }
        for (_, names, error) in told {
            text += &format!("  {} off: {error}\n", names.join(", "));
        }
        text
    }
}
