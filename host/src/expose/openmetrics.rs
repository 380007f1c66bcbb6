//! The OpenMetrics text format, version 1.0.

use std::borrow::Cow;

use relink_core::{Family, Kind};
use relink_exposition::{RuntimeFamily, RuntimeKind, push_escaped};

use super::text;
use crate::store::lines::Lines;
use crate::store::snapshot::{Layout, Snapshot};

pub(super) fn render(snapshot: &Snapshot) -> Vec<u8> {
    let mut out = text::render(snapshot, lines);
    out.extend_from_slice(b"# EOF\n");
    out
}

fn lines(layout: &Layout) -> &Lines {
    layout.openmetrics.get_or_init(|| text::lines(layout, header, runtime))
}

fn header(family: &Family, out: &mut Vec<u8>) {
    // Here `_total` belongs to a counter's sample, not to the family.
    let (name, kind) = match family.kind() {
        Kind::Counter => (family.name().strip_suffix("_total").unwrap_or(family.name()), "counter"),
        Kind::Gauge => (family.name(), "gauge"),
        Kind::Unknown => (family.name(), "unknown"),
    };
    push_line("TYPE", name, kind, out);
    // A unit that is not the family name's end is an error, and a family of unknown kind keeps its `_total`.
    let unit = family.unit();
    if !unit.is_empty() && name.ends_with(unit) {
        push_line("UNIT", name, unit, out);
    }
    push_line("HELP", name, family.help(), out);
}

fn runtime(family: RuntimeFamily<'_>, out: &mut Vec<u8>) {
    // A counter that lacks the `_total` is none here, and its series must have one name in all formats.
    let (name, kind) = match family.kind() {
        RuntimeKind::Counter => match family.name().strip_suffix("_total") {
            Some(name) => (name, "counter"),
            None => (family.name(), "unknown"),
        },
        RuntimeKind::Untyped => (family.name(), "unknown"),
        kind => (family.name(), kind.name()),
    };
    push_line("TYPE", name, kind, out);
    push_line("HELP", name, family.help(), out);
    let bound = match family.kind() {
        RuntimeKind::Histogram => "le=\"",
        RuntimeKind::Summary => "quantile=\"",
        _ => "",
    };
    for sample in family.samples() {
        let labels = if bound.is_empty() { sample.labels.into() } else { with_float(sample.labels, bound) };
        text::push_runtime(family.name(), sample, &labels, out);
    }
}

/// Here a bound is written as a float: `le="1.0"`. It stands last.
fn with_float<'a>(labels: &'a str, bound: &str) -> Cow<'a, str> {
    let is_whole = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let value = labels.rfind(bound).and_then(|at| labels[at + bound.len()..].strip_suffix('"'));
    match value {
        Some(value) if is_whole(value) => format!("{}.0\"", &labels[..labels.len() - 1]).into(),
        _ => labels.into(),
    }
}

fn push_line(word: &str, name: &str, text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"# ");
    out.extend_from_slice(word.as_bytes());
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
    push_escaped(text, true, out);
    out.push(b'\n');
}
