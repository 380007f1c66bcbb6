//! The agent's own account of a reload, as `PUT /plugins/reload` and `GET /reloads` give it, in the words of a person.

use std::time::Duration;

use serde_json::Value;

/// One reload, running or over.
pub(crate) struct Journal(pub Value);

impl Journal {
    /// Whether what was asked for is now live.
    pub(crate) fn succeeded(&self) -> bool {
        matches!(self.outcome(), "committed" | "unchanged")
    }

    /// `committed`, `rolled_back`, …; empty while it runs.
    pub(crate) fn outcome(&self) -> &str {
        self.0["outcome"].as_str().unwrap_or_default()
    }

    /// Whether the outcome is known.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.outcome(), "unchanged" | "committed" | "rolled_back" | "refused" | "failed")
    }

    /// Why it did not succeed: the compiler's words if it was the compiler.
    pub(crate) fn error(&self) -> Option<&str> {
        self.0["error"].as_str().filter(|error| !error.is_empty())
    }

    /// Each step as `build 1204 ms, 3 crates`.
    pub(crate) fn steps(&self) -> Vec<String> {
        entries(&self.0["steps"])
            .map(|step| {
                let mut line = step["step"].as_str().unwrap_or("?").to_owned();
                if let Some(ms) = step["ms"].as_f64() {
                    line.push_str(&format!(" {}", milliseconds(ms)));
                }
                if let Some(detail) = step["detail"].as_str().filter(|detail| !detail.is_empty()) {
                    line.push_str(&format!(", {detail}"));
                }
                line
            })
            .collect()
    }

    /// `generation 7 → 8, +disk, 2.1 s, longest pause 6 ms`
    pub(crate) fn summary(&self, took: Duration) -> String {
        let generation = self.0["generation"].as_u64().unwrap_or_default();
        let took = format!("{:.1} s", took.as_secs_f64());
        match self.outcome() {
            "committed" => {
                // The generation counts the commits, so this commit found the one before.
                let mut parts = vec![format!("generation {} → {generation}", generation.saturating_sub(1))];
                parts.extend(self.changes());
                parts.push(took);
                if let Some(pause) = self.0["pause_ms"].as_f64() {
                    parts.push(format!("longest pause {}", milliseconds(pause)));
                }
                parts.join(", ")
            }
            "unchanged" => format!("generation {generation} unchanged, {took}"),
            other => format!("{}, generation {generation} serves on, {took}", other.replace('_', " ")),
        }
    }

    /// `+disk`, `-mem`, `cpu replaced`.
    fn changes(&self) -> impl Iterator<Item = String> {
        let plugins = &self.0["plugins"];
        let names = |key: &str| entries(&plugins[key]).filter_map(Value::as_str);
        let added = names("added").map(|name| format!("+{name}"));
        let removed = names("removed").map(|name| format!("-{name}"));
        let replaced = names("replaced").map(|name| format!("{name} replaced"));
        added.chain(removed).chain(replaced)
    }

    /// `disk: built for ABI 2, this relink speaks ABI 1`
    pub(crate) fn refused(&self) -> Vec<String> {
        entries(&self.0["plugins"]["refused"])
            .map(|plugin| {
                let word = |key: &str| plugin[key].as_str().unwrap_or("?").to_owned();
                format!("{}: {}", word("name"), word("reason"))
            })
            .collect()
    }
}

fn entries(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn milliseconds(ms: f64) -> String {
    if ms < 10.0 && ms.fract() != 0.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn summary(journal: Value, ms: u64) -> String {
        Journal(journal).summary(Duration::from_millis(ms))
    }

    #[test]
    fn a_reload_ends_with_one_line() {
        let mut journal = json!({
            "outcome": "committed", "generation": 8, "pause_ms": 6,
            "plugins": {"added": ["disk"], "replaced": [], "removed": [], "unchanged": ["cpu"]},
        });
        assert_eq!(summary(journal.clone(), 2090), "generation 7 → 8, +disk, 2.1 s, longest pause 6 ms");
        journal["plugins"] = json!({"added": [], "replaced": ["cpu"], "removed": ["disk"]});
        journal["pause_ms"] = json!(5.26);
        assert_eq!(
            summary(journal, 900),
            "generation 7 → 8, -disk, cpu replaced, 0.9 s, longest pause 5.3 ms"
        );
        assert_eq!(
            summary(json!({"outcome": "unchanged", "generation": 7}), 200),
            "generation 7 unchanged, 0.2 s"
        );
        assert_eq!(
            summary(json!({"outcome": "rolled_back", "generation": 7, "pause_ms": null}), 3000),
            "rolled back, generation 7 serves on, 3.0 s"
        );
    }

    #[test]
    fn success_is_what_is_live() {
        for (outcome, live) in [
            ("committed", true),
            ("unchanged", true),
            ("rolled_back", false),
            ("refused", false),
            ("failed", false),
        ] {
            assert_eq!(Journal(json!({"outcome": outcome})).succeeded(), live, "{outcome}");
        }
        assert!(!Journal(json!({"outcome": null})).succeeded());
    }

    #[test]
    fn steps_and_refusals_are_lines() {
        let journal = Journal(json!({
            "steps": [{"step": "build", "ms": 1204, "detail": "3 crates"}, {"step": "preflight", "ms": null}],
            "plugins": {"refused": [{"name": "disk", "reason": "built for ABI 2"}]},
            "error": "",
        }));
        assert_eq!(journal.steps(), ["build 1204 ms, 3 crates", "preflight"]);
        assert_eq!(journal.refused(), ["disk: built for ABI 2"]);
        assert_eq!(journal.error(), None);
    }
}
