//! The plugin on trees of files such as the kernel would show.
#![cfg(target_os = "linux")]

use metrics_processes as _;
use relink_testing::{Tree, assert_switch, collect, make, plugin, render};

const ALL: &str = r#"{"states": true}"#;

fn stat(name: &str, state: char, threads: u32) -> String {
    format!("7 ({name}) {state} 1 1 1 0 -1 4194304 105 0 0 0 0 0 0 0 20 0 {threads} 0 497129 2998272\n")
}

fn machine() -> Tree {
    let schedstat = "version 15\ntimestamp 4296\n\
        cpu0 0 0 0 0 0 0 2045936778163 343796328169 4767485306\n\
        domain0 3 1 2 3\n\
        cpu3 0 0 0 0 0 0 1500000000 1 2\n";
    Tree::new()
        .file("proc/sys/kernel/pid_max", "32768\n")
        .file("proc/sys/kernel/threads-max", "192730\n")
        .file("proc/schedstat", schedstat)
        .file("proc/loadavg", "0.27 0.75 1.46 2/93 16595\n")
        .file("proc/1/stat", stat("init", 'S', 1))
        .file("proc/20/stat", stat("a (strange) \u{1}name) R", 'S', 3))
        .file("proc/20/task/20/stat", stat("a", 'S', 3))
        .file("proc/20/task/21/stat", stat("b", 'R', 3))
        .file("proc/20/task/22/stat", stat("c", 'D', 3))
        .file("proc/300/stat", stat("zombie", 'Z', 1))
        .file("proc/301/cmdline", "a process that ended while it was looked at")
}

relink_testing::conforms!("processes", machine(), reads: 6, allocations: 0);

#[test]
fn a_whole_machine() {
    assert_eq!(
        render(&machine(), "processes", ALL).unwrap(),
        r#"node_processes_max_processes 32768
node_processes_max_threads 192730
node_processes_pids 3
node_processes_state{state="S"} 2
node_processes_state{state="Z"} 1
node_processes_threads 5
node_processes_threads_state{thread_state="D"} 1
node_processes_threads_state{thread_state="R"} 1
node_processes_threads_state{thread_state="S"} 2
node_processes_threads_state{thread_state="Z"} 1
node_schedstat_running_seconds_total{cpu="0"} 2045.936778163
node_schedstat_running_seconds_total{cpu="3"} 1.5
node_schedstat_waiting_seconds_total{cpu="0"} 343.796328169
node_schedstat_waiting_seconds_total{cpu="3"} 0.000000001
node_schedstat_timeslices_total{cpu="0"} 4767485306
node_schedstat_timeslices_total{cpu="3"} 2
"#
    );
}

#[test]
fn processes_are_counted_only_when_asked_for() {
    let text = render(&machine(), "processes", "{}").unwrap();
    let shown: Vec<&str> = text.lines().filter(|line| line.starts_with("node_processes")).collect();
    assert_eq!(shown, ["node_processes_max_processes 32768", "node_processes_max_threads 192730"]);
    let error = make(&machine(), "processes", r#"{"state": true}"#).err().unwrap();
    assert_eq!(
        error.message(),
        "[plugins.processes]: unknown field `state`, expected `states` or `schedstat`"
    );
}

#[test]
fn processes_come_and_go() {
    let tree = machine();
    let mut collector = make(&tree, "processes", ALL).unwrap();
    let good = collect(&mut *collector, "processes").unwrap();
    std::fs::remove_dir_all(tree.path().join("proc/20")).unwrap();
    let text = collect(&mut *collector, "processes").unwrap();
    assert!(text.contains("node_processes_pids 2\n") && !text.contains("\"D\""), "{text}");
    tree.write("proc/20/stat", stat("again", 'S', 3));
    for (tid, state) in [(20, 'S'), (21, 'R'), (22, 'D')] {
        tree.write(&format!("proc/20/task/{tid}/stat"), stat("again", state, 3));
    }
    assert_eq!(collect(&mut *collector, "processes").unwrap(), good);
}

#[test]
fn garbage_is_told_with_its_file() {
    for (file, content, said) in [
        ("1/stat", "", "/proc/1/stat: expected a name in parentheses and a state, found \"\""),
        ("1/stat", "1 (init) SS 1", "/proc/1/stat: expected a name in parentheses and a state"),
        ("1/stat", "1 (init) S 1 1", "/proc/1/stat: expected a number of threads, found \"\""),
        ("20/task/21/stat", "junk", "/proc/20/task/21/stat: expected a name in parentheses"),
        ("sys/kernel/pid_max", "all\n", "/pid_max: expected a limit, found \"all\\n\""),
        ("schedstat", "", "/schedstat: expected version and a number, found \"\""),
        ("schedstat", "version 15\ncpu0 1 2 3 4 5 6 7\n", "/schedstat: line 2: expected a count, found \"\""),
        ("schedstat", "version 15\ncpux 1\n", "/schedstat: line 2: expected the number of a CPU"),
    ] {
        let tree = machine();
        tree.write(&format!("proc/{file}"), content);
        let error = render(&tree, "processes", ALL).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let missing = render(&Tree::new(), "processes", "{}").unwrap_err().to_string();
    assert!(missing.contains("/pid_max: No such file"), "{missing}");
}

#[test]
fn this_process_is_among_those_of_this_machine() {
    let table = serde_json::Map::from_iter([("states".to_owned(), true.into())]);
    let options = relink_core::Options::new("processes", relink_core::Paths::default(), table);
    let mut collector = (plugin("processes").new)(&options).unwrap();
    let text = collect(&mut *collector, "processes").unwrap();
    let value = |name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{text}"));
        line.trim().parse().unwrap()
    };
    assert!(value("node_processes_pids ") >= 1.0);
    // The test runs in a thread of its own.
    assert!(value("node_processes_threads ") > value("node_processes_pids "));
    assert!(value("node_processes_threads_state{thread_state=\"R\"}") >= 1.0);
}

#[test]
fn each_part_can_be_switched_off() {
    let parts: &[(&str, &[&str])] = &[("schedstat", &["node_schedstat_"])];
    for (part, prefixes) in parts {
        assert_switch(&machine(), "processes", part, prefixes);
    }
}
