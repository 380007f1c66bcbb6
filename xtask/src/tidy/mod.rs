//! The rules of this project that can be checked by reading its files. A file a group of rules; each problem names the
//! file, what is there, what was expected, and where that is known the exact line to add.

mod documents;
mod floors;
mod imports;
mod manifests;
mod plugins;
mod rust;

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Doing, Failure, Result};
use crate::workspace::Workspace;

pub(crate) use plugins::{lines, names};
pub(crate) use rust::PLUGIN_LIST;

/// A text file of the workspace.
pub(crate) struct File {
    /// Relative to the workspace, with `/`.
    pub path: String,
    pub text: String,
}

/// Checks every rule on this workspace and prints what breaks one.
pub(crate) fn perform() -> Result<()> {
    let workspace = Workspace::load()?;
    let problems = problems(&workspace, &files(&workspace.root)?);
    for problem in &problems {
        eprintln!("tidy: {problem}");
    }
    match problems.len() {
        0 => Ok(()),
        count => Err(Failure::new(format!("{count} rules of this project are broken"))),
    }
}

fn problems(workspace: &Workspace, files: &[File]) -> Vec<String> {
    let mut problems = imports::problems(workspace);
    problems.extend(plugins::problems(workspace, files));
    for file in files {
        problems.extend(floors::problems(file));
        if file.path.ends_with(".rs") {
            problems.extend(rust::problems(file, &workspace.plugins()));
        } else if file.path.ends_with("Cargo.toml") {
            problems.extend(manifests::problems(file));
        } else if file.path.ends_with(".md") {
            problems.extend(documents::problems(file));
        }
    }
    problems
}

/// The text files of the workspace, without what is built and what is hidden.
pub(crate) fn files(root: &Path) -> Result<Vec<File>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).doing(format_args!("reading {}", folder.display()))? {
            let entry = entry.doing(format_args!("reading {}", folder.display()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') || name == "target" {
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() && is_text(&name) => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.sort();
    found.into_iter().map(|path| read(root, path)).collect()
}

fn is_text(name: &str) -> bool {
    [".rs", ".toml", ".md"].iter().any(|end| name.ends_with(end))
}

fn read(root: &Path, path: PathBuf) -> Result<File> {
    let text = fs::read_to_string(&path).doing(format_args!("reading {}", path.display()))?;
    let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
    Ok(File { path, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_project_keeps_its_rules() {
        let workspace = Workspace::load().unwrap();
        let files = files(&workspace.root).unwrap();
        assert!(files.iter().any(|file| file.path == "xtask/src/tidy/mod.rs"), "the files are not found");
        let problems = problems(&workspace, &files);
        assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    }

    #[test]
    fn every_kind_of_file_has_its_rules() {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let files = [
            file("core/src/lib.rs", "#![allow(unsafe_code)]\n"),
            file("core/Cargo.toml", "[dependencies]\nserde = \"1\"\n"),
            file("README.md", "Run `cargo xtask dance`.\n"),
        ];
        let problems = problems(&crate::workspace::tests::example(), &files);
        for path in ["core/src/lib.rs", "core/Cargo.toml", "README.md"] {
            assert!(problems.iter().any(|problem| problem.starts_with(path)), "{path}: {problems:?}");
        }
    }
}
