//! What relink has other than node_exporter for a reason. None of it counts as a loss by itself; what a rule or a
//! panel asks for and would no longer get always does.

use crate::page::Series;

/// Families that may be missing, and why. A name that ends in `*` stands for all that begin so.
const MISSING: &[(&str, &str)] = &[
    ("go_*", "about node_exporter's own process"),
    ("process_*", "about node_exporter's own process"),
    ("promhttp_*", "about node_exporter's own process"),
    ("node_exporter_*", "about node_exporter itself"),
    ("node_scrape_collector_*", "about the agent's own collectors"),
];

/// Of what there is at a moment only.
const MOMENT: &str = "of states that nothing was in for a moment";

/// Series that may be missing: how the family's name begins, a label, how its value begins, and why.
const LEFT_OUT: &[(&str, &str, &str, &str)] = &[
    ("node_processes_state", "state", "", MOMENT),
    ("node_processes_threads_state", "thread_state", "", MOMENT),
    ("node_tcp_connection_states", "state", "", MOMENT),
    (
        "node_disk_",
        "device",
        "zram",
        "of devices zram, which newer node_exporters leave out by default as well",
    ),
    (
        "node_filesystem_",
        "fstype",
        "erofs",
        "of type erofs, which newer node_exporters leave out by default as well",
    ),
];

/// The reason why this family may be missing, or have other series.
pub(crate) fn reason(family: &str) -> Option<&'static str> {
    let is_it = |name: &str| match name.strip_suffix('*') {
        Some(beginning) => family.starts_with(beginning),
        None => family == name,
    };
    MISSING.iter().find(|(name, _)| is_it(name)).map(|(_, reason)| *reason)
}

/// The reason why this series may be missing.
pub(crate) fn left_out(series: &Series) -> Option<&'static str> {
    let is_it = |(family, label, value, _): &&(&str, &str, &str, &str)| {
        let has = series.labels.get(*label).is_some_and(|found| found.starts_with(value));
        series.name.starts_with(family) && has
    };
    LEFT_OUT.iter().find(is_it).map(|(.., reason)| *reason)
}

/// A label's value with the octal escapes undone that the kernel writes for blanks and backslashes in its tables.
/// node_exporter undoes two of them, relink all.
pub(crate) fn without_escapes(value: &str) -> String {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, behind @ ..] = rest {
        match behind.get(..3) {
            Some([a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7']) if *first == b'\\' => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = &behind[3..];
            }
            _ => {
                out.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_may_be_missing() {
        assert!(reason("go_goroutines").is_some() && reason("node_exporter_build_info").is_some());
        for family in ["node_time_seconds", "node_filesystem_readonly", "gopher", "node_timex_offset_seconds"]
        {
            assert_eq!(reason(family), None, "{family}");
        }
    }

    #[test]
    fn octal_escapes_are_undone() {
        for (escaped, plain) in [
            (r#"/mnt/q"uo\134te"#, r#"/mnt/q"uo\te"#),
            (r"/a\040b", "/a b"),
            (r"/a\12", r"/a\12"),
            (r"/a\999", r"/a\999"),
            (r"\", r"\"),
            ("/é", "/é"),
        ] {
            assert_eq!(without_escapes(escaped), plain);
        }
    }
}
