//! The past of series as `GET /events` tells it: the times once, and a column a series.

use std::io::Write;

use super::changes::event;
use super::json::Number;
use crate::store::history::{Columns, Values};

/// Milliseconds as seconds.
pub(crate) fn seconds(ms: u64) -> f64 {
    ms as f64 / 1e3
}

/// The event `past` of some columns, the numbers of whose series are `numbers`.
pub(crate) fn render(columns: &Columns, numbers: &[u32], step: f64) -> Vec<u8> {
    let mut json = br#"{"step":"#.to_vec();
    put_value(&mut json, step);
    json.extend_from_slice(br#","times":"#);
    put_list(&mut json, &columns.times);
    json.extend_from_slice(br#","gaps":"#);
    put_list(&mut json, &columns.gaps);
    json.extend_from_slice(br#","series":["#);
    for (at, (series, number)) in columns.series.iter().zip(numbers).enumerate() {
        write!(json, "{}[{number},", if at == 0 { "" } else { "," }).expect("a vector takes all");
        match &series.values {
            Values::Still(value) => put_value(&mut json, *value),
            Values::Last(last) => put_column(&mut json, last),
            Values::Bins(bins) => {
                put_column(&mut json, &bins.last);
                for column in [&bins.min, &bins.max] {
                    json.push(b',');
                    put_column(&mut json, column);
                }
            }
        }
        json.push(b']');
    }
    json.extend_from_slice(b"]}");
    event("past", &json)
}

fn put_list<T: serde::Serialize>(json: &mut Vec<u8>, list: &[T]) {
    serde_json::to_writer(json, list).expect("numbers are JSON");
}

fn put_column(json: &mut Vec<u8>, values: &[f64]) {
    json.push(b'[');
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            json.push(b',');
        }
        put_value(json, *value);
    }
    json.push(b']');
}

/// Where there was no value, the history has NaN.
fn put_value(json: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        json.extend_from_slice(b"null");
        return;
    }
    serde_json::to_writer(json, &Number(value)).expect("numbers are JSON");
}

#[cfg(test)]
mod tests {
    use relink_core::Kind;

    use super::*;
    use crate::store::history::{Bins, ColumnSeries};

    #[test]
    fn a_series_is_its_values_or_the_one_that_it_kept() {
        let series =
            |values| ColumnSeries { family: "a".into(), kind: Kind::Gauge, labels: Vec::new(), values };
        let bins =
            Bins { last: vec![1.0, 2.5], mean: vec![1.0, 2.0], min: vec![0.0, 2.0], max: vec![3.0, 4.0] };
        let columns = Columns {
            times: vec![1000, 2000],
            gaps: vec![1],
            step_ms: 0,
            series: vec![
                series(Values::Still(7.0)),
                series(Values::Last(vec![f64::NAN, f64::INFINITY])),
                series(Values::Bins(bins)),
            ],
        };
        let event = String::from_utf8(render(&columns, &[4, 0, 9], 0.5)).unwrap();
        let expected = "event:past\ndata:{\"step\":0.5,\"times\":[1000,2000],\"gaps\":[1],\
                        \"series\":[[4,7],[0,[null,\"+Inf\"]],[9,[1,2.5],[0,2],[3,4]]]}\n\n";
        assert_eq!(event, expected);
    }
}
