//! The agent in a terminal: what it shows, and how it ends with it.

mod support;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use relink_testkit::{Agent, Connection, Terminal, skip, until};
use support::{Folder, RELINK};

const QUIET: &str = "print = \"none\"\n[history]\ninterval = 0\n[plugins]\nenabled = [\"load\"]\n";

/// The time in which an agent has to end whose terminal is gone, on a machine that is busy.
const SOON: Duration = Duration::from_secs(10);

/// A terminal with this command in it.
fn terminal(command: &Command) -> Option<Terminal> {
    let terminal = Terminal::start(command);
    if terminal.is_none() {
        skip("an agent in a terminal", "setsid is not installed");
    }
    terminal
}

/// A shell in this folder, which runs `script` with the executable as `$0`.
fn shell(folder: &Folder, script: &str) -> Command {
    let mut command = relink_testkit::command("sh");
    command.args(["-c", script, RELINK]).current_dir(folder.root());
    command
}

fn lives(pid: u32) -> bool {
    // One that nobody has waited for is over as well.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Waits for the end of a process that is no child of this one.
fn ends(pid: u32, what: &str) {
    let began = Instant::now();
    until(what, || (!lives(pid)).then_some(()));
    assert!(began.elapsed() < SOON, "{what}: {:?}", began.elapsed());
}

fn put(connection: &mut Connection, path: &str) -> serde_json::Value {
    connection.request("PUT", path, &[], &[]).unwrap().json()
}

fn generation(connection: &mut Connection) -> u64 {
    connection.get("/plugins").unwrap().json()["generation"].as_u64().unwrap()
}

#[test]
fn it_ends_with_its_terminal_and_reloads_while_it_is_there() {
    let folder = Folder::new(QUIET);
    let Some(mut terminal) = terminal(&folder.command(&["--listen", "127.0.0.1:0"])) else { return };
    let mut connection = Connection::open(terminal.listening()).unwrap();
    let pid = terminal.pid();
    let hang_up =
        || assert!(Command::new("kill").args(["-s", "HUP", &pid.to_string()]).status().unwrap().success());
    hang_up();
    until("a SIGHUP by hand reloads", || {
        let reloads = connection.get("/reloads").unwrap().json();
        (reloads["reloads"][0]["outcome"] == "unchanged").then_some(())
    });
    // What is known of the terminal goes over into the next image.
    assert_eq!(put(&mut connection, "/plugins/reload?force=true")["outcome"], "committed");
    assert_eq!(generation(&mut connection), 2);
    let began = Instant::now();
    terminal.close();
    assert_eq!(terminal.wait().code(), Some(0));
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

#[test]
fn it_ends_with_the_terminal_of_the_shell_that_started_it() {
    let folder = Folder::new(QUIET);
    for script in [
        // In front, as a part of the shell's own group, and through another program that becomes the agent.
        "echo $$ >shell; \"$0\" --listen 127.0.0.1:0; true",
        "echo $$ >shell; sh -c 'exec \"$0\" --listen 127.0.0.1:0' \"$0\"; true",
        // As a job of its own, as an interactive shell has it.
        "set -m; echo $$ >shell; \"$0\" --listen 127.0.0.1:0; true",
    ] {
        let Some(mut terminal) = terminal(&shell(&folder, script)) else { return };
        terminal.listening();
        let shell = std::fs::read_to_string(folder.path("shell")).unwrap();
        let children = format!("/proc/{0}/task/{0}/children", shell.trim());
        let agent: u32 = std::fs::read_to_string(children).unwrap().trim().parse().unwrap();
        assert!(lives(agent));
        terminal.close();
        ends(agent, script);
    }
}

#[test]
fn under_nohup_it_outlives_its_terminal() {
    let folder = Folder::new(QUIET);
    let script = "nohup \"$0\" --listen 127.0.0.1:0 >out 2>err & echo $! >agent; wait";
    let Some(mut terminal) = terminal(&shell(&folder, script)) else { return };
    let mut agent = left_running(&folder, &mut terminal);
    assert_eq!(put(&mut agent.connection, "/plugins/reload?force=true")["outcome"], "committed");
    agent.hang_up();
    // It is ignored: nothing of it comes before what is asked for thereafter.
    assert_eq!(put(&mut agent.connection, "/plugins/reload")["id"], "2");
    assert!(lives(agent.pid));
}

#[test]
fn one_that_was_left_running_reloads_again() {
    let folder = Folder::new(QUIET);
    // A shell that is not interactive starts it beside its own group's work, and ends without a word to it.
    let script =
        "set -m; \"$0\" --log.level=info --listen 127.0.0.1:0 >out 2>err & echo $! >agent; read line";
    let Some(mut terminal) = terminal(&shell(&folder, script)) else { return };
    let mut agent = left_running(&folder, &mut terminal);
    let said = folder.path("err");
    until("it has outlived the terminal", || {
        std::fs::read_to_string(&said).unwrap().contains("has outlived it").then_some(())
    });
    agent.hang_up();
    until("SIGHUP reloads", || {
        let reloads = agent.connection.get("/reloads").unwrap().json();
        (reloads["reloads"][0]["outcome"] == "unchanged").then_some(())
    });
    assert_eq!(put(&mut agent.connection, "/plugins/reload?force=true")["outcome"], "committed");
    agent.hang_up();
    until("and after a re-exec", || {
        (agent.connection.get("/reloads/3").unwrap().status == 200).then_some(())
    });
    assert!(lives(agent.pid));
}

/// An agent whose terminal has been closed.
struct Left {
    pid: u32,
    connection: Connection,
}

fn left_running(folder: &Folder, terminal: &mut Terminal) -> Left {
    let address = until("the agent listens", || {
        let said = std::fs::read_to_string(folder.path("err")).ok()?;
        let line = said.lines().find_map(|line| line.strip_prefix("listening on http://"))?.to_owned();
        line.parse().ok()
    });
    // The agent may be quicker than the shell that notes its id.
    let pid: u32 = until("the agent's id is noted", || {
        std::fs::read_to_string(folder.path("agent")).ok()?.trim().parse().ok()
    });
    let connection = Connection::open(address).unwrap();
    // It listens before it watches. One whose terminal goes in between ends, as it should.
    until("it watches its terminal", || {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
        let mut names =
            threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok());
        names.any(|name| name.trim_end() == "terminal").then_some(())
    });
    terminal.close();
    terminal.wait();
    Left { pid, connection }
}

impl Left {
    fn hang_up(&self) {
        assert!(Command::new("kill").args(["-s", "HUP", &self.pid.to_string()]).status().unwrap().success());
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-s", "KILL", &self.pid.to_string()]).status();
    }
}

#[test]
fn a_build_ends_with_the_agent() {
    let folder = Folder::new(QUIET);
    let builder = folder.path("build.sh");
    // The child of the child is the one that would go on.
    folder.write("build.sh", "sleep 1000 & echo $! >builds.half; mv builds.half builds; wait\n");
    folder.write("relink.toml", format!("{QUIET}[reload]\nbuilder = [\"sh\", {builder:?}]\n"));
    let builds = |folder: &Folder| -> u32 {
        let file = folder.path("builds");
        let pid = until("the build runs", || std::fs::read_to_string(&file).ok()).trim().parse().unwrap();
        std::fs::remove_file(&file).unwrap();
        pid
    };
    let ask = |connection: &mut Connection| {
        connection.send(&connection.rendered("PUT", "/plugins/reload", &[], &[])).unwrap();
    };
    if let Some(mut terminal) = terminal(&folder.command(&["--listen", "127.0.0.1:0"])) {
        let mut connection = Connection::open(terminal.listening()).unwrap();
        ask(&mut connection);
        let build = builds(&folder);
        terminal.close();
        assert_eq!(terminal.wait().code(), Some(0));
        ends(build, "the build of one whose terminal is gone");
    }
    let mut agent = folder.start(&[]);
    let mut connection = agent.connect();
    ask(&mut connection);
    let build = builds(&folder);
    agent.signal("TERM");
    assert_eq!(agent.wait().code(), Some(0));
    ends(build, "the build of one that was ended");
}

#[test]
fn without_a_terminal_sighup_reloads() {
    let folder = Folder::new(QUIET);
    let Some(setsid) = relink_testkit::installed("setsid") else {
        return skip("SIGHUP under a supervisor", "setsid is not installed");
    };
    let mut command = relink_testkit::command(&setsid.display().to_string());
    command.arg(RELINK).args(["--listen", "127.0.0.1:0"]).current_dir(folder.root());
    let agent = Agent::from(command);
    agent.signal("HUP");
    until("SIGHUP reloads", || {
        let reloads = agent.get("/reloads").json();
        (reloads["reloads"][0]["outcome"] == "unchanged").then_some(())
    });
    assert!(Path::new(&format!("/proc/{}", agent.pid())).exists());
}

#[test]
fn a_start_fits_a_terminal_and_ends_with_the_address() {
    let folder = Folder::new("");
    let mut command = folder.command(&["--listen", "127.0.0.1:0"]);
    command.env("TERM", "xterm").env_remove("NO_COLOR");
    let Some(mut terminal) = terminal(&command) else { return };
    terminal.listening();
    let said = terminal.said();
    let lines: Vec<_> = said.lines().collect();
    assert!(lines.len() <= 23, "{said}");
    assert!(lines.last().unwrap().contains("listening on http://127.0.0.1:"), "{said}");
    for plugin in ["cpu", "disk", "load", "vmstat"] {
        assert!(lines.iter().any(|line| line.contains(plugin)), "{plugin} is not in {said}");
    }
    assert!(said.contains("\u{1b}["), "in colours: {said:?}");

    command.env("TERM", "dumb");
    let Some(mut terminal) = Terminal::start(&command) else { return };
    terminal.listening();
    let said = terminal.said();
    assert!(!said.contains('\u{1b}'), "{said:?}");
    // The usage of each CPU takes two readings, and both were made.
    assert!(said.contains("usage "), "{said}");
    let wide = said.lines().find(|line| line.chars().count() > 80);
    assert_eq!(wide, None, "{said}");
}
