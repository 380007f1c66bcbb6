//! `cargo xtask fuzz`: the targets of `relink-fuzz`, for longer than in a test run.

use std::collections::BTreeSet;
use std::process::Command;

use crate::failure::{Failure, Result};
use crate::tidy::{File, files};
use crate::workspace::Workspace;
use crate::{cargo, shell};

/// What has targets depends on one of these.
const ENGINES: [&str; 2] = ["relink-fuzz", "relink-testing"];

/// Runs these targets, or all, each for so many seconds, two at a time.
pub(crate) fn perform(targets: &[String], seconds: u64) -> Result<()> {
    let workspace = Workspace::load()?;
    let packages = packages(&workspace);
    let known = known(&files(&workspace.root)?);
    if let Some(unknown) = targets.iter().find(|target| !known.contains(target)) {
        return Err(Failure::usage(format!("unknown target {unknown:?}; known: {}", known.join(", "))));
    }
    let mut command = cargo::command(&["test", "--release", "--no-fail-fast"]);
    // A folder of its own: with these checks all is compiled anew.
    command.arg("--target-dir").arg(workspace.target.join("fuzz"));
    command.args(packages.iter().flat_map(|package| ["--package", package]));
    command.args(["--lib", "--bins", "--tests", "--", "--nocapture", "--test-threads=2"]);
    let named = if targets.is_empty() { &known } else { targets };
    command.args(named.iter().map(|target| format!("fuzz_{target}")));
    checked(&mut command, seconds);
    shell::run(&mut command)
}

/// Overflows and broken assertions are found as well, as they are in a development build.
fn checked(command: &mut Command, seconds: u64) {
    command
        .env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true")
        .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true");
    command.env("RELINK_FUZZ_SECONDS", seconds.to_string());
}

/// The packages that have targets.
fn packages(workspace: &Workspace) -> Vec<&str> {
    let has = |name: &str| ENGINES.contains(&name);
    let packages =
        workspace.packages.iter().filter(|package| package.dependencies.iter().any(|one| has(&one.name)));
    packages.map(|package| package.name.as_str()).collect()
}

/// The targets that there are: tests whose names begin with `fuzz_`.
fn known(files: &[File]) -> Vec<String> {
    let names = files.iter().flat_map(|file| file.text.lines()).filter_map(|line| {
        let name = line.trim_start().strip_prefix("fn fuzz_")?;
        Some(name.strip_suffix("() {")?.to_owned())
    });
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_tests_with_a_name_of_their_own() {
        let text =
            "#[test]\nfn fuzz_host() {\n    #[test]\n    fn fuzz_files() {\nfn fuzz_with(name: &str) {\n";
        assert_eq!(known(&[File { path: "a.rs".into(), text: text.into() }]), ["files", "host"]);
    }

    #[test]
    fn what_has_targets_is_tested() {
        let workspace = Workspace::load().unwrap();
        let packages = packages(&workspace);
        assert!(
            ["relink-host", "relink-verify", "metrics-disk"].iter().all(|name| packages.contains(name)),
            "{packages:?}"
        );
        assert!(!packages.contains(&"xtask"));
    }
}
