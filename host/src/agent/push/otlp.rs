//! OTLP over HTTP: an `ExportMetricsServiceRequest` in protobuf, compressed with gzip.
//!
//! The messages are those of `opentelemetry/proto/metrics/v1/metrics.proto`, without what relink does not send: fifty
//! lines in place of a crate that brings a gRPC stack's types with it. Names are those of `/metrics`.

use std::collections::BTreeMap;
use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;

use super::queue::Batch;
use super::series::{Label, Metric, Point};

pub(super) const HEADERS: [(&str, &str); 2] =
    [("Content-Type", "application/x-protobuf"), ("Content-Encoding", "gzip")];

/// Samples of one request; a receiver may refuse more than 4 MiB, and these are well below 1.
const MAX_SAMPLES: usize = 2000;

/// The flag of a data point that has no value: its series has ended.
const NO_RECORDED_VALUE: u32 = 1;
const CUMULATIVE: i32 = 2;

#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(message, repeated, tag = "1")]
    resource_metrics: Vec<ResourceMetrics>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceMetrics {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_metrics: Vec<ScopeMetrics>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeMetrics {
    #[prost(message, optional, tag = "1")]
    scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    metrics: Vec<OtlpMetric>,
}

#[derive(Clone, PartialEq, Message)]
struct Scope {
    #[prost(bytes = "bytes", tag = "1")]
    name: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    version: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct OtlpMetric {
    #[prost(bytes = "bytes", tag = "1")]
    name: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    description: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    unit: Bytes,
    #[prost(message, optional, tag = "5")]
    gauge: Option<Gauge>,
    #[prost(message, optional, tag = "7")]
    sum: Option<Sum>,
}

#[derive(Clone, PartialEq, Message)]
struct Gauge {
    #[prost(message, repeated, tag = "1")]
    data_points: Vec<DataPoint>,
}

#[derive(Clone, PartialEq, Message)]
struct Sum {
    #[prost(message, repeated, tag = "1")]
    data_points: Vec<DataPoint>,
    #[prost(int32, tag = "2")]
    aggregation_temporality: i32,
    #[prost(bool, tag = "3")]
    is_monotonic: bool,
}

#[derive(Clone, PartialEq, Message)]
struct DataPoint {
    /// Nanoseconds since 1970.
    #[prost(fixed64, tag = "2")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "3")]
    time_unix_nano: u64,
    /// Of a `oneof`, so that also 0 is written.
    #[prost(double, optional, tag = "4")]
    as_double: Option<f64>,
    #[prost(message, repeated, tag = "7")]
    attributes: Vec<KeyValue>,
    #[prost(uint32, tag = "8")]
    flags: u32,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(bytes = "bytes", optional, tag = "1")]
    string_value: Option<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
struct Response {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_data_points: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// What all requests say of where they come from, and since when counters count.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) host: String,
    /// When the machine was booted, in milliseconds since 1970: the kernel's counters began then.
    pub(super) booted: u64,
    /// When the agent began; its own counters did too.
    pub(super) began: u64,
}

/// The requests for these metrics at a time in milliseconds. The common labels are the resource's attributes.
pub(super) fn batches(
    metrics: &[Metric],
    common: &BTreeMap<String, String>,
    origin: &Origin,
    time: u64,
) -> Vec<Batch> {
    let resource = Resource { attributes: resource(common, &origin.host) };
    let mut batches = Vec::new();
    let mut open = Vec::new();
    let mut samples = 0;
    for metric in metrics {
        let started = if metric.own { origin.began } else { origin.booted };
        // A clock that is behind the boot's would be refused.
        let started = started.min(time);
        for points in metric.points.chunks(MAX_SAMPLES) {
            if samples + points.len() > MAX_SAMPLES {
                batches.push(batch(&resource, std::mem::take(&mut open), samples, time));
                samples = 0;
            }
            samples += points.len();
            open.push(converted(metric, points, started, time));
        }
    }
    if samples > 0 {
        batches.push(batch(&resource, open, samples, time));
    }
    batches
}

/// How many samples a receiver that took the request did not want, and why: from the body of its answer.
pub(super) fn rejected(answer: &[u8]) -> Option<(u64, String)> {
    let partial = Response::decode(answer).ok()?.partial_success?;
    let rejected = u64::try_from(partial.rejected_data_points).unwrap_or(0);
    (rejected > 0 || !partial.error_message.is_empty()).then_some((rejected, partial.error_message))
}

fn batch(resource: &Resource, metrics: Vec<OtlpMetric>, samples: usize, time: u64) -> Batch {
    let scope = Scope {
        name: Bytes::from_static(b"relink"),
        version: Bytes::from_static(env!("CARGO_PKG_VERSION").as_bytes()),
    };
    let scope_metrics = vec![ScopeMetrics { scope: Some(scope), metrics }];
    let resource_metrics = vec![ResourceMetrics { resource: Some(resource.clone()), scope_metrics }];
    let plain = Request { resource_metrics }.encode_to_vec();
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::new(2));
    encoder.write_all(&plain).expect("writing into memory");
    let body = encoder.finish().expect("writing into memory").into();
    Batch { body, samples: samples as u32, time }
}

fn resource(common: &BTreeMap<String, String>, host: &str) -> Vec<KeyValue> {
    let label = |(name, value): (&String, &String)| {
        // As receivers translate them back.
        let name = match name.as_str() {
            "job" => "service.name",
            "instance" => "service.instance.id",
            other => other,
        };
        Label::new(name.to_owned(), value.clone())
    };
    let host = Label::new("host.name", host.to_owned());
    common.iter().map(label).chain([host]).map(|label| attribute(&label)).collect()
}

fn attribute(label: &Label) -> KeyValue {
    KeyValue { key: label.name.clone(), value: Some(AnyValue { string_value: Some(label.value.clone()) }) }
}

fn converted(metric: &Metric, points: &[Point], started: u64, time: u64) -> OtlpMetric {
    const NANOS: u64 = 1_000_000;
    let data_points = points.iter().map(|point| DataPoint {
        start_time_unix_nano: if metric.counts { started * NANOS } else { 0 },
        time_unix_nano: time * NANOS,
        as_double: point.value,
        attributes: point.labels.iter().map(attribute).collect(),
        flags: if point.value.is_none() { NO_RECORDED_VALUE } else { 0 },
    });
    let data_points = data_points.collect();
    let (gauge, sum) = if metric.counts {
        let sum = Sum { data_points, aggregation_temporality: CUMULATIVE, is_monotonic: true };
        (None, Some(sum))
    } else {
        (Some(Gauge { data_points }), None)
    };
    OtlpMetric {
        name: metric.name.clone(),
        description: Bytes::copy_from_slice(metric.help.as_bytes()),
        unit: Bytes::from_static(ucum(metric.unit).as_bytes()),
        gauge,
        sum,
    }
}

/// The unit as OpenTelemetry spells it.
fn ucum(unit: &str) -> &'static str {
    match unit {
        "seconds" => "s",
        "bytes" => "By",
        "hertz" => "Hz",
        "ratio" => "1",
        "celsius" => "Cel",
        "volts" => "V",
        "amperes" => "A",
        "joules" => "J",
        "watts" => "W",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use opentelemetry_proto::tonic::collector::metrics::v1::{
        ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
    };
    use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
    use opentelemetry_proto::tonic::metrics::v1::{metric, number_data_point};

    use super::super::series::{self, Series, tests};
    use super::*;

    const ORIGIN: Origin = Origin { host: String::new(), booted: 100, began: 200 };

    /// Read back by the messages that OpenTelemetry generates from the specification.
    fn decoded(batch: &Batch) -> ExportMetricsServiceRequest {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&batch.body[..]).read_to_end(&mut plain).unwrap();
        Message::decode(&plain[..]).unwrap()
    }

    fn attributes(of: &[KeyValue]) -> Vec<(&str, &str)> {
        let text = |one: &any_value::Value| match one {
            any_value::Value::StringValue(text) => text.clone(),
            other => panic!("{other:?}"),
        };
        of.iter()
            .map(|pair| {
                let value = pair.value.as_ref().unwrap().value.as_ref().unwrap();
                (pair.key.as_str(), &*Box::leak(text(value).into_boxed_str()))
            })
            .collect()
    }

    #[test]
    fn it_is_what_the_specification_says() {
        let snapshot = tests::snapshot(&tests::layout(2), 0.0);
        let ended = vec![Series {
            name: "busy_seconds_total".into(),
            counts: true,
            labels: vec![Label::new("cpu", "9")],
        }];
        let metrics = series::metrics(&snapshot, 0.5, ended);
        let common = [("job", "node"), ("instance", "here"), ("zone", "b")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let origin = Origin { host: "web-1".to_owned(), ..ORIGIN };
        let batches = batches(&metrics, &common, &origin, 1000);
        assert_eq!((batches.len(), batches[0].samples), (1, 7));
        let request = decoded(&batches[0]);
        let resource = &request.resource_metrics[0];
        assert_eq!(
            attributes(&resource.resource.as_ref().unwrap().attributes),
            [
                ("service.instance.id", "here"),
                ("service.name", "node"),
                ("zone", "b"),
                ("host.name", "web-1")
            ]
        );
        let scope = &resource.scope_metrics[0];
        assert_eq!(scope.scope.as_ref().unwrap().name, "relink");
        let [busy, load, up, ..] = &scope.metrics[..] else { panic!("{scope:?}") };
        assert_eq!((&*busy.name, &*busy.unit, &*busy.description), ("busy_seconds_total", "s", "Time busy."));
        let Some(metric::Data::Sum(sum)) = &busy.data else { panic!("{busy:?}") };
        assert_eq!((sum.aggregation_temporality, sum.is_monotonic), (CUMULATIVE, true));
        let point = &sum.data_points[1];
        assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (100_000_000, 1_000_000_000));
        assert_eq!(point.value, Some(number_data_point::Value::AsDouble(0.0)), "also 0 is a value");
        assert_eq!(attributes(&point.attributes), [("cpu", "1"), ("job", "idle")]);
        let end = &sum.data_points[2];
        assert_eq!((end.flags, end.value), (NO_RECORDED_VALUE, None));
        assert_eq!(attributes(&end.attributes), [("cpu", "9")]);
        let Some(metric::Data::Gauge(gauge)) = &load.data else { panic!("{load:?}") };
        assert_eq!(gauge.data_points[0].start_time_unix_nano, 0);
        assert_eq!(up.name, "up");
    }

    #[test]
    fn a_rejection_of_some_samples_is_read() {
        let partial = |rejected, words: &str| {
            let partial = ExportMetricsPartialSuccess {
                rejected_data_points: rejected,
                error_message: words.to_owned(),
            };
            ExportMetricsServiceResponse { partial_success: Some(partial) }.encode_to_vec()
        };
        assert_eq!(rejected(&partial(3, "too old")), Some((3, "too old".to_owned())));
        assert_eq!(rejected(&partial(0, "")), None);
        assert_eq!(rejected(b""), None);
        assert_eq!(rejected(b"<html>"), None);
    }

    #[test]
    fn many_samples_are_several_requests() {
        let metric = |points: usize| Metric {
            name: "m".into(),
            counts: false,
            help: "".into(),
            unit: "",
            own: false,
            points: vec![Point { labels: Vec::new(), value: Some(1.0) }; points],
        };
        let batches = batches(&[metric(4500), metric(100), metric(1500)], &BTreeMap::new(), &ORIGIN, 5);
        let sizes: Vec<_> = batches.iter().map(|batch| batch.samples).collect();
        assert_eq!(sizes, [2000, 2000, 600, 1500]);
    }
}
