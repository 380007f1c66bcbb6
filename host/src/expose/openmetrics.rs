//! The OpenMetrics text format, version 1.0.

use relink_core::{Family, Kind};

use super::text::{self, Lines};
use crate::store::snapshot::{Layout, Snapshot};

pub(super) fn render(snapshot: &Snapshot) -> Vec<u8> {
    let mut out = text::render(snapshot, lines);
    out.extend_from_slice(b"# EOF\n");
    out
}

fn lines(layout: &Layout) -> &Lines {
    layout.openmetrics.get_or_init(|| Lines::new(&layout.series, header))
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

fn push_line(word: &str, name: &str, text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"# ");
    out.extend_from_slice(word.as_bytes());
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
    text::push_escaped(text, true, out);
    out.push(b'\n');
}
