//! What the tests of the executable share.

#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

pub mod node_exporter;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use relink_testkit::{Agent, command};
use tempfile::TempDir;

/// The executable.
pub const RELINK: &str = env!("CARGO_BIN_EXE_relink");

/// The longest that a command may take which ends by itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder to run the executable in, with a `relink.toml`.
pub struct Folder(TempDir);

impl Folder {
    pub fn new(toml: &str) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        folder.write("relink.toml", toml);
        folder
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    pub fn root(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(file), content).unwrap();
    }

    /// `relink` with these arguments, in this folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(RELINK);
        command.args(arguments).current_dir(self.0.path());
        command
    }

    /// Runs a command that ends by itself.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments))
    }

    /// Starts an agent on a free port.
    pub fn start(&self, arguments: &[&str]) -> Agent {
        let mut command = self.command(arguments);
        command.args(["--listen", "127.0.0.1:0"]);
        Agent::from(command)
    }
}

/// How a command ended, and what it said.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command to its end. One that serves where it should have refused is killed, and has no code.
pub fn ended(mut command: Command) -> Ended {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let (id, (ends, has_ended)) = (child.id().to_string(), mpsc::channel::<()>());
    let watch = std::thread::spawn(move || {
        if has_ended.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-s", "KILL", &id]).status();
        }
    });
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    drop(ends);
    watch.join().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

/// A folder of this package.
pub fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
