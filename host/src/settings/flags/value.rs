//! What follows a flag, as a value of the configuration.

use super::Takes;
use crate::duration;

impl Takes {
    /// The text as an option's value, or what was expected.
    pub(super) fn value(self, text: &str) -> Result<toml::Value, &'static str> {
        match self {
            Takes::Nothing | Takes::Text | Takes::Texts => Ok(text.into()),
            Takes::Time => duration::parse(text).map(|time| toml::Value::Float(time.as_secs_f64())),
        }
    }
}
