//! What both text formats share: the lines of a layout, and how a number is written.

use std::io::Write;

use relink_core::{Family, RuntimeFamily, RuntimeSample, SeriesSet};

use crate::store::lines::Lines;
use crate::store::snapshot::{Frame, Layout, Snapshot};

/// The longest number, `-1.2345678901234567e-308`, and the newline behind it.
const NUMBER: usize = 25;

/// Renders the layout of these series, in the format that writes headers and run-time families so.
pub(crate) fn lines(
    series: &SeriesSet,
    header: fn(&Family, &mut Vec<u8>),
    runtime: fn(RuntimeFamily<'_>, &mut Vec<u8>),
) -> Lines {
    let ends = Vec::with_capacity(series.len());
    let mut lines = Lines { text: Vec::new(), ends, runtime: Vec::new() };
    series.expositions().families().for_each(|family| runtime(family, &mut lines.runtime));
    lines.runtime.shrink_to_fit();
    let mut last = None;
    for place in series.places() {
        let (index, family) = series.family_of(place);
        if last != Some(index) {
            header(family, &mut lines.text);
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
pub(crate) fn push_runtime(family: &str, sample: RuntimeSample<'_>, labels: &str, out: &mut Vec<u8>) {
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

/// Text with backslashes and newlines escaped, and quotes where the format wants it.
pub(crate) fn push_escaped(text: &str, quotes: bool, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'"' if quotes => out.extend_from_slice(b"\\\""),
            _ => out.push(byte),
        }
    }
}

/// The shortest text that reads back as the same number.
pub(crate) fn push_number(value: f64, out: &mut Vec<u8>) {
    let whole = value as i64;
    if whole as f64 == value && whole.unsigned_abs() < 1 << 53 {
        return out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    }
    // Ticks, milliseconds and load averages are thousandths. A decimal of up to 15 digits that reads back as the
    // same number is the only such one and hence the shortest, and writing two integers is five times as fast.
    let thousandths = (value * 1000.0).round();
    if thousandths.abs() < 1e15 && thousandths / 1000.0 == value {
        return push_thousandths(thousandths as i64, out);
    }
    let magnitude = value.abs();
    // Writing into memory does not fail.
    let _ = if value.is_nan() {
        out.write_all(b"NaN")
    } else if value.is_infinite() {
        out.write_all(if value > 0.0 { b"+Inf" } else { b"-Inf" })
    } else if (1e-5..1e21).contains(&magnitude) {
        write!(out, "{value}")
    } else {
        write!(out, "{value:e}")
    };
}

fn push_thousandths(thousandths: i64, out: &mut Vec<u8>) {
    if thousandths < 0 {
        out.push(b'-');
    }
    let (whole, part) = (thousandths.unsigned_abs() / 1000, thousandths.unsigned_abs() % 1000);
    out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    let digits = [b'.', b'0' + (part / 100) as u8, b'0' + (part / 10 % 10) as u8, b'0' + (part % 10) as u8];
    let zeros = digits.iter().rev().take_while(|&&digit| digit == b'0').count();
    out.extend_from_slice(&digits[..digits.len() - zeros]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: f64) -> String {
        let mut out = Vec::new();
        push_number(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_short() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-17.0, "-17"),
            (0.5, "0.5"),
            (-0.25, "-0.25"),
            (0.001, "0.001"),
            (12345.67, "12345.67"),
            (1700000000.123, "1700000000.123"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1.0 / 3.0, "0.3333333333333333"),
            (9007199254740993.0, "9007199254740992"),
            (18446744073709551615.0, "18446744073709552000"),
            (0.000012, "0.000012"),
            (1.5e-7, "1.5e-7"),
            (1e300, "1e300"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!(number(-2.2250738585072014e-308).len() + 1, NUMBER);
    }

    #[test]
    fn every_number_reads_back_and_none_is_longer_than_the_room_for_it() {
        let mut state = 1_u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for _ in 0..100_000 {
            let bits = random();
            for value in [f64::from_bits(bits), (bits >> 20) as f64 / 100.0, (bits >> 30) as f64 / 1000.0] {
                let text = number(value);
                assert!(text.len() < NUMBER, "{text}");
                if value.is_finite() {
                    assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits(), "{text}");
                    assert!(
                        text.contains('e') || text.len() <= format!("{value}").len(),
                        "{text} for {value}"
                    );
                }
            }
        }
    }
}
