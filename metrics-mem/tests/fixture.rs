//! The plugin and its collector meminfo on trees of files such as the kernel would show.

mod machine;

use machine::machine;
use metrics_mem as _;
use relink_testing::{Tree, make, render, warnings};

// Allocations of meminfo_numa: those of the listing of nodes.
relink_testing::conforms! {
    "mem", machine(),
    "buddyinfo" => { reads: 2, allocations: 0 },
    "ksmd" => { reads: 10, allocations: 0 },
    "meminfo" => { reads: 2, allocations: 0 },
    "meminfo_numa" => { reads: 8, allocations: 30 },
    "slabinfo" => { reads: 2, allocations: 0 },
    "zoneinfo" => { reads: 2, allocations: 0 },
}

#[test]
fn a_whole_machine() {
    assert_eq!(
        render(&machine(), "meminfo", "{}").unwrap(),
        "\
node_memory_MemTotal_bytes 25276502016
node_memory_MemFree_bytes 23146024960
node_memory_MemAvailable_bytes 18957376512
node_memory_Active_anon_bytes 1626112
node_memory_Inactive_file_bytes 1097879552
node_memory_SwapTotal_bytes 0
node_memory_SwapFree_bytes 0
node_memory_NFS_Unstable_bytes 0
node_memory_Committed_AS_bytes 282611712
node_memory_VmallocTotal_bytes 35184372087808
node_memory_HugePages_Total 4
node_memory_HugePages_Free 3
node_memory_Hugepagesize_bytes 2097152
node_memory_DirectMap1G_bytes 25769803776
"
    );
}

#[test]
fn known_keys_are_found_in_whatever_order() {
    let text = "SwapFree:  2 kB\nMemTotal: 1 kB\nNewInLinux9: 7 kB\nHugePages_Free:  3\nActive(anon): 5 kB\n";
    let tree = Tree::new().file("proc/meminfo", text);
    assert_eq!(
        render(&tree, "meminfo", "{}").unwrap(),
        "node_memory_MemTotal_bytes 1024\nnode_memory_Active_anon_bytes 5120\nnode_memory_SwapFree_bytes 2048\n\
         node_memory_HugePages_Free 3\n"
    );
    assert!(warnings(&tree, "meminfo", "{}").unwrap().is_empty());
}

/// A router's kernel: three lines of the table of Linux 2.4 stand before the usual ones.
#[test]
fn lines_of_another_shape_without_a_known_key_are_passed_over() {
    let text = "        total:    used:    free:  shared: buffers:  cached:\n\
        Mem:  260579328 136073216 124506112        0  4915200 94064640\n\
        Swap:        0        0        0\n\
        MemTotal:         254472 kB\n";
    let tree = Tree::new().file("proc/meminfo", text);
    assert_eq!(render(&tree, "meminfo", "{}").unwrap(), "node_memory_MemTotal_bytes 260579328\n");
    assert!(warnings(&tree, "meminfo", "{}").unwrap().is_empty());
}

#[test]
fn an_odd_value_is_passed_over_and_told_with_its_line() {
    let text = "MemTotal: 1 kB\nMemFree:\n\nMemAvailable: -1 kB\nBuffers: 1 MB\nCached: 1\nHugePages_Free: 1 kB\nSwapFree: 2 kB\n";
    let tree = Tree::new().file("proc/meminfo", text);
    assert_eq!(
        render(&tree, "meminfo", "{}").unwrap(),
        "node_memory_MemTotal_bytes 1024\nnode_memory_SwapFree_bytes 2048\n"
    );
    let warnings = warnings(&tree, "meminfo", "{}").unwrap();
    let line = "expected a line such as \"MemTotal: 1024 kB\", found";
    let said = [
        format!("line 2: {line} \"MemFree:\""),
        format!("line 4: {line} \"MemAvailable: -1 kB\""),
        format!("line 5: {line} \"Buffers: 1 MB\""),
        "line 6: expected Cached in kB, found \"1\"".to_owned(),
        "line 7: expected HugePages_Free without a unit, found \"1 kB\"".to_owned(),
    ];
    assert_eq!(warnings.len(), said.len(), "{warnings:?}");
    for (warning, said) in warnings.iter().zip(said) {
        assert!(warning.ends_with(&format!("/proc/meminfo: {said}")), "{warning}");
    }
}

#[test]
fn a_machine_without_the_file_shows_nothing_and_another_file_is_an_error() {
    assert_eq!(render(&Tree::new(), "meminfo", "{}").unwrap(), "");
    for (text, said) in [
        ("", "no line such as \"MemTotal: 1024 kB\", expected one"),
        ("junk\n", "no line such as \"MemTotal: 1024 kB\", expected one"),
        ("MemTotal: x\n", "line 1: expected a line such as \"MemTotal: 1024 kB\", found \"MemTotal: x\""),
    ] {
        let error = render(&Tree::new().file("proc/meminfo", text), "meminfo", "{}").unwrap_err();
        assert!(error.message().ends_with(&format!("/proc/meminfo: {said}")), "{error}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn every_key_of_this_machine_is_known() {
    let options = relink_core::registry::Options::new("meminfo", Default::default(), Default::default());
    let mut collector = (relink_testing::collector("meminfo").new)(&options).unwrap();
    let shown = relink_testing::collect(&mut *collector, "meminfo").unwrap().lines().count();
    assert_eq!(shown, std::fs::read_to_string("/proc/meminfo").unwrap().lines().count());
}

#[test]
fn facts_are_for_people() {
    let mut facts = relink_core::Facts::default();
    make(&machine(), "meminfo", "{}").unwrap().facts(&mut facts).unwrap();
    let row = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(facts.rows(), [row("memory", "5.9 of 23.5 GiB used (25 %)"), row("swap", "none")]);
}
