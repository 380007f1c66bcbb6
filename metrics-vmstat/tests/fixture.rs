//! The plugin on trees of files such as the kernel would show.
#![cfg(target_os = "linux")]

use metrics_vmstat as _;
use relink_testing::{Tree, collect, make, render, warnings};

const VMSTAT: &str = "\
nr_free_pages 2996332
pgpgin 25012993
pgpgout 23813884
pswpin 1
pswpout 2
pgfault 18446744073709551615
pgmajfault 35137
oom_kill 3
workingset_of_a_later_kernel none
";

fn machine() -> Tree {
    Tree::new()
        .file("proc/vmstat", VMSTAT)
        .file("proc/sys/kernel/random/entropy_avail", "255\n")
        .file("proc/sys/kernel/random/poolsize", "256\n")
}

relink_testing::conforms! {
    "vmstat", machine(),
    "entropy" => { reads: 4, allocations: 0 },
    "vmstat" => { reads: 2, allocations: 0 },
}

#[test]
fn a_whole_machine() {
    assert_eq!(
        render(&machine(), "vmstat", "{}").unwrap(),
        "node_vmstat_pgpgin 25012993
node_vmstat_pgpgout 23813884
node_vmstat_pswpin 1
node_vmstat_pswpout 2
node_vmstat_pgfault 18446744073709552000
node_vmstat_pgmajfault 35137
node_vmstat_oom_kill 3
"
    );
    assert!(warnings(&machine(), "vmstat", "{}").unwrap().is_empty());
    assert_eq!(
        render(&machine(), "entropy", "{}").unwrap(),
        "node_entropy_available_bits 255\nnode_entropy_pool_size_bits 256\n"
    );
}

#[test]
fn what_a_machine_lacks_is_left_out() {
    let tree = Tree::new().file("proc/vmstat", "pgfault 1\n");
    assert_eq!(render(&tree, "vmstat", "{}").unwrap(), "node_vmstat_pgfault 1\n");
    assert_eq!(render(&tree, "entropy", "{}").unwrap(), "");
    assert_eq!(render(&Tree::new(), "vmstat", "{}").unwrap(), "");
}

#[test]
fn a_bad_file_is_an_error_and_a_good_one_after_it_works() {
    let tree = machine();
    let mut collector = make(&tree, "vmstat", "{}").unwrap();
    let good = collect(&mut *collector, "vmstat").unwrap();
    for (bad, said) in [
        ("\u{0}junk\n", "/vmstat: line 1: expected a name and a count, found \"\\0junk\""),
        ("pgfault -2\n", "/vmstat: line 1: expected a count, found \"-2\""),
    ] {
        tree.write("proc/vmstat", bad);
        let error = collect(&mut *collector, "vmstat").unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    tree.write("proc/vmstat", VMSTAT);
    assert_eq!(collect(&mut *collector, "vmstat").unwrap(), good);
}

#[test]
fn an_odd_line_is_passed_over() {
    let tree = machine().file("proc/vmstat", b"nr_free_pages 1\npgfault -2\n\xff\n\npswpin 7\n");
    assert_eq!(render(&tree, "vmstat", "{}").unwrap(), "node_vmstat_pswpin 7\n");
    let warnings = warnings(&tree, "vmstat", "{}").unwrap();
    let [count, line] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(count.ends_with("/vmstat: line 2: expected a count, found \"-2\""), "{count}");
    assert!(line.ends_with("/vmstat: line 3: expected a name and a count, found \"\u{fffd}\""), "{line}");
}

#[test]
fn a_bad_file_of_entropy_is_passed_over() {
    let tree = machine().file("proc/sys/kernel/random/poolsize", "");
    assert_eq!(render(&tree, "entropy", "{}").unwrap(), "node_entropy_available_bits 255\n");
    let [warning] = &warnings(&tree, "entropy", "{}").unwrap()[..] else { panic!("one warning") };
    assert!(warning.ends_with("/poolsize: expected a number of bits, found \"\""), "{warning}");
}

#[test]
fn fields_choose_what_is_shown() {
    let shown = |fields: &str| render(&machine(), "vmstat", &format!(r#"{{"fields": "{fields}"}}"#));
    assert_eq!(shown("^pswp").unwrap(), "node_vmstat_pswpin 1\nnode_vmstat_pswpout 2\n");
    assert_eq!(shown("^nr_").unwrap().lines().count(), 1);
    assert_eq!(shown("^none$").unwrap(), "");
    let error = shown("(").unwrap_err().to_string();
    assert!(
        error.contains("[collectors.vmstat]: fields is") && error.contains("regular expression"),
        "{error}"
    );
}
