//! The plugin on trees of files such as the kernel would show.
#![cfg(target_os = "linux")]

use metrics_processes as _;
use relink_testing::{Tree, collect, make, render, warnings};

fn stat(name: &str, state: char, threads: u32) -> String {
    format!("7 ({name}) {state} 1 1 1 0 -1 4194304 105 0 0 0 0 0 0 0 20 0 {threads} 0 497129 2998272\n")
}

const CGROUPS: &str = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t5\t47\t1\nrdma\t0\t1\t0";

fn machine() -> Tree {
    let schedstat = "version 15\ntimestamp 4296\n\
        cpu0 0 0 0 0 0 0 2045936778163 343796328169 4767485306\n\
        domain0 3 1 2 3\n\
        cpu3 0 0 0 0 0 0 1500000000 1 2\n";
    Tree::new()
        .file("proc/sys/kernel/pid_max", "32768\n")
        .file("proc/sys/kernel/threads-max", "192730\n")
        .file("proc/schedstat", schedstat)
        .file("proc/cgroups", CGROUPS)
        .file("proc/loadavg", "0.27 0.75 1.46 2/93 16595\n")
        .file("proc/1/stat", stat("init", 'S', 1))
        .file("proc/20/stat", stat("a (strange) \u{1}name) R", 'S', 3))
        .file("proc/20/task/20/stat", stat("a", 'S', 3))
        .file("proc/20/task/21/stat", stat("b", 'R', 3))
        .file("proc/20/task/22/stat", stat("c", 'D', 3))
        .file("proc/300/stat", stat("zombie", 'Z', 1))
        .file("proc/301/cmdline", "a process that ended while it was looked at")
}

// Allocations: those of the two listings, of /proc and of the threads of one process.
relink_testing::conforms! {
    "processes", machine(),
    "cgroups" => { reads: 2, allocations: 0 },
    "processes" => { reads: 10, allocations: 26 },
    "schedstat" => { reads: 2, allocations: 0 },
}

#[test]
fn a_whole_machine() {
    assert_eq!(
        render(&machine(), "processes", "{}").unwrap(),
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
"#
    );
    assert_eq!(
        render(&machine(), "schedstat", "{}").unwrap(),
        r#"node_schedstat_running_seconds_total{cpu="0"} 2045.936778163
node_schedstat_running_seconds_total{cpu="3"} 1.5
node_schedstat_waiting_seconds_total{cpu="0"} 343.796328169
node_schedstat_waiting_seconds_total{cpu="3"} 0.000000001
node_schedstat_timeslices_total{cpu="0"} 4767485306
node_schedstat_timeslices_total{cpu="3"} 2
"#
    );
}

#[test]
fn a_machine_without_the_files_shows_nothing() {
    assert!(!relink_testing::collector("processes").on, "it reads a file of each process");
    assert!(!relink_testing::collector("cgroups").on);
    for collector in ["cgroups", "processes", "schedstat"] {
        assert_eq!(render(&Tree::new(), collector, "{}").unwrap(), "");
        assert!(warnings(&Tree::new(), collector, "{}").unwrap().is_empty());
    }
}

#[test]
fn processes_come_and_go() {
    let tree = machine();
    let mut collector = make(&tree, "processes", "{}").unwrap();
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
fn garbage_is_passed_over_and_told_with_its_file() {
    let state = "expected a name in parentheses and a state";
    for (file, content, lost, said) in [
        ("1/stat", "", "pids 3", format!("/proc/1/stat: {state}, found \"\"")),
        ("1/stat", "1 (init) SS 1", "pids 3", format!("/proc/1/stat: {state}, found \"1 (init) SS 1\"")),
        (
            "1/stat",
            "1 (init) S 1 1",
            "pids 3",
            "/proc/1/stat: expected a number of threads, found \"\"".into(),
        ),
        ("20/task/21/stat", "junk", "\"R\"} 1", format!("/proc/20/task/21/stat: {state}, found \"junk\"")),
        (
            "sys/kernel/pid_max",
            "all\n",
            "max_processes",
            "/pid_max: expected a limit, found \"all\\n\"".into(),
        ),
    ] {
        let tree = machine();
        assert!(render(&tree, "processes", "{}").unwrap().contains(lost));
        tree.write(&format!("proc/{file}"), content);
        let text = render(&tree, "processes", "{}").unwrap();
        assert!(!text.contains(lost) && text.contains("node_processes_max_threads 192730"), "{text}");
        let warnings = warnings(&tree, "processes", "{}").unwrap();
        assert!(warnings.len() == 1 && warnings[0].ends_with(&said), "{warnings:?}");
    }
}

#[test]
fn processes_that_may_not_be_read_are_told_once() {
    let tree = machine();
    // Nobody can open a link to itself, root no more than others.
    for task in ["1", "300", "20/task/21"] {
        let path = tree.path().join("proc").join(task).join("stat");
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("stat", &path).unwrap();
    }
    let text = render(&tree, "processes", "{}").unwrap();
    assert!(
        text.contains("node_processes_pids 1\n") && text.contains("node_processes_threads 3\n"),
        "{text}"
    );
    let warnings = warnings(&tree, "processes", "{}").unwrap();
    assert!(warnings.len() == 1 && warnings[0].contains("/proc/<pid>/stat: Too many levels"), "{warnings:?}");
}

#[test]
fn an_odd_cpu_is_passed_over_and_another_file_is_an_error() {
    let schedstat = |content: &str| machine().file("proc/schedstat", content);
    let good = "version 15\ncpu0 0 0 0 0 0 0 5 6 7\n";
    for (line, said) in [
        ("cpu1 1 2 3 4 5 6 7", "/schedstat: line 3: expected a count, found \"\""),
        ("cpu1 1 2 3 4 5 6 7 8 -9", "/schedstat: line 3: expected a count, found \"-9\""),
        ("cpux 1", "/schedstat: line 3: expected the number of a CPU, found \"x 1\""),
    ] {
        let tree = schedstat(&format!("{good}{line}\ncpu3 0 0 0 0 0 0 5 6 7\n"));
        assert_eq!(render(&tree, "schedstat", "{}").unwrap().lines().count(), 6);
        let warnings = warnings(&tree, "schedstat", "{}").unwrap();
        assert!(warnings.len() == 1 && warnings[0].ends_with(said), "{warnings:?}");
    }
    for (content, said) in [
        ("", "/schedstat: expected version and a number, found \"\""),
        ("junk\n", "/schedstat: expected version and a number, found \"junk\\n\""),
        ("cpux 1\n", "/schedstat: line 1: expected the number of a CPU, found \"x 1\""),
    ] {
        let error = render(&schedstat(content), "schedstat", "{}").unwrap_err().to_string();
        assert!(error.ends_with(said), "{error}");
    }
}

#[test]
fn controllers_of_control_groups() {
    assert_eq!(
        render(&machine(), "cgroups", "{}").unwrap(),
        r#"node_cgroups_cgroups{subsys_name="cpuset"} 47
node_cgroups_cgroups{subsys_name="rdma"} 1
node_cgroups_enabled{subsys_name="cpuset"} 1
node_cgroups_enabled{subsys_name="rdma"} 0
"#
    );
    // A kernel without any controller has a head alone.
    let head = machine().file("proc/cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\n");
    assert_eq!(render(&head, "cgroups", "{}").unwrap(), "");
    let odd =
        machine().file("proc/cgroups", b"cpuset\t5\t47\t1\nmem\xff\t7\nrdma\t0\t1\tyes\ncpu\t0\t1\t1\n");
    assert_eq!(render(&odd, "cgroups", "{}").unwrap().lines().count(), 4);
    let warnings = warnings(&odd, "cgroups", "{}").unwrap();
    let said = "expected a line such as \"memory 7 234 1\", found";
    assert!(
        warnings.len() == 2 && warnings[0].contains(&format!("/cgroups: line 2: {said} \"mem\u{fffd}\\t7\""))
    );
    for (content, said) in [
        ("", "/cgroups: expected a table of controllers"),
        ("junk\n", "/cgroups: line 1: expected a line such as"),
    ] {
        let error =
            render(&machine().file("proc/cgroups", content), "cgroups", "{}").unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn this_process_is_among_those_of_this_machine() {
    let options = relink_core::registry::Options::new("processes", Default::default(), Default::default());
    let mut collector = (relink_testing::collector("processes").new)(&options).unwrap();
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
