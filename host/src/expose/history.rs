//! The past of some families as JSON and as CSV, as `GET /history` sends it.

use std::fmt::Write;

use relink_core::Kind;
use serde::Serialize;
use utoipa::ToSchema;

use super::json::{Map, Number};
use super::past::seconds;
use crate::store::history::{ColumnSeries, Columns, Reach};

/// The past of some families.
#[derive(Serialize, ToSchema)]
#[schema(as = History)]
pub(crate) struct HistoryJson {
    /// Now, in seconds since 1970.
    pub(crate) time: f64,
    /// Seconds between two snapshots.
    pub(crate) interval: f64,
    /// The number of the newest snapshot: `GET /events` goes on from there.
    pub(crate) last_id: u64,
    /// How far back the history goes, whatever was asked for.
    #[serde(flatten)]
    pub(crate) reach: ReachJson,
    /// How many seconds the coarsest row stands for; 0: each is a snapshot.
    pub(crate) step: f64,
    /// The times before which nobody measured, in seconds since 1970: no line goes over them.
    pub(crate) gaps: Vec<f64>,
    /// The families, in the order in which they were asked for.
    pub(crate) families: Vec<PastFamilyJson>,
}

/// How far back the history goes.
#[derive(Serialize, ToSchema)]
#[schema(as = Reach)]
pub(crate) struct ReachJson {
    /// The oldest time that there is, in seconds since 1970.
    oldest: Option<f64>,
    /// How long ago that is.
    seconds_kept: f64,
    /// About how much memory it takes.
    bytes: usize,
    /// How much it may take: `[history] bytes`.
    bytes_limit: usize,
    /// What it has, the finest first. Where memory is short, tiers end earlier than they should.
    tiers: Vec<TierJson>,
}

/// Rows of one length.
#[derive(Serialize, ToSchema)]
#[schema(as = Tier)]
struct TierJson {
    /// How many seconds a row stands for; for the finest, which has each snapshot, those between two of them.
    step: f64,
    /// The time of its oldest row, in seconds since 1970.
    oldest: Option<f64>,
    /// How many rows it has.
    values: usize,
}

/// The past of one family.
#[derive(Serialize, ToSchema)]
#[schema(as = PastFamily)]
pub(crate) struct PastFamilyJson {
    /// Its name.
    pub(crate) family: String,
    /// How its values behave.
    #[serde(rename = "type")]
    #[schema(value_type = String, pattern = "^(counter|gauge|unknown)$")]
    pub(crate) kind: Kind,
    /// What its values mean; empty when its collector does not run.
    pub(crate) help: &'static str,
    /// Its base unit, or nothing.
    pub(crate) unit: &'static str,
    /// Those that had a value in that time.
    pub(crate) series: Vec<PastSeriesJson>,
}

/// The past of one series.
#[derive(Serialize, ToSchema)]
#[schema(as = PastSeries)]
pub(crate) struct PastSeriesJson {
    /// Its labels.
    #[serde(serialize_with = "labels")]
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    labels: Vec<(String, String)>,
    /// A time, in seconds since 1970, and a value; the oldest first. Where rows are of several snapshots, what is no counter has
    /// a time, and the mean, the lowest and the highest value.
    #[schema(value_type = Vec<Vec<Number>>)]
    points: Vec<Vec<Number>>,
}

pub(super) fn labels<S: serde::Serializer>(labels: &[(String, String)], to: S) -> Result<S::Ok, S::Error> {
    Map(labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()).serialize(to)
}

impl ReachJson {
    pub(crate) fn of(reach: &Reach, interval: f64, now_ms: u64) -> Self {
        let tiers = reach.tiers.iter().map(|tier| TierJson {
            step: if tier.step_ms == 0 { interval } else { seconds(tier.step_ms) },
            oldest: tier.oldest_ms.map(seconds),
            values: tier.rows,
        });
        let oldest = reach.oldest_ms();
        ReachJson {
            oldest: oldest.map(seconds),
            seconds_kept: oldest.map_or(0.0, |oldest| seconds(now_ms.saturating_sub(oldest))),
            bytes: reach.bytes,
            bytes_limit: reach.bytes_limit,
            tiers: tiers.collect(),
        }
    }
}

impl PastSeriesJson {
    /// A series of some columns; of a counter how fast it went up, where that is wanted.
    pub(crate) fn of(columns: &Columns, series: &ColumnSeries, rate: bool) -> Self {
        let points = (0..columns.times.len()).filter_map(|row| {
            let time = Number(seconds(columns.times[row]));
            let bin = series.at(row)?;
            if series.kind == Kind::Counter {
                let value = if rate { columns.rate(series, row)? } else { bin.last };
                return Some(vec![time, Number(value)]);
            }
            Some(match columns.step_ms {
                0 => vec![time, Number(bin.last)],
                _ => vec![time, Number(bin.mean), Number(bin.min), Number(bin.max)],
            })
        });
        PastSeriesJson { labels: series.labels.clone(), points: points.collect() }
    }
}

/// A line a row: the time, in seconds since 1970, and a column a series, whose head is its name with its labels. A cell is empty
/// where the series was not there.
pub(crate) fn csv(columns: &Columns, rate: bool) -> String {
    let mut csv = "time".to_owned();
    for series in &columns.series {
        let labels: Vec<_> = series.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        let head = if labels.is_empty() {
            series.family.to_string()
        } else {
            format!("{}{{{}}}", series.family, labels.join(","))
        };
        csv += ",";
        csv += &cell(&head);
    }
    csv += "\r\n";
    for (row, &time) in columns.times.iter().enumerate() {
        let _ = write!(csv, "{}", seconds(time));
        for series in &columns.series {
            csv.push(',');
            let bin = series.at(row);
            let value = match series.kind {
                Kind::Counter if rate => columns.rate(series, row),
                Kind::Counter => bin.map(|bin| bin.last),
                Kind::Gauge | Kind::Unknown => bin.map(|bin| bin.mean),
            };
            if let Some(value) = value {
                let _ = write!(csv, "{value}");
            }
        }
        csv += "\r\n";
    }
    csv
}

/// A text as RFC 4180 has it.
fn cell(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::history::{Bins, Values};

    #[test]
    fn a_table_has_a_column_a_series_and_a_row_a_time() {
        let series = |family: &str, kind, label: Option<&str>, values| ColumnSeries {
            family: family.into(),
            kind,
            labels: label.map(|value| ("name".to_owned(), value.to_owned())).into_iter().collect(),
            values,
        };
        let bins = Bins {
            last: vec![1.0, 2.0, f64::NAN],
            mean: vec![1.5, 2.5, f64::NAN],
            min: vec![0.0, 1.0, f64::NAN],
            max: vec![2.0, 3.0, f64::NAN],
        };
        let columns = Columns {
            times: vec![1000, 2500, 5000],
            gaps: vec![2],
            step_ms: 10_000,
            series: vec![
                series("a_total", Kind::Counter, Some("x \"y\", z"), Values::Last(vec![1.0, 4.0, 6.0])),
                series("b", Kind::Gauge, None, Values::Bins(bins)),
                series("c", Kind::Unknown, None, Values::Still(f64::INFINITY)),
            ],
        };
        let head = "time,\"a_total{name=\"\"x \\\"\"y\\\"\", z\"\"}\",b,c\r\n";
        assert_eq!(csv(&columns, false), format!("{head}1,1,1.5,inf\r\n2.5,4,2.5,inf\r\n5,6,,inf\r\n"));
        assert_eq!(csv(&columns, true), format!("{head}1,,1.5,inf\r\n2.5,2,2.5,inf\r\n5,,,inf\r\n"));
    }
}
