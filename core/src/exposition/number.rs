//! How numbers are written.

use std::fmt::Write as _;

/// Appends the shortest text that reads back as the same number.
pub(super) fn push_value(value: f64, out: &mut String) {
    // Writing into memory does not fail.
    let _ = match value {
        v if v.is_nan() => write!(out, "NaN"),
        v if v.is_infinite() => write!(out, "{}Inf", if v > 0.0 { '+' } else { '-' }),
        v if v == 0.0 || (1e-5..1e21).contains(&v.abs()) => write!(out, "{v}"),
        v => write!(out, "{v:e}"),
    };
}

/// A bound or a quantile as Prometheus' own library writes it: it is a label, so its text is part of what the series
/// is, and `1.0` in one file has to be the `1` of another.
pub(super) fn label(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        let mut text = String::new();
        push_value(if value == 0.0 { 0.0 } else { value }, &mut text);
        return text;
    }
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
}
