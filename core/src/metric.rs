//! Metric families: what a plugin promises to emit.

use serde::Serialize;

/// How the values of a family behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A number that only goes up, or back to zero when its source restarts.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// A number whose behaviour its source does not tell (`untyped` in the Prometheus text format).
    Unknown,
}

/// A metric family: name, help, kind and label names, all known when the plugin is compiled.
///
/// Made in a `const`, a family that breaks the naming rules does not compile:
///
/// ```compile_fail
/// const BAD: relink_core::Family = relink_core::Family::gauge("node load", "Load.");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
}

impl Family {
    /// A family of gauges.
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self::checked(name, help, Kind::Gauge)
    }

    /// A family of counters; the name ends in `_total`.
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self::checked(name, help, Kind::Counter)
    }

    /// A family of which only the source knows whether it counts.
    pub const fn unknown(name: &'static str, help: &'static str) -> Self {
        Self::checked(name, help, Kind::Unknown)
    }

    /// The label names, in the order in which [`Samples::push`](crate::Samples::push) takes their values.
    #[must_use]
    pub const fn labels(mut self, labels: &'static [&'static str]) -> Self {
        if let Err(why) = check_labels(labels) {
            panic!("{}", why);
        }
        self.labels = labels;
        self
    }

    const fn checked(name: &'static str, help: &'static str, kind: Kind) -> Self {
        match Self::new(name, help, kind, &[]) {
            Ok(family) => family,
            Err(why) => panic!("{}", why),
        }
    }

    /// The same checks for families that are known only at run time, such as those of a loaded library.
    pub const fn new(
        name: &'static str,
        help: &'static str,
        kind: Kind,
        labels: &'static [&'static str],
    ) -> Result<Self, &'static str> {
        if let Err(why) = check_name(name, kind) {
            return Err(why);
        }
        if help.is_empty() || help.as_bytes()[help.len() - 1] != b'.' {
            return Err("a family's help is a sentence that ends in a full stop");
        }
        if let Err(why) = check_labels(labels) {
            return Err(why);
        }
        Ok(Family { name, help, kind, labels })
    }

    /// The name, as on the sample lines.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What the values mean, in one sentence.
    pub const fn help(&self) -> &'static str {
        self.help
    }

    /// How the values behave.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The label names, in the order of the values.
    pub const fn label_names(&self) -> &'static [&'static str] {
        self.labels
    }

    /// Whether both have one name.
    pub(crate) const fn collides(&self, other: &Family) -> bool {
        equal(self.name.as_bytes(), other.name.as_bytes())
    }

    /// The unit, which is the last word of the name before `_total`, or nothing when that word is no unit.
    ///
    /// Prometheus and OpenMetrics want the unit in the name, so it is read from there and can't disagree with it.
    pub fn unit(&self) -> &'static str {
        let base = self.name.strip_suffix("_total").unwrap_or(self.name);
        UNITS
            .iter()
            .copied()
            .find(|unit| base.strip_suffix(unit).is_some_and(|b| b.ends_with('_')))
            .unwrap_or("")
    }
}

/// The base units of Prometheus and OpenMetrics.
const UNITS: [&str; 9] =
    ["seconds", "bytes", "hertz", "ratio", "celsius", "volts", "amperes", "joules", "watts"];

const fn check_name(name: &str, kind: Kind) -> Result<(), &'static str> {
    if !is_name(name) {
        return Err("a family's name is made of a-z, A-Z, 0-9 and _, and does not begin with a digit");
    }
    let total = ends_with(name, "_total");
    match kind {
        Kind::Counter if !total => Err("a counter's name ends in _total"),
        Kind::Gauge if total => Err("only a counter's name ends in _total"),
        _ => Ok(()),
    }
}

const fn check_labels(labels: &[&str]) -> Result<(), &'static str> {
    let mut i = 0;
    while i < labels.len() {
        let label = labels[i].as_bytes();
        if !is_name(labels[i]) {
            return Err("a label's name is made of a-z, A-Z, 0-9 and _, and does not begin with a digit");
        }
        if label.len() > 1 && label[0] == b'_' && label[1] == b'_' {
            return Err("label names that begin with __ are Prometheus' own");
        }
        let mut j = 0;
        while j < i {
            if equal(label, labels[j].as_bytes()) {
                return Err("a family has each label once");
            }
            j += 1;
        }
        i += 1;
    }
    Ok(())
}

const fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    if bytes.is_empty() || bytes[0].is_ascii_digit() {
        return false;
    }
    let mut i = 0;
    while i < bytes.len() {
        if !(bytes[i].is_ascii_alphanumeric() || bytes[i] == b'_') {
            return false;
        }
        i += 1;
    }
    true
}

const fn ends_with(text: &str, end: &str) -> bool {
    let (text, end) = (text.as_bytes(), end.as_bytes());
    if text.len() < end.len() {
        return false;
    }
    equal(text.split_at(text.len() - end.len()).1, end)
}

pub(crate) const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_is_the_last_word_of_the_name() {
        assert_eq!(Family::counter("node_cpu_seconds_total", "Time.").unit(), "seconds");
        assert_eq!(Family::gauge("node_memory_Active_bytes", "Memory.").unit(), "bytes");
        assert_eq!(Family::gauge("node_load1", "Load.").unit(), "");
        assert_eq!(Family::gauge("seconds", "No word before the unit.").unit(), "");
    }

    #[test]
    fn names_that_break_the_rules_are_refused() {
        let refused = |name, kind| Family::new(name, "Help.", kind, &[]).is_err();
        assert!(refused("", Kind::Gauge));
        assert!(refused("1load", Kind::Gauge));
        assert!(refused("node:load", Kind::Gauge));
        assert!(refused("node_cpu_seconds", Kind::Counter));
        assert!(refused("node_load_total", Kind::Gauge));
        assert!(Family::new("node_load1", "No full stop", Kind::Gauge, &[]).is_err());
        assert!(Family::new("node_load1", "Help.", Kind::Gauge, &["a", "a"]).is_err());
        assert!(Family::new("node_load1", "Help.", Kind::Gauge, &["__name__"]).is_err());
        assert!(Family::new("node_load1", "Help.", Kind::Gauge, &["cpu", "mode"]).is_ok());
    }
}
