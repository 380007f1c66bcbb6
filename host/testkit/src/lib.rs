//! Starts agents for tests and talks to them.
//!
//! A test starts an executable on a free port, waits for the line that says it is ready, asks it over plain sockets,
//! and ends it by its id. Nothing is waited for by sleeping: [`until`] asks again until the answer is there.

mod events;
mod http;
mod process;
mod terminal;
mod tls;

pub use events::{Event, Events, Snapshot};
pub use http::{Answer, Connection};
pub use process::{Agent, command};
pub use terminal::Terminal;
pub use tls::{Authority, Identity};

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The longest that any test waits for an event, on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until there is an answer, and fails the test by `what` when there never is.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "{what}: not seen in {PATIENCE:?}");
        // sleep: between two looks at another process, which has no way to tell us.
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Notes that a check was skipped and why, for `cargo xtask test` to tell; with `CI=true` nothing may be skipped.
pub fn skip(what: &str, reason: &str) {
    let line = format!("{what} ({reason})");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "skipped in CI: {line}");
    eprintln!("SKIPPED: {line}");
    log(&line);
}

/// The same for want of what no package can bring, such as another compiler or the rights of root: also CI may be
/// without.
pub fn absent(what: &str, reason: &str) {
    let line = format!("ABSENT: {what} ({reason})");
    eprintln!("{line}");
    log(&line);
}

fn log(line: &str) {
    if let Some(log) = std::env::var_os("RELINK_SKIP_LOG") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(log);
        file.and_then(|mut file| writeln!(file, "{line}")).expect("the log of skipped checks can be written");
    }
}

/// The executable of this name on the search path, if it is installed.
pub fn installed(program: &str) -> Option<std::path::PathBuf> {
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths).map(|dir| dir.join(program)).find(|path| path.is_file())
}

/// Has `promtool` judge an exposition in the Prometheus text format, where it is installed.
pub fn promtool(exposition: &str) {
    let Some(program) = installed("promtool") else {
        return skip("promtool check metrics", "promtool is not installed");
    };
    let mut child = Command::new(program)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    let mut input = child.stdin.take().expect("stdin is a pipe");
    // Another thread, so that neither side waits for the other with its pipe full.
    let output = std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(exposition.as_bytes()));
        child.wait_with_output().expect("promtool ends")
    });
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "promtool: {said} in:\n{:.4000}", exposition);
}
