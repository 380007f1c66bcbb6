//! The plugin on trees of files such as the kernel would show.

use metrics_load as _;
use relink_testing::{Tree, render};

fn machine() -> Tree {
    Tree::new().file("proc/loadavg", "0.90 0.76 1.39 2/78 115514\n")
}

relink_testing::conforms! { "load", machine(), "loadavg" => { reads: 2, allocations: 0 } }

#[test]
fn a_whole_machine() {
    let text = render(&machine(), "loadavg", "{}").unwrap();
    assert_eq!(text, "node_load1 0.9\nnode_load5 0.76\nnode_load15 1.39\n");
}

#[test]
fn what_is_no_load_average_is_an_error_that_names_file_and_line() {
    let garbage = Tree::new().file("proc/loadavg", "0.90 (null)\n");
    let garbage = render(&garbage, "loadavg", "{}").unwrap_err().to_string();
    let expected = "/proc/loadavg: line 1: expected a load average such as 0.25, found \"(null)\"";
    assert!(garbage.ends_with(expected), "{garbage}");
}
