//! Re-exec for real, by way of `tests/support/reexec.rs`: whatever a new image does before it is ready, the process goes
//! on under the same PID, with the same sockets, and leaks nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// What the agent gives a new image to become ready.
const DEADLINE: Duration = Duration::from_millis(400);

/// A running agent. It is killed when this is dropped.
struct Agent {
    child: Child,
    address: String,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const AGENT: &str = env!("CARGO_BIN_EXE_reexec");

impl Agent {
    fn start() -> Agent {
        Agent::start_with(&mut Command::new(AGENT))
    }

    fn start_with(command: &mut Command) -> Agent {
        // To write down where a panic came from takes longer than the deadline on a busy machine.
        command.env_remove("RUST_BACKTRACE");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Agent { child, address: address.trim_end().to_owned() }
    }

    fn send(&self, command: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        writeln!(stream, "{command}").unwrap();
        stream
    }

    fn ask(&self, command: &str) -> Value {
        let mut answer = String::new();
        self.send(command).read_to_string(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{command}: {error}: {answer:?}"))
    }

    fn state(&self) -> Value {
        self.ask("state")
    }
}

/// What no reload, good or bad, may change.
fn lasting(state: &Value) -> Value {
    let fields = [
        "pid",
        "alarm",
        "blocked",
        "ignored",
        "threads",
        "fds",
        "environment",
        "arguments",
        "limits",
        "listener",
        "name",
    ];
    let mut kept: Value = fields.into_iter().map(|field| (field.to_owned(), state[field].clone())).collect();
    // Signals 32 and 33 belong to libc, which handles them once there are threads.
    let ignored = u64::from_str_radix(state["ignored"].as_str().unwrap(), 16).unwrap();
    kept["ignored"] = (ignored & !(3 << 31)).into();
    // The running image is open, whichever it is.
    for fd in kept["fds"].as_array_mut().unwrap() {
        if fd.as_str().unwrap().contains("reexec")
            || fd.as_str().unwrap().starts_with("/memfd:relink (deleted)")
        {
            *fd = "own image".into();
        }
    }
    // The executable's path sorts differently from the image's name, depending on the folder it was built in.
    kept["fds"].as_array_mut().unwrap().sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    kept
}

/// An image begins with all signals blocked but those that tell of a fault, and the alarm: nothing handles them yet.
fn signals_waited(state: &Value) {
    let blocked = u64::from_str_radix(state["blocked_at_start"].as_str().unwrap(), 16).unwrap();
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGTERM, libc::SIGUSR1, libc::SIGCHLD] {
        assert_ne!(blocked & 1 << (signal - 1), 0, "signal {signal} in {blocked:x}");
    }
    for signal in [libc::SIGSEGV, libc::SIGABRT, libc::SIGALRM] {
        assert_eq!(blocked & 1 << (signal - 1), 0, "signal {signal} in {blocked:x}");
    }
}

fn rolls_back(way: &str, reason: &str) -> Duration {
    let agent = Agent::start();
    let before = agent.state();
    let mut took = Duration::MAX;
    // More than once, for what is left over from the first time.
    for _ in 0..3 {
        let started = Instant::now();
        let answer = agent.ask(&format!("reload {way}"));
        took = took.min(started.elapsed());
        assert_eq!(answer["rolled_back"], reason, "{way}: {answer}");
        assert_eq!(answer["generation"], 0, "{way}");
        assert_eq!(answer["history"], "history", "{way}");
        let after = agent.state();
        assert_eq!(after["blocked"], "0000000000000000", "{way}");
        assert_eq!(lasting(&after), lasting(&before), "{way}");
        signals_waited(&after);
    }
    // The old image is whole: it can go on to a good one.
    let answer = agent.ask("reload well");
    assert_eq!(
        (&answer["generation"], &answer["rolled_back"]),
        (&1.into(), &Value::Null),
        "after {way}: {answer}"
    );
    took
}

#[test]
fn a_crash_comes_back() {
    rolls_back("segfault", "segmentation fault");
    rolls_back("illegal instruction", "illegal instruction");
    rolls_back("abort", "abort");
    rolls_back("segfault in many threads", "segmentation fault");
}

#[test]
fn a_panic_and_an_exit_come_back() {
    rolls_back("panic", "panic");
    rolls_back("panic in a thread, then exit", "exit");
    rolls_back("exit", "exit");
    rolls_back("error", "exit");
}

#[test]
fn an_exhausted_stack_comes_back() {
    rolls_back("overflow", "segmentation fault");
    rolls_back("overflow in a thread", "segmentation fault");
}

#[test]
fn a_hang_comes_back_at_the_deadline() {
    for way in ["hang", "spin"] {
        let took = rolls_back(way, "hang");
        assert!(took >= DEADLINE && took < DEADLINE + Duration::from_millis(400), "{way}: {took:?}");
    }
}

#[test]
fn an_image_that_closed_its_sockets_leaks_or_raises_limits_comes_back_whole() {
    rolls_back("late exit", "exit");
    rolls_back("leak and exit", "exit");
    rolls_back("raise limits and abort", "abort");
}

#[test]
fn a_hand_over_that_nobody_can_read_costs_the_connection_and_the_history_only() {
    let agent = Agent::start();
    let before = agent.state();
    let mut answer = String::new();
    agent.send("reload no hand-over").read_to_string(&mut answer).unwrap();
    let after = agent.state();
    assert_eq!(answer, "", "the connection is closed, not left hanging");
    assert_eq!(after["pid"], before["pid"]);
    assert_eq!(after["listener"], before["listener"]);
    assert_eq!(after["rolled_back"], "hand-over rejected: its descriptor is no sealed memory");
    assert_eq!(
        after["dropped"],
        serde_json::json!(["hand-over rejected: its descriptor is no sealed memory"])
    );
}

#[test]
fn a_signal_on_the_way_waits_for_an_image_that_can_take_it() {
    let mut agent = Agent::start();
    let mut answer = String::new();
    let mut asker = agent.send("reload signalled, then segfault");
    // The old image lets signals in again before it answers, and this one ends it.
    let _ = asker.read_to_string(&mut answer);
    assert_eq!(answer, "");
    assert_eq!(agent.child.wait().unwrap().signal(), Some(libc::SIGTERM));
}

#[test]
fn an_exec_that_fails_is_told_and_the_image_goes_on() {
    let agent = Agent::start();
    let before = agent.state();
    let answer = agent.ask("reload not executable");
    assert!(answer["error"].as_str().unwrap().contains("Permission denied"), "{answer}");
    assert_eq!(lasting(&agent.state()), lasting(&before));
    assert_eq!(agent.ask("reload well")["generation"], 1);
}

#[test]
fn what_started_the_agent_is_respected_through_every_image() {
    // The shell ignores three signals, as nohup does with one, and sets a limit.
    let script = format!("trap '' HUP SEGV BUS; ulimit -n 100; exec '{AGENT}'");
    let agent = Agent::start_with(Command::new("/bin/sh").args(["-c", &script]));
    let before = agent.state();
    let ignored = u64::from_str_radix(before["ignored"].as_str().unwrap(), 16).unwrap();
    assert_eq!(ignored & 0x441, 0x441, "HUP, BUS and SEGV are ignored: {ignored:x}");
    for way in ["segfault", "overflow", "hang", "well", "well"] {
        agent.ask(&format!("reload {way}"));
        assert_eq!(lasting(&agent.state()), lasting(&before), "{way}");
    }
}

#[test]
fn two_hundred_good_images_leave_no_trace() {
    let agent = Agent::start();
    let first = agent.state();
    agent.ask("reload well");
    let start_environment = agent.state()["start_environment"].clone();
    for generation in 2..=200 {
        assert_eq!(agent.ask("reload well")["generation"], generation);
    }
    let last = agent.state();
    signals_waited(&last);
    assert_eq!(lasting(&last), lasting(&first));
    assert_eq!((&last["rolled_back"], &last["start_environment"]), (&Value::Null, &start_environment));
}
