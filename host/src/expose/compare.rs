//! What differs between the time before and after a moment, as `GET /compare` sends it.

use relink_core::Kind;
use serde::Serialize;
use utoipa::ToSchema;

use super::history::labels;
use super::json::Number;
use crate::store::history::{ColumnSeries, Columns};

/// Before and after.
#[derive(Serialize, ToSchema)]
#[schema(as = Comparison)]
pub(crate) struct ComparisonJson {
    /// How many seconds each side has.
    pub(crate) seconds: f64,
    /// How many series have values on both sides.
    pub(crate) series: usize,
    /// How many of these differ by more than they waver by.
    pub(crate) changed: usize,
    /// The first of them: what changed most against what it wavers by comes first.
    pub(crate) most: Vec<ChangeJson>,
    /// What the agent itself cost: all collectors' collections, its CPU, its memory.
    pub(crate) cost: Vec<ChangeJson>,
    /// The families that have values after it only.
    pub(crate) came: Vec<String>,
    /// The families that have values before it only.
    pub(crate) went: Vec<String>,
}

/// One series on both sides.
#[derive(Serialize, ToSchema)]
#[schema(as = Change)]
pub(crate) struct ChangeJson {
    /// The name of its family.
    pub(crate) family: String,
    /// How its values behave. A counter is told as how fast it went up, a second.
    #[serde(rename = "type")]
    #[schema(value_type = String, pattern = "^(counter|gauge|unknown)$")]
    pub(crate) kind: Kind,
    /// Its base unit, or nothing.
    pub(crate) unit: &'static str,
    /// Its labels.
    #[serde(serialize_with = "labels")]
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub(crate) labels: Vec<(String, String)>,
    /// Its values before.
    pub(crate) before: Side,
    /// Its values after.
    pub(crate) after: Side,
}

/// The values of a series on one side.
#[derive(Serialize, ToSchema)]
pub(crate) struct Side {
    /// Their mean.
    mean: Number,
    /// 95 % of them are no higher.
    p95: Number,
    #[serde(skip)]
    median: f64,
    /// Two thirds of them lie within so much.
    #[serde(skip)]
    spread: f64,
}

impl Side {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.retain(|value| value.is_finite());
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let at = |part: f64| values[last.min((part * values.len() as f64) as usize)];
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Some(Side { mean: Number(mean), p95: Number(at(0.95)), median: at(0.5), spread: at(0.84) - at(0.16) })
    }
}

/// What several series of a family had together on each side of a time in milliseconds; of counters how fast they went up.
pub(crate) fn sides(columns: &Columns, series: &[&ColumnSeries], border_ms: u64) -> [Option<Side>; 2] {
    let value = |series: &ColumnSeries, row| match series.kind {
        Kind::Counter => columns.rate(series, row),
        Kind::Gauge | Kind::Unknown => series.at(row).map(|bin| bin.mean),
    };
    [true, false].map(|before| {
        let rows = (0..columns.times.len()).filter(|&row| (columns.times[row] < border_ms) == before);
        let sums = rows.filter_map(|row| {
            series.iter().filter_map(|series| value(series, row)).reduce(|sum, value| sum + value)
        });
        Side::of(sums.collect())
    })
}

/// How much two sides differ, against how much each wavers by itself: what stands still and then changes weighs most, a single
/// step of either is no change. Above 1 it is more than wavering.
pub(crate) fn weight(before: &Side, after: &Side) -> f64 {
    let change = (after.median - before.median).abs();
    let size = after.median.abs().max(before.median.abs());
    if change <= size * 1e-9 {
        return 0.0;
    }
    let noise = (before.spread + after.spread) / 2.0 + size * 0.01;
    change / noise * (change / size + 0.1).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::history::Values;

    fn side(values: &[f64]) -> Side {
        Side::of(values.to_vec()).unwrap()
    }

    #[test]
    fn what_stands_still_and_changes_weighs_more_than_what_wavers() {
        let (one, seven) = (side(&[1.0; 10]), side(&[7.0; 10]));
        let (low, high) = (side(&[1.0, 9.0, 2.0, 8.0, 3.0, 7.0]), side(&[2.0, 9.0, 3.0, 9.0, 4.0, 8.0]));
        assert!(weight(&one, &seven) > 50.0, "{}", weight(&one, &seven));
        assert!(weight(&low, &high) < 1.0, "{}", weight(&low, &high));
        assert_eq!(weight(&one, &side(&[1.0, 1.0, 1.0, 90.0, 1.0])), 0.0, "a single step");
        assert!(Side::of(vec![f64::INFINITY, f64::NAN]).is_none());
    }

    #[test]
    fn sides_are_rates_of_counters_and_sums_of_series() {
        let series = |kind, values| ColumnSeries {
            family: "a".into(),
            kind,
            labels: Vec::new(),
            values: Values::Last(values),
        };
        let columns = Columns { times: vec![1000, 2000, 3000, 4000], gaps: vec![2], ..Columns::default() };
        let counter = series(Kind::Counter, vec![1.0, 3.0, 90.0, 95.0]);
        let told =
            |series: &[&ColumnSeries]| sides(&columns, series, 3000).map(|side| side.map(|side| side.mean.0));
        assert_eq!(told(&[&counter]), [Some(2.0), Some(5.0)], "none over the gap");
        let gauge = series(Kind::Gauge, vec![1.0, f64::NAN, f64::NAN, f64::NAN]);
        let other = series(Kind::Gauge, vec![2.0, 2.0, f64::NAN, f64::NAN]);
        assert_eq!(told(&[&gauge]), [Some(1.0), None]);
        assert_eq!(told(&[&gauge, &other]), [Some(2.5), None]);
    }
}
