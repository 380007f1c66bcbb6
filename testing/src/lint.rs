//! What Prometheus' linter wants of names and help, beyond what a [`Family`] must keep to in order to be made.
//!
//! Not held to, because the contract with node_exporter's dashboards goes before it: snake case (the keys of
//! `/proc/meminfo` keep their spelling), `bits` in place of bytes, percent in place of a ratio (bcache), and the charge
//! counter of batteries.

use relink_core::{Family, Kind};

/// Endings that histograms and summaries give to their series.
const OTHERS: [&str; 3] = ["_count", "_sum", "_bucket"];
/// A type says itself what it is.
const TYPES: [&str; 5] = ["counter", "gauge", "histogram", "summary", "untyped"];
/// Words for which the name of the base unit would stand.
const ABBREVIATED: [&str; 14] =
    ["s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d"];
/// Units that are a multiple or a part of a base unit.
const NOT_BASE: [(&str, &str); 18] = [
    ("nanoseconds", "seconds"),
    ("microseconds", "seconds"),
    ("milliseconds", "seconds"),
    ("minutes", "seconds"),
    ("hours", "seconds"),
    ("days", "seconds"),
    ("weeks", "seconds"),
    ("jiffies", "seconds"),
    ("ticks", "seconds"),
    ("kilobytes", "bytes"),
    ("megabytes", "bytes"),
    ("gigabytes", "bytes"),
    ("kibibytes", "bytes"),
    ("mebibytes", "bytes"),
    ("gibibytes", "bytes"),
    ("kilohertz", "hertz"),
    ("megahertz", "hertz"),
    ("millivolts", "volts"),
];

/// What is wrong with the names and help texts.
pub(crate) fn problems(families: &[Family]) -> Vec<String> {
    families.iter().flat_map(problems_of).collect()
}

fn problems_of(family: &Family) -> Vec<String> {
    let name = family.name();
    let mut problems = Vec::new();
    let mut problem = |what: String| problems.push(format!("{name}: {what}"));
    if let Some(ending) = OTHERS.iter().find(|ending| name.ends_with(**ending)) {
        problem(format!("ends in {ending}, which belongs to histograms and summaries"));
    }
    if family.kind() != Kind::Counter && name.ends_with("_total") {
        problem("ends in _total, which belongs to counters".to_owned());
    }
    for word in name.split('_') {
        if TYPES.contains(&word) && !name.ends_with("_charge_counter") {
            problem(format!("has its type in its name, {word:?}"));
        }
        if ABBREVIATED.contains(&word) {
            problem(format!("has a unit cut short, {word:?}"));
        }
        if let Some((_, base)) = NOT_BASE.iter().find(|(unit, _)| *unit == word) {
            problem(format!("is in {word}, expected the base unit {base}"));
        }
    }
    let help = family.help();
    if help.trim() != help || help.trim_end_matches('.').trim().is_empty() || help.contains('\n') {
        problem(format!("has the help {help:?}, expected a sentence on one line"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_pass_and_each_rule_finds_its_offender() {
        let good = [
            Family::counter("node_cpu_seconds_total", "Time."),
            Family::gauge("node_memory_HugePages_Total", "Pages."),
            Family::gauge("node_memory_Committed_AS_bytes", "Memory."),
        ];
        assert_eq!(problems(&good), [""; 0]);
        for (family, what) in [
            (Family::gauge("node_thing_count", "Things."), "histograms"),
            (Family::unknown("node_thing_total", "Things."), "counters"),
            (Family::gauge("node_thing_gauge", "Things."), "its type"),
            (Family::gauge("node_thing_ms", "Things."), "cut short"),
            (Family::counter("node_idle_milliseconds_total", "Time."), "the base unit seconds"),
            (Family::gauge("node_thing", " ."), "one line"),
        ] {
            let found = problems(&[family]);
            assert!(found.len() == 1 && found[0].contains(what), "{found:?}");
        }
    }
}
