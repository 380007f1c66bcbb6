//! `GET /history`: the past of some families.

use std::time::{SystemTime, UNIX_EPOCH};

use relink_core::{Family, Kind};
use rocket::http::{ContentType, Header, Status};
use rocket::response::{self, Responder};
use rocket::{Request, State, get};

use super::Site;
use super::answer::{ErrorBody, Json, Refusal, text};
use super::openapi::Label;
use super::query::{self, FromQuery, Query};
use crate::agent::Agent;
use crate::expose::history::{HistoryJson, PastFamilyJson, PastSeriesJson, ReachJson, csv};
use crate::expose::past::seconds;
use crate::store::history::{Ask, Columns, Reach};
use crate::{names, own};

/// The most points that one answer may have: some 20 MB of JSON.
const MAX_POINTS: usize = 1 << 20;

/// The steps that are tried, in milliseconds, until there are few enough points.
const STEPS_MS: [u64; 5] = [10_000, 60_000, 300_000, 1_800_000, 7_200_000];

/// Which part of the past is asked for.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Question {
    labels: Vec<(String, String)>,
    seconds: Option<f64>,
    from: Option<f64>,
    to: Option<f64>,
    step: Option<f64>,
}

impl Question {
    /// What the parameters say in a request that may have these.
    pub(super) fn of(request: &Request<'_>, known: &[&str]) -> Result<Self, Refusal> {
        query::only(request, known)?;
        let labels = query::values(request, "label").into_iter().map(|label| match label.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(bad(format!("label is {label:?}"), "say label=name=value, as in label=cpu=0")),
        });
        let labels = labels.collect::<Result<_, _>>()?;
        let above_0 = |number: f64| number > 0.0;
        let seconds = number(request, "seconds", "a number above 0, as in seconds=300", above_0)?;
        let time = "a time in seconds since 1970, as in from=1700000000";
        let is_time = |time: f64| time >= 0.0;
        let from = number(request, "from", time, is_time)?;
        let to = number(request, "to", time, is_time)?;
        let step = number(request, "step", "a number of seconds, as in step=60", is_time)?;
        if seconds.is_some() && from.or(to).is_some() {
            return Err(bad("seconds is given beside from or to".into(), "say one of them"));
        }
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            return Err(bad(format!("from is {from}, to is {to}"), "from is the earlier of the two"));
        }
        Ok(Question { labels, seconds, from, to, step })
    }

    /// The same, so far back where it does not say.
    pub(super) fn or_seconds(mut self, seconds: f64) -> Self {
        if self.from.is_none() && self.to.is_none() {
            self.seconds.get_or_insert(seconds);
        }
        self
    }

    /// From when to when, in milliseconds since 1970: what lies after the first, until the second.
    pub(super) fn span_ms(&self, now_ms: u64) -> (Option<u64>, Option<u64>) {
        // A time before 1970 is as good as the start, and one that is far off as good as none.
        let ms = |seconds: f64| (seconds * 1e3).round().clamp(0.0, u64::MAX as f64) as u64;
        let after = self.seconds.map(|seconds| now_ms.saturating_sub(ms(seconds)));
        let from = self.from.map(|from| ms(from).saturating_sub(1));
        (after.or(from), self.to.map(ms))
    }
}

fn number(
    request: &Request<'_>,
    name: &str,
    expected: &str,
    is_fit: impl Fn(f64) -> bool,
) -> Result<Option<f64>, Refusal> {
    let Some(text) = single(request, name)? else { return Ok(None) };
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && is_fit(number) => Ok(Some(number)),
        _ => Err(bad(format!("{name} is {text:?}"), &format!("it is {expected}"))),
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

/// The past of some families.
pub(super) struct Answer {
    /// What the collectors that have the families say of them; nothing of one that does not run.
    pub(super) families: Vec<Option<Family>>,
    pub(super) columns: Columns,
    pub(super) reach: Reach,
    pub(super) last_id: u64,
    /// Now, in milliseconds since 1970.
    pub(super) now_ms: u64,
}

impl Answer {
    /// How the values of one of the families behave.
    pub(super) fn kind(&self, at: usize, name: &str) -> Kind {
        let of_series =
            || self.columns.series.iter().find(|series| *series.family == *name).map(|series| series.kind);
        self.families[at].map(|family| family.kind()).or_else(of_series).unwrap_or(Kind::Unknown)
    }
}

/// Looks families up in the history.
pub(super) fn look_up(agent: &Agent, names: &[String], question: &Question) -> Result<Answer, Refusal> {
    is_kept(agent)?;
    agent.was_looked_at();
    let declared = declared(agent);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    let (after_ms, until_ms) = question.span_ms(now_ms);
    // What is no longer than the time between two snapshots is each of them.
    let step = question.step.filter(|step| *step > agent.config.history.interval.as_secs_f64());
    let step_ms = step.map_or(0, |step| (step * 1e3) as u64);
    let ask = Ask { families: names, labels: &question.labels, after_ms, until_ms, step_ms };
    let mut history = agent.history();
    let mut families = Vec::new();
    for name in names {
        let family = declared.iter().find(|family| family.name() == name).copied();
        if family.is_none() && !history.has_family(name) {
            let error = format!("there is no family {name:?}");
            return Err(Refusal::new(Status::NotFound, error, close(name, &declared)));
        }
        families.push(family);
    }
    history.asked_for(names);
    let points = |step_ms: u64| {
        let (rows, series) = history.extent(&Ask { step_ms, ..ask });
        rows.saturating_mul(series)
    };
    let mut steps = std::iter::once(step_ms).chain(STEPS_MS.into_iter().filter(|step| *step > step_ms));
    let Some(step_ms) = steps.find(|step| points(*step) <= MAX_POINTS) else {
        let error = format!("{} points, expected at most {MAX_POINTS}", points(step_ms));
        return Err(bad(error, "ask for fewer seconds, or for some series with label=name=value"));
    };
    let columns = history.columns(&Ask { step_ms, ..ask });
    Ok(Answer { families, columns, reach: history.reach(), last_id: history.last_id(), now_ms })
}

/// Refuses to look into a history that is not kept.
pub(super) fn is_kept(agent: &Agent) -> Result<(), Refusal> {
    if !agent.config.history.interval.is_zero() {
        return Ok(());
    }
    let hint = "set [history] interval in relink.toml to seconds between two snapshots, such as 1.0";
    Err(Refusal::new(Status::NotFound, "the history is off", hint))
}

/// All families of collectors that run, and the agent's own.
pub(super) fn declared(agent: &Agent) -> Vec<Family> {
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

/// What `GET /history` is asked for.
pub(super) struct Wanted {
    families: Vec<String>,
    question: Question,
    rate: bool,
    csv: bool,
}

impl FromQuery for Wanted {
    fn from_query(request: &Request<'_>) -> Result<Self, Refusal> {
        let known = ["family", "label", "seconds", "from", "to", "step", "rate", "format"];
        let question = Question::of(request, &known)?;
        let mut families: Vec<String> = Vec::new();
        for family in query::values(request, "family") {
            if !families.contains(&family) {
                families.push(family);
            }
        }
        if families.is_empty() {
            return Err(bad("no family is named".into(), "say family=NAME; GET /metrics shows all families"));
        }
        let one_of = |name: &str, known: [&str; 2]| match single(request, name)?.as_deref() {
            None => Ok(false),
            Some(value) if known.contains(&value) => Ok(value == known[1]),
            Some(other) => {
                Err(bad(format!("{name} is {other:?}"), &format!("it is {} or {}", known[0], known[1])))
            }
        };
        Ok(Wanted {
            families,
            question,
            rate: one_of("rate", ["0", "1"])?,
            csv: one_of("format", ["json", "csv"])?,
        })
    }
}

/// The past in the format that was asked for.
pub(super) enum Past {
    Json(Box<HistoryJson>),
    Csv(String),
}

impl<'r> Responder<'r, 'static> for Past {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        match self {
            Past::Json(json) => Json(json).respond_to(request),
            Past::Csv(csv) => {
                let mut answer = text(request, csv.into_bytes());
                answer.set_header(ContentType::CSV);
                answer.set_header(Header::new("Cache-Control", "no-store"));
                Ok(answer)
            }
        }
    }
}

/// The past of some families.
///
/// The history has each snapshot of the last minutes, and rows of ten seconds and of a minute of what lies further back. An answer
/// has the finest that there is, or rows of `step` seconds, and coarser ones where it would have more than 1048576 points.
#[utoipa::path(
    params(
        ("family" = Vec<String>, Query, explode, example = json!(["relink_generation"]), description = "The families' names; repeatable."),
        ("label" = Option<Vec<Label>>, Query, explode, description = "Only series that have this label, as `name=value`; repeatable, and all have to match."),
        ("seconds" = Option<f64>, Query, exclusive_minimum = 0.0, description = "How far back; as far as there is when absent."),
        ("from" = Option<f64>, Query, minimum = 0.0, description = "From when, in seconds since 1970, in place of `seconds`."),
        ("to" = Option<f64>, Query, minimum = 0.0, description = "Until when, in seconds since 1970; now when absent."),
        ("step" = Option<f64>, Query, minimum = 0.0, description = "How many seconds a row stands for at least; 0 and when absent: the finest there is."),
        ("rate" = Option<i32>, Query, minimum = 0, maximum = 1, description = "1: of counters how fast they went up, a second."),
        ("format" = Option<String>, Query, pattern = "^(json|csv)$", description = "`csv`: a column a series, a line a row; the mean of what is no counter."),
    ),
    responses(
        (status = 200, description = "The families' series with their points.", content((HistoryJson = "application/json"), (String = "text/csv"))),
        (status = 400, description = "A parameter is missing, unknown, or not what it can be; or these are more than 1048576 points.", body = ErrorBody),
        (status = 404, description = "There is no such family, or the history is off.", body = ErrorBody),
    )
)]
#[get("/history")]
pub(super) fn history(wanted: Query<Wanted>, site: &State<Site>) -> Result<Past, Refusal> {
    let Wanted { families, question, rate, csv: is_csv } = wanted.0?;
    let answer = look_up(&site.agent, &families, &question)?;
    let columns = &answer.columns;
    if is_csv {
        return Ok(Past::Csv(csv(columns, rate)));
    }
    let interval = site.agent.config.history.interval.as_secs_f64();
    let family = |(at, name): (usize, &String)| PastFamilyJson {
        kind: answer.kind(at, name),
        help: answer.families[at].map_or("", |family| family.help()),
        unit: answer.families[at].map_or("", |family| family.unit()),
        series: columns
            .series
            .iter()
            .filter(|series| *series.family == **name)
            .map(|series| PastSeriesJson::of(columns, series, rate))
            .collect(),
        family: name.clone(),
    };
    Ok(Past::Json(Box::new(HistoryJson {
        time: seconds(answer.now_ms),
        interval,
        last_id: answer.last_id,
        reach: ReachJson::of(&answer.reach, interval, answer.now_ms),
        step: seconds(columns.step_ms),
        gaps: columns.gaps.iter().map(|&row| seconds(columns.times[row])).collect(),
        families: families.iter().enumerate().map(family).collect(),
    })))
}
