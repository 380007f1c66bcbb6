//! Runs `cargo build` and turns what it says, on both of its outputs, into events.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Sender};

use serde_json::Value;

use crate::failure::{Doing, Failure, Result};
use crate::shell;

/// The cargo that runs this command.
pub(crate) fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// A cargo command, to be given in the workspace.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(args).current_dir(crate::workspace::root());
    forget_package(&mut command);
    command
}

/// The same by the name of rustup's cargo, which takes another toolchain: the cargo that runs this command takes none.
pub(crate) fn rustup(args: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(args).current_dir(crate::workspace::root());
    for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(name);
    }
    forget_package(&mut command);
    command
}

/// Cargo tells a program that it runs about that program's package; what xtask starts is about another one. Besides, build
/// scripts look at these variables: were they set here and not in an agent's builder, the first reload would build `ring`,
/// and all that stands on it, once more.
pub(crate) fn forget_package(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let variable = name.to_string_lossy();
        if variable.starts_with("CARGO_PKG_") || variable.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
}

/// What happens while cargo builds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// `done` of `total` units are built, and the first of those being built.
    Progress { done: u64, total: u64, unit: String },
    /// What the compiler or the linker says about a crate of the workspace.
    Diagnostic(Diagnostic),
}

/// One message of the compiler.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Diagnostic {
    /// `error`, `warning`, `note`, …
    pub level: String,
    /// As the compiler shows it on a terminal, over several lines.
    pub rendered: String,
    /// The first place it points to: file, as the compiler writes it, and line.
    pub place: Option<(String, u64)>,
}

/// A successful build.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Built {
    /// The executable, or else the library, as an absolute path.
    pub file: PathBuf,
    /// Whether there was nothing to compile.
    pub fresh: bool,
}

/// Runs a `cargo build` of one executable or library on this terminal, which shows what cargo and the compiler say.
pub(crate) fn build(command: &mut Command) -> Result<Built> {
    shell::echo(command);
    command.args(["--message-format", "json-render-diagnostics"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().doing("starting cargo")?;
    let mut heard = Heard::default();
    each_line(child.stdout.take().expect("stdout is piped"), |line| {
        heard.message(&line);
        true
    });
    heard.outcome(child.wait().doing("waiting for cargo")?)
}

/// The same for a program: what happens is handed over, as it happens. The failure holds cargo's own words; the
/// compiler's were [`Event::Diagnostic`]s.
pub(crate) fn build_for(command: &mut Command, mut on: impl FnMut(Event) -> Result<()>) -> Result<Built> {
    // The total is known to cargo alone, and its progress bar is the only place where it says it. Should that line ever
    // change, the progress falls silent and nothing else happens.
    command
        .args(["--message-format", "json", "--color", "never"])
        .env("CARGO_TERM_PROGRESS_WHEN", "always")
        .env("CARGO_TERM_PROGRESS_WIDTH", "200")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().doing("starting cargo")?;
    let mut heard = Heard::default();
    let told = follow(&mut child, &mut heard, &mut on);
    let status = child.wait().doing("waiting for cargo")?;
    told?;
    heard.outcome(status)
}

/// What is remembered of a build.
#[derive(Default)]
struct Heard {
    file: Option<PathBuf>,
    has_compiled: bool,
    words: Vec<String>,
}

impl Heard {
    fn outcome(self, status: ExitStatus) -> Result<Built> {
        if !status.success() {
            // `Compiling …` lines come before the first word of the error.
            let error = self.words.iter().position(|line| line.starts_with("error"));
            return Err(Failure::new(match error {
                Some(first) => self.words[first..].join("\n").trim_start_matches("error: ").to_owned(),
                None => format!("cargo ended with {status}"),
            }));
        }
        let file = self
            .file
            .ok_or_else(|| Failure::new("cargo made no executable and no library, expected one of them"))?;
        Ok(Built { file, fresh: !self.has_compiled })
    }
}

fn follow(child: &mut Child, heard: &mut Heard, on: &mut impl FnMut(Event) -> Result<()>) -> Result<()> {
    let stdout = child.stdout.take().expect("stdout is piped");
    let stderr = child.stderr.take().expect("stderr is piped");
    let (sender, lines) = mpsc::channel();
    let also = sender.clone();
    std::thread::scope(|scope| {
        scope.spawn(move || each_line(stdout, |line| send(&also, Line::Message(line))));
        scope.spawn(move || each_line(stderr, |line| send(&sender, Line::Words(line))));
        for line in lines {
            let event = match line {
                Line::Message(line) => heard.message(&line),
                Line::Words(line) => heard.line(line),
            };
            if let Some(Err(failure)) = event.map(&mut *on) {
                // Nobody listens any more, so the build is of no use; with it the threads that read its outputs end.
                // That it ended by itself just now is no error either.
                let _ = child.kill();
                return Err(failure);
            }
        }
        Ok(())
    })
}

enum Line {
    Message(String),
    Words(String),
}

fn send(sender: &Sender<Line>, line: Line) -> bool {
    sender.send(line).is_ok()
}

/// Hands over each line, ended by `\n` or by the `\r` of a progress bar, until `on` says that it is enough.
fn each_line(from: impl Read, mut on: impl FnMut(String) -> bool) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        let (taken, ended) = match from.fill_buf() {
            // An output that can't be read any more is one that has ended; how the build ended, its status tells.
            Ok([]) | Err(_) => break,
            Ok(bytes) => {
                let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
                line.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
                (end.map_or(bytes.len(), |end| end + 1), end.is_some())
            }
        };
        from.consume(taken);
        if ended && !line.is_empty() {
            if !on(String::from_utf8_lossy(&line).into_owned()) {
                return;
            }
            line.clear();
        }
    }
    if !line.is_empty() {
        on(String::from_utf8_lossy(&line).into_owned());
    }
}

impl Heard {
    /// A JSON line of cargo's stdout.
    fn message(&mut self, line: &str) -> Option<Event> {
        let message: Value = serde_json::from_str(line).ok()?;
        match message["reason"].as_str()? {
            "compiler-artifact" => {
                self.has_compiled |= message["fresh"] != true;
                // What was asked for comes after all that it depends on.
                if let Some(file) = message["executable"].as_str().or_else(|| library(&message)) {
                    self.file = Some(file.into());
                }
                None
            }
            "compiler-message" => Some(Event::Diagnostic(diagnostic(&message["message"])?)),
            _ => None,
        }
    }

    /// A line of cargo's stderr.
    fn line(&mut self, line: String) -> Option<Event> {
        let progress = progress(&line);
        if progress.is_none() && !line.trim().is_empty() {
            self.words.push(line);
        }
        progress
    }
}

/// The file of an artifact that is a dynamic library with a C interface.
fn library(artifact: &Value) -> Option<&str> {
    let kinds = artifact["target"]["crate_types"].as_array()?;
    if !kinds.iter().any(|kind| kind == "cdylib") {
        return None;
    }
    let mut files = artifact["filenames"].as_array()?.iter().filter_map(Value::as_str);
    files.find(|file| file.ends_with(std::env::consts::DLL_SUFFIX))
}

fn diagnostic(message: &Value) -> Option<Diagnostic> {
    let spans = message["spans"].as_array()?;
    let primary = spans.iter().find(|span| span["is_primary"] == true);
    Some(Diagnostic {
        // An internal compiler error has a level of several words.
        level: message["level"].as_str()?.split(':').next()?.to_owned(),
        rendered: message["rendered"].as_str()?.to_owned(),
        place: primary
            .and_then(|span| Some((span["file_name"].as_str()?.to_owned(), span["line_start"].as_u64()?))),
    })
}

/// `   Building [====>    ] 12/160: relink-host, syn(build)`
fn progress(line: &str) -> Option<Event> {
    let (_, after) = line.trim_start().strip_prefix("Building [")?.split_once("] ")?;
    let (counts, units) = after.split_once(':').unwrap_or((after, ""));
    let (done, total) = counts.trim().split_once('/')?;
    Some(Event::Progress {
        done: done.parse().ok()?,
        total: total.parse().ok()?,
        unit: units.split([',', '(']).next().unwrap_or_default().trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `cargo` replaced by a shell script, and all that was heard from it.
    fn script(script: &str) -> (Result<Built>, Vec<Event>) {
        let mut events = Vec::new();
        let built = build_for(Command::new("sh").args(["-c", script, "sh"]), |event| {
            events.push(event);
            Ok(())
        });
        (built, events)
    }

    #[test]
    fn progress_is_read_from_the_bar() {
        let at = |done, total, unit: &str| Some(Event::Progress { done, total, unit: unit.into() });
        assert_eq!(
            progress("    Building [===>    ] 12/160: relink-host, syn(build)"),
            at(12, 160, "relink-host")
        );
        assert_eq!(progress("    Building [>       ] 1/23: libc(build.rs)"), at(1, 23, "libc"));
        assert_eq!(progress("    Building [=======>] 5/6"), at(5, 6, ""));
        assert_eq!(progress("   Compiling libc v0.2.1"), None);
        assert_eq!(progress("    Building [half a line"), None);
    }

    #[test]
    fn a_diagnostic_keeps_the_compilers_words_and_its_place() {
        let line = r#"{"reason":"compiler-message","message":{"level":"error","rendered":"error[E0308]: mismatched\n",
            "spans":[{"file_name":"a.rs","line_start":1,"is_primary":false},
                     {"file_name":"metrics-disk/src/lib.rs","line_start":12,"is_primary":true}]}}"#;
        let expected = Diagnostic {
            level: "error".into(),
            rendered: "error[E0308]: mismatched\n".into(),
            place: Some(("metrics-disk/src/lib.rs".into(), 12)),
        };
        assert_eq!(Heard::default().message(line), Some(Event::Diagnostic(expected)));
        assert_eq!(Heard::default().message("not json"), None);
        assert_eq!(Heard::default().message(r#"{"reason":"compiler-message","message":7}"#), None);
    }

    #[test]
    fn a_build_ends_with_its_executable() {
        let artifact = r#"{"reason":"compiler-artifact","fresh":true,"executable":null}"#;
        let last = r#"{"reason":"compiler-artifact","fresh":false,"executable":"/t/debug/relink"}"#;
        let (built, events) = script(&format!(
            "printf '   Compiling a v1\\n    Building [>] 1/2: a(bin)  \\r\\n' >&2; echo '{artifact}'; echo '{last}'"
        ));
        assert_eq!(built, Ok(Built { file: "/t/debug/relink".into(), fresh: false }));
        assert_eq!(events, [Event::Progress { done: 1, total: 2, unit: "a".into() }]);
        let (built, _) = script(&format!("echo '{artifact}'"));
        assert!(built.unwrap_err().message().contains("no executable"));
    }

    #[test]
    fn a_library_is_what_a_build_without_executable_ends_with() {
        let artifact = |kind: &str, file: &str| {
            let file = format!("{file}{}", std::env::consts::DLL_SUFFIX);
            format!(
                r#"{{"reason":"compiler-artifact","fresh":true,"executable":null,"target":{{"crate_types":["{kind}"]}},
                   "filenames":["/t/x.rmeta","{file}"]}}"#
            )
        };
        let mut heard = Heard::default();
        heard.message(&artifact("proc-macro", "/t/libserde_derive"));
        assert_eq!(heard.file, None);
        heard.message(&artifact("cdylib", "/t/libmetrics_cpu"));
        let expected = format!("/t/libmetrics_cpu{}", std::env::consts::DLL_SUFFIX);
        assert_eq!(heard.file, Some(expected.into()));
    }

    #[test]
    fn a_failed_build_tells_cargos_own_words() {
        let (built, _) =
            script("printf '   Compiling a v1\\nerror: bad manifest\\n\\nCaused by:\\n  x\\n' >&2; exit 101");
        assert_eq!(built.unwrap_err().message(), "bad manifest\nCaused by:\n  x");
        let (built, _) = script("exit 4");
        assert_eq!(built.unwrap_err().message(), "cargo ended with exit status: 4");
    }

    #[test]
    fn lines_end_at_either_end_and_the_last_one_needs_none() {
        let mut lines = Vec::new();
        each_line(&b"a\rb\r\n\nc"[..], |line| {
            lines.push(line);
            true
        });
        assert_eq!(lines, ["a", "b", "c"]);
    }

    #[test]
    fn a_build_that_nobody_listens_to_is_ended() {
        let mut cargo = Command::new("sh");
        cargo.args(["-c", "echo '    Building [>] 1/2: a' >&2; exec cat /dev/zero >/dev/null", "sh"]);
        let built = build_for(&mut cargo, |_| Err(Failure::new("gone")));
        assert_eq!(built.unwrap_err().message(), "gone");
    }
}
