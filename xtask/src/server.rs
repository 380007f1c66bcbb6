//! A server under test: started, measured through /proc, and ended by its own handle.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::{Doing, Failure, Result};
use crate::http::Connection;

const START_LIMIT: Duration = Duration::from_secs(10);

/// One running server.
pub(crate) struct Server {
    child: Child,
    /// `127.0.0.1:PORT`
    pub address: String,
    /// From just before the fork to the first answer with status 200.
    pub started_in: Duration,
}

impl Server {
    /// Starts the program on a free port and waits until it answers.
    pub(crate) fn start(program: &Path, args: impl FnOnce(&str) -> Vec<String>) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(program);
        command.args(args(&address)).stderr(Stdio::null());
        Server::of(command, address, "/metrics")
    }

    /// Starts a command that listens on this address, and waits until it answers on this path with status 200.
    pub(crate) fn of(mut command: Command, address: String, path: &str) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let start = Instant::now();
        let child = command.spawn().doing(format_args!("starting {}", command.get_program().display()))?;
        let mut server = Server { child, address, started_in: Duration::ZERO };
        server.await_answer(start, path)?;
        server.started_in = start.elapsed();
        Ok(server)
    }

    fn await_answer(&mut self, start: Instant, path: &str) -> Result<()> {
        loop {
            let answer = Connection::open(&self.address, Some(START_LIMIT))
                .and_then(|mut connection| connection.request("GET", path, ""));
            if answer.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            self.runs()?;
            if start.elapsed() > START_LIMIT {
                return Err(Failure::new(format!("no answer from {} in 10 s", self.address)));
            }
            // sleep: the peers tell of no event that says that they listen; both sides are polled alike, a tenth of a
            // millisecond apart, so that what is compared is found in the same way.
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    /// Fails if it has ended.
    pub(crate) fn runs(&mut self) -> Result<()> {
        match self.child.try_wait().doing("waiting for the server")? {
            Some(status) => Err(Failure::new(format!("the server on {} ended with {status}", self.address))),
            None => Ok(()),
        }
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The CPU time that all its threads have used: `/proc/PID/task/*/schedstat`, field 1, in nanoseconds.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let tasks = self.proc("task");
        let mut sum = 0;
        for task in fs::read_dir(&tasks).doing(format_args!("reading {tasks}"))? {
            let file = task.doing(format_args!("reading {tasks}"))?.path().join("schedstat");
            // A thread may end between the listing and the reading; what it used is lost then, on both sides alike.
            if let Ok(text) = fs::read_to_string(&file) {
                sum += cpu_nanoseconds(&text)
                    .ok_or_else(|| Failure::new(format!("{}: {text:?}, expected numbers", file.display())))?;
            }
        }
        Ok(Duration::from_nanos(sum))
    }

    /// Resident memory in MiB: `VmRSS` of `/proc/PID/status`.
    pub(crate) fn resident(&self) -> Result<f64> {
        let file = self.proc("status");
        let status = fs::read_to_string(&file).doing(format_args!("reading {file}"))?;
        resident_kib(&status)
            .map(|kib| kib / 1024.0)
            .ok_or_else(|| Failure::new(format!("{file} has no VmRSS, expected one in kB")))
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing of it is left behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A loopback address on which nothing listens. It could be taken by another before it is used; then the server says so.
pub(crate) fn free_address() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").doing("looking for a free port")?;
    Ok(listener.local_addr().doing("looking for a free port")?.to_string())
}

fn cpu_nanoseconds(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

fn resident_kib(status: &str) -> Option<f64> {
    let value = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    value.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_proc() {
        assert_eq!(cpu_nanoseconds("123456 789 12\n"), Some(123_456));
        assert_eq!(cpu_nanoseconds(""), None);
        assert_eq!(resident_kib("VmPeak:\t 9 kB\nVmRSS:\t   2048 kB\n"), Some(2048.0));
        assert_eq!(resident_kib("VmPeak:\t 9 kB\n"), None);
    }

    #[test]
    fn a_server_that_ends_at_once_is_told() {
        let failure = Server::start(Path::new("/bin/false"), |_| Vec::new()).err().unwrap();
        assert!(failure.message().contains("ended with exit status: 1"), "{failure:?}");
    }
}
