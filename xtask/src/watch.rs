//! `cargo xtask watch`: a reload whenever a source file is saved.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::args::ReloadRequest;
use crate::failure::{Failure, Result};
use crate::workspace::Workspace;
use crate::{cargo, shell};

const VERSION: &str = "8.5.3";

/// Does not return when it succeeds: the process is cargo-watch then.
pub(crate) fn perform(request: &ReloadRequest) -> Result<()> {
    crate::http::Url::parse(&request.url)?;
    let workspace = Workspace::load()?;
    let tools = workspace.target.join("tools");
    let program = tools.join("bin/cargo-watch");
    if !program.exists() {
        eprintln!("cargo-watch {VERSION} is installed into {} for this first use", tools.display());
        install(&tools)?;
    }
    let mut command = Command::new(program);
    command.current_dir(&workspace.root).arg("watch");
    // A save is one event or several; what comes within a tenth of a second is one reload.
    command.args(["--delay", "0.1"]);
    for folder in watched(&workspace) {
        command.args(["--watch", &folder]);
    }
    command.arg("--").args(reload(request));
    shell::echo(&command);
    Err(Failure::new(format!("starting cargo-watch: {}", command.exec())))
}

fn install(tools: &Path) -> Result<()> {
    let mut command = cargo::command(&["install", "--locked", "--version", VERSION, "--root"]);
    shell::run(command.arg(tools).arg("cargo-watch"))
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

/// The reload that was asked for, as a command of its own.
fn reload(request: &ReloadRequest) -> Vec<String> {
    let mut words: Vec<String> =
        ["cargo", "xtask", "reload", "--url", &request.url].map(str::to_owned).to_vec();
    if let Some(plugins) = &request.plugins {
        words.extend(["--plugins".to_owned(), plugins.join(",")]);
    }
    if request.force {
        words.push("--force".to_owned());
    }
    if let Some(file) = &request.token_file {
        let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
        words.extend(["--token-file".to_owned(), file.display().to_string()]);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::tests::example;

    #[test]
    fn the_agents_folders_are_watched() {
        assert_eq!(watched(&example()), ["Cargo.toml", "Cargo.lock", "metrics-disk", "metrics-cpu", "app"]);
    }

    #[test]
    fn the_reload_is_the_one_asked_for() {
        let request = ReloadRequest {
            plugins: Some(vec!["cpu".into(), "disk".into()]),
            force: true,
            token_file: Some("/run/token".into()),
            ..ReloadRequest::default()
        };
        assert_eq!(
            reload(&request).join(" "),
            "cargo xtask reload --url http://127.0.0.1:8000 --plugins cpu,disk --force --token-file /run/token"
        );
    }
}
