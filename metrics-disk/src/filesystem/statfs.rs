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

/// How long a collection waits for all mounts together that may not answer.
const PATIENCE: Duration = Duration::from_millis(250);

/// The greatest age of an answer that is shown: for as long Prometheus, too, takes a sample for the present. It matters
/// where collections are rare; others ask again long before.
const FRESH: Duration = Duration::from_secs(300);

/// A thread that asks one file system.
///
/// Plugins start no threads, but for this: there is no system call that asks a file system with a deadline, and one on
/// a dead server answers never. So a thread of its own asks each such mount, one question at a time. The collector waits
/// a little for the answer, and the thread for as long as it takes; what comes later is shown by the collections
/// that follow. The thread ends with its `Helper`, or when the last answer has come after all.
pub(crate) struct Helper {
    key: u64,
    questions: Sender<()>,
    /// When the open question was asked, if there is one.
    asked: Option<Instant>,
    last: Option<Reply>,
}

/// An answer that came.
struct Reply {
    answer: Answer,
    at: Instant,
    /// How long after the question.
    took: Duration,
}

/// What is known of a file system now.
pub(crate) enum Told<'a> {
    /// Its last answer, while the next one is under way.
    Answer(&'a Answer),
    /// It was asked, and may yet answer in time.
    NotYet,
    /// It does not answer in time.
    Silent,
}

impl Helper {
    /// A question that is open for longer than `timeout` is taken for never answered, and so is one that was answered
    /// after that.
    pub(crate) fn told(&self, timeout: Duration) -> Told<'_> {
        if self.asked.is_some_and(|at| at.elapsed() > timeout) {
            return Told::Silent;
        }
        match &self.last {
            Some(reply) if reply.took > timeout => Told::Silent,
            Some(reply) if reply.at.elapsed() <= FRESH => Told::Answer(&reply.answer),
            _ => Told::NotYet,
        }
    }

    /// Whether it is worth waiting for: one that was slow the last time is mostly slow again.
    fn is_quick(&self) -> bool {
        self.last.as_ref().is_none_or(|reply| reply.took <= PATIENCE)
    }
}

/// What the helpers have in common.
pub(crate) struct Helpers {
    sender: Sender<(u64, Answer, Instant)>,
    receiver: Receiver<(u64, Answer, Instant)>,
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
                let answer = ask(&path);
                if answers.send((key, answer, Instant::now())).is_err() {
                    return;
                }
            }
        })?;
        Ok(Helper { key, questions, asked: None, last: None })
    }

    /// Takes the answers that have come since, and asks all helpers but those whose question is still open. Waits for
    /// those that may answer at once, for a moment in all and not at all if there are none.
    pub(crate) fn ask_all(&self, helpers: &mut [&mut Helper], meanwhile: impl FnOnce()) {
        while let Ok(answer) = self.receiver.try_recv() {
            settle(helpers, answer);
        }
        let now = Instant::now();
        let mut awaited = Vec::new();
        for helper in &mut *helpers {
            if helper.asked.is_none() && helper.questions.send(()).is_ok() {
                helper.asked = Some(now);
                awaited.extend(helper.is_quick().then_some(helper.key));
            }
        }
        meanwhile();
        let deadline = now + PATIENCE;
        while !awaited.is_empty() {
            match self.receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(answer) => {
                    awaited.retain(|&key| key != answer.0);
                    settle(helpers, answer);
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

/// Gives an answer to its helper, which may be gone with its mount.
fn settle(helpers: &mut [&mut Helper], (key, answer, at): (u64, Answer, Instant)) {
    let Some(helper) = helpers.iter_mut().find(|helper| helper.key == key) else { return };
    if let Some(asked) = helper.asked.take() {
        helper.last = Some(Reply { answer, at, took: at.saturating_duration_since(asked) });
    }
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

    fn error(told: Told<'_>) -> Option<Errno> {
        match told {
            Told::Answer(answer) => answer.as_ref().err().copied(),
            Told::NotYet | Told::Silent => None,
        }
    }

    #[test]
    fn helpers_answer_and_end_with_their_mount() {
        let mut helpers = Helpers::new();
        let mut good = helpers.start("/".into()).unwrap();
        let mut bad = helpers.start("/does/not/exist".into()).unwrap();
        let mut done_meanwhile = false;
        helpers.ask_all(&mut [&mut good, &mut bad], || done_meanwhile = true);
        assert!(done_meanwhile);
        // The machine may be busy: what was not in time for this collection is there in a later one.
        let long = Duration::from_secs(60);
        let began = Instant::now();
        while good.last.is_none() || bad.last.is_none() {
            assert!(began.elapsed() < long);
            helpers.ask_all(&mut [&mut good, &mut bad], || ());
        }
        assert!(matches!(good.told(long), Told::Answer(Ok(_))));
        assert_eq!(error(bad.told(long)), Some(Errno::NOENT));
        // A helper that is gone leaves the other to be asked again.
        drop(bad);
        helpers.ask_all(&mut [&mut good], || ());
        assert!(matches!(good.told(long), Told::Answer(Ok(_))));
    }

    /// A helper without a thread: the test itself is the one that answers, when it likes.
    fn by_hand() -> (Helper, Receiver<()>) {
        let (questions, inbox) = channel();
        (Helper { key: 7, questions, asked: None, last: None }, inbox)
    }

    const TIMEOUT: Duration = Duration::from_secs(5);

    #[test]
    fn a_late_answer_is_shown_while_the_next_is_under_way() {
        let helpers = Helpers::new();
        let (mut helper, inbox) = by_hand();
        let began = Instant::now();
        helpers.ask_all(&mut [&mut helper], || ());
        assert!(began.elapsed() >= PATIENCE && inbox.try_recv().is_ok());
        assert!(matches!(helper.told(TIMEOUT), Told::NotYet));
        // Its question is open, so it is neither asked nor waited for again.
        let began = Instant::now();
        helpers.ask_all(&mut [&mut helper], || ());
        assert!(inbox.try_recv().is_err() && began.elapsed() < PATIENCE);
        helpers.sender.send((7, Err(Errno::STALE), Instant::now())).unwrap();
        // Known to be slow, it is asked and not waited for.
        let began = Instant::now();
        helpers.ask_all(&mut [&mut helper], || ());
        assert!(inbox.try_recv().is_ok() && began.elapsed() < PATIENCE);
        assert_eq!(error(helper.told(TIMEOUT)), Some(Errno::STALE));
        // An answer at once makes it one that is waited for.
        helpers.sender.send((7, Err(Errno::IO), helper.asked.unwrap())).unwrap();
        let sender = helpers.sender.clone();
        helpers.ask_all(&mut [&mut helper], || {
            inbox.try_recv().expect("asked again");
            sender.send((7, Err(Errno::NXIO), Instant::now())).unwrap();
        });
        assert_eq!(
            error(helper.told(TIMEOUT)),
            Some(Errno::NXIO),
            "the answer to this collection's question"
        );
        assert!(helper.asked.is_none());
    }

    #[test]
    fn what_is_silent_for_too_long_loses_its_last_answer() {
        let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds));
        let (mut helper, _inbox) = by_hand();
        let told = |helper: &Helper| match helper.told(TIMEOUT) {
            Told::Answer(_) => "answer",
            Told::NotYet => "not yet",
            Told::Silent => "silent",
        };
        assert_eq!(told(&helper), "not yet");
        helper.asked = ago(4);
        assert_eq!(told(&helper), "not yet");
        helper.asked = ago(6);
        assert_eq!(told(&helper), "silent");
        let answered = |seconds, took| {
            ago(seconds).map(|at| Reply { answer: Err(Errno::IO), at, took: Duration::from_secs(took) })
        };
        helper.last = answered(6, 1);
        assert_eq!(told(&helper), "silent");
        helper.asked = ago(4);
        assert_eq!(told(&helper), "answer");
        helper.last = answered(4, 6);
        assert_eq!(told(&helper), "silent", "an answer after the time-out is none");
        helper.last = answered(301, 1);
        assert_eq!(told(&helper), "not yet", "too old to be the present");
    }

    #[test]
    fn slow_mounts_are_not_waited_for_and_quick_ones_beside_them_are() {
        let helpers = Helpers::new();
        let (mut slow, _slow) = by_hand();
        slow.last = Some(Reply { answer: Err(Errno::IO), at: Instant::now(), took: 2 * PATIENCE });
        let (mut quick, inbox) = by_hand();
        quick.key = 8;
        let sender = helpers.sender.clone();
        let began = Instant::now();
        helpers.ask_all(&mut [&mut slow, &mut quick], || {
            inbox.try_recv().expect("asked");
            sender.send((8, Err(Errno::NXIO), Instant::now())).unwrap();
        });
        assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
        assert_eq!(error(quick.told(TIMEOUT)), Some(Errno::NXIO));
        assert_eq!(error(slow.told(TIMEOUT)), Some(Errno::IO));
    }
}
