//! `cargo xtask ci`: exactly what CI runs.

use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};
use crate::{cargo, shell, test, tidy};

const ALL_FEATURES: &str = "relink-core/linkme,relink/linkme";

type Step = (&'static str, fn() -> Result<()>);

const STEPS: [Step; 5] = [
    ("format", || shell::run(&mut cargo::command(&["fmt", "--all", "--check"]))),
    ("clippy", || clippy(&[])),
    ("clippy, linkme", || clippy(&["--features", ALL_FEATURES])),
    ("tidy", tidy::perform),
    ("test", || test::perform(&[])),
];

/// Runs every step, so that one run tells everything, and ends with how each went.
pub(crate) fn perform() -> Result<()> {
    let mut lines = Vec::new();
    let mut failed = false;
    for (name, step) in STEPS {
        eprintln!("== {name}");
        let start = Instant::now();
        let result = step();
        if let Err(failure) = &result {
            failure.report();
        }
        failed |= result.is_err();
        lines.push(line(name, result.is_ok(), start.elapsed()));
    }
    println!("{}", lines.join("\n"));
    if failed { Err(Failure::told()) } else { Ok(()) }
}

fn clippy(features: &[&str]) -> Result<()> {
    let mut command = cargo::command(&["clippy", "--workspace", "--all-targets"]);
    shell::run(command.args(features).args(["--", "-D", "warnings"]))
}

fn line(name: &str, passed: bool, took: Duration) -> String {
    format!("{name:<16} {:<6} {:>7.1} s", if passed { "ok" } else { "FAILED" }, took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_has_a_line_a_step() {
        assert_eq!(line("tidy", true, Duration::from_millis(40)), "tidy             ok         0.0 s");
        assert_eq!(
            line("clippy, linkme", false, Duration::from_secs(75)),
            "clippy, linkme   FAILED    75.0 s"
        );
    }
}
