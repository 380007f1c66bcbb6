//! The Prometheus text format, version 0.0.4.

use relink_core::{Family, Kind};
use relink_exposition::{RuntimeFamily, push_escaped};

use super::text;
use crate::store::lines::Lines;
use crate::store::snapshot::{Layout, Snapshot};

pub(super) fn render(snapshot: &Snapshot) -> Vec<u8> {
    text::render(snapshot, lines)
}

fn lines(layout: &Layout) -> &Lines {
    layout.prometheus.get_or_init(|| text::lines(layout, header, runtime))
}

fn header(family: &Family, out: &mut Vec<u8>) {
    let kind = match family.kind() {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Unknown => "untyped",
    };
    push_header(family.name(), family.help(), kind, out);
}

fn runtime(family: RuntimeFamily<'_>, out: &mut Vec<u8>) {
    push_header(family.name(), family.help(), family.kind().name(), out);
    for sample in family.samples() {
        text::push_runtime(family.name(), sample, sample.labels, out);
    }
}

fn push_header(name: &str, help: &str, kind: &str, out: &mut Vec<u8>) {
    let name = name.as_bytes();
    out.extend_from_slice(b"# HELP ");
    out.extend_from_slice(name);
    out.push(b' ');
    push_escaped(help, false, out);
    out.extend_from_slice(b"\n# TYPE ");
    out.extend_from_slice(name);
    out.push(b' ');
    out.extend_from_slice(kind.as_bytes());
    out.push(b'\n');
}
