//! A copy of the workspace to edit, with a target folder of its own, so that nobody's tree and nobody's build is touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::args::Selection;
use crate::failure::{Doing, Failure, Result};
use crate::workspace::{PLUGIN_PREFIX, Workspace};
use crate::{cargo, run};

/// The plugin that is edited.
pub(super) const PLUGIN: &str = "disk";

/// The help of a plugin in its `register!`, which stands there before those of its collectors.
const HELP: &str = "help: \"";

/// The copy.
pub(super) struct Scratch {
    root: PathBuf,
    target: PathBuf,
    /// The text of the file that is edited, before any edit.
    source: String,
    edits: u32,
}

impl Scratch {
    /// Copies the workspace as it is; what was built of an earlier copy is built upon.
    pub(super) fn new(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.target.join("bench");
        let (root, target) = (folder.join("workspace"), folder.join("target"));
        if root.exists() {
            fs::remove_dir_all(&root).doing(format_args!("removing {}", root.display()))?;
        }
        copy(&workspace.root, &root)?;
        let mut scratch = Scratch { root, target, source: String::new(), edits: 0 };
        let file = scratch.file();
        scratch.source = fs::read_to_string(&file).doing(format_args!("reading {}", file.display()))?;
        if !scratch.source.contains(HELP) {
            return Err(Failure::new(format!("{} has no `{HELP}`, expected one to edit", file.display())));
        }
        Ok(scratch)
    }

    /// The package of the plugin that is edited.
    pub(super) fn package() -> String {
        format!("{PLUGIN_PREFIX}{PLUGIN}")
    }

    /// The target folder of the copy.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    fn file(&self) -> PathBuf {
        self.root.join(Self::package()).join("src/lib.rs")
    }

    /// Changes the help of the plugin and returns what it begins with now.
    pub(super) fn edit(&mut self) -> Result<String> {
        self.edits += 1;
        let begin = format!("Edit {}: ", self.edits);
        let text = self.source.replacen(HELP, &format!("{HELP}{begin}"), 1);
        fs::write(self.file(), text).doing(format_args!("writing {}", self.file().display()))?;
        Ok(begin)
    }

    /// A command that works on the copy instead.
    pub(super) fn here(&self, mut command: Command) -> Command {
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// `cargo xtask` of the copy.
    pub(super) fn xtask(&self, args: &[&str]) -> Command {
        let words = ["run", "--quiet", "--package", "xtask", "--"];
        self.here(cargo::command(&[&words[..], args].concat()))
    }

    /// The builder of an agent, as `cargo xtask run` gives it, for the copy.
    pub(super) fn builder(&self) -> String {
        let target = format!("CARGO_TARGET_DIR={}", self.target.display());
        let words = run::builder(&self.target.join("debug/xtask"), &Selection::default());
        serde_json::Value::from_iter(["env".to_owned(), target].into_iter().chain(words)).to_string()
    }
}

/// How long the command takes; its words only matter if it fails.
pub(super) fn timed(mut command: Command) -> Result<Duration> {
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).output().doing("starting cargo")?;
    let took = start.elapsed();
    if output.status.success() {
        Ok(took)
    } else {
        Err(Failure::new(String::from_utf8_lossy(&output.stderr).trim_end()))
    }
}

/// Copies a folder without what is built and what is hidden, but for cargo's configuration.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let doing = || format!("copying {}", from.display());
    fs::create_dir_all(to).doing(doing())?;
    for entry in fs::read_dir(from).doing(doing())? {
        let entry = entry.doing(doing())?;
        let name = entry.file_name();
        let hidden = name.as_encoded_bytes().starts_with(b".") && name != ".cargo";
        let kind = entry.file_type().doing(doing())?;
        if hidden || (kind.is_dir() && name == "target") {
            continue;
        }
        if kind.is_dir() {
            copy(&entry.path(), &to.join(name))?;
        } else if kind.is_file() {
            fs::copy(entry.path(), to.join(name)).doing(doing())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_is_edited_and_the_original_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("ws");
        for (path, text) in [
            ("metrics-disk/src/lib.rs", "register! { plugin: \"disk\", help: \"Disks\" }"),
            (".cargo/config.toml", ""),
            (".git/HEAD", ""),
            ("target/debug/relink", ""),
        ] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        }
        let workspace =
            Workspace { root: root.clone(), target: dir.path().join("target"), packages: Vec::new() };
        let mut scratch = Scratch::new(&workspace).unwrap();
        let here = |path: &str| dir.path().join("target/bench/workspace").join(path);
        assert!(here(".cargo/config.toml").exists() && !here(".git").exists() && !here("target").exists());
        scratch.edit().unwrap();
        assert_eq!(scratch.edit().unwrap(), "Edit 2: ");
        let text = fs::read_to_string(here("metrics-disk/src/lib.rs")).unwrap();
        assert_eq!(text, "register! { plugin: \"disk\", help: \"Edit 2: Disks\" }");
        assert!(!fs::read_to_string(root.join("metrics-disk/src/lib.rs")).unwrap().contains("Edit"));
        assert!(scratch.builder().starts_with("[\"env\",\"CARGO_TARGET_DIR="));
    }

    #[test]
    fn a_command_that_fails_tells_its_words() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no >&2; exit 1"]);
        assert_eq!(timed(command).unwrap_err().message(), "no");
    }
}
