//! `cargo xtask plugin remove`: undoes `plugin new`, `plugin collector` and `plugin add`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::edit::{self, Change};
use super::{scaffold, source};
use crate::build::AGENT;
use crate::failure::{Doing, Failure, Result};
use crate::tidy::PLUGIN_LIST;
use crate::workspace::{self, Workspace};
use crate::{cargo, shell};

/// Takes the plugin out of the agent, and its crate out of the workspace.
pub(crate) fn perform(name: &str, force: bool) -> Result<()> {
    let workspace = Workspace::load()?;
    let known = workspace.known();
    let Some((_, package)) = known.iter().find(|(plugin, _)| *plugin == name) else {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        return Err(Failure::usage(format!("unknown plugin {name:?}; the plugins are {}", names.join(", "))));
    };
    let folder = workspace.plugins().into_iter().find(|plugin| plugin.name == name);
    let folder = folder.map(|plugin| plugin.package.folder.clone());
    if let Some(folder) = &folder
        && !force
    {
        refuse_loss(&workspace, folder, name)?;
    }
    edit::write(&unlinked(&workspace, name, package, folder.is_none())?)?;
    if let Some(folder) = &folder {
        fs::remove_dir_all(folder).doing(format_args!("removing {}", folder.display()))?;
    }
    // Takes the package out of Cargo.lock, as the next build would. Unlike `cargo metadata` this needs no crate that
    // is not downloaded, and so far only those of this platform may be.
    shell::run(&mut cargo::command(&["update", "--workspace", "--offline", "--quiet"]))?;
    println!("{package} is removed; an agent that runs it loses it with: cargo xtask reload");
    Ok(())
}

/// The changes to the manifests and the list that take a plugin out.
fn unlinked(workspace: &Workspace, name: &str, package: &str, from_outside: bool) -> Result<Vec<Change>> {
    let agent = workspace.package(AGENT)?;
    let mut changes = vec![
        Change::new(agent.folder.join("Cargo.toml"), |text| edit::without_feature(text, name, package))?,
        Change::new(workspace.root.join(PLUGIN_LIST), |text| Ok(edit::unlisted(text, name, package)))?,
    ];
    let elsewhere = |member: &&workspace::Package| {
        member.name != AGENT && member.dependencies.iter().any(|dependency| dependency.name == package)
    };
    if from_outside && workspace.packages.iter().find(elsewhere).is_none() {
        let manifest = workspace.root.join("Cargo.toml");
        changes.push(Change::new(manifest, |text| edit::without_shared(text, package))?);
    }
    Ok(changes)
}

/// Names the files that could not be had back.
fn refuse_loss(workspace: &Workspace, folder: &Path, name: &str) -> Result<()> {
    let lost: Vec<String> =
        lost(&workspace.root, folder, name)?.iter().map(|path| workspace.shown(path)).collect();
    if lost.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "git does not have these files as they are: {}; commit them, or lose them with --force",
        lost.join(", ")
    )))
}

/// The files of the crate that are neither in git nor as `plugin new` and `plugin collector` made them.
fn lost(root: &Path, folder: &Path, name: &str) -> Result<Vec<PathBuf>> {
    let lib = fs::read_to_string(folder.join("src/lib.rs")).unwrap_or_default();
    let collectors: Vec<String> = source::collectors(&lib).into_iter().map(str::to_owned).collect();
    let made = scaffold::files(name, &collectors)?;
    let changed = not_in_git(root, folder);
    let mut lost = files(folder)?;
    lost.retain(|path| {
        let as_made = made.iter().any(|(file, text)| {
            *path == folder.join(file) && fs::read(path).is_ok_and(|content| content == text.as_bytes())
        });
        let in_git = changed.as_ref().is_some_and(|changed| !changed.contains(path));
        !as_made && !in_git
    });
    Ok(lost)
}

/// The files below the folder that git has not, or has otherwise; `None` without git.
fn not_in_git(root: &Path, folder: &Path) -> Option<Vec<PathBuf>> {
    let mut command = Command::new("git");
    command.args(["-c", "core.quotePath=false", "status", "--porcelain", "-z", "--no-renames"]);
    command.args(["--untracked-files=all", "--ignored=matching", "--"]).arg(folder).current_dir(root);
    let status = command.output().ok().filter(|output| output.status.success())?;
    let mut top = Command::new("git");
    let top = top.args(["rev-parse", "--show-toplevel"]).current_dir(root).output().ok()?;
    let top = PathBuf::from(String::from_utf8(top.stdout).ok()?.trim_end());
    let text = String::from_utf8(status.stdout).ok()?;
    // `?? metrics-swap/Cargo.toml`; an ignored folder is one entry with a slash at its end.
    let entries = text.split('\0').filter_map(|entry| entry.get(3..)).map(|path| top.join(path));
    Some(
        entries
            .flat_map(|path| if path.is_dir() { files(&path).unwrap_or_default() } else { vec![path] })
            .collect(),
    )
}

/// All that is below a folder and is no folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).doing(format_args!("reading {}", folder.display()))? {
        let entry = entry.doing(format_args!("reading {}", folder.display()))?;
        if entry.file_type().doing(format_args!("reading {}", folder.display()))?.is_dir() {
            found.extend(files(&entry.path())?);
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(root: &Path, args: &[&str]) {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"]);
        let output = git.args(args).current_dir(root).output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// The names of the files that would be lost.
    fn lost_of(root: &Path) -> Vec<String> {
        let folder = root.join("metrics-swap");
        let lost = lost(root, &folder, "swap").unwrap();
        lost.iter().map(|path| path.strip_prefix(&folder).unwrap().display().to_string()).collect()
    }

    #[test]
    fn what_git_has_or_the_scaffold_made_is_not_lost() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let collectors = ["swap", "swappages"].map(str::to_owned);
        for (path, text) in scaffold::files("swap", &collectors).unwrap() {
            let path = root.join("metrics-swap").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        assert_eq!(lost_of(&root), [""; 0], "as made, without git");
        let edited = root.join("metrics-swap/src/lib.rs");
        fs::write(&edited, fs::read_to_string(&edited).unwrap() + "// edited\n").unwrap();
        assert_eq!(lost_of(&root), ["src/lib.rs"], "without git");

        git(&root, &["init", "--quiet"]);
        fs::write(root.join(".gitignore"), "*.log\n/metrics-swap/out\n").unwrap();
        assert_eq!(lost_of(&root), ["src/lib.rs"], "untracked");
        git(&root, &["add", "."]);
        git(&root, &["commit", "--quiet", "-m", "x"]);
        assert_eq!(lost_of(&root), [""; 0], "committed");
        fs::write(edited, "edited again").unwrap();
        fs::write(root.join("metrics-swap/run.log"), "").unwrap();
        fs::create_dir(root.join("metrics-swap/out")).unwrap();
        fs::write(root.join("metrics-swap/out/figures"), "").unwrap();
        fs::write(root.join("metrics-swap/n\u{e4}me"), "").unwrap();
        assert_eq!(
            lost_of(&root),
            ["n\u{e4}me", "out/figures", "run.log", "src/lib.rs"],
            "changed, ignored and new files"
        );
    }
}
