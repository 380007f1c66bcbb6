//! `cargo xtask build`: the agent with a chosen set of plugins.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::args::{Format, Registry, Selection};
use crate::cargo::{self, Event};
use crate::failure::{Doing, Failure, Result};
use crate::workspace::Workspace;

/// The package that is the agent.
pub(crate) const AGENT: &str = "relink";

/// An agent that was built.
#[derive(Debug)]
pub(crate) struct Agent {
    pub executable: PathBuf,
    pub plugins: Vec<String>,
    /// Whether cargo had nothing to compile. The file can still be another one than before: cargo puts an agent with
    /// another set of plugins back into its place without compiling it again.
    pub fresh: bool,
}

/// Builds for a person or for a program.
pub(crate) fn perform(selection: &Selection, format: Format) -> Result<()> {
    match format {
        Format::Human => {
            let agent = watched(selection)?;
            println!("{}", agent.executable.display());
            Ok(())
        }
        Format::Json => for_a_program(selection, &mut std::io::stdout().lock()),
    }
}

/// Builds in sight.
pub(crate) fn watched(selection: &Selection) -> Result<Agent> {
    let plan = Plan::new(selection)?;
    let built = cargo::build(&mut plan.command())?;
    Ok(Agent { executable: built.file, plugins: plan.plugins, fresh: built.fresh })
}

/// The bare command that builds the agent.
pub(crate) fn command(selection: &Selection) -> Result<Command> {
    Ok(Plan::new(selection)?.command())
}

/// Builds with one JSON object a line, the last of which says how it ended.
fn for_a_program(selection: &Selection, out: &mut impl Write) -> Result<()> {
    let built = Plan::new(selection).and_then(|plan| {
        let built = cargo::build_for(&mut plan.command(), |event| match message(&event) {
            Some(message) => say(out, &message),
            None => Ok(()),
        })?;
        Ok(Agent { executable: built.file, plugins: plan.plugins, fresh: built.fresh })
    });
    match built {
        Ok(agent) => say(
            out,
            &json!({
                "reason": "finished", "success": true, "executable": agent.executable,
                "plugins": agent.plugins, "fresh": agent.fresh,
            }),
        ),
        Err(failure) => {
            let error = format!("{}{}", failure.message(), without_the_unknown(selection)?);
            say(out, &json!({"reason": "finished", "success": false, "error": error}))?;
            Err(Failure::told())
        }
    }
}

/// What to type where a plugin of the agent is no more, as after `plugin remove`: it still asks for the set that it has.
fn without_the_unknown(selection: &Selection) -> Result<String> {
    let workspace = Workspace::load()?;
    let known = workspace.known();
    let wanted = selection.plugins.as_deref().unwrap_or_default();
    let is_known = |name: &&String| known.iter().any(|(plugin, _)| plugin == name);
    let left: Vec<&str> = wanted.iter().filter(is_known).map(String::as_str).collect();
    Ok(if left.is_empty() || left.len() == wanted.len() {
        String::new()
    } else {
        format!("; to go on without it: cargo xtask reload --plugins {}", left.join(","))
    })
}

fn say(out: &mut impl Write, message: &Value) -> Result<()> {
    writeln!(out, "{message}").and_then(|()| out.flush()).doing("telling how the build goes")
}

/// What a program is told of an event.
fn message(event: &Event) -> Option<Value> {
    match event {
        Event::Progress { done, total, unit } => {
            Some(json!({"reason": "progress", "done": done, "total": total, "crate": unit}))
        }
        Event::Diagnostic(diagnostic) if matches!(diagnostic.level.as_str(), "error" | "warning") => {
            let (file, line) = diagnostic.place.as_ref().map(|(file, line)| (file, line)).unzip();
            Some(json!({
                "reason": "diagnostic", "level": diagnostic.level, "rendered": diagnostic.rendered,
                "file": file, "line": line,
            }))
        }
        Event::Diagnostic(_) => None,
    }
}

/// What to ask of cargo.
struct Plan {
    plugins: Vec<String>,
    features: Vec<String>,
    release: bool,
}

impl Plan {
    fn new(selection: &Selection) -> Result<Self> {
        Self::of(&Workspace::load()?, selection)
    }

    fn of(workspace: &Workspace, selection: &Selection) -> Result<Self> {
        let plugins = chosen(workspace, selection.plugins.as_deref())?;
        let agent = workspace.package(AGENT)?;
        if let Some(name) = plugins.iter().find(|name| !agent.features.contains_key(*name)) {
            return Err(Failure::new(format!(
                "plugin {name:?} has no feature in {}; add under [features]: {name} = [\"dep:metrics-{name}\"]",
                workspace.shown(&agent.folder.join("Cargo.toml"))
            )));
        }
        // The set is always spelt out, the complete one too, so that asking for it by name builds the same executable.
        let mut features = plugins.clone();
        let known = workspace.known();
        let other = agent.features.get("default").into_iter().flatten();
        features.extend(other.filter(|name| known.iter().all(|(plugin, _)| plugin != name)).cloned());
        if selection.registry == Registry::Linkme {
            features.push("linkme".to_owned());
        }
        Ok(Plan { plugins, features, release: selection.release })
    }

    fn command(&self) -> Command {
        let mut command = cargo::command(&["build", "--package", AGENT, "--no-default-features"]);
        if !self.features.is_empty() {
            command.args(["--features", &self.features.join(",")]);
        }
        if self.release {
            command.arg("--release");
        }
        command
    }
}

/// The names of the plugins that are wanted, each checked against the workspace; all when none is named.
pub(crate) fn chosen(workspace: &Workspace, wanted: Option<&[String]>) -> Result<Vec<String>> {
    let known: Vec<&str> = workspace.known().into_iter().map(|(name, _)| name).collect();
    let Some(wanted) = wanted else { return Ok(known.into_iter().map(str::to_owned).collect()) };
    match wanted.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => {
            Err(Failure::usage(format!("unknown plugin {name:?}; the workspace has {}", known.join(", "))))
        }
        None => Ok(wanted.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::Diagnostic;
    use crate::workspace::tests::example;

    fn selection(plugins: &[&str], registry: Registry) -> Selection {
        let plugins = plugins.iter().map(|&name| name.to_owned()).collect();
        Selection { plugins: Some(plugins), release: false, registry }
    }

    #[test]
    fn plugins_are_features_and_the_agents_other_defaults_stay() {
        let plan = Plan::of(&example(), &selection(&["cpu"], Registry::Linkme)).unwrap();
        assert_eq!(plan.plugins, ["cpu"]);
        assert_eq!(plan.features, ["cpu", "dashboard", "linkme"]);
    }

    #[test]
    fn an_unknown_plugin_is_refused_and_one_without_feature_told_where_to_add_it() {
        let failure = chosen(&example(), Some(&["gpu".to_owned()])).unwrap_err();
        assert_eq!(failure, Failure::usage("unknown plugin \"gpu\"; the workspace has cpu, disk"));
        assert_eq!(chosen(&example(), None).unwrap(), ["cpu", "disk"]);
        let failure = Plan::of(&example(), &Selection::default()).err().unwrap();
        assert_eq!(
            failure.message(),
            "plugin \"disk\" has no feature in app/Cargo.toml; add under [features]: disk = [\"dep:metrics-disk\"]"
        );
    }

    #[test]
    fn a_program_is_told_progress_and_diagnostics() {
        let progress = Event::Progress { done: 12, total: 160, unit: "relink-host".into() };
        assert_eq!(
            message(&progress).unwrap().to_string(),
            r#"{"crate":"relink-host","done":12,"reason":"progress","total":160}"#
        );
        let told = |level: &str, place| {
            message(&Event::Diagnostic(Diagnostic { level: level.into(), rendered: "r".into(), place }))
        };
        let error = told("error", Some(("a.rs".into(), 7))).unwrap();
        assert_eq!(
            (&error["level"], &error["file"], &error["line"]),
            (&json!("error"), &json!("a.rs"), &json!(7))
        );
        assert_eq!(told("warning", None).unwrap()["file"], Value::Null);
        assert_eq!(told("failure-note", None), None);
    }

    #[test]
    fn a_program_is_told_of_an_unknown_plugin_too() {
        let mut out = Vec::new();
        let failure = for_a_program(&selection(&["gpu"], Registry::Inventory), &mut out).unwrap_err();
        assert_eq!(failure, Failure::told());
        let last: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(last["success"], false);
        let error = last["error"].as_str().unwrap();
        assert!(error.starts_with("unknown plugin \"gpu\"") && !error.contains("to go on"), "{last}");
        out.clear();
        for_a_program(&selection(&["cpu", "gpu", "disk"], Registry::Inventory), &mut out).unwrap_err();
        let last = String::from_utf8(out).unwrap();
        assert!(last.contains("; to go on without it: cargo xtask reload --plugins cpu,disk\""), "{last}");
    }
}
