//! `cargo xtask run`: builds the agent, then becomes it.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::args::{Registry, Selection};
use crate::failure::{Doing, Result};
use crate::plugin::library;
use crate::workspace::Workspace;
use crate::{build, cargo, shell};

/// The command by which the agent has itself built anew: a JSON array of program and arguments. The agent adds
/// `--plugins a,b` when another set is asked for, and the last one counts.
const BUILDER: &str = "RELINK_BUILDER";

/// Does not return when it succeeds: the process is the agent then, with its PID and its terminal.
pub(crate) fn perform(selection: &Selection, agent_args: &[OsString]) -> Result<()> {
    let agent = build::watched(selection)?;
    let xtask = std::env::current_exe().doing("asking where xtask is")?;
    let mut command = Command::new(&agent.executable);
    command.arg("run").args(agent_args).env(BUILDER, Value::from(builder(&xtask, selection)).to_string());
    become_it(command)
}

/// The same with no plugin linked: the plugins are built as libraries, which the agent loads. It has no builder, so
/// that a reload looks at the libraries and at nothing else.
pub(crate) fn perform_loaded(selection: &Selection, agent_args: &[OsString]) -> Result<()> {
    let workspace = Workspace::load()?;
    let names = build::chosen(&workspace, selection.plugins.as_deref())?;
    let agent = build::watched(&Selection { plugins: Some(Vec::new()), ..selection.clone() })?;
    library::only(&workspace, &names)?;
    for name in &names {
        library::build(&workspace, name, selection.release)?;
    }
    let mut command = Command::new(&agent.executable);
    command.arg("run").arg("--plugin-dir").arg(library::folder(&workspace)).args(agent_args);
    command.env_remove(BUILDER);
    become_it(command)
}

fn become_it(mut command: Command) -> Result<()> {
    command.arg0("relink");
    cargo::forget_package(&mut command);
    Err(shell::become_it(command))
}

/// It names this very executable: through `cargo run` a reload would take 60 ms longer, a twentieth of an edit to live.
pub(crate) fn builder(xtask: &Path, selection: &Selection) -> Vec<String> {
    let mut words: Vec<String> = vec![xtask.to_string_lossy().into_owned()];
    words.extend(["build", "--message-format", "json"].map(str::to_owned));
    // A plain reload keeps the set; without one it takes what the workspace has by then.
    if let Some(plugins) = &selection.plugins {
        words.extend(["--plugins".to_owned(), plugins.join(",")]);
    }
    if selection.release {
        words.push("--release".to_owned());
    }
    if selection.registry == Registry::Linkme {
        words.extend(["--registry", "linkme"].map(str::to_owned));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builder_builds_as_this_command_did() {
        let selection =
            Selection { plugins: Some(vec!["cpu".into()]), release: true, registry: Registry::Linkme };
        let words = builder(Path::new("/target/xtask"), &selection);
        assert_eq!(
            words.join(" "),
            "/target/xtask build --message-format json --plugins cpu --release --registry linkme"
        );
    }

    #[test]
    fn the_set_of_a_reload_is_the_agents_word_then_this_commands_then_all() {
        let built = |selection: &Selection, agents: &[&str]| {
            let words = builder(Path::new("/target/xtask"), selection).into_iter().skip(1).map(Into::into);
            match crate::args::parse(words.chain(agents.iter().map(Into::into))).unwrap() {
                crate::args::Task::Build { selection, .. } => selection.plugins,
                other => panic!("{other:?}"),
            }
        };
        let cpu = Selection { plugins: Some(vec!["cpu".into()]), ..Selection::default() };
        assert_eq!(built(&cpu, &["--plugins", "cpu,disk"]), Some(vec!["cpu".to_owned(), "disk".to_owned()]));
        assert_eq!(built(&cpu, &[]), Some(vec!["cpu".to_owned()]));
        assert_eq!(built(&Selection::default(), &[]), None);
    }
}
