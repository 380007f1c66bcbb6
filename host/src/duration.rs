//! Times as Go writes them, in flags and in the web configuration file.

use std::time::Duration;

/// The units, and how many nanoseconds each is. The micro sign and the Greek letter look alike, and both are in use.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// What `time.ParseDuration` of Go makes of a text: numbers, each with its unit, one after the other; or `0`. A time that is
/// below 0 means nothing to anybody here, so signs are refused. The error says what was expected.
pub(crate) fn parse(text: &str) -> Result<Duration, &'static str> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.starts_with(['-', '+']) {
        return Err("expected a time without a sign, such as 5s or 1m30s");
    }
    if text.is_empty() {
        return Err("expected a time such as 5s or 1m30s");
    }
    let mut rest = text;
    let mut sum: u64 = 0;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, behind) = rest.split_at(unit_at);
        let end = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
        let (unit, next) = behind.split_at(end);
        let Some((_, worth)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err("expected a time with its unit (ns, us, ms, s, m or h), such as 5s or 1m30s");
        };
        let part = nanoseconds(number, *worth)?;
        // Go counts in 63 bits, which are 292 years.
        sum = sum.checked_add(part).filter(|sum| *sum <= i64::MAX as u64).ok_or(TOO_LONG)?;
        rest = next;
    }
    Ok(Duration::from_nanos(sum))
}

const TOO_LONG: &str = "expected a time of 292 years at most";

/// A number such as `1.5` of a unit. What is less than a nanosecond is dropped, as Go does.
fn nanoseconds(number: &str, worth: u64) -> Result<u64, &'static str> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return Err("expected a number before each unit, such as 5s or 1m30s");
    }
    let sum = match whole {
        "" => 0,
        whole => whole.parse::<u64>().ok().and_then(|count| count.checked_mul(worth)).ok_or(TOO_LONG)?,
    };
    let mut worth = u128::from(worth);
    let mut scale: u128 = 1;
    let mut digits: u128 = 0;
    // Beyond these digits even an hour has no nanosecond left.
    for digit in fraction.bytes().take(18) {
        digits = digits * 10 + u128::from(digit - b'0');
        scale *= 10;
    }
    worth = worth * digits / scale;
    u64::try_from(worth).ok().and_then(|rest| sum.checked_add(rest)).ok_or(TOO_LONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_go() {
        for (text, nanoseconds) in [
            ("0", 0),
            ("0s", 0),
            ("0.0h", 0),
            ("5s", 5_000_000_000),
            ("5.s", 5_000_000_000),
            (".5s", 500_000_000),
            ("1.5h", 5_400_000_000_000),
            ("1m30s", 90_000_000_000),
            ("1h1m1s1ms1us1ns", 3_661_001_001_001),
            ("1s1s", 2_000_000_000),
            ("30s1m", 90_000_000_000),
            ("250ms", 250_000_000),
            ("0.25s", 250_000_000),
            ("3.46608s", 3_466_080_000),
            ("20us", 20_000),
            ("20\u{b5}s", 20_000),
            ("20\u{3bc}s", 20_000),
            ("7ns", 7),
            ("0.9ns", 0),
            ("0.000000001s", 1),
            ("0.33333333333333333333333h", 1_199_999_999_999),
            ("00012s", 12_000_000_000),
            ("9223372036854775807ns", i64::MAX as u64),
            ("2562047h47m16.854775807s", i64::MAX as u64),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_nanos(nanoseconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "such as 5s"),
            (" ", "with its unit"),
            ("5", "with its unit"),
            ("00", "with its unit"),
            ("5 s", "with its unit"),
            (" 5s", "with its unit"),
            ("5s ", "with its unit"),
            ("5x", "with its unit"),
            ("5S", "with its unit"),
            ("5d", "with its unit"),
            ("1m30", "with its unit"),
            ("1e3s", "with its unit"),
            ("1,5s", "with its unit"),
            ("s", "a number before"),
            ("s5", "a number before"),
            (".s", "a number before"),
            ("1..2s", "a number before"),
            ("1.2.3s", "a number before"),
            ("-1s", "without a sign"),
            ("+1s", "without a sign"),
            ("-0", "without a sign"),
            ("soon", "with its unit"),
            ("9223372036854775808ns", "292 years"),
            ("9999999h", "292 years"),
            ("2562047h48m", "292 years"),
            ("99999999999999999999s", "292 years"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(why), "{text:?}: {error}");
        }
    }

    #[test]
    fn what_is_too_long_is_told_and_never_wraps() {
        for text in ["18446744073.9s", "5124095.99h", "18446744073709551615.9ns", "99999999999999999999s"] {
            assert_eq!(parse(text).unwrap_err(), TOO_LONG, "{text}");
        }
    }
}
