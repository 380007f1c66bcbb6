//! Compiles the C files of this folder.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::Command;

/// Compiles a file of this folder, every warning an error; false where there is no such compiler.
pub(crate) fn compile(compiler: &str, arguments: &[&str], source: &str) -> bool {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(compiler)
        .args(["-Wall", "-Wextra", "-Werror", "-pedantic"])
        .args(arguments)
        .arg("-I")
        .args([here, &here.join("tests/c").join(source)])
        .output();
    match output {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{compiler} {arguments:?} {source}: {said}");
            true
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            skip(&format!("{source} ({compiler} is not installed)"));
            false
        }
        Err(error) => panic!("{compiler} does not start: {error}"),
    }
}

/// As in the testkit, on which the contract does not depend: `cargo xtask test` tells what was skipped.
fn skip(line: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "skipped in CI: {line}");
    eprintln!("SKIPPED: {line}");
    if let Some(log) = std::env::var_os("RELINK_SKIP_LOG") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(log);
        file.and_then(|mut file| writeln!(file, "{line}")).expect("the log of skipped checks can be written");
    }
}
