//! `cargo xtask miri`: code that stands on raw memory, under an interpreter that finds what the language does not define; and
//! the way into another image and back, which no interpreter can go, under AddressSanitizer.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::failure::{Failure, Result};
use crate::workspace::Workspace;
use crate::{cargo, shell};

/// Packages, and which of their unit tests: both sides of the C interface, the samples that cross it, the hand-over's blob,
/// and the packing of the history.
const RUNS: [(&str, &str); 4] = [
    ("relink-core", "samples::"),
    ("relink-import", ""),
    ("relink-handover", "blob::"),
    ("relink-host", "store::history::pack::"),
];

/// Runs them all, also after one that fails.
pub(crate) fn perform() -> Result<()> {
    let version = cargo::rustup(&["+nightly", "miri", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !version.is_ok_and(|status| status.success()) {
        let install = "rustup toolchain install nightly --component miri,rust-src";
        return Err(Failure::new(format!("skipped: there is no nightly toolchain with miri; {install}")));
    }
    let target = Workspace::load()?.target.join("miri");
    let mut failed = None;
    for (package, filter) in RUNS {
        let mut command = cargo::rustup(&["+nightly", "miri", "test", "--lib", "--package", package]);
        command.arg("--target-dir").arg(&target).arg(filter);
        // An engine that spoils a thousand inputs is for the other engine.
        command.args(["--", "--skip", "fuzz_"]);
        // Tests look at the clock, and make temporary folders. What a plugin says of itself is kept for ever, so that its
        // tests leak; where no code is on raw memory, so do threads that a test of the host leaves.
        command.env("MIRIFLAGS", "-Zmiri-disable-isolation -Zmiri-ignore-leaks");
        failed = shell::run(&mut command).err().or(failed);
    }
    failed = shell::run(&mut sanitized(&target.join("address"))).err().or(failed);
    failed.map_or(Ok(()), Err)
}

/// The hand-over's tests, in which images crash, hang and exhaust their stack, with each access checked.
fn sanitized(target: &Path) -> Command {
    let mut command = cargo::rustup(&["+nightly", "test", "--package", "relink-handover"]);
    // With a target the flags are not for what the compiler itself loads, which would not find the sanitizer.
    command
        .args(["--target", &format!("{}-unknown-linux-gnu", std::env::consts::ARCH), "--target-dir"])
        .arg(target);
    command.env("RUSTFLAGS", "-Zsanitizer=address").env("RUSTDOCFLAGS", "-Zsanitizer=address");
    // An exec leaks all that there was. The signals of a crash are the trap's.
    command.env("ASAN_OPTIONS", "detect_leaks=0:handle_segv=0:handle_sigbus=0");
    command
}
