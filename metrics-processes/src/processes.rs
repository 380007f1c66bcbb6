//! `/proc/<pid>/stat` and `/proc/<pid>/task/<tid>/stat`: the state of each process and thread; and how many there may be.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use relink_core::{Collector, Context, Error, Family, Paths, Samples, Source};

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

pub(crate) struct Processes {
    limits: [(Family, Source); 2],
    procfs: PathBuf,
    /// The path of the file being read, in a buffer that is kept.
    path: String,
    /// Why the first file of this collection could not be opened, if that is not because its task has ended: with the mount
    /// option `hidepid` that is so for all tasks of others, so it is told once.
    unread: Option<io::Error>,
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
            path: String::new(),
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
    fn count(&mut self, out: &mut Samples) -> Result<(), Error> {
        let (mut pids, mut threads) = (0_u32, 0_u32);
        let (mut states, mut thread_states) = (Counts([0; 128]), Counts([0; 128]));
        let folder = match std::fs::read_dir(&self.procfs) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
            folder => folder.context(self.procfs.display())?,
        };
        for pid in folder.flatten().filter_map(|entry| number(&entry.file_name())) {
            self.path.clear();
            let _ = write!(self.path, "{}/{pid}", self.procfs.display());
            let Some(stat) = self.read(out) else { continue };
            pids += 1;
            threads = threads.saturating_add(stat.threads);
            states.add(stat.state);
            // The only thread of a process is in the state of the process.
            if stat.threads == 1 {
                thread_states.add(stat.state);
            } else {
                self.add_threads(&mut thread_states, out);
            }
        }
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

    /// The threads of the process whose folder `path` is. It may have ended meanwhile.
    fn add_threads(&mut self, states: &mut Counts, out: &mut Samples) {
        self.path.push_str("/task");
        let Ok(folder) = std::fs::read_dir(&self.path) else { return };
        let length = self.path.len();
        for tid in folder.flatten().filter_map(|entry| number(&entry.file_name())) {
            self.path.truncate(length);
            let _ = write!(self.path, "/{tid}");
            if let Some(stat) = self.read(out) {
                states.add(stat.state);
            }
        }
    }

    /// Reads `stat` in the folder `path`, and leaves the path as it was. Nothing if the task has ended.
    fn read(&mut self, out: &mut Samples) -> Option<Stat> {
        let length = self.path.len();
        self.path.push_str("/stat");
        let mut buffer = [0; 1024];
        let stat = match File::open(&self.path) {
            Ok(mut file) => file.read(&mut buffer).ok().map(|filled| parse(&buffer[..filled])),
            Err(why) => {
                self.unread = self.unread.take().or(Some(why).filter(|why| !has_ended(why)));
                None
            }
        };
        let stat =
            stat.and_then(|stat| stat.context(&self.path).inspect_err(|why| out.warn(why.to_string())).ok());
        self.path.truncate(length);
        stat
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

/// The name of a folder as a process id.
fn number(name: &std::ffi::OsStr) -> Option<u32> {
    name.to_str()?.parse().ok()
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
