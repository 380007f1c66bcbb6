//! An agent as a child process of the test.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, Once};
use std::thread::JoinHandle;

use tokio::signal::unix::{SignalKind, signal};

use crate::http::{Answer, Connection};
use crate::until;

/// A running agent. It is killed when this is dropped.
pub struct Agent {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    stdout: Text,
    stderr: Text,
    readers: Vec<JoinHandle<()>>,
}

/// What a child has said so far.
type Text = Arc<Mutex<String>>;

impl Agent {
    /// Starts `executable run --listen 127.0.0.1:0` with these further arguments and waits until it is ready.
    pub fn start(executable: &str, arguments: &[&str]) -> Agent {
        let mut command = command(executable);
        command.args(["run", "--listen", "127.0.0.1:0"]).args(arguments);
        Self::from(command)
    }

    /// Starts any command that becomes an agent, and waits until it says where it listens.
    pub fn from(command: Command) -> Agent {
        Self::try_from(command).unwrap_or_else(|(status, said)| panic!("the agent ended ({status}): {said}"))
    }

    /// The same for one that may refuse to start: how it ended, and what it said on stderr.
    pub fn try_from(mut command: Command) -> Result<Agent, (ExitStatus, String)> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        Self::watch(command)
    }

    /// The same for one that is started as systemd does it where sockets wait for it: with these two as descriptors 3
    /// and 4, called `one` and `two`.
    pub fn activated(
        executable: &str,
        arguments: &[&str],
        [one, two]: [OwnedFd; 2],
    ) -> Result<Agent, (ExitStatus, String)> {
        // Only a child's first descriptors can be chosen from here, so a shell moves them; what becomes of the shell has
        // its number, which has to be told.
        const MOVE: &str = "export LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=one:two; \
                            exec \"$@\" 3<&0 4<&1 </dev/null >/dev/null";
        let mut command = command("sh");
        command.args(["-c", MOVE, "sh", executable]).args(arguments).stdin(one).stdout(two);
        Self::watch(command)
    }

    fn watch(mut command: Command) -> Result<Agent, (ExitStatus, String)> {
        forget_settings(&mut command);
        heed_signals();
        command.stderr(Stdio::piped());
        let mut child = until("the executable is not being written to", || match command.spawn() {
            // A test beside this one was starting a child while the executable was copied, and that child still has it
            // open for writing, up to its own exec.
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => None,
            other => Some(other.unwrap_or_else(|error| panic!("starting {command:?}: {error}"))),
        });
        let (stdout, stderr) = (Text::default(), Text::default());
        let mut readers = vec![collect(child.stderr.take().expect("stderr is a pipe"), &stderr)];
        readers.extend(child.stdout.take().map(|pipe| collect(pipe, &stdout)));
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut agent = Agent { child, address: unknown, stdout, stderr, readers };
        let found = until("the agent listens or ends", || match agent.listening() {
            Some(address) => Some(Ok(address)),
            None => agent.child.try_wait().expect("the child can be waited for").map(Err),
        });
        match found {
            Ok(address) => {
                agent.address = address;
                Ok(agent)
            }
            Err(status) => {
                agent.readers.drain(..).for_each(|reader| reader.join().expect("the reader does not panic"));
                Err((status, agent.stderr()))
            }
        }
    }

    fn listening(&self) -> Option<SocketAddr> {
        self.listeners().first().copied()
    }

    /// Where it has said so far that it listens, in order: all of it again after each re-exec.
    pub fn listeners(&self) -> Vec<SocketAddr> {
        listening(&self.stderr())
    }

    /// Its process id, the same before and after a reload.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed on stdout so far.
    pub fn stdout(&self) -> String {
        self.stdout.lock().expect("the reader does not panic").clone()
    }

    /// What it has printed on stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().expect("the reader does not panic").clone()
    }

    /// A new connection.
    pub fn connect(&self) -> Connection {
        Connection::open(self.address)
            .unwrap_or_else(|error| panic!("connecting to {}: {error}", self.address))
    }

    /// `GET` on a new connection.
    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], &[])
    }

    /// `GET` with headers.
    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.request("GET", path, headers, &[])
    }

    /// `PUT` without a body.
    pub fn put(&self, path: &str) -> Answer {
        self.request("PUT", path, &[], &[])
    }

    /// Any request on a new connection.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let answer = self.connect().request(method, path, headers, body);
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}; stderr: {}", self.stderr()))
    }

    /// The value of a sample line of `/metrics` that begins so.
    pub fn sample(&self, series: &str) -> Option<f64> {
        let text = self.get("/metrics").text();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
        line.parse().ok()
    }

    /// The object of a plugin in `GET /plugins`.
    pub fn plugin(&self, name: &str) -> serde_json::Value {
        let all = self.get("/plugins").json();
        let list = all["plugins"].as_array().expect("a list of plugins");
        list.iter().find(|plugin| plugin["name"] == name).cloned().unwrap_or_default()
    }

    /// A file of `/proc/<pid>`.
    pub fn proc(&self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.pid());
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// How many descriptors it has open.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).map_or(0, Iterator::count)
    }

    /// Sends a signal by its name, as in `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "sending SIG{name}");
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        until("the agent ends", || self.child.try_wait().expect("the child can be waited for"))
    }
}

/// A command without the settings of relink in this process's environment, which an agent would refuse or obey.
pub fn command(executable: &str) -> Command {
    let mut command = Command::new(executable);
    forget_settings(&mut command);
    command
}

/// Has children heed SIGINT and SIGHUP where this process was started to ignore one, as a shell does with what it runs in
/// the background, and `nohup`: what is ignored stays ignored in a child, and what has a handler is at its default
/// there. So this gets one, which does nothing.
pub(crate) fn heed_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let ignored = ignored();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let runtime = runtime.expect("a runtime for the handlers");
        let _inside = runtime.enter();
        for kind in [SignalKind::interrupt(), SignalKind::hangup()] {
            if ignored >> (kind.as_raw_value() - 1) & 1 == 1 {
                // The handler outlives what it is made with.
                drop(signal(kind).expect("a handler"));
            }
        }
    });
}

/// The signals that this process ignores, where the kernel tells; signal `n` is bit `n - 1`.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or_default()
}

/// Leaves out what `cargo xtask test` tells the tests, and keeps what the test itself has set.
fn forget_settings(command: &mut Command) {
    let set: Vec<_> = command.get_envs().map(|(name, _)| name.to_owned()).collect();
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RELINK_") && !set.contains(&name) {
            command.env_remove(name);
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended by itself, as some tests want it to.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where an agent listens that has said this: in a line of its own, or of a log in JSON.
pub(crate) fn listening(said: &str) -> Vec<SocketAddr> {
    // The last line may be half of one.
    let whole = said.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let lines = whole.lines().filter_map(|line| line.split_once("listening on http"));
    let addresses = lines.filter_map(|(_, rest)| rest.trim_start_matches('s').strip_prefix("://"));
    addresses.filter_map(|address| address.split(['"', ' ']).next()?.parse().ok()).collect()
}

fn collect(pipe: impl Read + Send + 'static, into: &Text) -> JoinHandle<()> {
    let into = Arc::clone(into);
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            into.lock().expect("no reader of the text panics").push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}
