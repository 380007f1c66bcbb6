//! A time in the settings: seconds, with fractions.

use std::ops::Deref;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A setting's time with its default and its range, all in milliseconds. A day is longer than anybody should be waited
/// for, and far from what a timer can't count.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct Seconds<const DEFAULT: u64, const LEAST: u64 = 1, const MOST: u64 = 86_400_000>(Duration);

impl<const DEFAULT: u64, const LEAST: u64, const MOST: u64> Seconds<DEFAULT, LEAST, MOST> {
    pub(crate) const fn ms(milliseconds: u64) -> Self {
        assert!(LEAST <= milliseconds && milliseconds <= MOST, "a time out of its own range");
        Seconds(Duration::from_millis(milliseconds))
    }
}

impl<const DEFAULT: u64, const LEAST: u64, const MOST: u64> Default for Seconds<DEFAULT, LEAST, MOST> {
    fn default() -> Self {
        const { Self::ms(DEFAULT) }
    }
}

impl<const DEFAULT: u64, const LEAST: u64, const MOST: u64> Deref for Seconds<DEFAULT, LEAST, MOST> {
    type Target = Duration;

    fn deref(&self) -> &Duration {
        &self.0
    }
}

impl<const DEFAULT: u64, const LEAST: u64, const MOST: u64> Serialize for Seconds<DEFAULT, LEAST, MOST> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(self.as_secs_f64())
    }
}

impl<'de, const DEFAULT: u64, const LEAST: u64, const MOST: u64> Deserialize<'de>
    for Seconds<DEFAULT, LEAST, MOST>
{
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(from)?;
        let (least, most) = (Duration::from_millis(LEAST), Duration::from_millis(MOST));
        // Neither nan nor what is negative or infinite becomes a `Duration`.
        match Duration::try_from_secs_f64(seconds) {
            Ok(time) if (least..=most).contains(&time) => Ok(Seconds(time)),
            _ => Err(D::Error::custom(format!(
                "{seconds} is out of range, expected seconds from {} to {}",
                least.as_secs_f64(),
                most.as_secs_f64()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, Serialize)]
    struct Table {
        #[serde(default)]
        time: Seconds<1_500, 100, 3_600_000>,
    }

    #[test]
    fn a_time_is_read_as_it_is_written() {
        for (toml, time) in [("", 1.5), ("time = 0.1", 0.1), ("time = 3", 3.0), ("time = 3600.0", 3600.0)] {
            let table: Table = toml::from_str(toml).unwrap();
            assert_eq!(*table.time, Duration::from_secs_f64(time));
            assert_eq!(toml::to_string(&table).unwrap(), format!("time = {time:?}\n"));
        }
    }

    #[test]
    fn what_is_out_of_range_is_told_with_the_range() {
        for wrong in ["0", "0.09", "-1", "-0.0", "3600.1", "1e300", "inf", "-inf", "nan"] {
            let error = toml::from_str::<Table>(&format!("time = {wrong}")).unwrap_err().to_string();
            let value: f64 = wrong.parse().unwrap();
            let told = format!("{value} is out of range, expected seconds from 0.1 to 3600");
            assert!(error.contains(&format!("time = {wrong}\n")) && error.contains(&told), "{error}");
        }
    }
}
