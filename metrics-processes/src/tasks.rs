//! `/proc/<pid>/stat` and `/proc/<pid>/task/<tid>/stat`: the state of each process and thread.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use relink_core::{Context, Error, Family, Options, Samples};

use crate::{PIDS, STATES, THREAD_STATES, THREADS};

/// The words behind the name in parentheses: the state is the first, the number of threads this one.
const THREAD_COUNT: usize = 17;

pub(crate) struct Tasks {
    procfs: PathBuf,
    /// The path of the file being read, in a buffer that is kept.
    path: String,
}

/// How many are in each state, by the state's letter.
struct Counts([u32; 128]);

/// What is read of a `stat` file.
struct Stat {
    state: u8,
    threads: u32,
}

impl Tasks {
    pub(crate) fn new(options: &Options) -> Self {
        Tasks { procfs: options.paths().procfs.clone(), path: String::new() }
    }

    pub(crate) fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let (mut pids, mut threads) = (0_u32, 0_u32);
        let (mut states, mut thread_states) = (Counts([0; 128]), Counts([0; 128]));
        let folder = std::fs::read_dir(&self.procfs).context(self.procfs.display())?;
        for pid in folder.flatten().filter_map(|entry| number(&entry.file_name())) {
            self.path.clear();
            let _ = write!(self.path, "{}/{pid}", self.procfs.display());
            let Some(stat) = read(&mut self.path)? else { continue };
            pids += 1;
            threads = threads.saturating_add(stat.threads);
            states.add(stat.state);
            // The only thread of a process is in the state of the process.
            if stat.threads == 1 {
                thread_states.add(stat.state);
            } else {
                self.add_threads(&mut thread_states)?;
            }
        }
        out.push(&PIDS, [], f64::from(pids));
        out.push(&THREADS, [], f64::from(threads));
        states.push(&STATES, out);
        thread_states.push(&THREAD_STATES, out);
        Ok(())
    }

    /// The threads of the process whose folder `path` is. It may have ended meanwhile.
    fn add_threads(&mut self, states: &mut Counts) -> Result<(), Error> {
        self.path.push_str("/task");
        let Ok(folder) = std::fs::read_dir(&self.path) else { return Ok(()) };
        let length = self.path.len();
        for tid in folder.flatten().filter_map(|entry| number(&entry.file_name())) {
            self.path.truncate(length);
            let _ = write!(self.path, "/{tid}");
            if let Some(stat) = read(&mut self.path)? {
                states.add(stat.state);
            }
        }
        Ok(())
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

/// Reads `stat` in this folder, and leaves the folder's path as it was. Nothing if the task has ended.
fn read(path: &mut String) -> Result<Option<Stat>, Error> {
    let length = path.len();
    path.push_str("/stat");
    let mut buffer = [0; 1024];
    let stat = match File::open(&*path).and_then(|mut file| file.read(&mut buffer)) {
        Ok(filled) => Some(parse(&buffer[..filled]).context(&*path)).transpose(),
        // ESRCH and ENOENT; with the mount option hidepid also EPERM or EACCES.
        Err(_) => Ok(None),
    };
    path.truncate(length);
    stat
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
