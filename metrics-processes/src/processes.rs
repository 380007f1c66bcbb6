//! `/proc/<pid>/stat` and `/proc/<pid>/task/<tid>/stat`: the state of each process and thread; and how many there may be.

use std::ffi::CStr;
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use relink_core::{Collector, Context, Error, Family, Kept, Paths, Samples, Source};
use rustix::fs::{CWD, Mode, OFlags, RawDir, openat};
use rustix::path::Arg;

pub(crate) const FAMILIES: &[Family] = &[MAX_PROCESSES, MAX_THREADS, PIDS, STATES, THREADS, THREAD_STATES];

const MAX_PROCESSES: Family =
    Family::gauge("node_processes_max_processes", "Limit of process ids (/proc/sys/kernel/pid_max).");
const MAX_THREADS: Family =
    Family::gauge("node_processes_max_threads", "Limit of threads (/proc/sys/kernel/threads-max).");
const PIDS: Family = Family::gauge("node_processes_pids", "How many processes there are (/proc).");
const STATES: Family =
    Family::gauge("node_processes_state", "Processes by state (/proc/<pid>/stat).").labels(&["state"]);
const THREADS: Family =
    Family::gauge("node_processes_threads", "How many threads there are (/proc/<pid>/stat).");
const THREAD_STATES: Family =
    Family::gauge("node_processes_threads_state", "Threads by state (/proc/<pid>/task/<tid>/stat).")
        .labels(&["thread_state"]);

/// The words behind the name in parentheses: the state is the first, the number of threads this one.
const THREAD_COUNT: usize = 17;

/// Of how many tasks the file stays open. To open it is more than half of what it costs to read one; while it is open the
/// kernel keeps some 5 kB for it.
const MOST_KEPT: usize = 512;

pub(crate) struct Processes {
    limits: [(Family, Source); 2],
    procfs: PathBuf,
    /// The path of the file being opened, in a buffer that is kept.
    name: String,
    /// The files of tasks that stay open, sorted by the task's number.
    files: Vec<TaskFile>,
    /// How many: [`MOST_KEPT`].
    most: usize,
    /// Counts the collections.
    turn: u64,
    /// Why the first file of this collection could not be opened, if that is not because its task has ended: with the mount
    /// option `hidepid` that is so for all tasks of others, so it is told once.
    unread: Option<io::Error>,
}

/// The file of a task, and in which collection the task was there last.
struct TaskFile {
    task: u32,
    kept: Kept,
    turn: u64,
}

/// How many are in each state, by the state's letter.
struct Counts([u32; 128]);

/// What is read of a `stat` file.
struct Stat {
    state: u8,
    threads: u32,
}

impl Processes {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        let limit = |file: &str| Source::new(paths.procfs("sys/kernel").join(file));
        Ok(Processes {
            limits: [(MAX_PROCESSES, limit("pid_max")), (MAX_THREADS, limit("threads-max"))],
            procfs: paths.procfs.clone(),
            name: String::new(),
            files: Vec::new(),
            most: MOST_KEPT,
            turn: 0,
            unread: None,
        })
    }
}

impl Collector for Processes {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        for (family, source) in &mut self.limits {
            match source.parse(limit) {
                Ok(limit) => limit.into_iter().for_each(|limit| out.push(family, [], f64::from(limit))),
                Err(why) => out.warn(why.to_string()),
            }
        }
        self.count(out)
    }
}

impl Processes {
    /// Each file is opened by its path from the nearest folder that is open already: the way from the root would take a third
    /// as long again.
    fn count(&mut self, out: &mut Samples) -> Result<(), Error> {
        let (mut pids, mut threads) = (0_u32, 0_u32);
        let (mut states, mut thread_states) = (Counts([0; 128]), Counts([0; 128]));
        let procfs = match open(CWD, &self.procfs, OFlags::DIRECTORY) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
            folder => folder.context(self.procfs.display())?,
        };
        self.turn += 1;
        let each_process = |pid: u32| {
            let Some(stat) = self.read(procfs.as_fd(), None, pid, out) else { return };
            pids += 1;
            threads = threads.saturating_add(stat.threads);
            states.add(stat.state);
            // The first thread of a process has its number, and is in the state of the process.
            thread_states.add(stat.state);
            if stat.threads > 1 {
                self.add_others(procfs.as_fd(), pid, &mut thread_states, out);
            }
        };
        let listed = numbers(&procfs, each_process);
        self.files.retain(|file| file.turn == self.turn);
        listed.context(self.procfs.display())?;
        // Other systems have no such folders.
        if pids > 0 {
            out.push(&PIDS, [], f64::from(pids));
            out.push(&THREADS, [], f64::from(threads));
        }
        states.push(&STATES, out);
        thread_states.push(&THREAD_STATES, out);
        if let Some(why) = self.unread.take() {
            out.warn(format!("reading {}/<pid>/stat: {why}", self.procfs.display()));
        }
        Ok(())
    }

    /// The other threads of a process, which may have ended meanwhile.
    fn add_others(&mut self, procfs: BorrowedFd<'_>, pid: u32, states: &mut Counts, out: &mut Samples) {
        let folder = open(procfs, self.named(pid, "/task"), OFlags::DIRECTORY);
        let Ok(folder) = folder else { return };
        let each_thread = |tid: u32| {
            if tid == pid {
                return;
            }
            if let Some(stat) = self.read(folder.as_fd(), Some(pid), tid, out) {
                states.add(stat.state);
            }
        };
        // As with the folder: what can't be listed any more is gone.
        let _ = numbers(&folder, each_thread);
    }

    /// Reads `stat` of a task, in procfs or in the folder of the tasks of this process. Nothing if it has ended.
    fn read(
        &mut self,
        folder: BorrowedFd<'_>,
        process: Option<u32>,
        task: u32,
        out: &mut Samples,
    ) -> Option<Stat> {
        let mut buffer = [0; 1024];
        let filled = match self.read_kept(task, &mut buffer) {
            Some(filled) => filled,
            None => self.read_anew(folder, task, &mut buffer)?,
        };
        let tasks = || process.map(|pid| format!("{pid}/task/")).unwrap_or_default();
        parse(&buffer[..filled])
            .map_err(|why| why.context(format_args!("{}/{}{task}/stat", self.procfs.display(), tasks())))
            .inspect_err(|why| out.warn(why.to_string()))
            .ok()
    }

    /// Reads the file that has stayed open. Of a task that has ended it tells nothing, also when its number is another's
    /// by now.
    fn read_kept(&mut self, task: u32, buffer: &mut [u8]) -> Option<usize> {
        let at = self.place(task).ok()?;
        let known = &mut self.files[at];
        let file = known.kept.take();
        let read = file.and_then(|file| {
            let filled = rustix::io::pread(&file, &mut *buffer, 0).ok().filter(|filled| *filled > 0)?;
            known.kept.put(file);
            known.turn = self.turn;
            Some(filled)
        });
        if read.is_none() {
            self.files.remove(at);
        }
        read
    }

    /// Where a task's file is, or would be.
    fn place(&self, task: u32) -> Result<usize, usize> {
        self.files.binary_search_by_key(&task, |file| file.task)
    }

    fn read_anew(&mut self, folder: BorrowedFd<'_>, task: u32, buffer: &mut [u8]) -> Option<usize> {
        let file = open(folder, self.named(task, "/stat"), OFlags::empty())
            .map_err(|why| self.unread = self.unread.take().or(Some(why).filter(|why| !has_ended(why))))
            .ok()?;
        let filled = rustix::io::read(&file, buffer).ok()?;
        let file = File::from(file);
        // As in a `Source`: what has a size is no file of procfs, and may be replaced.
        if self.files.len() < self.most && filled > 0 && file.metadata().is_ok_and(|about| about.len() == 0) {
            let mut kept = Kept::default();
            kept.put(file);
            let known = TaskFile { task, kept, turn: self.turn };
            if let Err(at) = self.place(task) {
                self.files.insert(at, known);
            }
        }
        Some(filled)
    }

    /// A path of a task, in the buffer for such.
    fn named(&mut self, task: u32, what: &str) -> &str {
        self.name.clear();
        let _ = write!(self.name, "{task}{what}");
        &self.name
    }
}

impl Counts {
    fn add(&mut self, state: u8) {
        self.0[usize::from(state)] += 1;
    }

    fn push(&self, family: &Family, out: &mut Samples) {
        for (state, count) in (0_u8..).zip(self.0).filter(|(_, count)| *count > 0) {
            out.push(family, [char::from(state).encode_utf8(&mut [0; 4])], f64::from(count));
        }
    }
}

fn open(folder: BorrowedFd<'_>, path: impl Arg, kind: OFlags) -> io::Result<OwnedFd> {
    let opened = openat(folder, path, OFlags::RDONLY | OFlags::CLOEXEC | kind, Mode::empty());
    opened.map_err(io::Error::from).inspect_err(Kept::note)
}

/// Hands on the names of a folder that are numbers of tasks.
fn numbers(folder: &OwnedFd, mut each: impl FnMut(u32)) -> io::Result<()> {
    let mut buffer = [const { MaybeUninit::uninit() }; 4096];
    let mut entries = RawDir::new(folder, &mut buffer);
    while let Some(entry) = entries.next() {
        if let Some(number) = number(entry?.file_name()) {
            each(number);
        }
    }
    Ok(())
}

/// The name of a folder as a process id.
fn number(name: &CStr) -> Option<u32> {
    name.to_str().ok()?.parse().ok()
}

fn limit(text: &str) -> Result<u32, Error> {
    text.trim_end().parse().map_err(|_| Error::expected("a limit", text))
}

/// Whether a file can't be opened because its task is no more.
fn has_ended(why: &io::Error) -> bool {
    const ESRCH: i32 = 3;
    matches!(why.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        || why.raw_os_error() == Some(ESRCH)
}

/// A line such as `16595 (a (strange) name) R 16585 …`: the name may hold anything, so its end is the last `)`.
fn parse(line: &[u8]) -> Result<Stat, Error> {
    let unexpected = || Error::expected("a name in parentheses and a state", &String::from_utf8_lossy(line));
    let name_end = line.iter().rposition(|byte| *byte == b')').ok_or_else(unexpected)?;
    let rest = std::str::from_utf8(&line[name_end + 1..]).map_err(|_| unexpected())?;
    let mut words = rest.split_ascii_whitespace();
    let state = match words.next().map(str::as_bytes) {
        Some([state]) if state.is_ascii_alphabetic() => *state,
        _ => return Err(unexpected()),
    };
    let word = words.nth(THREAD_COUNT - 1).unwrap_or("");
    let threads = word.parse().map_err(|_| Error::expected("a number of threads", word))?;
    Ok(Stat { state, threads })
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_open_file_of_a_task_that_has_ended_tells_nothing() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let mut processes = Processes::new(&Paths::default()).unwrap();
        let procfs = open(CWD, "/proc", OFlags::DIRECTORY).unwrap();
        let mut out = Samples::new(FAMILIES, 100);
        let mut buffer = [0; 1024];
        assert_eq!(processes.read_kept(child.id(), &mut buffer), None);
        for _ in 0..2 {
            assert_eq!(processes.read(procfs.as_fd(), None, child.id(), &mut out).unwrap().threads, 1);
            processes.count(&mut out).unwrap();
            assert!(processes.read_kept(child.id(), &mut buffer).is_some());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(processes.read(procfs.as_fd(), None, child.id(), &mut out).is_none());
        assert!(processes.place(child.id()).is_err());
        let own = child.id().to_string();
        assert!(out.warnings().iter().all(|warning| !warning.contains(&own)), "{:?}", out.warnings());
    }

    #[test]
    fn no_more_files_stay_open_than_may() {
        let mut processes = Processes::new(&Paths::default()).unwrap();
        processes.most = 1;
        for _ in 0..2 {
            // At least this process and the first one.
            let mut out = Samples::new(FAMILIES, 100);
            processes.count(&mut out).unwrap();
            assert!(out.len() >= 4, "{} samples", out.len());
            assert_eq!(processes.files.len(), 1);
        }
    }
}
