//! The plugin on trees of files such as the kernel would show.
#![cfg(target_os = "linux")]

use metrics_stat as _;
use relink_testing::{Tree, assert_switch, make, render};

const STAT: &str = "\
cpu  30 0 60 900 0 0 0 0 0 0
cpu0 30 0 60 900 0 0 0 0 0 0
intr 213356 0 29 0
ctxt 388277
btime 1700000000
processes 4711
procs_running 2
procs_blocked 1
softirq 99 0 1
";

fn machine() -> Tree {
    Tree::new().file("proc/stat", STAT).file("proc/sys/fs/file-nr", "704\t0\t2466170\n")
}

relink_testing::conforms!("stat", machine(), reads: 4, allocations: 0);

#[test]
fn a_whole_machine() {
    let text = render(&machine(), "stat", "{}").unwrap();
    let (known, own): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| !line.starts_with("node_time") && !line.starts_with("node_uname"));
    assert_eq!(
        known,
        [
            "node_boot_time_seconds 1700000000",
            "node_context_switches_total 388277",
            "node_intr_total 213356",
            "node_forks_total 4711",
            "node_procs_running 2",
            "node_procs_blocked 1",
            "node_filefd_allocated 704",
            "node_filefd_maximum 2466170",
        ]
    );
    let time: f64 = own[0].strip_prefix("node_time_seconds ").unwrap().parse().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((now - 60.0..=now).contains(&time), "{time}");
    let name = rustix::system::uname();
    let release = format!("release=\"{}\"", name.release().to_str().unwrap());
    assert!(
        own[1].starts_with("node_uname_info{sysname=\"Linux\",") && own[1].contains(&release),
        "{}",
        own[1]
    );
}

#[test]
fn a_kernel_without_sysctl_has_no_number_of_files() {
    let text = render(&Tree::new().file("proc/stat", STAT), "stat", "{}").unwrap();
    assert!(!text.contains("filefd"), "{text}");
    assert_eq!(text.lines().filter(|line| !line.starts_with("node_timex_")).count(), 8);
}

#[test]
fn bad_sources_are_errors_that_name_file_and_line() {
    let fails =
        |file: &str, text: &str| render(&machine().file(file, text), "stat", "{}").unwrap_err().to_string();
    let missing = render(&Tree::new(), "stat", "{}").unwrap_err().to_string();
    assert!(missing.contains("/proc/stat: No such file"), "{missing}");
    let empty = fails("proc/stat", "");
    assert!(empty.contains("/proc/stat: no line such as"), "{empty}");
    let garbage = fails("proc/stat", "cpu 1\nbtime soon\n");
    assert!(
        garbage.contains("/proc/stat: line 2: expected a number after btime, found \"soon\""),
        "{garbage}"
    );
    let files = fails("proc/sys/fs/file-nr", "many\n");
    assert!(files.contains("/proc/sys/fs/file-nr: line 1: expected three numbers"), "{files}");
}

#[test]
fn facts_are_for_people() {
    let mut facts = relink_core::Facts::default();
    make(&machine(), "stat", "{}").unwrap().facts(&mut facts).unwrap();
    assert!(facts.rows()[0].0 == "kernel" && facts.rows()[0].1.starts_with("Linux "), "{facts:?}");
    assert!(facts.rows()[1].0 == "up" && facts.rows()[1].1.contains(" d "), "{facts:?}");
}

const INTERRUPTS: &str = "           CPU0       CPU2
 24:          1          0  IO-APIC   5-edge      ACPI:Ged
LOC:          7          9   Local timer interrupts
ERR:          3
";

#[test]
fn interrupts_are_shown_one_by_one_when_asked_for() {
    let tree = machine().file("proc/interrupts", INTERRUPTS);
    assert!(!render(&tree, "stat", "{}").unwrap().contains("node_interrupts"));
    let text = render(&tree, "stat", r#"{"interrupts": true}"#).unwrap();
    let shown: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("node_interrupts_total")).collect();
    assert_eq!(
        shown,
        [
            r#"{cpu="0",type="24",info="IO-APIC",devices="5-edge ACPI:Ged"} 1"#,
            r#"{cpu="2",type="24",info="IO-APIC",devices="5-edge ACPI:Ged"} 0"#,
            r#"{cpu="0",type="LOC",info="Local timer interrupts",devices=""} 7"#,
            r#"{cpu="2",type="LOC",info="Local timer interrupts",devices=""} 9"#,
        ]
    );
    for (bad, said) in [
        ("", "/interrupts: line 1: expected a line of CPUs"),
        ("junk\n", "/interrupts: line 1: expected a line of CPUs"),
        ("CPU0\njunk\n", "/interrupts: line 2: expected an interrupt, a colon and numbers, found \"junk\""),
        ("CPU0\n1: x y\n", "/interrupts: line 2: expected a count, found \"x\""),
    ] {
        tree.write("proc/interrupts", bad);
        let error = render(&tree, "stat", r#"{"interrupts": true}"#).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn each_part_can_be_switched_off() {
    let parts: &[(&str, &[&str])] = &[
        ("stat", &["node_boot_", "node_context_", "node_intr_", "node_forks_", "node_procs_"]),
        ("time", &["node_time_"]),
        ("uname", &["node_uname_"]),
        ("filefd", &["node_filefd_"]),
    ];
    for (part, prefixes) in parts {
        assert_switch(&machine(), "stat", part, prefixes);
    }
}
