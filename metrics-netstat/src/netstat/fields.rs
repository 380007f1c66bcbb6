//! The option `fields`: which of the protocols' fields are shown.

use relink_core::Error;
use relink_pattern::Pattern;

use super::shown;

/// A pattern over names such as `Tcp_InSegs`, as node_exporter has it; without one, all that have a family are shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(Option<Pattern>);

impl Fields {
    /// An empty pattern is none; one that leaves nothing over is a mistake.
    pub(crate) fn new(pattern: &str) -> Result<Self, Error> {
        if pattern.is_empty() {
            return Ok(Fields::default());
        }
        let fields = Fields(Some(Pattern::new("[collectors.netstat]: fields", pattern)?));
        if shown().any(|(protocol, field)| fields.show(protocol, field)) {
            return Ok(fields);
        }
        let wrong = format!(
            "[collectors.netstat]: fields is {pattern:?}, which is none of the fields that this collector shows"
        );
        Err(Error::new(wrong).hint("they are in the README of metrics-netstat, as in Tcp_InSegs"))
    }

    /// Whether this field is shown.
    pub(crate) fn show(&self, protocol: &str, field: &str) -> bool {
        self.0.as_ref().is_none_or(|pattern| pattern.is_match(&format!("{protocol}_{field}")))
    }

    /// Whether a pattern is set and asks for this field.
    pub(crate) fn ask_for(&self, protocol: &str, field: &str) -> bool {
        self.0.is_some() && self.show(protocol, field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_chooses_among_what_there_is() {
        let all = Fields::new("").unwrap();
        assert!(all.show("Tcp", "InSegs") && !all.ask_for("Tcp", "InSegs"));
        let some = Fields::new("^(Tcp_InSegs|Udp_Mem.*)$").unwrap();
        assert!(some.show("Tcp", "InSegs") && !some.show("Tcp", "OutSegs"));
        assert!(some.ask_for("Udp", "MemErrors"), "without a family, and asked for");
        for (wrong, why) in [("(", "expected a regular expression"), ("^Sctp", "none of the fields")] {
            let error = Fields::new(wrong).unwrap_err().to_string();
            assert!(error.contains("[collectors.netstat]: fields is") && error.contains(why), "{error}");
        }
    }
}
