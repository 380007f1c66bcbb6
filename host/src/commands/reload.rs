//! `relink reload`: has an agent put new code live, and shows how it goes.

use std::io::Write;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use relink_core::Error;

use super::remote::{Answer, Remote, harmless};
use crate::journal::{Asked, Entry, Journal, Outcome};
use crate::telemetry::{colour, say, tell, width};

/// How often the agent is asked for its steps while the answer is on its way.
const GLANCE: Duration = Duration::from_millis(100);
/// How long an image may be silent that has promised an outcome: it is another one by then.
const PROMISED: Duration = Duration::from_secs(60);

/// The exit code is 0 when what was asked for is live. The last line stands on stdout, what went on on stderr.
pub(super) fn reload(remote: &Remote, asked: &Asked, as_json: bool) -> Result<ExitCode, Error> {
    let path = path(asked);
    let (sender, answer) = mpsc::channel();
    let journal = std::thread::scope(|scope| {
        scope.spawn(|| {
            // Nobody is left to be told when the receiver is gone.
            let _ = sender.send(remote.put(&path));
        });
        outcome(remote, &answer, &mut Shown::default())
    })?;
    if as_json {
        say(&(serde_json::to_string(&journal)? + "\n"))?;
    } else {
        for refused in &journal.plugins.refused {
            tell(format_args!("refused: {}", harmless(&format!("{}: {}", refused.name, refused.reason))));
        }
        // The reasons stand above already.
        if let Some(error) = journal.error.as_ref().filter(|_| journal.plugins.refused.is_empty()) {
            tell(format_args!("{}", harmless(error.trim_end())));
        }
        say(&format!("{}\n", Account(&journal).summary()))?;
    }
    Ok(if Account(&journal).is_live() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn path(asked: &Asked) -> String {
    let Asked { plugins, on, off, force } = asked;
    let list = |(name, names): (&str, &[String])| {
        let escaped: Vec<_> = names.iter().map(|name| escaped(name)).collect();
        (!names.is_empty()).then(|| format!("{name}={}", escaped.join(",")))
    };
    let lists = [("plugins", plugins.as_deref().unwrap_or_default()), ("on", on), ("off", off)];
    let query: Vec<_> =
        lists.into_iter().filter_map(list).chain(force.then(|| "force=true".to_owned())).collect();
    let question = if query.is_empty() { "" } else { "?" };
    format!("/plugins/reload{question}{}", query.join("&"))
}

/// The agent tells which names it knows, so that a strange one must reach it as it is.
fn escaped(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let escape = |byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    name.bytes().map(escape).collect()
}

/// Shows the steps until it is known how the reload ended.
fn outcome(
    remote: &Remote,
    answer: &Receiver<Result<Answer, Error>>,
    shown: &mut Shown,
) -> Result<Journal, Error> {
    loop {
        match answer.recv_timeout(GLANCE) {
            Ok(answer) => {
                let answer = answer?;
                let Ok(journal) = Journal::told(&answer.body) else {
                    shown.clear();
                    return Err(answer.refusal());
                };
                if journal.outcome.is_none() {
                    return promised(remote, &journal.id, shown);
                }
                shown.show(&journal);
                return Ok(journal);
            }
            // Around the exec the agent may be silent.
            Err(RecvTimeoutError::Timeout) => {
                if let Some(journal) = newest(remote).filter(|journal| journal.outcome.is_none()) {
                    shown.show(&journal);
                }
            }
            Err(RecvTimeoutError::Disconnected) => return Err(Error::new("the request was given up")),
        }
    }
}

/// The reload that runs, or was the last.
fn newest(remote: &Remote) -> Option<Journal> {
    let reloads = remote.get("/reloads").ok()?.success().ok()?;
    Journal::told(reloads["reloads"].get(0)?).ok()
}

/// Under TLS the answer comes before the exec, and another connection learns of the outcome.
fn promised(remote: &Remote, id: &str, shown: &mut Shown) -> Result<Journal, Error> {
    let began = Instant::now();
    loop {
        let answer = remote.get(&format!("/reloads/{id}")).and_then(Answer::success);
        let journal = answer.and_then(|body| Ok(Journal::told(&body)?));
        match journal {
            Ok(journal) => {
                shown.show(&journal);
                if journal.outcome.is_some() {
                    return Ok(journal);
                }
            }
            Err(error) if began.elapsed() > PROMISED => return Err(error),
            Err(_) => {}
        }
        // sleep: between two looks at an agent that is about to become another image.
        std::thread::sleep(GLANCE);
    }
}

/// How much of a reload is on stderr.
#[derive(Default)]
struct Shown {
    steps: usize,
}

impl Shown {
    /// Prints the steps that are over; on a terminal the one that runs stands below them until it is over.
    fn show(&mut self, journal: &Journal) {
        let is_over = journal.outcome.is_some();
        let over = journal.steps.len().saturating_sub(usize::from(!is_over));
        self.clear();
        for step in journal.steps.iter().take(over).skip(self.steps) {
            tell(format_args!("  {}", line(step)));
        }
        self.steps = self.steps.max(over);
        if let Some(step) = journal.steps.get(over).filter(|_| can_be_rewritten()) {
            // What is longer than a line could not be taken away again.
            let line: String = line(step).chars().take(width().saturating_sub(3)).collect();
            put(&format!("  {line}"));
        }
    }

    fn clear(&self) {
        if can_be_rewritten() {
            put("\r\x1b[K");
        }
    }
}

/// Whether stderr is a terminal that knows escape codes.
fn can_be_rewritten() -> bool {
    colour(&std::io::stderr())
}

/// Writes on stderr; who has left needs to see nothing.
fn put(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// `build 1204 ms, 3 crates`
fn line(step: &Entry) -> String {
    let detail = if step.detail.is_empty() { String::new() } else { format!(", {}", step.detail) };
    harmless(&format!("{} {}{detail}", step.step, milliseconds(step.ms)))
}

/// A reload in the words of a person.
pub(super) struct Account<'a>(pub(super) &'a Journal);

impl Account<'_> {
    /// Whether what was asked for is live.
    fn is_live(&self) -> bool {
        matches!(self.0.outcome, Some(Outcome::Committed | Outcome::Unchanged))
    }

    /// `generation 7 → 8, +disk, 2.1 s, longest pause 6 ms`
    pub(super) fn summary(&self) -> String {
        let Journal { outcome, generation, pause_ms, steps, .. } = self.0;
        let took = format!("{:.1} s", steps.iter().map(|step| step.ms).sum::<f64>() / 1000.0);
        match outcome {
            Some(Outcome::Committed) => {
                // The generation counts the commits, so this commit found the one before.
                let mut parts = vec![format!("generation {} → {generation}", generation.saturating_sub(1))];
                parts.extend(self.changes());
                parts.push(took);
                parts.extend(pause_ms.map(|pause| format!("longest pause {}", milliseconds(pause))));
                parts.join(", ")
            }
            Some(Outcome::Unchanged) => format!("generation {generation} unchanged, {took}"),
            Some(other) => {
                format!("{}, generation {generation} serves on, {took}", other.name().replace('_', " "))
            }
            None => format!("running for {took}, generation {generation} serves on"),
        }
    }

    /// `+disk`, `-mem`, `cpu replaced`; the collectors where some were switched, which may be all of a plugin.
    fn changes(&self) -> impl Iterator<Item = String> {
        let Journal { plugins, collectors, asked, .. } = self.0;
        let (added, removed) = if asked.on.is_empty() && asked.off.is_empty() {
            (&plugins.added, &plugins.removed)
        } else {
            (&collectors.added, &collectors.removed)
        };
        let added = added.iter().map(|name| format!("+{name}"));
        let removed = removed.iter().map(|name| format!("-{name}"));
        added.chain(removed).chain(plugins.replaced.iter().map(|name| format!("{name} replaced")))
    }
}

fn milliseconds(ms: f64) -> String {
    if ms < 10.0 && ms.fract() != 0.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn summary(more: Value) -> String {
        let mut journal = json!({
            "id": "1", "outcome": "committed", "generation": 8, "started": 0.0, "pause_ms": null,
            "steps": [{"step": "build", "ms": 2000.0, "detail": ""}, {"step": "exec", "ms": 90.0, "detail": ""}],
            "plugins": {"added": [], "replaced": [], "removed": [], "unchanged": [], "refused": []},
            "families": {"added": [], "removed": [], "changed": []}, "error": null,
        });
        journal.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Account(&serde_json::from_value(journal).unwrap()).summary()
    }

    #[test]
    fn a_reload_ends_with_one_line() {
        let plugins = json!({"added": ["disk"], "replaced": ["cpu"], "removed": ["mem"], "unchanged": [], "refused": []});
        assert_eq!(
            summary(json!({"plugins": plugins, "pause_ms": 5.26})),
            "generation 7 → 8, +disk, -mem, cpu replaced, 2.1 s, longest pause 5.3 ms"
        );
        let asked = json!({"on": ["wifi"], "off": ["cpu"]});
        let collectors = json!({"added": ["wifi"], "removed": ["cpu"]});
        assert_eq!(
            summary(json!({"asked": asked, "collectors": collectors})),
            "generation 7 → 8, +wifi, -cpu, 2.1 s"
        );
        assert_eq!(summary(json!({"outcome": "unchanged"})), "generation 8 unchanged, 2.1 s");
        assert_eq!(
            summary(json!({"outcome": "rolled_back", "pause_ms": 3000})),
            "rolled back, generation 8 serves on, 2.1 s"
        );
        assert_eq!(summary(json!({"outcome": "running"})), "running for 2.1 s, generation 8 serves on");
    }

    #[test]
    fn a_strange_name_reaches_the_agent_as_it_is() {
        assert_eq!(path(&Asked::default()), "/plugins/reload");
        let plugins = Some(vec!["cpu".into(), "a&b".into()]);
        let asked = Asked { plugins, force: true, ..Asked::default() };
        assert_eq!(path(&asked), "/plugins/reload?plugins=cpu,a%26b&force=true");
        let asked =
            Asked { on: vec!["wifi".into()], off: vec!["cpu".into(), "os".into()], ..Asked::default() };
        assert_eq!(path(&asked), "/plugins/reload?on=wifi&off=cpu,os");
    }
}
