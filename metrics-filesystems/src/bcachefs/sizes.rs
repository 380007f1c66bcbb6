//! Numbers as bcachefs writes them for people: `405`, `7.69G`, `1.32 TiB`. Which it is depends on the version.

use relink_core::Error;

/// The number that is all of a text.
pub(super) fn size(text: &str) -> Result<f64, Error> {
    match take(text) {
        Some((size, rest)) if rest.trim_ascii().is_empty() => Ok(size),
        _ => Err(Error::expected("a size", text.trim_ascii())),
    }
}

/// The number that a text begins with, and the rest.
pub(super) fn first_size(text: &str) -> Result<(f64, &str), Error> {
    take(text).ok_or_else(|| Error::expected("a size", text.trim_ascii()))
}

fn take(text: &str) -> Option<(f64, &str)> {
    let (number, rest) = split(text.trim_ascii_start(), |c| c.is_ascii_digit() || c == '.');
    let (unit, rest) = split(rest.trim_ascii_start(), |c| c.is_ascii_alphabetic());
    let number: f64 = number.parse().ok()?;
    // It stands for an integer, and the decimals are not exact.
    let size = (number * factor(unit)?).trunc();
    size.is_finite().then_some((size, rest))
}

fn split(text: &str, is_inside: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !is_inside(c)).unwrap_or(text.len()))
}

fn factor(unit: &str) -> Option<f64> {
    let mut letters = unit.chars();
    let Some(prefix) = letters.next().filter(|_| unit != "B") else { return Some(1.0) };
    let power = "kmgtpezy".find(prefix.to_ascii_lowercase())? as i32 + 1;
    match letters.as_str() {
        "" | "iB" => Some(1024.0_f64.powi(power)),
        "B" => Some(1000.0_f64.powi(power)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_of_several_versions() {
        for (text, expected) in [
            ("405", 405.0),
            ("542k", 555_008.0),
            ("322M\n", 337_641_472.0),
            ("1.5G", 1_610_612_736.0),
            ("\t7.69G", 8_257_074_626.0),
            ("176T", 193_514_046_488_576.0),
            ("  1.32 TiB", 1_451_355_348_664.0),
            ("512 B", 512.0),
            ("1.00 KiB", 1024.0),
            ("2 kB", 2000.0),
            ("0", 0.0),
            ("18446744073709551615", 18_446_744_073_709_551_615.0),
        ] {
            assert_eq!(size(text).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "G", "-5", "NaN", "inf", "1.2.3", ".", "5 lz4", "5G 6G", "1GiBi", "1é", "(null)"] {
            assert!(size(text).is_err(), "{text:?}");
        }
        assert!(size(&"9".repeat(400)).is_err());
    }

    #[test]
    fn sizes_are_taken_from_a_line() {
        let (first, rest) = first_size(" 1.0G 2.00 GiB 4k").unwrap();
        let (second, rest) = first_size(rest).unwrap();
        assert_eq!((first, second, rest), (1_073_741_824.0, 2_147_483_648.0, " 4k"));
        assert!(first_size("extents: 5").is_err());
    }
}
