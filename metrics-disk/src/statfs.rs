//! statvfs(3), with a deadline for the file systems that may never answer.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{StatVfs, statvfs};
use rustix::io::Errno;

/// What a file system said of itself.
pub(crate) type Answer = Result<StatVfs, Errno>;

/// Asks and waits, for as long as it takes.
pub(crate) fn ask(path: &Path) -> Answer {
    loop {
        match statvfs(path) {
            Err(Errno::INTR) => {}
            answer => return answer,
        }
    }
}

/// A thread that asks one file system.
///
/// Plugins start no threads, but for this: there is no system call that asks a file system with a deadline, and one on
/// a dead server answers never. So a thread of its own asks each such mount, one question at a time; the collector
/// waits for the answer only until its deadline, and the thread for as long as it takes. It ends with its `Helper`, or
/// when the last answer has come after all.
pub(crate) struct Helper {
    key: u64,
    questions: Sender<()>,
    pub(crate) state: State,
    pub(crate) answer: Option<Answer>,
}

/// Where a helper stands with its one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// None is asked.
    Idle,
    /// One was asked in this collection.
    Asked,
    /// One was asked in an earlier collection, which did not get its answer.
    Late,
}

/// What the helpers have in common.
pub(crate) struct Helpers {
    sender: Sender<(u64, Answer)>,
    receiver: Receiver<(u64, Answer)>,
    last_key: u64,
}

impl Helpers {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = channel();
        Helpers { sender, receiver, last_key: 0 }
    }

    /// Starts a thread that asks for this path.
    pub(crate) fn start(&mut self, path: PathBuf) -> std::io::Result<Helper> {
        self.last_key += 1;
        let key = self.last_key;
        let (questions, inbox) = channel();
        let answers = self.sender.clone();
        thread::Builder::new().name("statvfs".to_owned()).stack_size(64 * 1024).spawn(move || {
            while let Ok(()) = inbox.recv() {
                if answers.send((key, ask(&path))).is_err() {
                    return;
                }
            }
        })?;
        Ok(Helper { key, questions, state: State::Idle, answer: None })
    }

    /// Asks all helpers but those that still wait for an earlier answer; what does not answer within `timeout`, all
    /// together, is left without an answer.
    pub(crate) fn ask_all(&self, helpers: &mut [&mut Helper], timeout: Duration, meanwhile: impl FnOnce()) {
        for helper in &mut *helpers {
            helper.answer = None;
            if helper.state == State::Asked {
                helper.state = State::Late;
            }
        }
        // An answer to an earlier question is old by now, but it frees its helper for a new one.
        while let Ok(answer) = self.receiver.try_recv() {
            settle(helpers, answer);
        }
        let mut waiting = 0;
        for helper in &mut *helpers {
            helper.answer = None;
            if helper.state == State::Idle && helper.questions.send(()).is_ok() {
                helper.state = State::Asked;
                waiting += 1;
            }
        }
        meanwhile();
        let deadline = Instant::now() + timeout;
        while waiting > 0 {
            match self.receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(answer) => waiting -= usize::from(settle(helpers, answer) == Some(State::Asked)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

/// Gives an answer to its helper and returns the state in which that was. It may be gone, with its mount.
fn settle(helpers: &mut [&mut Helper], (key, answer): (u64, Answer)) -> Option<State> {
    let helper = helpers.iter_mut().find(|helper| helper.key == key)?;
    helper.answer = Some(answer);
    Some(std::mem::replace(&mut helper.state, State::Idle))
}

/// The system's text for an error, in the spelling that node_exporter's label values have.
pub(crate) fn describe(error: Errno) -> String {
    let text = match error {
        Errno::PERM => "operation not permitted",
        Errno::NOENT => "no such file or directory",
        Errno::IO => "input/output error",
        Errno::NXIO => "no such device or address",
        Errno::NOMEM => "cannot allocate memory",
        Errno::ACCESS => "permission denied",
        Errno::NODEV => "no such device",
        Errno::NOTDIR => "not a directory",
        Errno::INVAL => "invalid argument",
        Errno::NAMETOOLONG => "file name too long",
        Errno::NOSYS => "function not implemented",
        Errno::LOOP => "too many levels of symbolic links",
        Errno::OVERFLOW => "value too large for defined data type",
        Errno::OPNOTSUPP => "operation not supported",
        Errno::CONNABORTED => "software caused connection abort",
        Errno::CONNRESET => "connection reset by peer",
        Errno::NOTCONN => "transport endpoint is not connected",
        Errno::SHUTDOWN => "cannot send after transport endpoint shutdown",
        Errno::TIMEDOUT => "connection timed out",
        Errno::CONNREFUSED => "connection refused",
        Errno::HOSTDOWN => "host is down",
        Errno::HOSTUNREACH => "no route to host",
        Errno::STALE => "stale NFS file handle",
        Errno::REMOTEIO => "remote I/O error",
        Errno::NOKEY => "required key not available",
        Errno::KEYEXPIRED => "key has expired",
        other => return format!("errno {}", other.raw_os_error()),
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_stable_names() {
        assert_eq!(describe(ask(Path::new("/does/not/exist")).err().unwrap()), "no such file or directory");
        assert_eq!(describe(Errno::from_raw_os_error(4000)), "errno 4000");
    }

    #[test]
    fn helpers_answer_and_end_with_their_mount() {
        let mut helpers = Helpers::new();
        let mut good = helpers.start("/".into()).unwrap();
        let mut bad = helpers.start("/does/not/exist".into()).unwrap();
        let mut done_meanwhile = false;
        helpers.ask_all(&mut [&mut good, &mut bad], Duration::from_secs(60), || done_meanwhile = true);
        assert!(done_meanwhile);
        assert!(good.answer.as_ref().is_some_and(Result::is_ok));
        assert!(bad.answer.as_ref().is_some_and(Result::is_err));
        // A helper that is gone leaves the other to be asked again.
        drop(bad);
        good.answer = None;
        helpers.ask_all(&mut [&mut good], Duration::from_secs(60), || ());
        assert!(good.answer.is_some() && good.state == State::Idle);
    }

    #[test]
    fn an_answer_that_came_late_is_not_taken_for_a_new_one() {
        let helpers = Helpers::new();
        // No thread: the test itself is the one that answers, when it likes.
        let (questions, inbox) = channel();
        let mut helper = Helper { key: 7, questions, state: State::Idle, answer: None };
        let short = Duration::from_millis(1);
        let long = Duration::from_secs(60);
        helpers.ask_all(&mut [&mut helper], short, || ());
        assert!(helper.answer.is_none() && inbox.try_recv().is_ok());
        // Asked once, it is neither asked nor waited for again.
        let before = Instant::now();
        helpers.ask_all(&mut [&mut helper], long, || ());
        assert!(helper.answer.is_none() && inbox.try_recv().is_err() && before.elapsed() < long);
        assert_eq!(helper.state, State::Late);
        // The late answer comes, and the next collection asks anew.
        helpers.sender.send((7, Err(Errno::STALE))).unwrap();
        let sender = helpers.sender.clone();
        helpers.ask_all(&mut [&mut helper], long, || {
            inbox.try_recv().expect("asked anew");
            sender.send((7, Err(Errno::IO))).unwrap();
        });
        assert_eq!(helper.answer.map(|answer| answer.err()), Some(Some(Errno::IO)));
        assert_eq!(helper.state, State::Idle);
    }
}
