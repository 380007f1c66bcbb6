//! The plugin on trees of files such as the kernel would show.

use metrics_load as _;
use relink_testing::{Tree, make, render};

fn machine() -> Tree {
    Tree::new().file("proc/loadavg", "0.90 0.76 1.39 2/78 115514\n")
}

relink_testing::conforms!("load", machine(), reads: 2, allocations: 0);

#[test]
fn a_whole_machine() {
    let text = render(&machine(), "load", "{}").unwrap();
    assert_eq!(text, "node_load1 0.9\nnode_load5 0.76\nnode_load15 1.39\n");
}

#[test]
fn bad_sources_are_errors_that_name_file_and_line() {
    let missing = render(&Tree::new(), "load", "{}").unwrap_err().to_string();
    assert!(missing.contains("/proc/loadavg: No such file"), "{missing}");
    let garbage = Tree::new().file("proc/loadavg", "garbage\n");
    let garbage = render(&garbage, "load", "{}").unwrap_err().to_string();
    assert!(
        garbage.contains("/proc/loadavg: line 1: expected a load average such as 0.25, found"),
        "{garbage}"
    );
}

#[test]
fn facts_are_for_people() {
    let mut facts = relink_core::Facts::default();
    make(&machine(), "load", "{}").unwrap().facts(&mut facts).unwrap();
    assert_eq!(facts.rows(), [("load".to_owned(), "0.9 in 1 minute, 0.76 in 5, 1.39 in 15".to_owned())]);
}
