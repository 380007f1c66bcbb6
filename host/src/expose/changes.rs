//! What `GET /events` says of snapshots, as JSON: which number stands for which series, and what has changed.

use std::io::Write;
use std::sync::Arc;

use relink_core::{Family, Kind};

use super::json::{Map, Number};

/// The labels of a series, as a JSON object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Labels(Arc<str>);

impl Labels {
    /// Of these names and values.
    pub(crate) fn of<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        Labels(serde_json::to_string(&Map(pairs.collect())).unwrap_or_default().into())
    }
}

/// A series and its number.
pub(crate) struct Named<'a> {
    pub(crate) number: u32,
    pub(crate) family: &'a str,
    pub(crate) kind: Kind,
    pub(crate) labels: &'a Labels,
}

/// What is not as it was in the snapshot before.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Changes {
    /// When the snapshot was taken, in milliseconds since 1970.
    pub(crate) time_ms: u64,
    /// Nobody measured for a while before it.
    pub(crate) gap: bool,
    /// Numbers of series, with their values.
    pub(crate) values: Vec<(u32, f64)>,
    /// Numbers of series that are no more.
    pub(crate) gone: Vec<u32>,
}

/// An event without an id: `event:NAME`, and JSON in one line.
pub(crate) fn event(name: &str, json: &[u8]) -> Vec<u8> {
    [b"event:", name.as_bytes(), b"\ndata:", json, b"\n\n"].concat()
}

/// The event that gives series their numbers.
pub(crate) fn series<'a>(all: impl Iterator<Item = Named<'a>>) -> Vec<u8> {
    let mut json = br#"{"families":["#.to_vec();
    let mut last: Option<(&str, Kind)> = None;
    for Named { number, family, kind, labels } in all {
        if last != Some((family, kind)) {
            json.extend_from_slice(if last.is_some() { b"]}," } else { b"" });
            // The names of families, their kinds and units have nothing that JSON escapes.
            let unit = Family::unit_of(family);
            let of_kind = serde_json::to_string(&kind).unwrap_or_default();
            put(
                &mut json,
                format_args!(r#"{{"name":"{family}","type":{of_kind},"unit":"{unit}","series":["#),
            );
            last = Some((family, kind));
        } else {
            json.push(b',');
        }
        put(&mut json, format_args!("[{number},{}]", labels.0));
    }
    json.extend_from_slice(if last.is_some() { b"]}]}" } else { b"]}" });
    event("series", &json)
}

/// The event of a snapshot.
pub(crate) fn samples(id: u64, changes: &Changes) -> Vec<u8> {
    let mut event = format!("event:samples\nid:{id}\ndata:{{\"time\":{}", changes.time_ms).into_bytes();
    if changes.gap {
        event.extend_from_slice(br#","gap":true"#);
    }
    event.extend_from_slice(br#","values":["#);
    for (at, (number, value)) in changes.values.iter().enumerate() {
        put(&mut event, format_args!("{}{number},", if at == 0 { "" } else { "," }));
        put_number(&mut event, *value);
    }
    event.push(b']');
    if !changes.gone.is_empty() {
        event.extend_from_slice(br#","gone":["#);
        for (at, number) in changes.gone.iter().enumerate() {
            put(&mut event, format_args!("{}{number}", if at == 0 { "" } else { "," }));
        }
        event.push(b']');
    }
    event.extend_from_slice(b"}\n\n");
    event
}

fn put(json: &mut Vec<u8>, words: std::fmt::Arguments<'_>) {
    json.write_fmt(words).expect("a vector takes all");
}

fn put_number(json: &mut Vec<u8>, value: f64) {
    serde_json::to_writer(&mut *json, &Number(value)).expect("a vector takes all");
}
