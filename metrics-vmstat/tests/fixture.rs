//! The plugin on trees of files such as the kernel would show.
#![cfg(target_os = "linux")]

use metrics_vmstat as _;
use relink_testing::{Tree, assert_switch, collect, make, render};

const VMSTAT: &str = "\
nr_free_pages 2996332
pgpgin 25012993
pgpgout 23813884
pswpin 1
pswpout 2
pgfault 18446744073709551615
pgmajfault 35137
oom_kill 3
pgfaults_of_a_later_kernel none
";

fn machine() -> Tree {
    Tree::new()
        .file("proc/vmstat", VMSTAT)
        .file("proc/sys/kernel/random/entropy_avail", "255\n")
        .file("proc/sys/kernel/random/poolsize", "256\n")
}

relink_testing::conforms!("vmstat", machine(), reads: 6, allocations: 0);

#[test]
fn a_whole_machine() {
    assert_eq!(
        render(&machine(), "vmstat", "{}").unwrap(),
        "node_vmstat_oom_kill 3
node_vmstat_pgfault 18446744073709552000
node_vmstat_pgmajfault 35137
node_vmstat_pgpgin 25012993
node_vmstat_pgpgout 23813884
node_vmstat_pswpin 1
node_vmstat_pswpout 2
node_entropy_available_bits 255
node_entropy_pool_size_bits 256
"
    );
}

#[test]
fn what_a_kernel_lacks_is_left_out() {
    let text = render(&Tree::new().file("proc/vmstat", "pgfault 1\n"), "vmstat", "{}").unwrap();
    assert_eq!(text, "node_vmstat_pgfault 1\n");
}

#[test]
fn a_bad_file_is_an_error_and_a_good_one_after_it_works() {
    let missing = render(&Tree::new(), "vmstat", "{}").unwrap_err().to_string();
    assert!(missing.contains("/proc/vmstat: No such file"), "{missing}");
    let tree = machine();
    let mut collector = make(&tree, "vmstat", "{}").unwrap();
    let good = collect(&mut *collector, "vmstat").unwrap();
    for (file, bad, said) in [
        ("proc/vmstat", "", "/vmstat: no line such as pgfault"),
        ("proc/vmstat", "\u{0}junk\n", "/vmstat: line 1: expected a name and a count, found \"\\0junk\""),
        ("proc/vmstat", "nr_free_pages 1\npgfault -2\n", "/vmstat: line 2: expected a count, found \"-2\""),
        ("proc/sys/kernel/random/poolsize", "", "poolsize: expected a number of bits"),
    ] {
        tree.write(file, bad);
        let error = collect(&mut *collector, "vmstat").unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        tree.write("proc/vmstat", VMSTAT);
    }
    tree.write("proc/sys/kernel/random/poolsize", "256\n");
    assert_eq!(collect(&mut *collector, "vmstat").unwrap(), good);
}

#[test]
fn each_part_can_be_switched_off() {
    let parts: &[(&str, &[&str])] = &[("vmstat", &["node_vmstat_"]), ("entropy", &["node_entropy_"])];
    for (part, prefixes) in parts {
        assert_switch(&machine(), "vmstat", part, prefixes);
    }
}

#[test]
fn fields_choose_among_the_families() {
    let shown = |fields: &str| {
        render(&machine(), "vmstat", &format!(r#"{{"fields": "{fields}", "entropy": false}}"#))
    };
    assert_eq!(shown("^pswp").unwrap(), "node_vmstat_pswpin 1\nnode_vmstat_pswpout 2\n");
    // node_exporter's own default.
    let default = shown("^(oom_kill|pgpg|pswp|pg.*fault).*").unwrap();
    assert_eq!(default.lines().count(), 7, "{default}");
    for (wrong, why) in [("(", "expected a regular expression"), ("^nr_", "none of the fields")] {
        let error = shown(wrong).unwrap_err().to_string();
        assert!(error.contains("[plugins.vmstat]: fields is") && error.contains(why), "{error}");
    }
    let tree = machine();
    let mut collector = make(&tree, "vmstat", r#"{"fields": "^(nr_|pgfault$)"}"#).unwrap();
    let mut facts = relink_core::Facts::default();
    collector.facts(&mut facts).unwrap();
    let said: Vec<_> = facts.rows().iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_eq!(said, ["fields: 1 match and have no family here: nr_free_pages"]);
}
