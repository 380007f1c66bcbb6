//! `cargo xtask test`: all tests, with both registries, and the shipped build beside them.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::build::AGENT;
use crate::failure::{Doing, Failure, Result};
use crate::workspace::Workspace;
use crate::{cargo, shell};

/// The file to which a test that can't run here appends a line: what was not checked, and for want of what. The test
/// harness hides the output of tests that pass, so a line printed would not be seen.
const SKIP_LOG: &str = "RELINK_SKIP_LOG";

/// Runs everything, also after a failure, and fails if anything did.
pub(crate) fn perform(filter: &[OsString]) -> Result<()> {
    let workspace = Workspace::load()?;
    let log = workspace.target.join("skipped-tests.log");
    std::fs::create_dir_all(&workspace.target)
        .and_then(|()| std::fs::write(&log, ""))
        .doing("clearing the skip log")?;

    let mut failures = Vec::new();
    let mut keep = |result: Result<()>| failures.extend(result.err());
    keep(shell::run(tests(&["--workspace"], filter).env(SKIP_LOG, &log)));
    let again = with_linkme();
    let again: Vec<&str> = again.iter().map(String::as_str).collect();
    keep(shell::run(tests(&again, filter).env(SKIP_LOG, &log)));
    if filter.is_empty() {
        keep(shipped());
    }
    keep(skipped(&std::fs::read_to_string(&log).doing("reading the skip log")?, is_ci()));
    for failure in &failures {
        failure.report();
    }
    if failures.is_empty() { Ok(()) } else { Err(Failure::told()) }
}

fn tests(what: &[&str], filter: &[OsString]) -> Command {
    let mut command = cargo::command(&["test", "--no-fail-fast"]);
    command.args(what).args(filter);
    command
}

/// What the registry makes a difference to: the contract, and which plugins the agent links and shows. How a plugin or the
/// engine behaves does not hang on it, so their tests run once: a second time they are ten of CI's minutes.
fn with_linkme() -> Vec<String> {
    let packages = ["relink-core", "relink-testing", AGENT].iter().flat_map(|name| ["--package", name]);
    let of_core = ["abi", "loaded", "ui"];
    let of_agent = ["registry", "asked_for", "golden", "run"];
    let tests = of_core.iter().chain(&of_agent).flat_map(|name| ["--test", name]);
    let mut args: Vec<_> = packages.chain(["--lib", "--bins"]).chain(tests).map(str::to_owned).collect();
    args.extend(["--features".to_owned(), format!("relink-core/linkme,{AGENT}/linkme")]);
    args
}

/// Link-time optimisation may drop what nothing refers to, so what is shipped must have the plugins of the development
/// build, with either registry.
fn shipped() -> Result<()> {
    let expected = plugins_of(&[])?;
    if expected.is_empty() {
        return Err(Failure::new("the development build links no plugin"));
    }
    for features in [&[][..], &["--features", "linkme"]] {
        let args = [&["--profile", "dist"], features].concat();
        let found = plugins_of(&args)?;
        if found != expected {
            return Err(Failure::new(format!(
                "built with {}, the agent has the plugins {found:?}, expected {expected:?} as in the development build",
                args.join(" ")
            )));
        }
    }
    Ok(())
}

/// Builds the agent and asks it what it links: name, version and help of each plugin.
fn plugins_of(build_args: &[&str]) -> Result<Vec<[String; 3]>> {
    let mut command = cargo::command(&["build", "--package", AGENT]);
    ask(&cargo::build(command.args(build_args))?.file)
}

fn ask(executable: &Path) -> Result<Vec<[String; 3]>> {
    let mut command = Command::new(executable);
    command.args(["plugins", "--json"]);
    shell::echo(&command);
    let output = command.output().doing(format_args!("starting {}", executable.display()))?;
    if !output.status.success() {
        return Err(Failure::new(format!(
            "`relink plugins --json` ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        )));
    }
    let answer: Value =
        serde_json::from_slice(&output.stdout).doing("the answer of `relink plugins --json`")?;
    Ok(identities(&answer))
}

fn identities(answer: &Value) -> Vec<[String; 3]> {
    // The list itself, or the list in an object, as `GET /plugins` has it.
    let list = answer.as_array().or_else(|| answer["plugins"].as_array());
    let word = |plugin: &Value, key: &str| plugin[key].as_str().unwrap_or_default().to_owned();
    list.into_iter()
        .flatten()
        .map(|plugin| ["name", "version", "help"].map(|key| word(plugin, key)))
        .collect()
}

/// How a line begins that tells of a want which no package can fill.
const ABSENT: &str = "ABSENT: ";

/// Tells what was not checked. CI has all that packages can bring, so that there a skipped test is a failure.
fn skipped(log: &str, ci: bool) -> Result<()> {
    let mut lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.sort_unstable();
    lines.dedup();
    for line in &lines {
        let prefix = if line.starts_with(ABSENT) || line.starts_with("SKIPPED: ") { "" } else { "SKIPPED: " };
        eprintln!("{prefix}{line}");
    }
    lines.retain(|line| !line.starts_with(ABSENT));
    if ci && !lines.is_empty() {
        return Err(Failure::new(format!("{} checks were skipped, expected none with CI=true", lines.len())));
    }
    Ok(())
}

fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::root;
    use serde_json::json;

    #[test]
    fn linkme_is_tried_where_it_matters() {
        let args = with_linkme();
        let exists = |name: &str| {
            ["core", "app"].iter().any(|at| root().join(at).join(format!("tests/{name}.rs")).exists())
        };
        for (_, name) in args.iter().zip(args.iter().skip(1)).filter(|(flag, _)| *flag == "--test") {
            assert!(exists(name), "{name}");
        }
        assert!(args.ends_with(&["--features".to_owned(), "relink-core/linkme,relink/linkme".to_owned()]));
    }

    #[test]
    fn a_skipped_check_fails_where_nothing_is_missing() {
        let log = "SKIPPED: scrape (no prometheus)\n\nSKIPPED: scrape (no prometheus)\nmount (not root)\n";
        assert_eq!(skipped(log, false), Ok(()));
        assert_eq!(skipped("\n", true), Ok(()));
        assert_eq!(skipped("ABSENT: another compiler (none installed)\n", true), Ok(()));
        assert!(skipped(log, true).unwrap_err().message().starts_with("2 checks"));
    }

    #[test]
    fn plugins_are_compared_by_what_they_are() {
        let cpu = json!({"name": "cpu", "version": "0.1.0", "help": "CPUs", "registry": "linkme"});
        let expected = [["cpu", "0.1.0", "CPUs"].map(str::to_owned)];
        assert_eq!(identities(&json!([cpu])), expected);
        assert_eq!(identities(&json!({"plugins": [cpu]})), expected);
        assert!(identities(&json!({})).is_empty());
    }
}
