//! The plugin on trees of files such as the kernel would show.

use metrics_pressure as _;
use relink_testing::{Tree, collect, make, render};

const IDLE: &str = "some avg10=0.00 avg60=0.00 avg300=0.00 total=";

fn machine() -> Tree {
    let full = IDLE.replace("some", "full");
    Tree::new()
        .file("proc/pressure/cpu", format!("{IDLE}655120938\n{full}0\n"))
        .file("proc/pressure/memory", format!("{IDLE}1\n{full}0\n"))
        .file("proc/pressure/io", format!("{IDLE}31266595\n{full}22620044\n"))
        .file("proc/pressure/irq", format!("{full}500000\n"))
}

relink_testing::conforms!("pressure", machine(), reads: 8, allocations: 0);

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
    let tree = machine();
    std::fs::remove_file(tree.path().join("proc/pressure/irq")).unwrap();
    assert_eq!(render(&tree, "pressure", "{}").unwrap().lines().count(), 5);
}

#[test]
fn a_file_that_is_bad_is_an_error_and_a_good_one_after_it_works() {
    let tree = machine();
    let mut collector = make(&tree, "pressure", "{}").unwrap();
    let good = collect(&mut *collector, "pressure").unwrap();
    for (bad, said) in [
        ("", "pressure/io: the file is empty"),
        ("\u{0}junk", "pressure/io: line 1: expected some or full"),
        ("some avg10=0.00\n", "line 1: expected total= and microseconds"),
        (&format!("{IDLE}1\nfull total=-3\n"), "line 2: expected total= and microseconds"),
    ] {
        tree.write("proc/pressure/io", bad);
        let error = collect(&mut *collector, "pressure").unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    tree.write("proc/pressure/io", format!("{IDLE}31266595\nfull total=22620044\n"));
    assert_eq!(collect(&mut *collector, "pressure").unwrap(), good);
}
