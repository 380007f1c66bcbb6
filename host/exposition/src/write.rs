//! How numbers and texts are written, for what is read here and for the pages of the agent.

use std::io::Write as _;

/// Appends text with backslashes and newlines escaped, and quotes where the format wants it.
pub fn push_escaped(text: &str, quotes: bool, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'"' if quotes => out.extend_from_slice(b"\\\""),
            _ => out.push(byte),
        }
    }
}

/// How long a number can get, as `-1.2345678901234567e-308`.
pub const LONGEST_NUMBER: usize = 24;

/// Appends the shortest text that reads back as the same number.
pub fn push_number(value: f64, out: &mut Vec<u8>) {
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

/// A bound or a quantile as Prometheus' own library writes it: it is a label, so its text is part of what the series
/// is, and `1.0` in one file has to be the `1` of another.
pub(super) fn label(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    // Zero has one sign.
    let value = value + 0.0;
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_spelt_as_prometheus_does() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (0.005, "0.005"),
            (2.5, "2.5"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (100_000.0, "100000"),
            (1_000_000.0, "1e+06"),
            (2.5e7, "2.5e+07"),
            (1e100, "1e+100"),
            (-3.0, "-3"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(label(value), text);
        }
    }

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
        assert_eq!(number(-2.2250738585072014e-308).len(), LONGEST_NUMBER);
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
                assert!(text.len() <= LONGEST_NUMBER, "{text}");
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
