//! The plugin on trees of files such as the kernel would show.

use metrics_pressure as _;
use relink_testing::{Tree, collect, make, render, warnings};

const IDLE: &str = "some avg10=0.00 avg60=0.00 avg300=0.00 total=";

fn machine() -> Tree {
    let full = IDLE.replace("some", "full");
    Tree::new()
        .file("proc/pressure/cpu", format!("{IDLE}655120938\n{full}0\n"))
        .file("proc/pressure/memory", format!("{IDLE}1\n{full}0\n"))
        .file("proc/pressure/io", format!("{IDLE}31266595\n{full}22620044\n"))
        .file("proc/pressure/irq", format!("{full}500000\n"))
}

relink_testing::conforms! { "pressure", machine(), "pressure" => { reads: 8, allocations: 0 } }

#[test]
fn a_whole_machine() {
    assert_eq!(
        render(&machine(), "pressure", "{}").unwrap(),
        "node_pressure_cpu_waiting_seconds_total 655.120938
node_pressure_memory_waiting_seconds_total 0.000001
node_pressure_memory_stalled_seconds_total 0
node_pressure_io_waiting_seconds_total 31.266595
node_pressure_io_stalled_seconds_total 22.620044
node_pressure_irq_stalled_seconds_total 0.5
"
    );
}

#[test]
fn a_kernel_without_it_has_no_pressure() {
    assert_eq!(render(&Tree::new(), "pressure", "{}").unwrap(), "");
    assert!(warnings(&Tree::new(), "pressure", "{}").unwrap().is_empty());
    let tree = machine();
    std::fs::remove_file(tree.path().join("proc/pressure/irq")).unwrap();
    assert_eq!(render(&tree, "pressure", "{}").unwrap().lines().count(), 5);
}

#[test]
fn what_is_bad_in_a_file_is_passed_over_and_the_others_are_shown() {
    let tree = machine();
    let mut collector = make(&tree, "pressure", "{}").unwrap();
    let good = collect(&mut *collector, "pressure").unwrap();
    let half = format!("{IDLE}31266595\nfull total=-3\n");
    for (bad, lost, said) in [
        ("", 2, "pressure/io: the file is empty"),
        ("\u{0}junk", 2, "pressure/io: line 1: expected some or full, found \"\\0junk\""),
        (
            "some avg10=0.00\n",
            2,
            "pressure/io: line 1: expected total= and microseconds at the end, found \"some avg10=0.00\"",
        ),
        (
            &half,
            1,
            "pressure/io: line 2: expected total= and microseconds at the end, found \"full total=-3\"",
        ),
    ] {
        tree.write("proc/pressure/io", bad);
        let text = collect(&mut *collector, "pressure").unwrap();
        assert_eq!(text.lines().count(), 6 - lost, "{text}");
        assert!(text.lines().all(|line| good.contains(line)), "{text}");
        let warnings = warnings(&tree, "pressure", "{}").unwrap();
        assert!(warnings.len() == 1 && warnings[0].ends_with(said), "{warnings:?}");
    }
    tree.write("proc/pressure/io", format!("{IDLE}31266595\nfull total=22620044\n"));
    assert_eq!(collect(&mut *collector, "pressure").unwrap(), good);
}
