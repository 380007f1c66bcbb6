//! Metric families: what a plugin promises to emit.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

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
/// A name with `{}` in it is a *pattern*: families that only the source knows, as one for each field of a file. Its first
/// label value stands in that place, here as in the help:
///
/// ```
/// # use relink_core::{Family, Samples};
/// const FIELD: Family = Family::unknown("node_vmstat_{}", "Field {} of /proc/vmstat.");
/// # let mut out = Samples::new(&[FIELD], 10);
/// out.push(&FIELD, ["pgfault"], 4711.0); // node_vmstat_pgfault 4711
/// ```
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
    /// Where the hole of a pattern begins in its name.
    hole: Option<usize>,
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

    /// The label names, in the order in which [`Samples::push`](crate::Samples::push) takes their values; those of a pattern
    /// come after the value that completes its name.
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
        Ok(Family { name, help, kind, labels, hole: hole(name) })
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

    /// Whether it stands for families that only the source knows.
    pub const fn is_pattern(&self) -> bool {
        self.hole.is_some()
    }

    /// Whether a name is one of those that this pattern stands for.
    pub fn stands_for(&self, name: &str) -> bool {
        self.hole.is_some_and(|at| fits(self.name, at, name))
    }

    /// How many label values a sample has: one more than labels, where the first completes the name.
    pub const fn value_count(&self) -> usize {
        self.labels.len() + self.is_pattern() as usize
    }

    /// Whether some name can be one of both.
    pub const fn collides(&self, other: &Family) -> bool {
        let (one, two) = (self.name, other.name);
        match (self.hole, other.hole) {
            (None, None) => equal(one.as_bytes(), two.as_bytes()),
            (Some(at), None) => fits(one, at, two),
            (None, Some(at)) => fits(two, at, one),
            // Either could be the other's hole and what is around it.
            (Some(a), Some(b)) => {
                let (one, two) = (one.as_bytes(), two.as_bytes());
                let (begin, end) = (if a < b { a } else { b }, one.len() - a - 2);
                let end = if end < two.len() - b - 2 { end } else { two.len() - b - 2 };
                equal(one.split_at(begin).0, two.split_at(begin).0)
                    && equal(one.split_at(one.len() - end).1, two.split_at(two.len() - end).1)
            }
        }
    }

    /// The family that this pattern is for a value of its hole, in which what no name may have is `_`. Kept for good: there
    /// are as many as the source has names.
    pub(crate) fn completed(&self, hole: &str) -> Family {
        static KNOWN: Mutex<BTreeMap<String, Family>> = Mutex::new(BTreeMap::new());
        let word: String = hole.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let name = self.name.replacen("{}", &word, 1);
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        *known.entry(name).or_insert_with_key(|name| Family {
            name: name.clone().leak(),
            help: self.help.replace("{}", hole).leak(),
            hole: None,
            ..*self
        })
    }

    /// The unit, which is the last word of the name before `_total`, or nothing when that word is no unit.
    ///
    /// Prometheus and OpenMetrics want the unit in the name, so it is read from there and can't disagree with it.
    pub fn unit(&self) -> &'static str {
        Family::unit_of(self.name)
    }

    /// The unit of a family of this name.
    pub fn unit_of(name: &str) -> &'static str {
        let base = name.strip_suffix("_total").unwrap_or(name);
        let ends_base = |unit: &&str| base.strip_suffix(unit).is_some_and(|before| before.ends_with('_'));
        UNITS.iter().copied().find(ends_base).unwrap_or("")
    }
}

/// The base units of Prometheus and OpenMetrics.
const UNITS: [&str; 9] =
    ["seconds", "bytes", "hertz", "ratio", "celsius", "volts", "amperes", "joules", "watts"];

const fn check_name(name: &str, kind: Kind) -> Result<(), &'static str> {
    let is_sound = match hole(name) {
        None => is_name(name),
        // What is before the hole begins the name, so that it does not begin with a digit.
        Some(at) => {
            let (before, behind) = (name.split_at(at).0, name.split_at(at + 2).1);
            is_name(before) && (behind.is_empty() || behind.as_bytes()[0] == b'_' && is_name(behind))
        }
    };
    if !is_sound {
        return Err("a family's name is made of a-z, A-Z, 0-9 and _, and does not begin with a digit");
    }
    let total = matches!(name.as_bytes().last_chunk(), Some(b"_total"));
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

/// Where the hole of a pattern's name begins.
const fn hole(name: &str) -> Option<usize> {
    let name = name.as_bytes();
    let mut i = 1;
    while i < name.len() {
        if name[i - 1] == b'{' && name[i] == b'}' {
            return Some(i - 1);
        }
        i += 1;
    }
    None
}

/// Whether a name is one of those that the pattern with a hole at this place stands for.
const fn fits(pattern: &str, at: usize, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let end = pattern.len() - at - 2;
    name.len() > at + end
        && equal(pattern.split_at(at).0, name.split_at(at).0)
        && equal(pattern.split_at(at + 2).1, name.split_at(name.len() - end).1)
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
    fn a_pattern_stands_for_the_names_that_fit() {
        let field = Family::unknown("node_vmstat_{}", "Field {} of /proc/vmstat.");
        let limit = Family::gauge("node_hwmon_{}_celsius", "Attribute {}.");
        assert!(field.is_pattern() && field.value_count() == 1 && !Family::gauge("a", "A.").is_pattern());
        let done = field.completed("nr/free é");
        assert_eq!((done.name(), done.help()), ("node_vmstat_nr_free__", "Field nr/free é of /proc/vmstat."));
        assert!(!done.is_pattern() && done.kind() == Kind::Unknown);
        for (one, two, expected) in [
            (field, Family::gauge("node_vmstat_pgfault", "F."), true),
            (field, Family::gauge("node_vmstat_", "F."), false),
            (field, Family::gauge("node_netstat_a", "F."), false),
            (limit, Family::gauge("node_hwmon_temp_celsius", "T."), true),
            (limit, Family::gauge("node_hwmon_temp_volts", "T."), false),
            (limit, Family::gauge("node_hwmon_{}", "T."), true),
            (limit, Family::gauge("node_hwmon_{}_volts", "T."), false),
            (field, limit, false),
        ] {
            assert_eq!((one.collides(&two), two.collides(&one)), (expected, expected), "{one:?} {two:?}");
        }
        for name in ["{}", "a_{}b", "a_{}_{}", "{}_a", "a_{", "1{}"] {
            assert!(Family::new(name, "Help.", Kind::Gauge, &[]).is_err(), "{name}");
        }
        assert!(Family::new("node_{}_total", "Help.", Kind::Counter, &["cpu"]).is_ok());
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
