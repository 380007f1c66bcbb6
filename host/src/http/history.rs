//! `GET /history`: the recent past of one family.

use std::time::{SystemTime, UNIX_EPOCH};

use relink_core::{Family, Kind};
use rocket::http::Status;
use rocket::{Request, State, get};
use serde::Serialize;
use utoipa::ToSchema;

use super::Site;
use super::answer::{ErrorBody, Json, Refusal};
use super::openapi::Label;
use super::query::{self, FromQuery, Query};
use crate::agent::Agent;
use crate::expose::json::{Map, Number};
use crate::expose::past::seconds;
use crate::store::history::Series;
use crate::{names, own};

/// The most points that one answer may have: some 20 MB of JSON.
const MAX_POINTS: usize = 1 << 20;

/// Which part of the past is asked for.
pub(super) struct Question {
    labels: Vec<(String, String)>,
    seconds: Option<f64>,
}

impl Question {
    /// What `label` and `seconds` say in a request that may have these parameters.
    pub(super) fn of(request: &Request<'_>, known: &[&str]) -> Result<Self, Refusal> {
        query::only(request, known)?;
        let labels = query::values(request, "label").into_iter().map(|label| match label.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(bad(format!("label is {label:?}"), "say label=name=value, as in label=cpu=0")),
        });
        Ok(Question { labels: labels.collect::<Result<_, _>>()?, seconds: positive_seconds(request)? })
    }

    /// How far back, where that is said.
    pub(super) fn seconds(&self) -> Option<f64> {
        self.seconds
    }

    /// The same, so far back where it does not say.
    pub(super) fn or_seconds(mut self, seconds: f64) -> Self {
        self.seconds.get_or_insert(seconds);
        self
    }
}

fn positive_seconds(request: &Request<'_>) -> Result<Option<f64>, Refusal> {
    let Some(text) = single(request, "seconds")? else { return Ok(None) };
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds.is_finite() => Ok(Some(seconds)),
        _ => Err(bad(format!("seconds is {text:?}"), "it is a number above 0, as in seconds=300")),
    }
}

/// The value of a parameter that may stand once.
fn single(request: &Request<'_>, name: &str) -> Result<Option<String>, Refusal> {
    let mut values = query::values(request, name);
    match values.len() {
        0 | 1 => Ok(values.pop()),
        count => Err(bad(format!("{name} is given {count} times"), "say it once")),
    }
}

fn bad(error: String, hint: &str) -> Refusal {
    Refusal::new(Status::BadRequest, error, hint)
}

/// The past of a family.
pub(super) struct Answer {
    /// What the collector that has the family says of it; nothing when that one does not run.
    pub(super) family: Option<Family>,
    pub(super) series: Vec<Series>,
    pub(super) last_id: u64,
    /// Now, in milliseconds since 1970.
    pub(super) now_ms: u64,
}

impl Answer {
    pub(super) fn kind(&self) -> Kind {
        let of_series = || self.series.first().map(|series| series.kind);
        self.family.map(|family| family.kind()).or_else(of_series).unwrap_or(Kind::Unknown)
    }
}

/// Looks a family up in the history.
pub(super) fn look_up(agent: &Agent, name: &str, question: &Question) -> Result<Answer, Refusal> {
    if agent.config.history.interval.is_zero() {
        let hint = "set [history] interval in relink.toml to seconds between two snapshots, such as 1.0";
        return Err(Refusal::new(Status::NotFound, "the history is off", hint));
    }
    agent.was_looked_at();
    let families = declared(agent);
    let family = families.iter().find(|family| family.name() == name).copied();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    // A time before 1970 is as good as the start.
    let before = |seconds: f64| now_ms.saturating_sub((seconds * 1e3).min(u64::MAX as f64) as u64);
    let after = question.seconds.map(before);
    let labels: Vec<_> =
        question.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let history = agent.history();
    if family.is_none() && !history.has_family(name) {
        return Err(Refusal::new(
            Status::NotFound,
            format!("there is no family {name:?}"),
            close(name, &families),
        ));
    }
    let points = history.count(name, &labels, after);
    if points > MAX_POINTS {
        let error = format!("{points} points, expected at most {MAX_POINTS}");
        return Err(bad(error, "ask for fewer seconds, or for some series with label=name=value"));
    }
    Ok(Answer { family, series: history.series(name, &labels, after), last_id: history.last_id(), now_ms })
}

/// All families of collectors that run, and the agent's own.
fn declared(agent: &Agent) -> Vec<Family> {
    let plugins = agent.scheduler.running();
    own::FAMILIES.iter().chain(plugins.iter().flat_map(|plugin| plugin.families())).copied().collect()
}

/// Names that one may have meant.
fn close(name: &str, families: &[Family]) -> String {
    let names = names::close(name, families.iter().map(Family::name));
    match names[..] {
        [] => "GET /metrics shows all families".to_owned(),
        _ => format!("close names are {}; GET /metrics shows all families", names.join(", ")),
    }
}

impl FromQuery for (String, Question) {
    fn from_query(request: &Request<'_>) -> Result<Self, Refusal> {
        let question = Question::of(request, &["family", "label", "seconds"])?;
        match single(request, "family")? {
            Some(family) => Ok((family, question)),
            None => Err(bad("no family is named".into(), "say family=NAME; GET /metrics shows all families")),
        }
    }
}

/// The recent past of a family.
#[derive(Serialize, ToSchema)]
#[schema(as = History)]
pub(super) struct HistoryJson {
    /// Its name.
    family: String,
    /// How its values behave.
    #[serde(rename = "type")]
    #[schema(value_type = String, pattern = "^(counter|gauge|unknown)$")]
    kind: Kind,
    /// What its values mean; empty when its collector does not run.
    help: &'static str,
    /// Its base unit, or nothing.
    unit: &'static str,
    /// Seconds between two snapshots.
    interval: f64,
    /// The number of the newest snapshot: `GET /events` goes on from there.
    last_id: u64,
    /// Now, in seconds since 1970.
    time: f64,
    /// Those that had a value in that time.
    series: Vec<SeriesJson>,
}

/// The recent past of a series.
#[derive(Serialize, ToSchema)]
#[schema(as = PastSeries)]
pub(super) struct SeriesJson {
    /// Its labels.
    #[serde(serialize_with = "labels")]
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    labels: Vec<(String, String)>,
    /// Pairs of a time, in seconds since 1970, and a value; the oldest first.
    #[schema(value_type = Vec<Vec<Number>>)]
    points: Vec<(f64, Number)>,
}

fn labels<S: serde::Serializer>(labels: &[(String, String)], to: S) -> Result<S::Ok, S::Error> {
    Map(labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()).serialize(to)
}

/// The recent past of one family.
#[utoipa::path(
    params(
        ("family" = String, Query, example = "relink_generation", description = "The family's name."),
        ("label" = Option<Vec<Label>>, Query, explode, description = "Only series that have this label, as `name=value`; repeatable, and all have to match."),
        ("seconds" = Option<f64>, Query, exclusive_minimum = 0.0, description = "How far back; as far as there is when absent."),
    ),
    responses(
        (status = 200, description = "The family's series with their points.", body = HistoryJson),
        (status = 400, description = "A parameter is missing, unknown, or not what it can be; or these are more than 1048576 points.", body = ErrorBody),
        (status = 404, description = "There is no such family, or the history is off.", body = ErrorBody),
    )
)]
#[get("/history")]
pub(super) fn history(
    wanted: Query<(String, Question)>,
    site: &State<Site>,
) -> Result<Json<HistoryJson>, Refusal> {
    let (name, question) = wanted.0?;
    let answer = look_up(&site.agent, &name, &question)?;
    Ok(Json(HistoryJson {
        family: name,
        kind: answer.kind(),
        help: answer.family.map_or("", |family| family.help()),
        unit: answer.family.map_or("", |family| family.unit()),
        interval: site.agent.config.history.interval.as_secs_f64(),
        last_id: answer.last_id,
        time: seconds(answer.now_ms),
        series: answer
            .series
            .into_iter()
            .map(|series| SeriesJson {
                labels: series.labels,
                points: series.points.into_iter().map(|(ms, value)| (seconds(ms), Number(value))).collect(),
            })
            .collect(),
    }))
}
