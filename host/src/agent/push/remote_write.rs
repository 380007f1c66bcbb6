//! Prometheus remote write 1.0: a `WriteRequest` in protobuf, compressed with Snappy's block format.
//!
//! The messages are those of `prometheus/prompb/remote.proto` and `types.proto`, without what relink does not send.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;

use super::queue::Batch;
use super::series::{Label, Metric};

/// The value that ends a series: a NaN of its own, by which Prometheus knows that no sample follows.
pub(super) const STALE: u64 = 0x7ff0_0000_0000_0002;

/// As many samples as Prometheus puts into one request.
const MAX_SAMPLES: usize = 2000;

/// The headers that the specification asks for.
pub(super) const HEADERS: [(&str, &str); 3] = [
    ("Content-Type", "application/x-protobuf"),
    ("Content-Encoding", "snappy"),
    ("X-Prometheus-Remote-Write-Version", "0.1.0"),
];

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

/// The requests for these metrics at a time in milliseconds, with the labels that all series have.
pub(super) fn batches(metrics: &[Metric], common: &BTreeMap<String, String>, time: u64) -> Vec<Batch> {
    let common: Vec<Label> =
        common.iter().map(|(name, value)| Label::new(name.clone(), value.clone())).collect();
    let timestamp = i64::try_from(time).unwrap_or(i64::MAX);
    let mut series = metrics.iter().flat_map(|metric| {
        let common = &common;
        metric.points.iter().map(move |point| TimeSeries {
            labels: labels(&metric.name, &point.labels, common),
            samples: vec![Sample { value: point.value.unwrap_or(f64::from_bits(STALE)), timestamp }],
        })
    });
    let mut batches = Vec::new();
    loop {
        let timeseries: Vec<_> = series.by_ref().take(MAX_SAMPLES).collect();
        if timeseries.is_empty() {
            return batches;
        }
        let samples = timeseries.len() as u32;
        let body = compressed(&WriteRequest { timeseries }.encode_to_vec());
        batches.push(Batch { body, samples, time });
    }
}

fn compressed(plain: &[u8]) -> Bytes {
    let packed = snap::raw::Encoder::new().compress_vec(plain);
    packed.expect("a request of 2000 samples is far shorter than the 4 GiB that Snappy can't exceed").into()
}

/// All labels, sorted by name. As when a scraper adds its labels: it is the sample's own that gives way.
fn labels(metric: &Bytes, own: &[Label], common: &[Label]) -> Vec<Label> {
    let mut labels = Vec::with_capacity(1 + own.len() + common.len());
    labels.push(Label::new(Bytes::from_static(b"__name__"), metric.clone()));
    labels.extend_from_slice(common);
    for label in own {
        let mut name = label.name.clone();
        let is_taken = |name: &Bytes| {
            common.iter().any(|other| other.name == name)
                || own.iter().any(|other| !std::ptr::eq(other, label) && other.name == name)
        };
        while is_taken(&name) {
            name = [b"exported_", &name[..]].concat().into();
        }
        labels.push(Label::new(name, label.value.clone()));
    }
    labels.sort_unstable();
    labels
}

#[cfg(test)]
mod tests {
    use super::super::series::{self, Series, tests};
    use super::*;

    fn common() -> BTreeMap<String, String> {
        [("job", "node"), ("instance", "here"), ("zone", "b")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    fn decoded(batch: &Batch) -> WriteRequest {
        let plain = snap::raw::Decoder::new().decompress_vec(&batch.body).unwrap();
        WriteRequest::decode(&plain[..]).unwrap()
    }

    fn text(series: &TimeSeries) -> String {
        let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        let labels: Vec<_> =
            series.labels.iter().map(|label| text(&label.name) + "=" + &text(&label.value)).collect();
        labels.join(" ")
    }

    #[test]
    fn labels_are_sorted_and_those_of_the_scraper_win() {
        let metrics = series::metrics(&tests::snapshot(&tests::layout(1), 0.0), 0.0, Vec::new());
        let batches = batches(&metrics, &common(), 1_700_000_000_123);
        let request = decoded(&batches[0]);
        assert_eq!((batches.len(), batches[0].samples), (1, 5));
        assert_eq!(
            text(&request.timeseries[0]),
            "__name__=busy_seconds_total cpu=0 exported_job=idle instance=here job=node zone=b"
        );
        assert_eq!(text(&request.timeseries[1]), "__name__=load1 instance=here job=node zone=b");
        assert_eq!(request.timeseries[1].samples[0].timestamp, 1_700_000_000_123);
    }

    /// Written by hand from the specification, so that the messages above are held against something else.
    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let point = series::Point { labels: vec![Label::new("a", "b")], value: Some(1.5) };
        let metric = Metric {
            name: "m".into(),
            counts: false,
            help: "".into(),
            unit: "",
            own: false,
            points: vec![point],
        };
        let batch = &batches(&[metric], &BTreeMap::new(), 300)[0];
        let plain = snap::raw::Decoder::new().decompress_vec(&batch.body).unwrap();
        let expected = [
            &[0x0a, 37][..],
            &[0x0a, 13, 0x0a, 8],
            b"__name__",
            &[0x12, 1, b'm'],
            &[0x0a, 6, 0x0a, 1, b'a', 0x12, 1, b'b'],
            &[0x12, 12, 0x09, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0x10, 0xac, 0x02],
        ]
        .concat();
        assert_eq!(plain, expected);
    }

    #[test]
    fn an_end_is_the_nan_that_prometheus_knows() {
        let ended = vec![Series { name: "gone".into(), counts: false, labels: Vec::new() }];
        let mut metrics = Vec::new();
        series::end(&mut metrics, ended);
        let request = decoded(&batches(&metrics, &common(), 1)[0]);
        assert_eq!(request.timeseries[0].samples[0].value.to_bits(), STALE);
    }

    #[test]
    fn many_samples_are_several_requests() {
        let point = |at: usize| series::Point {
            labels: vec![Label::new("n", at.to_string())],
            value: Some(at as f64),
        };
        let points = (0..4500).map(point).collect();
        let metric =
            Metric { name: "m".into(), counts: false, help: "".into(), unit: "", own: false, points };
        let batches = batches(&[metric], &common(), 5);
        let sizes: Vec<_> = batches.iter().map(|batch| batch.samples).collect();
        assert_eq!(sizes, [2000, 2000, 500]);
        let values = batches.iter().flat_map(|batch| decoded(batch).timeseries);
        assert!(values.enumerate().all(|(at, series)| series.samples[0].value == at as f64));
    }
}
