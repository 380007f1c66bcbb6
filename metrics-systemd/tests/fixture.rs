//! The plugin on trees of files, with a stand-in for systemd behind a socket, and behind a real bus.
#![cfg(target_os = "linux")]

mod standin;

use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use metrics_systemd as _;
use relink_testing::{Tree, collect, make, render, warnings};

use standin::{Lines, Machine, Manner, Value, join, listen};

const MACHINE: Machine = Machine {
    units: &[
        ["ssh.service", "loaded", "active"],
        ["a@b-c.service", "loaded", "reloading"],
        ["gone.service", "not-found", "inactive"],
        ["apt.timer", "loaded", "active"],
        ["new.timer", "loaded", "inactive"],
        ["dbus.socket", "loaded", "active"],
        ["basic.target", "loaded", "inactive"],
        ["home.mount", "loaded", "failed"],
    ],
    properties: &[
        ("systemd1", "Version", Value::Text("252.38-1~deb12u1")),
        ("systemd1", "Virtualization", Value::Text("")),
        ("systemd1", "SystemState", Value::Text("degraded")),
        ("ssh_service", "Type", Value::Text("notify")),
        ("ssh_service", "NRestarts", Value::Number(2)),
        ("ssh_service", "TasksCurrent", Value::Long(7)),
        ("ssh_service", "TasksMax", Value::Long(u64::MAX)),
        ("ssh_service", "ActiveEnterTimestamp", Value::Long(1_700_000_000_250_000)),
        ("a_b_c_service", "Type", Value::Text("simple")),
        ("a_b_c_service", "TasksCurrent", Value::Long(u64::MAX)),
        ("a_b_c_service", "TasksMax", Value::Long(4915)),
        ("home_mount", "Type", Value::Text("ext4")),
        ("apt_timer", "LastTriggerUSec", Value::Long(1_700_000_001_500_000)),
        ("new_timer", "LastTriggerUSec", Value::Long(0)),
        ("dbus_socket", "NAccepted", Value::Number(u32::MAX)),
        ("dbus_socket", "NConnections", Value::Number(3)),
    ],
};

const ALL: &str = r#"{"unit_exclude": "", "enable_task_metrics": true, "enable_restarts_metrics": true,
    "enable_start_time_metrics": true}"#;

fn bus(tree: &Tree) -> PathBuf {
    tree.path().join("root/run/dbus/system_bus_socket")
}

/// A tree with a socket where the bus is.
fn tree(manner: Manner) -> (Tree, Lines) {
    let tree = Tree::new();
    let lines = listen(&bus(&tree), manner);
    (tree, lines)
}

fn shown(tree: &Tree, options: &str) -> String {
    render(tree, "systemd", options).unwrap().replace("node_systemd_", "")
}

fn error(tree: &Tree) -> String {
    render(tree, "systemd", "{}").unwrap_err().to_string()
}

static TREE: LazyLock<Tree> = LazyLock::new(|| tree(Manner::Answer(MACHINE)).0);

// A read an answer, if each comes for itself. Allocations: the lists of units and questions, as they grow, and three texts.
relink_testing::conforms! {
    "systemd", *TREE,
    "systemd" => { options: ALL, reads: 21, allocations: 14 },
}

const STATES: [&str; 5] = ["activating", "active", "deactivating", "failed", "inactive"];

/// The lines of a unit's states.
fn states(name: &str, kind: &str, state: &str) -> String {
    let line = |one: &str| {
        let is_it = u8::from(one == state);
        format!("unit_state{{name={name:?},state={one:?},type={kind:?}}} {is_it}\n")
    };
    STATES.map(line).concat()
}

#[test]
fn all_is_shown() {
    let text = shown(&TREE, ALL);
    let units = [
        ("a@b-c.service", "simple", "reloading"),
        ("apt.timer", "", "active"),
        ("basic.target", "", "inactive"),
        ("dbus.socket", "", "active"),
        ("home.mount", "ext4", "failed"),
        ("new.timer", "", "inactive"),
        ("ssh.service", "notify", "active"),
    ];
    for (name, kind, state) in units {
        assert!(text.contains(&states(name, kind, state)), "{name}: {text}");
    }
    let rest: Vec<_> = text.lines().filter(|line| !line.starts_with("unit_state{")).collect();
    assert_eq!(rest, REST);
    assert_eq!(text.matches("unit_state{").count(), 5 * units.len());
    assert_eq!(warnings(&TREE, "systemd", ALL).unwrap(), [""; 0]);
}

const REST: [&str; 21] = [
    r#"units{state="activating"} 0"#,
    r#"units{state="active"} 3"#,
    r#"units{state="deactivating"} 0"#,
    r#"units{state="failed"} 1"#,
    r#"units{state="inactive"} 3"#,
    r#"units{state="reloading"} 1"#,
    "system_running 0",
    r#"version{version="252.38-1~deb12u1"} 252.38"#,
    r#"virtualization_info{virtualization_type="none"} 1"#,
    r#"timer_last_trigger_seconds{name="apt.timer"} 1700000001.5"#,
    r#"timer_last_trigger_seconds{name="new.timer"} 0"#,
    r#"socket_accepted_connections_total{name="dbus.socket"} 4294967295"#,
    r#"socket_current_connections{name="dbus.socket"} 3"#,
    r#"unit_start_time_seconds{name="a@b-c.service"} 0"#,
    r#"unit_start_time_seconds{name="basic.target"} 0"#,
    r#"unit_start_time_seconds{name="home.mount"} 0"#,
    r#"unit_start_time_seconds{name="new.timer"} 0"#,
    r#"unit_start_time_seconds{name="ssh.service"} 1700000000.25"#,
    r#"unit_tasks_current{name="ssh.service"} 7"#,
    r#"unit_tasks_max{name="a@b-c.service"} 4915"#,
    r#"service_restart_total{name="ssh.service"} 2"#,
];

#[test]
fn patterns_are_for_whole_names() {
    let names = |options: &str| {
        let text = shown(&TREE, options);
        let states = text.lines().filter(|line| line.contains(r#"state="active""#));
        states
            .filter_map(|line| Some(line.split_once("name=\"")?.1.split_once('"')?.0.to_owned()))
            .collect::<Vec<_>>()
    };
    // Without options no mount is shown.
    assert_eq!(names("{}").len(), 6);
    assert_eq!(names(r#"{"unit_include": "ssh|.*imer"}"#), ["apt.timer", "new.timer"]);
    assert_eq!(names(r#"{"unit_include": ".+\\.timer", "unit_exclude": "apt.*"}"#), ["new.timer"]);
    assert_eq!(names(r#"{"unit_include": ""}"#), [""; 0]);
    let error = render(&TREE, "systemd", r#"{"unit_exclude": "("}"#).unwrap_err().to_string();
    assert!(error.starts_with(r#"[collectors.systemd]: unit_exclude is "(", expected"#), "{error}");
}

#[test]
fn an_old_systemd_shows_what_it_has_and_odd_values_are_told() {
    let machine = Machine {
        units: &[
            ["a.service", "loaded", "active"],
            ["a.service", "loaded", "failed"],
            ["a.socket", "loaded", "active"],
        ],
        properties: &[
            ("systemd1", "Version", Value::Text("9")),
            ("systemd1", "SystemState", Value::Number(1)),
            ("a_service", "Type", Value::Long(1)),
            ("a_socket", "NAccepted", Value::Text("many")),
        ],
    };
    let (tree, _lines) = tree(Manner::Answer(machine));
    let text = shown(&tree, ALL);
    assert!(text.contains(&states("a.service", "", "active")), "{text}");
    let rest: Vec<_> = text.lines().filter(|line| !line.starts_with("unit")).collect();
    assert_eq!(rest, [r#"virtualization_info{virtualization_type="unknown"} 1"#]);
    let told = warnings(&tree, "systemd", ALL).unwrap();
    let expected = [
        "SystemState of systemd: expected a text",
        "Version of systemd: expected a number of 3 digits in \"9\"",
        "a.service is listed twice",
        "NAccepted of a.socket: expected a number",
        "Type of a.service: expected a text",
    ];
    for line in expected {
        assert!(told.iter().any(|told| told.starts_with(line)), "{line}: {told:?}");
    }
    assert_eq!(told.len(), expected.len(), "{told:?}");
}

#[test]
fn a_machine_without_systemd_or_with_a_bus_that_is_down() {
    let tree = Tree::new();
    assert_eq!(shown(&tree, "{}"), "");
    assert_eq!(shown(&tree, r#"{"private": true}"#), "");
    tree.write("root/run/dbus", "no folder");
    assert_eq!(shown(&tree, "{}"), "");
    let tree = Tree::new().file("root/run/dbus/system_bus_socket", "");
    let error = error(&tree);
    assert!(error.contains("dbus/system_bus_socket: Connection refused"), "{error}");
}

#[test]
fn systemd_itself_is_asked_over_its_own_socket() {
    let tree = Tree::new();
    let _lines = listen(&tree.path().join("root/run/systemd/private"), Manner::Answer(MACHINE));
    assert_eq!(shown(&tree, r#"{"private": true}"#), shown(&TREE, "{}"));
}

#[test]
fn a_connection_is_kept_and_made_anew() {
    let (tree, lines) = tree(Manner::Answer(MACHINE));
    let mut code = make(&tree, "systemd", "{}").unwrap();
    let before = collect(&mut *code, "systemd").unwrap();
    assert_eq!(collect(&mut *code, "systemd").unwrap(), before);
    assert_eq!(lines.hang_up(), 1);
    assert_eq!(collect(&mut *code, "systemd").unwrap(), before);
    assert_eq!(lines.hang_up(), 1);
    std::fs::remove_file(bus(&tree)).unwrap();
    assert_eq!(collect(&mut *code, "systemd").unwrap(), "");
}

#[test]
fn who_does_not_answer_is_not_waited_for() {
    let (tree, _lines) = tree(Manner::Silence);
    let began = Instant::now();
    let error = error(&tree);
    assert!(error.ends_with("system_bus_socket: no answer within 2 s"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn bytes_that_are_no_answer_are_an_error() {
    for bytes in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"l\x02\x01\x01\xff\xff\xff\xff\x01\0\0\0\x08\0\0\0",
        b"l\x02\x01\x01\0\0\0\0\x01\0\0\0\xff\xff\xff\xff",
        b"l\x02\x01\x01\0\0\0\0\x01\0\0\0\x08\0\0\0\x05\x01u\0\x01",
        b"l\x02\x01\x01\0\0\0\0\x01\0\0\0\x08\0\0\0\x05\x02u\0\x02\0\0\0",
    ] {
        let (tree, lines) = tree(Manner::Bytes(bytes));
        let error = error(&tree);
        assert!(error.contains("dbus/system_bus_socket: "), "{error}");
        lines.hang_up();
    }
}

/// A bus of this test, ended with it.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a bus on the tree's socket; none where the program is not installed, which is told.
fn daemon(tree: &Tree) -> Option<Daemon> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|folder| folder.join("dbus-daemon").is_file()) {
        skip("the systemd collector behind a bus", "dbus-daemon is not installed");
        return None;
    }
    let socket = bus(tree);
    let policy = "<allow own='*'/><allow send_destination='*'/><allow receive_sender='*'/>";
    let config = format!(
        "<busconfig><type>system</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>\
         <policy context='default'>{policy}</policy></busconfig>",
        socket.display()
    );
    tree.write("bus.conf", config);
    std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
    let _ = std::fs::remove_file(&socket);
    let config = format!("--config-file={}", tree.path().join("bus.conf").display());
    let child = Command::new("dbus-daemon").args([&config, "--nofork", "--nopidfile"]).spawn().unwrap();
    let daemon = Daemon(child);
    let began = Instant::now();
    while std::os::unix::net::UnixStream::connect(&socket).is_err() {
        assert!(began.elapsed() < Duration::from_secs(60), "dbus-daemon does not listen");
        // sleep: between two looks at another process, which has no way to tell us.
        std::thread::sleep(Duration::from_millis(5));
    }
    Some(daemon)
}

/// As `relink_testkit::skip`, which a plugin's tests may not use.
fn skip(what: &str, reason: &str) {
    let line = format!("{what} ({reason})");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "skipped in CI: {line}");
    eprintln!("SKIPPED: {line}");
    if let Some(log) = std::env::var_os("RELINK_SKIP_LOG") {
        use std::io::Write;
        let mut log = std::fs::OpenOptions::new().append(true).create(true).open(log).unwrap();
        writeln!(log, "{line}").unwrap();
    }
}

#[test]
fn a_real_bus_is_spoken_to() {
    let tree = Tree::new();
    let Some(first) = daemon(&tree) else { return };
    let mut code = make(&tree, "systemd", ALL).unwrap();
    assert_eq!(collect(&mut *code, "systemd").unwrap(), "", "nobody has the name");
    join(&bus(&tree), MACHINE);
    let text = collect(&mut *code, "systemd").unwrap();
    assert_eq!(text.replace("node_systemd_", ""), shown(&TREE, ALL));
    // Another bus in its place, with the same on it.
    drop(first);
    let _second = daemon(&tree);
    join(&bus(&tree), MACHINE);
    assert_eq!(collect(&mut *code, "systemd").unwrap(), text);
}
