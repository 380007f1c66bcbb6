//! The OpenMetrics text format, version 1.0.

use std::borrow::Cow;

use relink_exposition::{RuntimeKind, push_escaped};

use super::family::FamilyView;
use super::text;
use crate::store::lines::Lines;
use crate::store::snapshot::{Layout, Snapshot};

pub(super) fn render(snapshot: &Snapshot) -> Vec<u8> {
    let mut out = text::render(snapshot, lines);
    out.extend_from_slice(b"# EOF\n");
    out
}

fn lines(layout: &Layout) -> &Lines {
    layout.openmetrics.get_or_init(|| text::lines(layout, header, bounds))
}

fn header(family: FamilyView<'_>, out: &mut Vec<u8>) {
    // Here `_total` belongs to a counter's sample, not to the family. A counter of a text that lacks it is none here, as its
    // series must have one name in all formats.
    let (name, kind) = match (family.kind, family.name.strip_suffix("_total")) {
        (RuntimeKind::Counter, Some(name)) => (name, "counter"),
        (RuntimeKind::Counter | RuntimeKind::Untyped, _) => (family.name, "unknown"),
        (kind, _) => (family.name, kind.name()),
    };
    push_line("TYPE", name, kind, out);
    // A unit that is not the family name's end is an error, and a family of unknown kind keeps its `_total`.
    if !family.unit.is_empty() && name.ends_with(family.unit) {
        push_line("UNIT", name, family.unit, out);
    }
    push_line("HELP", name, family.help, out);
}

/// The labels of a sample of a text. Here a bound is written as a float, `le="1.0"`. It stands last.
fn bounds(kind: RuntimeKind, labels: &str) -> Cow<'_, str> {
    let bound = match kind {
        RuntimeKind::Histogram => "le=\"",
        RuntimeKind::Summary => "quantile=\"",
        _ => return labels.into(),
    };
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
