//! What `GET /plugins` says of a plugin and its collectors.

use serde::Serialize;
use utoipa::ToSchema;

/// How a plugin came into the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Placement {
    /// At link time.
    Linked,
    /// As a dynamic library, while the agent runs.
    Loaded,
}

impl Placement {
    /// The name, as in `GET /plugins`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Placement::Linked => "linked",
            Placement::Loaded => "loaded",
        }
    }
}

/// How a collector fares; of a plugin, how the worst of its collectors does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// Its last collection succeeded, or none was asked for yet.
    Active,
    /// Its last collection failed.
    Failing,
    /// A call into it has not returned by its deadline, and still has not.
    Stuck,
    /// It does not run because nobody has chosen it; the error says who decided, and how to switch it on.
    Off,
    /// It does not run because of a fault, which the error tells.
    Refused,
}

impl State {
    /// All states.
    pub(crate) const ALL: [State; 5] =
        [State::Active, State::Failing, State::Stuck, State::Off, State::Refused];

    /// Whether a collector in this state is asked for samples.
    pub(crate) fn runs(self) -> bool {
        !matches!(self, State::Off | State::Refused)
    }

    /// What one would look at first has the lowest.
    pub(crate) fn rank(self) -> u8 {
        match self {
            State::Stuck => 0,
            State::Failing => 1,
            State::Refused => 2,
            State::Active => 3,
            State::Off => 4,
        }
    }

    /// The name, as in `GET /plugins`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Active => "active",
            State::Failing => "failing",
            State::Stuck => "stuck",
            State::Off => "off",
            State::Refused => "refused",
        }
    }
}

/// One object of `GET /plugins`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Plugin)]
pub(crate) struct Status {
    /// The plugin's name.
    pub(crate) name: String,
    /// Its crate's version.
    pub(crate) version: String,
    /// What it reads.
    pub(crate) help: String,
    /// Linked or loaded.
    pub(crate) placement: Placement,
    /// How it fares.
    pub(crate) state: State,
    /// The generation that brought its code.
    pub(crate) generation: u64,
    /// The library's file.
    #[schema(required)]
    pub(crate) path: Option<String>,
    /// How many samples the last good collections of its collectors had.
    pub(crate) samples: usize,
    /// How long their last collections took.
    #[schema(required)]
    pub(crate) last_collect_seconds: Option<f64>,
    /// Why it is failing, stuck, off or refused.
    #[schema(required)]
    pub(crate) error: Option<String>,
    /// Sorted by name.
    pub(crate) collectors: Vec<CollectorStatus>,
}

/// One collector of a plugin.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Collector)]
pub(crate) struct CollectorStatus {
    /// The collector's name.
    pub(crate) name: String,
    /// What it reads.
    pub(crate) help: String,
    /// How it fares.
    pub(crate) state: State,
    /// How many samples its last good collection had.
    pub(crate) samples: usize,
    /// How long its last collection took.
    #[schema(required)]
    pub(crate) last_collect_seconds: Option<f64>,
    /// Why it is failing, stuck or off.
    #[schema(required)]
    pub(crate) error: Option<String>,
    /// What its last collection passed over, or could not read while the rest could: the first of it.
    pub(crate) warnings: Vec<String>,
    /// Since when it is in this state, in seconds since 1970; 0 for one that does not run.
    pub(crate) since: f64,
}

impl CollectorStatus {
    /// One that does not run.
    pub(crate) fn idle(name: &str, help: &str, state: State, error: String) -> Self {
        CollectorStatus {
            name: name.to_owned(),
            help: help.to_owned(),
            state,
            samples: 0,
            last_collect_seconds: None,
            error: Some(error),
            warnings: Vec::new(),
            since: 0.0,
        }
    }
}
