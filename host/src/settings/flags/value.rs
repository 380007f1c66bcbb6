//! What follows a flag, as a value of the configuration.

use super::Takes;

impl Takes {
    /// The text as an option's value, or what was expected.
    pub(super) fn value(self, text: &str) -> Result<toml::Value, &'static str> {
        match self {
            Takes::Nothing | Takes::Text | Takes::Texts => Ok(text.into()),
            Takes::Time => seconds(text).map(toml::Value::Float).ok_or("expected a time such as 5s or 1m30s"),
        }
    }
}

/// A time as Go's `time.ParseDuration` reads it: numbers, each with its unit.
fn seconds(text: &str) -> Option<f64> {
    let mut rest = text;
    let mut sum = 0.0;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, behind) = rest.split_at(unit_at);
        let end = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
        let (unit, next) = behind.split_at(end);
        let worth = match unit {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        sum += number.parse::<f64>().ok()? * worth;
        rest = next;
    }
    (!text.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_what_go_makes_of_it() {
        for (text, expected) in
            [("5s", 5.0), ("1m30s", 90.0), ("250ms", 0.25), ("1.5h", 5400.0), ("20µs", 2e-5)]
        {
            assert!((seconds(text).unwrap() - expected).abs() < 1e-12, "{text}");
        }
        for wrong in ["", "5", "s", "5 s", "5x", "-1s", "1..2s", "s5"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
