//! The examples for real: a client keeps its connection through new versions, good and bad.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// Held while an executable is written and while a process is started: a child that another test forks meanwhile has
/// the half-written file open until its own exec, and to start it is refused ("text file busy").
static FORKS: Mutex<()> = Mutex::new(());

/// The example as cargo has built it, beside these tests.
fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("examples").join(name);
    let written = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let library = fs::read_dir(package.join("src")).unwrap().map(|entry| entry.unwrap().path());
    let sources = library.chain([package.join(format!("examples/{name}.rs"))]);
    let newest = sources.filter_map(|path| written(&path)).max();
    // Cargo makes it before it runs all tests, and not before it runs one of them alone.
    assert!(
        written(&path) >= newest,
        "{} is missing or old; cargo build -p relink-handover --examples",
        path.display()
    );
    path
}

/// A running server in a folder of its own, where its executable can be replaced. It is killed when this is dropped.
struct Server {
    child: Child,
    says: BufReader<ChildStdout>,
    folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(example: &str) -> Server {
        let folder = tempfile::tempdir().unwrap();
        install(folder.path(), example);
        let mut command = Command::new(folder.path().join("server"));
        let mut child = {
            let _alone = FORKS.lock();
            command.stdout(Stdio::piped()).spawn().unwrap()
        };
        let says = BufReader::new(child.stdout.take().unwrap());
        Server { child, says, folder }
    }

    /// The next line of its output: each image says where it listens, and how it has begun.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.says.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Puts another version where it was started from, and asks it to become that.
    fn upgrade(&mut self, example: &str) -> String {
        install(self.folder.path(), example);
        kill_process(Pid::from_child(&self.child), Signal::HUP).unwrap();
        self.line()
    }

    /// The sockets that it has open, by their inodes.
    fn sockets(&self) -> Vec<String> {
        let folder = fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        let targets = folder.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
        let targets = targets.map(|target| target.display().to_string());
        let mut sockets: Vec<_> = targets.filter(|target| target.starts_with("socket:")).collect();
        sockets.sort();
        sockets
    }
}

/// By renaming: an executable that runs can't be written to.
fn install(folder: &Path, example: &str) {
    let _alone = FORKS.lock();
    fs::copy(built(example), folder.join("new")).unwrap();
    fs::rename(folder.join("new"), folder.join("server")).unwrap();
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends these, and expects as an answer what ends so.
fn exchange(mut client: &TcpStream, words: &str, end: &str) {
    client.write_all(words.as_bytes()).unwrap();
    let mut answer = String::new();
    while !answer.ends_with(end) {
        let mut bytes = [0; 1024];
        let read = client.read(&mut bytes).unwrap();
        assert_ne!(read, 0, "the connection was closed after {answer:?}");
        answer.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
}

/// Through a good version, two that crash, and a good one again: the process, the listener and the clients stay.
/// `ask` has a client ask something, and get an answer.
fn goes_on(example: &str, ask: impl Fn(&TcpStream)) {
    let mut server = Server::start(example);
    let pid = server.child.id();
    let started = server.line();
    let address = started.strip_suffix(", started").unwrap().to_owned();
    let (asked, idle) = (connect(&address), connect(&address));
    ask(&asked);
    ask(&idle);
    let listener = listeners(&server, &address);
    let rounds = [
        (example, "taken over"),
        ("crash", "rolled back: abort"),
        ("crash", "rolled back: abort"),
        (example, "taken over"),
    ];
    for (version, begun) in rounds {
        assert_eq!(server.upgrade(version), format!("{address}, {begun}"));
        ask(&asked);
        ask(&connect(&address));
        assert_eq!(listeners(&server, &address), listener, "after {version}");
    }
    ask(&idle);
    assert_eq!((server.child.id(), server.child.try_wait().unwrap()), (pid, None));
}

/// The inodes of the server's sockets that listen at this address.
fn listeners(server: &Server, address: &str) -> Vec<String> {
    let port = address.rsplit_once(':').unwrap().1.parse::<u16>().unwrap();
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let inode = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        (fields[1].ends_with(&format!(":{port:04X}")) && fields[3] == "0A")
            .then(|| format!("socket:[{}]", fields[9]))
    };
    let found: Vec<_> = table.lines().skip(1).filter_map(inode).collect();
    assert_eq!(found.len(), 1, "one socket listens at {address}");
    assert!(server.sockets().contains(&found[0]), "it is the server's");
    found
}

#[test]
fn the_echo_server_goes_on() {
    goes_on("tcp", |client| exchange(client, "hello\n", "hello\n"));
}

#[test]
fn the_web_server_goes_on() {
    goes_on("http", |client| {
        exchange(client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "\r\n\r\nhello\n")
    });
}

#[test]
fn half_a_head_goes_over_with_its_connection() {
    let mut server = Server::start("http");
    let address = server.line().strip_suffix(", started").unwrap().to_owned();
    let client = connect(&address);
    exchange(&client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHo", "hello\n");
    assert_eq!(server.upgrade("http"), format!("{address}, taken over"));
    exchange(&client, "st: localhost\r\n\r\n", "hello\n");
}

#[test]
fn a_new_version_that_is_not_there_changes_nothing() {
    let mut server = Server::start("tcp");
    let address = server.line().strip_suffix(", started").unwrap().to_owned();
    let client = connect(&address);
    exchange(&client, "hello\n", "hello\n");
    fs::remove_file(server.folder.path().join("server")).unwrap();
    kill_process(Pid::from_child(&server.child), Signal::HUP).unwrap();
    let line = server.line();
    assert!(line.starts_with("Err(") && line.contains("No such file"), "{line}");
    exchange(&client, "hello again\n", "hello again\n");
}
