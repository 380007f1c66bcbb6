//! `GET /compare`: before and after a moment, such as a reload.

use std::collections::BTreeSet;

use rocket::http::Status;
use rocket::{Request, State, get};

use super::Site;
use super::answer::{ErrorBody, Json, Refusal};
use super::history::{declared, is_kept};
use super::query::{self, FromQuery, Query};
use crate::agent::Agent;
use crate::expose::compare::{ChangeJson, ComparisonJson, sides, weight};
use crate::store::history::{Ask, ColumnSeries, Columns};

/// The most series that are told of.
const LISTED: usize = 40;

/// The rows in which the history is looked through for its families, in milliseconds.
const COARSE_MS: u64 = 60_000;

/// What the agent itself costs.
const COSTS: [&str; 3] =
    ["node_scrape_collector_duration_seconds", "process_cpu_seconds_total", "process_resident_memory_bytes"];

/// Whether a family says when or how often something was, or how far back the history goes: that differs after a while
/// whatever happened.
fn is_moment(family: &str) -> bool {
    family.ends_with("_timestamp_seconds")
        || family.starts_with("relink_history_")
        || ["relink_generation", "node_time_seconds"].contains(&family)
}

/// Which moment, and how much on either side, in milliseconds.
pub(super) struct Question {
    at_ms: u64,
    side_ms: u64,
}

impl FromQuery for Question {
    fn from_query(request: &Request<'_>) -> Result<Self, Refusal> {
        query::only(request, &["at", "seconds"])?;
        let Some(at) = query::seconds(request, "at")? else {
            let hint = "say at=TIME in seconds since 1970; GET /reloads shows when each reload was";
            return Err(Refusal::new(Status::BadRequest, "no time is given", hint));
        };
        let ms = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let side_ms = query::seconds(request, "seconds")?.map_or(60_000, ms);
        Ok(Question { at_ms: ms(at), side_ms })
    }
}

/// What was before a moment against what was after it.
///
/// Each series by its mean and 95th percentile on both sides, counters as rates; what changed most against what it wavers by first.
#[utoipa::path(
    params(
        ("at" = f64, Query, exclusive_minimum = 0.0, description = "The moment, in seconds since 1970, such as the end of a reload."),
        ("seconds" = Option<f64>, Query, exclusive_minimum = 0.0, description = "How much of either side; 60 when absent."),
    ),
    responses(
        (status = 200, description = "What changed, what came and went, and what the agent cost.", body = ComparisonJson),
        (status = 400, description = "A parameter is missing, unknown, or not what it can be.", body = ErrorBody),
        (status = 404, description = "The history is off.", body = ErrorBody),
    )
)]
#[get("/compare")]
pub(super) fn compare(
    question: Query<Question>,
    site: &State<Site>,
) -> Result<Json<ComparisonJson>, Refusal> {
    let question = question.0?;
    is_kept(&site.agent)?;
    site.agent.was_looked_at();
    Ok(Json(compared(&site.agent, &question)))
}

fn compared(agent: &Agent, &Question { at_ms, side_ms }: &Question) -> ComparisonJson {
    let after_ms = Some(at_ms.saturating_sub(side_ms).saturating_sub(1));
    let ask = Ask { after_ms, until_ms: Some(at_ms.saturating_add(side_ms)), ..Ask::default() };
    let declared = declared(agent);
    let change = |one: &ColumnSeries, labels, before, after| ChangeJson {
        family: one.family.to_string(),
        kind: one.kind,
        unit: declared.iter().find(|family| family.name() == &*one.family).map_or("", |family| family.unit()),
        labels,
        before,
        after,
    };
    let mut told = ComparisonJson {
        seconds: side_ms as f64 / 1e3,
        series: 0,
        changed: 0,
        most: Vec::new(),
        cost: Vec::new(),
        came: Vec::new(),
        went: Vec::new(),
    };
    let mut changed: Vec<(f64, ChangeJson)> = Vec::new();
    for family in families(agent, &ask) {
        // One at a time: all of a large machine would be some 20 MB.
        let columns = agent.history().columns(&Ask { families: std::slice::from_ref(&family), ..ask });
        let series: Vec<_> = columns.series.iter().collect();
        match sides(&columns, &series, at_ms) {
            [Some(before), Some(after)] if COSTS.contains(&&*family) => {
                told.cost.push(change(series[0], Vec::new(), before, after));
            }
            [None, Some(_)] => told.came.push(family.clone()),
            [Some(_), None] => told.went.push(family.clone()),
            _ => {}
        }
        for one in series {
            let [Some(before), Some(after)] = sides(&columns, &[one], at_ms) else { continue };
            told.series += 1;
            let weight = weight(&before, &after);
            if weight > 1.0 {
                changed.push((weight, change(one, one.labels.clone(), before, after)));
            }
        }
    }
    changed.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    told.changed = changed.len();
    told.most = changed.into_iter().take(LISTED).map(|(_, change)| change).collect();
    told
}

/// The families that the history has in this time, but for those that say when something was.
fn families(agent: &Agent, ask: &Ask<'_>) -> BTreeSet<String> {
    let Columns { series, .. } = agent.history().columns(&Ask { step_ms: COARSE_MS, ..*ask });
    series.into_iter().map(|series| series.family.to_string()).filter(|family| !is_moment(family)).collect()
}
