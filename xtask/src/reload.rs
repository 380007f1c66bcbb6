//! `cargo xtask reload` and `cargo xtask watch`: a reload by `relink reload` of the agent that was built here last, which
//! shows how it goes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::build::AGENT;
use crate::failure::{Doing, Failure, Result};
use crate::workspace::Workspace;
use crate::{cargo, shell};

const CARGO_WATCH: &str = "8.5.3";

/// Does not return when it succeeds: the process is `relink reload` then.
pub(crate) fn perform(args: &[OsString]) -> Result<()> {
    let mut command = Command::new(newest(&Workspace::load()?.target)?);
    command.arg("reload").args(args);
    cargo::forget_package(&mut command);
    Err(shell::become_it(command))
}

/// The agent that was built last. It need not be the one that runs: what they say to each other is JSON over HTTP.
fn newest(target: &Path) -> Result<PathBuf> {
    let built = ["debug", "release"].map(|profile| target.join(profile).join(AGENT));
    let built = built.into_iter().filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file)));
    built.max().map(|(_, file)| file).ok_or_else(|| {
        Failure::new(format!(
            "no agent is built in {}; build and start one: cargo xtask run",
            target.display()
        ))
    })
}

/// The same whenever a source file is saved. Does not return when it succeeds: the process is cargo-watch then.
pub(crate) fn watch(args: &[OsString]) -> Result<()> {
    let workspace = Workspace::load()?;
    let tools = workspace.target.join("tools");
    let program = tools.join("bin/cargo-watch");
    if !program.exists() {
        eprintln!("cargo-watch {CARGO_WATCH} is installed into {} for this first use", tools.display());
        let mut install = cargo::command(&["install", "--locked", "--version", CARGO_WATCH, "--root"]);
        shell::run(install.arg(&tools).arg("cargo-watch"))?;
    }
    let mut command = Command::new(program);
    command.current_dir(&workspace.root).arg("watch");
    // A save is one event or several; what comes within a tenth of a second is one reload.
    command.args(["--delay", "0.1"]);
    for folder in watched(&workspace) {
        command.args(["--watch", &folder]);
    }
    // Each reload begins in the folder of this command, so that the files which its arguments name are found.
    command.args(["--", "env", "--chdir"]).arg(std::env::current_dir().doing("asking for the folder")?);
    command.arg(std::env::current_exe().doing("asking where xtask is")?).arg("reload").args(args);
    Err(shell::become_it(command))
}

/// What the agent is made of: its manifests and the folders of its crates, without tests and xtask.
fn watched(workspace: &Workspace) -> Vec<String> {
    let mut watched = vec!["Cargo.toml".to_owned(), "Cargo.lock".to_owned()];
    let folders = workspace.packages.iter().map(|package| &package.folder);
    let of_the_agent = folders
        .filter(|folder| folder.parent() == Some(&workspace.root) && !folder.ends_with("xtask"))
        .map(|folder| workspace.shown(folder));
    watched.extend(of_the_agent);
    watched
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::tests::example;
    use std::fs::{self, File};
    use std::time::{Duration, SystemTime};

    #[test]
    fn the_agent_that_was_built_last_asks_for_the_reload() {
        let dir = tempfile::tempdir().unwrap();
        let none = newest(dir.path()).unwrap_err();
        assert!(none.message().ends_with("start one: cargo xtask run"), "{none:?}");
        let now = SystemTime::now();
        for (profile, age) in [("release", 20), ("debug", 10), ("release", 5)] {
            let folder = dir.path().join(profile);
            fs::create_dir_all(&folder).unwrap();
            let file = File::create(folder.join(AGENT)).unwrap();
            file.set_modified(now - Duration::from_secs(age)).unwrap();
            assert_eq!(newest(dir.path()).unwrap(), folder.join(AGENT));
        }
    }

    #[test]
    fn the_agents_folders_are_watched() {
        assert_eq!(watched(&example()), ["Cargo.toml", "Cargo.lock", "metrics-disk", "metrics-cpu", "app"]);
    }
}
