//! A snapshot out of the history as JSON, as `GET /events` sends it.

use relink_core::Kind;
use serde::{Serialize, Serializer};

use super::json::{Map, Number};
use crate::store::history::{Past, PastFamily};

/// `{"id":…,"time":…,"families":[…]}` with the families of these names; with all of them where none is named.
pub(crate) fn render(past: &Past, wanted: &[String]) -> Vec<u8> {
    let is_wanted =
        |family: &PastFamily<'_>| wanted.is_empty() || wanted.iter().any(|name| name == family.name());
    let json = PastJson {
        id: past.id,
        time: seconds(past.time_ms),
        families: past.families().filter(is_wanted).map(FamilyJson::from).collect(),
    };
    serde_json::to_vec(&json).expect("maps with string keys are JSON")
}

/// Milliseconds as seconds.
pub(crate) fn seconds(ms: u64) -> f64 {
    ms as f64 / 1e3
}

#[derive(Serialize)]
struct PastJson<'a> {
    id: u64,
    time: f64,
    families: Vec<FamilyJson<'a>>,
}

#[derive(Serialize)]
struct FamilyJson<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: Kind,
    samples: SamplesJson<'a>,
}

struct SamplesJson<'a>(PastFamily<'a>);

#[derive(Serialize)]
struct SampleJson<'a> {
    labels: Map<'a>,
    value: Number,
}

impl<'a> From<PastFamily<'a>> for FamilyJson<'a> {
    fn from(family: PastFamily<'a>) -> Self {
        FamilyJson { name: family.name(), kind: family.kind(), samples: SamplesJson(family) }
    }
}

impl Serialize for SamplesJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sample =
            |(labels, value)| SampleJson { labels: Map(Iterator::collect(labels)), value: Number(value) };
        serializer.collect_seq(self.0.samples().map(sample))
    }
}
