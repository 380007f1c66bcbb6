//! The Prometheus text format, version 0.0.4.

use relink_exposition::push_escaped;

use super::family::FamilyView;
use super::text;
use crate::store::lines::Lines;
use crate::store::snapshot::{Layout, Snapshot};

pub(super) fn render(snapshot: &Snapshot) -> Vec<u8> {
    text::render(snapshot, lines)
}

fn lines(layout: &Layout) -> &Lines {
    layout.prometheus.get_or_init(|| text::lines(layout, header, |_, labels| labels.into()))
}

fn header(family: FamilyView<'_>, out: &mut Vec<u8>) {
    let name = family.name.as_bytes();
    out.extend_from_slice(b"# HELP ");
    out.extend_from_slice(name);
    out.push(b' ');
    push_escaped(family.help, false, out);
    out.extend_from_slice(b"\n# TYPE ");
    out.extend_from_slice(name);
    out.push(b' ');
    out.extend_from_slice(family.kind.name().as_bytes());
    out.push(b'\n');
}
