//! The plugin on trees of files such as the kernel would show.
#![cfg(target_os = "linux")]

use metrics_stat as _;
use relink_testing::{Tree, make, render, warnings};

const STAT: &str = "\
cpu  30 0 60 900 0 0 0 0 0 0
cpu0 30 0 60 900 0 0 0 0 0 0
intr 213356 0 29 0
ctxt 388277
btime 1700000000
processes 4711
procs_running 2
procs_blocked 1
softirq 99 0 1 2 3 4 5 6 7 8 9
";

const INTERRUPTS: &str = "           CPU0       CPU2
 24:          1          0  IO-APIC   5-edge      ACPI:Ged
LOC:          7          9   Local timer interrupts
ERR:          3
";

const SOFTIRQS: &str = "                    CPU0       CPU2
          HI:          1          0
      NET_TX:         10          7
    IRQ_POLL: 4294967295          0
";

fn machine() -> Tree {
    Tree::new()
        .file("proc/stat", STAT)
        .file("proc/sys/fs/file-nr", "704\t0\t2466170\n")
        .file("proc/sys/kernel/threads-max", "7801\n")
        .file("proc/sys/kernel/seccomp/actions_avail", "kill_process trap\n")
        .file("proc/interrupts", INTERRUPTS)
        .file("proc/softirqs", SOFTIRQS)
        .file("sys/devices/system/clocksource/power/control", "auto\n")
        .file("sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet acpi_pm \n")
        .file("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n")
}

relink_testing::conforms! {
    "stat", machine(),
    "filefd" => { reads: 2, allocations: 0 },
    "interrupts" => { reads: 2, allocations: 0 },
    "softirqs" => { reads: 2, allocations: 0 },
    "stat" => { options: r#"{"softirq": true}"#, reads: 2, allocations: 0 },
    "sysctl" => {
        options: r#"{"include": "kernel.threads-max", "include_info": "kernel.seccomp.actions_avail"}"#,
        reads: 4,
        allocations: 0,
    },
    "time" => { reads: 2, allocations: 14 },
    "timex" => { reads: 0, allocations: 0 },
    "uname" => { reads: 0, allocations: 0 },
}

#[test]
fn a_whole_machine() {
    assert_eq!(
        render(&machine(), "stat", "{}").unwrap(),
        "node_boot_time_seconds 1700000000
node_context_switches_total 388277
node_intr_total 213356
node_forks_total 4711
node_procs_running 2
node_procs_blocked 1
"
    );
    assert_eq!(
        render(&machine(), "filefd", "{}").unwrap(),
        "node_filefd_allocated 704\nnode_filefd_maximum 2466170\n"
    );
    let time = render(&machine(), "time", "{}").unwrap();
    let lines: Vec<&str> = time.lines().collect();
    assert_eq!(
        lines[..4],
        [
            r#"node_time_clocksource_available_info{device="0",clocksource="tsc"} 1"#,
            r#"node_time_clocksource_available_info{device="0",clocksource="hpet"} 1"#,
            r#"node_time_clocksource_available_info{device="0",clocksource="acpi_pm"} 1"#,
            r#"node_time_clocksource_current_info{device="0",clocksource="tsc"} 1"#,
        ]
    );
    let time: f64 = lines[4].strip_prefix("node_time_seconds ").unwrap().parse().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((now - 60.0..=now).contains(&time), "{time}");
    // Which it is depends on the environment.
    assert!(lines[5].starts_with("node_time_zone_offset_seconds{time_zone=\""), "{lines:?}");
    let uname = render(&machine(), "uname", "{}").unwrap();
    let name = rustix::system::uname();
    let release = format!("release=\"{}\"", name.release().to_str().unwrap());
    assert!(uname.starts_with("node_uname_info{sysname=\"Linux\",") && uname.contains(&release), "{uname}");
}

#[test]
fn a_machine_without_the_files_shows_nothing() {
    for collector in ["filefd", "interrupts", "softirqs", "stat"] {
        assert_eq!(render(&Tree::new(), collector, "{}").unwrap(), "", "{collector}");
        assert!(warnings(&Tree::new(), collector, "{}").unwrap().is_empty(), "{collector}");
    }
    let time = render(&Tree::new(), "time", "{}").unwrap();
    assert!(time.starts_with("node_time_seconds ") && time.lines().count() == 2, "{time}");
}

#[test]
fn bad_sources_are_errors_that_name_file_and_line() {
    for (collector, file, text, said) in [
        ("stat", "stat", "", "/proc/stat: no line such as \"ctxt 388277\", expected one"),
        ("stat", "stat", "junk\nctx 3\n", "/proc/stat: no line such as \"ctxt 388277\", expected one"),
        ("stat", "stat", "btime\n", "/proc/stat: line 1: expected a number after btime, found \"\""),
        ("filefd", "sys/fs/file-nr", "many\n", "/file-nr: line 1: expected three numbers"),
        ("interrupts", "interrupts", "junk\n", "/interrupts: line 1: expected a line of CPUs"),
        ("interrupts", "interrupts", "1: 2 x\n2: 3 y\n", "/interrupts: line 1: expected a line of CPUs"),
        ("softirqs", "softirqs", "HI: 2\n", "/softirqs: line 1: expected a line of CPUs"),
    ] {
        let error = render(&machine().file(&format!("proc/{file}"), text), collector, "{}").unwrap_err();
        assert!(error.message().contains(said), "{error}");
    }
}

/// A line of a 4.14 kernel whose count has run over.
#[test]
fn an_odd_line_of_stat_is_passed_over() {
    let tree = machine().file(
        "proc/stat",
        b"cpu  1 1 1 1\ncpu0 1 0 1 9\nctxt 7\n\nbtime 1700000000\nprocesses -2049562273\nfuture \xff\n",
    );
    assert_eq!(
        render(&tree, "stat", "{}").unwrap(),
        "node_boot_time_seconds 1700000000\nnode_context_switches_total 7\n"
    );
    let [warning] = &warnings(&tree, "stat", "{}").unwrap()[..] else { panic!("one warning") };
    let said = "/proc/stat: line 6: expected a number after processes, found \"-2049562273\"";
    assert!(warning.ends_with(said), "{warning}");
}

#[test]
fn facts_are_for_people() {
    let row = |collector: &str| {
        let mut facts = relink_core::Facts::default();
        make(&machine(), collector, "{}").unwrap().facts(&mut facts).unwrap();
        let [(name, value)] = facts.rows() else { panic!("{facts:?}") };
        format!("{name}: {value}")
    };
    let (kernel, up) = (row("uname"), row("stat"));
    assert!(kernel.starts_with("kernel: Linux "), "{kernel}");
    assert!(up.starts_with("up: ") && up.contains(" d "), "{up}");
}

#[test]
fn interrupts_are_shown_one_by_one() {
    let tree = machine();
    assert!(!relink_testing::collector("interrupts").on, "a series for each CPU and interrupt is asked for");
    let text = render(&tree, "interrupts", "{}").unwrap();
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
}

#[test]
fn an_odd_interrupt_is_passed_over() {
    let table = b"  CPU0\n  0: 10 IO-APIC 2-edge timer\n\njunk\n1: x y\n9: 3 IO-APIC \xff\nERR: 0\n\n";
    let tree = machine().file("proc/interrupts", table);
    assert_eq!(
        render(&tree, "interrupts", "{}").unwrap(),
        "node_interrupts_total{cpu=\"0\",type=\"0\",info=\"IO-APIC\",devices=\"2-edge timer\"} 10\n\
         node_interrupts_total{cpu=\"0\",type=\"9\",info=\"IO-APIC\",devices=\"\u{fffd}\"} 3\n"
    );
    let warnings = warnings(&tree, "interrupts", "{}").unwrap();
    let [junk, count] = &warnings[..] else { panic!("{warnings:?}") };
    let said = "/interrupts: line 4: expected an interrupt, a colon and numbers, found \"junk\"";
    assert!(junk.ends_with(said), "{junk}");
    assert!(count.ends_with("/interrupts: line 5: expected a count, found \"x\""), "{count}");
}

#[test]
fn a_large_machine_and_a_cpu_that_goes_are_shown_whole() {
    let table = |cpus: usize| {
        let columns = |what: &str| (0..cpus).map(|cpu| format!(" {what}{cpu}")).collect::<String>();
        let line = |at: usize| format!("{at}:{} PCI-MSI {at}-edge nvme0q{at}\n", columns(""));
        columns("CPU") + "\n" + &(0..200).map(line).collect::<String>()
    };
    let tree = machine().file("proc/interrupts", table(128));
    let mut collector = make(&tree, "interrupts", "{}").unwrap();
    for cpus in [128, 127, 128] {
        tree.write("proc/interrupts", table(cpus));
        let text = relink_testing::collect(&mut *collector, "interrupts").unwrap();
        assert_eq!(text.lines().count(), cpus * 200);
        let last =
            format!("{{cpu=\"{}\",type=\"199\",info=\"PCI-MSI\",devices=\"199-edge nvme0q199\"}}", cpus - 1);
        assert!(text.lines().last().unwrap().contains(&last), "{last}");
    }
}

#[test]
fn soft_interrupts_are_shown_by_vector_if_asked_for() {
    let vectors = |tree: &Tree| {
        let text = render(tree, "stat", r#"{"softirq": true}"#).unwrap();
        let lines = text.lines().filter_map(|line| line.strip_prefix("node_softirqs_total{vector=\""));
        lines.map(|line| line.replace("\"}", "")).collect::<Vec<_>>().join(", ")
    };
    let all =
        "hi 0, timer 1, net_tx 2, net_rx 3, block 4, block_iopoll 5, tasklet 6, sched 7, hrtimer 8, rcu 9";
    assert_eq!(vectors(&machine()), all);
    // A later kernel may have more, an older one would have them in other places.
    let of = |line: &str| machine().file("proc/stat", format!("ctxt 1\n{line}\n"));
    assert_eq!(vectors(&of("softirq 99 0 1 2 3 4 5 6 7 8 9 10")), all);
    for (line, said) in [
        ("softirq 99 0 1 2 3 4 5 6 7 8", "a count of rcu, found \"\""),
        ("softirq 99 0 1 -2 3 4 5 6 7 8 9", "a count of net_tx, found \"-2\""),
    ] {
        assert_eq!(vectors(&of(line)), "", "{line}");
        let [warning] = &warnings(&of(line), "stat", r#"{"softirq": true}"#).unwrap()[..] else {
            panic!("{line}")
        };
        assert!(warning.ends_with(&format!("/proc/stat: line 2: expected {said}")), "{warning}");
        assert!(warnings(&of(line), "stat", "{}").unwrap().is_empty());
    }
}

#[test]
fn soft_interrupts_are_shown_by_cpu_and_type() {
    assert!(!relink_testing::collector("softirqs").on);
    let shown = |tree: &Tree| {
        let text = render(tree, "softirqs", "{}").unwrap();
        let lines = text.lines().filter_map(|line| line.strip_prefix("node_softirqs_functions_total"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let good = [
        r#"{cpu="0",type="HI"} 1"#,
        r#"{cpu="2",type="HI"} 0"#,
        r#"{cpu="0",type="NET_TX"} 10"#,
        r#"{cpu="2",type="NET_TX"} 7"#,
        r#"{cpu="0",type="IRQ_POLL"} 4294967295"#,
        r#"{cpu="2",type="IRQ_POLL"} 0"#,
    ];
    assert_eq!(shown(&machine()), good);
    let odd = "TIMER: 1\nRCU: 1 x\njunk\nSCHED: 1 2 3\nHI: 5 5\n";
    let tree = machine().file("proc/softirqs", SOFTIRQS.to_owned() + odd);
    assert_eq!(shown(&tree), good);
    let warnings = warnings(&tree, "softirqs", "{}").unwrap();
    let said: Vec<_> =
        warnings.iter().map(|warning| warning.split_once("/proc/softirqs: ").unwrap().1).collect();
    assert_eq!(
        said[..4],
        [
            "line 5: 1 counts, expected 2, one for each CPU",
            "line 6: expected a count, found \"x\"",
            "line 7: expected a soft interrupt, a colon and counts, found \"junk\"",
            "line 8: 3 counts, expected 2, one for each CPU",
        ]
    );
}

#[test]
fn clock_sources_that_are_odd_or_change_are_shown_as_they_are() {
    let folder = "sys/devices/system/clocksource";
    let tree = machine().file(&format!("{folder}/clocksource1/available_clocksource"), b"a a \xff\n");
    let mut collector = make(&tree, "time", "{}").unwrap();
    let mut sources = || {
        let text = relink_testing::collect(&mut *collector, "time").unwrap();
        let lines = text.lines().filter_map(|line| line.strip_prefix("node_time_clocksource_"));
        lines.skip(3).map(str::to_owned).collect::<Vec<_>>()
    };
    let current = |name: &str| format!(r#"current_info{{device="0",clocksource="{name}"}} 1"#);
    let available = |name: &str| format!(r#"available_info{{device="1",clocksource="{name}"}} 1"#);
    assert_eq!(sources(), [available("a"), available("\u{fffd}"), current("tsc")]);
    tree.write(&format!("{folder}/clocksource0/current_clocksource"), "hpet\n");
    assert_eq!(sources()[2], current("hpet"));
    tree.write(&format!("{folder}/clocksource0/current_clocksource"), "\n");
    assert_eq!(sources().len(), 2);
}
