//! The journal of reloads: what `PUT /plugins/reload` answers and `GET /reloads` lists.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a reload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Nothing had changed, and nothing was done.
    Unchanged,
    /// The new code serves.
    Committed,
    /// The new image failed after the exec, and the old one serves again.
    RolledBack,
    /// The new code was not accepted: it did not build, or did not prove itself. Nothing has happened.
    Refused,
    /// The agent could not carry the reload out. The old code serves.
    Failed,
}

impl Outcome {
    /// All outcomes, in the order of their discriminants.
    pub(crate) const ALL: [Outcome; 5] =
        [Outcome::Unchanged, Outcome::Committed, Outcome::RolledBack, Outcome::Refused, Outcome::Failed];

    /// The name, as in the journal.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Outcome::Unchanged => "unchanged",
            Outcome::Committed => "committed",
            Outcome::RolledBack => "rolled_back",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
        }
    }

    /// The HTTP status of the answer.
    pub(crate) fn http_status(self) -> u16 {
        match self {
            Outcome::Unchanged | Outcome::Committed => 200,
            Outcome::Refused => 422,
            Outcome::RolledBack => 500,
            Outcome::Failed => 503,
        }
    }
}

/// The account of one reload.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Journal {
    /// Names it in `GET /reloads/<id>`.
    pub(crate) id: String,
    /// How it ended, or `running`.
    #[serde(with = "outcome_or_running")]
    #[schema(value_type = String, pattern = "^(running|unchanged|committed|rolled_back|refused|failed)$")]
    pub(crate) outcome: Option<Outcome>,
    /// The generation that served when it began.
    #[serde(default)]
    pub(crate) before: u64,
    /// The generation that serves now.
    pub(crate) generation: u64,
    /// When it began, in seconds since 1970.
    pub(crate) started: f64,
    /// Who asked for it.
    #[serde(default)]
    pub(crate) by: String,
    /// What was asked for.
    #[serde(default)]
    pub(crate) asked: Asked,
    /// Milliseconds from the end of the last request before to the first after; nothing where none was held up.
    #[schema(required)]
    pub(crate) pause_ms: Option<f64>,
    /// What was done, in order; the last one may still be under way.
    pub(crate) steps: Vec<Entry>,
    /// What it did to the plugins.
    pub(crate) plugins: PluginChanges,
    /// What it did to the collectors.
    #[serde(default)]
    pub(crate) collectors: CollectorChanges,
    /// What it did to the families.
    pub(crate) families: FamilyChanges,
    /// Why it did not end well: for a failed build the compiler's words.
    #[schema(required)]
    pub(crate) error: Option<String>,
}

impl Journal {
    /// A journal as an agent has told it. It is read from its text, as one that is handed over is: what reads it from values as
    /// well would be 40 kB of the executable.
    pub(crate) fn told(journal: &serde_json::Value) -> serde_json::Result<Self> {
        serde_json::from_slice(journal.to_string().as_bytes())
    }

    /// Milliseconds of this step, 0 if it was not taken.
    pub(crate) fn ms_of(&self, step: Step) -> f64 {
        self.steps.iter().find(|entry| entry.step == step).map_or(0.0, |entry| entry.ms)
    }
}

/// What a reload is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct Asked {
    /// Another set of plugins, from now on.
    #[schema(required)]
    pub(crate) plugins: Option<Vec<String>>,
    /// Collectors to run from now on.
    pub(crate) on: Vec<String>,
    /// Collectors not to run from now on.
    pub(crate) off: Vec<String>,
    /// To re-execute even if nothing has changed.
    pub(crate) force: bool,
}

/// One step of a reload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Step)]
pub(crate) struct Entry {
    /// Its name: `build`, `stage`, `load`, `preflight`, `quiesce`, `exec`, `ready`.
    #[schema(value_type = String)]
    pub(crate) step: Step,
    /// How long it took, or has taken so far, in milliseconds.
    pub(crate) ms: f64,
    /// What came of it.
    pub(crate) detail: String,
}

/// What a reload does, one after the other; which of them depends on what there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// The builder makes the executable; without one: has it changed on disk?
    Build,
    /// The executable is copied into sealed memory and hashed.
    Stage,
    /// Libraries that have changed are put in place.
    Load,
    /// The new image proves itself as a child.
    Preflight,
    /// Each connection comes to a point where no request is in flight.
    Quiesce,
    /// The process becomes the new image.
    Exec,
    /// The new image, or the old one again, takes over what was handed over.
    Ready,
    /// One of another version of relink, whose journal was handed over or asked for.
    #[serde(other)]
    Other,
}

impl fmt::Display for Step {
    /// The name, as in the journal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl Entry {
    /// A step that begins.
    pub(crate) fn new(step: Step) -> Self {
        Entry { step, ms: 0.0, detail: String::new() }
    }
}

/// Which plugins a reload added, replaced, removed, left or refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct PluginChanges {
    /// Not there before.
    pub(crate) added: Vec<String>,
    /// There before with other code.
    pub(crate) replaced: Vec<String>,
    /// No longer there.
    pub(crate) removed: Vec<String>,
    /// As before.
    pub(crate) unchanged: Vec<String>,
    /// Not accepted, and why.
    pub(crate) refused: Vec<RefusedPlugin>,
}

/// A plugin that was not accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct RefusedPlugin {
    /// Its name.
    pub(crate) name: String,
    /// Why.
    pub(crate) reason: String,
}

/// Which collectors run that did not, and the other way round.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct CollectorChanges {
    /// Did not run before.
    pub(crate) added: Vec<String>,
    /// No longer run.
    pub(crate) removed: Vec<String>,
}

/// Which families appear, vanish, or change type or labels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct FamilyChanges {
    /// Not there before.
    pub(crate) added: Vec<String>,
    /// No longer there.
    pub(crate) removed: Vec<String>,
    /// With another type or other labels.
    pub(crate) changed: Vec<String>,
}

mod outcome_or_running {
    use super::Outcome;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::IntoDeserializer};

    pub(super) fn serialize<S: Serializer>(outcome: &Option<Outcome>, to: S) -> Result<S::Ok, S::Error> {
        match outcome {
            Some(outcome) => outcome.serialize(to),
            None => to.serialize_str("running"),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Outcome>, D::Error> {
        let name = String::deserialize(from)?;
        if name == "running" {
            return Ok(None);
        }
        Outcome::deserialize(name.into_deserializer()).map(Some)
    }
}

/// How many reloads are remembered: of some 2 KB each, in what is handed over as well.
const REMEMBERED: usize = 200;

/// The reloads of this process that are remembered, the newest last. One that runs is kept when it ends, or is handed over.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Journals(Vec<Journal>);

impl Journals {
    /// The journal of a reload that begins, with its first step. The id is its number in this process.
    pub(crate) fn begin(&self, generation: u64, by: &str, asked: Asked, step: Step) -> Journal {
        let number = self.0.last().and_then(|last| last.id.parse::<u64>().ok()).unwrap_or(0) + 1;
        Journal {
            id: number.to_string(),
            outcome: None,
            before: generation,
            generation,
            started: unix_seconds(),
            by: by.to_owned(),
            asked,
            pause_ms: None,
            steps: vec![Entry::new(step)],
            plugins: PluginChanges::default(),
            collectors: CollectorChanges::default(),
            families: FamilyChanges::default(),
            error: None,
        }
    }

    /// Keeps the journal, and forgets the oldest.
    pub(crate) fn keep(&mut self, journal: Journal) {
        if self.0.len() >= REMEMBERED {
            self.0.remove(0);
        }
        self.0.push(journal);
    }

    /// The reload of this id.
    pub(crate) fn get(&self, id: &str) -> Option<&Journal> {
        self.0.iter().find(|journal| journal.id == id)
    }

    /// The same, to write in.
    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Journal> {
        self.0.iter_mut().find(|journal| journal.id == id)
    }

    /// All of them, newest first.
    pub(crate) fn newest_first(&self) -> Vec<Journal> {
        self.0.iter().rev().cloned().collect()
    }
}

/// Now, in seconds since 1970.
pub(crate) fn unix_seconds() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_discriminants_are_the_places_in_all() {
        for (at, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, at);
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.name());
        }
    }

    #[test]
    fn journals_are_numbered_bounded_and_survive_json() {
        let mut journals = Journals::default();
        for _ in 0..210 {
            journals.keep(journals.begin(1, "root", Asked::default(), Step::Build));
        }
        journals.get_mut("210").unwrap().outcome = Some(Outcome::RolledBack);
        let json = serde_json::to_string(&journals).unwrap();
        let back: Journals = serde_json::from_str(&json).unwrap();
        assert_eq!(back.newest_first().len(), REMEMBERED);
        assert_eq!(back.get("210").unwrap().outcome, Some(Outcome::RolledBack));
        assert_eq!(back.get("209").unwrap().outcome, None);
        assert!(back.get("10").is_none());
        assert!(json.contains(r#""outcome":"running""#) && json.contains(r#""step":"build""#), "{json}");
    }

    #[test]
    fn a_step_has_one_name() {
        assert_eq!(Step::Preflight.to_string(), "preflight");
        assert_eq!(serde_json::to_value(Step::Preflight).unwrap(), "preflight");
        assert_eq!(serde_json::from_str::<Step>(r#""of tomorrow""#).unwrap(), Step::Other);
    }
}
