//! What both text formats share: the lines of a layout, and how a number is written.

use std::borrow::Cow;

use relink_core::Family;
use relink_exposition::{LONGEST_NUMBER, RuntimeKind, RuntimeSample, push_escaped, push_number};

use super::family::FamilyView;

use crate::store::lines::Lines;
use crate::store::snapshot::{Frame, Layout, Snapshot};

/// The longest number, and the newline behind it.
const NUMBER: usize = LONGEST_NUMBER + 1;

/// Renders a layout, in the format that writes headers, and the labels of texts, so.
pub(super) fn lines(
    layout: &Layout,
    header: fn(FamilyView<'_>, &mut Vec<u8>),
    labels: fn(RuntimeKind, &str) -> Cow<'_, str>,
) -> Lines {
    let series = &layout.series;
    let ends = Vec::with_capacity(series.len());
    let mut lines = Lines { text: Vec::new(), ends, runtime: Vec::new() };
    for family in layout.texts.families() {
        header(family.into(), &mut lines.runtime);
        for sample in family.samples() {
            push_runtime(family.name(), sample, &labels(family.kind(), sample.labels), &mut lines.runtime);
        }
    }
    lines.runtime.shrink_to_fit();
    let mut last = None;
    for place in series.places() {
        let (index, family) = series.family_of(place);
        if last != Some(index) {
            header(family.into(), &mut lines.text);
            last = Some(index);
        }
        push_series(family, series.labels_of(place), &mut lines.text);
        lines.text.push(b' ');
        lines.ends.push(u32::try_from(lines.text.len()).expect("series are limited to far less than 4 GiB"));
    }
    lines.text.shrink_to_fit();
    lines
}

/// The samples of all readings that succeeded.
pub(crate) fn render(snapshot: &Snapshot, lines: fn(&Layout) -> &Lines) -> Vec<u8> {
    let frames = || snapshot.readings.iter().filter_map(|reading| reading.result.as_ref().ok());
    // A bound rather than the last length: what is not written to costs no memory, and nothing is moved.
    let room = |frame: &Frame| {
        let lines = lines(&frame.layout);
        lines.text.len() + lines.runtime.len() + NUMBER * frame.values.len()
    };
    let room = frames().map(room).sum::<usize>();
    let mut out = Vec::with_capacity(room + 64);
    for frame in frames() {
        let Lines { text, ends, runtime } = lines(&frame.layout);
        let mut start = 0;
        for (place, &end) in frame.layout.series.places().zip(ends) {
            let end = end as usize;
            out.extend_from_slice(&text[start..end]);
            push_number(frame.values[place], &mut out);
            out.push(b'\n');
            start = end;
        }
        out.extend_from_slice(runtime);
    }
    out
}

fn push_series<'a>(family: &Family, values: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
    out.extend_from_slice(family.name().as_bytes());
    let mut before = b'{';
    for (name, value) in family.label_names().iter().zip(values) {
        out.push(before);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"=\"");
        push_escaped(value, true, out);
        out.push(b'"');
        before = b',';
    }
    if before == b',' {
        out.push(b'}');
    }
}

/// The line of a sample whose family is known only at run time.
fn push_runtime(family: &str, sample: RuntimeSample<'_>, labels: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(family.as_bytes());
    out.extend_from_slice(sample.suffix.as_bytes());
    if !labels.is_empty() {
        out.push(b'{');
        out.extend_from_slice(labels.as_bytes());
        out.push(b'}');
    }
    out.push(b' ');
    push_number(sample.value, out);
    out.push(b'\n');
}
