//! Numbers as bcache writes them for people.

/// From the first, each is 1024 of the one before.
const UNITS: &str = "kMGTPEZY";

/// A whole number, or one with a unit: `1.5k`. It is cut to a whole one, as node_exporter does.
///
/// Old kernels write behind the point how many hundreds of 1024 parts there are, so that `.10` is more than `.9`; newer ones
/// a digit of tenths. Nothing tells one from the other, and node_exporter reads both in the old way.
pub(super) fn quantity(text: &str) -> Option<f64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let unit = text.chars().next_back().and_then(|last| UNITS.find(last));
    let number = match unit {
        None => digits(text)?,
        Some(power) => {
            let mantissa = text.get(..text.len() - 1)?;
            let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
            let factor = (0..=power).fold(1.0, |factor, _| factor * 1024.0);
            ((digits(whole)? + digits(part)? / 10.24) * factor).trunc()
        }
    };
    Some(sign * number)
}

fn digits(text: &str) -> Option<f64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse::<u64>().ok().map(|number| number as f64) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        for (text, expected) in [
            ("0", 0.0),
            ("18446744073709551615", 18446744073709551615.0),
            ("542k", 555008.0),
            ("322M", 337641472.0),
            ("0.0k", 0.0),
            ("1.1k", 1124.0),
            ("1.9k", 1924.0),
            ("1.10k", 2024.0),
            ("1.7M", 1765376.0),
            ("20.3G", 21789409280.0),
            ("20.4G", 21894266880.0),
            ("-1.1k", -1124.0),
            ("-251.6k", -257624.0),
            ("2.0Y", 2.0 * 1024f64.powi(8)),
        ] {
            assert_eq!(quantity(text), Some(expected), "{text}");
        }
        for odd in [
            "", "-", "k", ".5k", "1.k", "1.2.3k", "1.5", "--1", "+1", "1.5x", "1.5K", "nan", "1e3", "1.-5k",
            "é",
        ] {
            assert_eq!(quantity(odd), None, "{odd}");
        }
    }
}
