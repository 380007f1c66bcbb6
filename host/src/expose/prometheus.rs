//! The Prometheus text format, version 0.0.4.

use relink_core::{Family, Kind};

use super::text::{self, Lines};
use crate::store::snapshot::{Layout, Snapshot};

pub(super) fn render(snapshot: &Snapshot) -> Vec<u8> {
    text::render(snapshot, lines)
}

fn lines(layout: &Layout) -> &Lines {
    layout.prometheus.get_or_init(|| Lines::new(&layout.series, header))
}

fn header(family: &Family, out: &mut Vec<u8>) {
    let name = family.name().as_bytes();
    let kind = match family.kind() {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Unknown => "untyped",
    };
    out.extend_from_slice(b"# HELP ");
    out.extend_from_slice(name);
    out.push(b' ');
    text::push_escaped(family.help(), false, out);
    out.extend_from_slice(b"\n# TYPE ");
    out.extend_from_slice(name);
    out.push(b' ');
    out.extend_from_slice(kind.as_bytes());
    out.push(b'\n');
}
