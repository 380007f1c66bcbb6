//! JSON, for `/plugins/<name>` and for programs that read the console's output.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use relink_core::Family;
use relink_exposition::{RuntimeFamily, RuntimeKind};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::Section;
use super::family::FamilyView;
use crate::store::snapshot::Frame;

/// A family and its samples.
#[derive(Serialize, ToSchema)]
#[schema(as = Family)]
pub(crate) struct FamilyJson<'a> {
    /// Its name.
    name: &'a str,
    /// How its values behave.
    #[serde(rename = "type")]
    #[schema(pattern = "^(counter|gauge|unknown|histogram|summary)$")]
    kind: &'a str,
    /// What its values mean.
    help: &'a str,
    /// Its base unit, or nothing.
    unit: &'a str,
    /// The samples, if there are any.
    samples: Vec<SampleJson<'a>>,
}

/// A value, and what it is of.
#[derive(Serialize, ToSchema)]
#[schema(as = Sample)]
struct SampleJson<'a> {
    /// What the sample's name has behind the family's, as `_sum` of a histogram.
    #[serde(skip_serializing_if = "str::is_empty")]
    suffix: &'a str,
    /// Its labels.
    #[schema(value_type = BTreeMap<String, String>)]
    labels: Labels<'a>,
    /// The value.
    value: Number,
}

/// The families that a collector declared with the samples of a frame; a family that has none has an empty list. Behind
/// them those that it brought at run time.
pub(crate) fn families<'a>(declared: &'a [Family], frame: Option<&'a Frame>) -> Vec<FamilyJson<'a>> {
    // What the patterns among them have become is only known from what was said.
    let declared = frame.map_or(declared, |frame| frame.layout.series.families());
    let declared = declared.iter().filter(|family| !family.is_pattern()).map(|family| {
        FamilyJson::new(family.into(), frame.map(|frame| samples(family, frame)).unwrap_or_default())
    });
    let brought = frame.into_iter().flat_map(|frame| frame.layout.texts.families());
    declared.chain(brought.map(|family| FamilyJson::new(family.into(), samples_of_text(family)))).collect()
}

impl<'a> FamilyJson<'a> {
    fn new(family: FamilyView<'a>, samples: Vec<SampleJson<'a>>) -> Self {
        let kind = match family.kind {
            RuntimeKind::Untyped => "unknown",
            kind => kind.name(),
        };
        FamilyJson { name: family.name, kind, help: family.help, unit: family.unit, samples }
    }
}

fn samples_of_text(family: RuntimeFamily<'_>) -> Vec<SampleJson<'_>> {
    let samples = family.samples().map(|sample| SampleJson {
        suffix: sample.suffix,
        labels: Labels::Owned(sample.label_pairs().into_iter().collect()),
        value: Number(sample.value),
    });
    samples.collect()
}

fn samples<'a>(family: &'a Family, frame: &'a Frame) -> Vec<SampleJson<'a>> {
    let series = &frame.layout.series;
    let places = series.places().filter(|&place| series.family_of(place).1.name() == family.name());
    places
        .map(|place| SampleJson {
            suffix: "",
            labels: Labels::Borrowed(Map(family
                .label_names()
                .iter()
                .copied()
                .zip(series.labels_of(place))
                .collect())),
            value: Number(frame.values[place]),
        })
        .collect()
}

/// One collection as one line: `{"time":…,"plugins":[…]}`.
pub(crate) fn snapshot(time: SystemTime, sections: &[Section<'_>]) -> String {
    let time = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let plugins = sections.iter().map(PluginJson::new).collect();
    serde_json::to_string(&SnapshotJson { time, plugins }).expect("maps with string keys are JSON")
}

#[derive(Serialize)]
struct SnapshotJson<'a> {
    time: f64,
    plugins: Vec<PluginJson<'a>>,
}

#[derive(Serialize)]
struct PluginJson<'a> {
    name: &'a str,
    help: &'a str,
    version: &'a str,
    ok: bool,
    error: Option<String>,
    seconds: f64,
    facts: Map<'a>,
    collectors: Vec<CollectorJson<'a>>,
    families: Vec<FamilyJson<'a>>,
}

#[derive(Serialize)]
struct CollectorJson<'a> {
    name: &'a str,
    ok: bool,
    error: Option<String>,
    seconds: f64,
}

impl<'a> PluginJson<'a> {
    fn new(section: &'a Section<'a>) -> Self {
        let error = section.error();
        let collectors = section.parts.iter().map(|part| CollectorJson {
            name: part.name,
            ok: part.error.is_none(),
            error: part.error.map(ToString::to_string),
            seconds: part.duration.as_secs_f64(),
        });
        PluginJson {
            name: section.name,
            help: section.help,
            version: section.version,
            ok: error.is_none(),
            error: error.map(|error| error.to_string()),
            seconds: section.duration().as_secs_f64(),
            facts: Map(section.facts().map(|(name, value)| (name.as_str(), value.as_str())).collect()),
            collectors: collectors.collect(),
            families: section.parts.iter().flat_map(|part| families(part.families, part.frame)).collect(),
        }
    }
}

/// Labels in their order; those of a family that is known only at run time are sorted.
#[derive(Serialize)]
#[serde(untagged)]
enum Labels<'a> {
    Borrowed(Map<'a>),
    Owned(BTreeMap<String, String>),
}

/// A map that keeps its order.
pub(crate) struct Map<'a>(pub(crate) Vec<(&'a str, &'a str)>);

impl Serialize for Map<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// JSON has no NaN and no infinities, so they are strings, spelt as in the text formats. Whole numbers are written
/// without a fraction.
pub(crate) struct Number(pub(crate) f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Number(value) = *self;
        if value.is_nan() {
            serializer.serialize_str("NaN")
        } else if value.is_infinite() {
            serializer.serialize_str(if value > 0.0 { "+Inf" } else { "-Inf" })
        } else if value.fract() == 0.0 && value.abs() < (1_u64 << 53) as f64 {
            serializer.serialize_i64(value as i64)
        } else {
            serializer.serialize_f64(value)
        }
    }
}

impl PartialSchema for Number {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new().schema_type(Type::Number);
        let word = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["NaN", "+Inf", "-Inf"]));
        let either = OneOfBuilder::new().item(number).item(word);
        either.description(Some("A number; JSON has no word for the three that are strings.")).into()
    }
}

impl ToSchema for Number {}
