//! Reading a file of the kernel again and again.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::unread::is_missing;
use crate::{Context, Error, Samples};

/// A file that is read whole at every collection, such as `/proc/stat`.
///
/// A file of procfs stays open between reads: opening costs half as much again as reading, and such a file shows
/// the present state each time it is read from its start. Any other file (a test's, a container's copy) may have
/// been replaced meanwhile, so it is opened anew. The buffer is kept in either case.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    kept: Kept,
    buffer: Vec<u8>,
    filled: usize,
    may_be_empty: bool,
}

impl Source {
    /// A source that is opened when it is first read.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Source {
            path: path.into(),
            kept: Kept::default(),
            buffer: Vec::new(),
            filled: 0,
            may_be_empty: false,
        }
    }

    /// A source that says by having no line that there is nothing of its kind, as `/proc/diskstats` on a machine without disks.
    #[must_use]
    pub fn may_be_empty(mut self) -> Self {
        self.may_be_empty = true;
        self
    }

    /// The path, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The content as text, in which U+FFFD stands for what is no UTF-8; `None` when this machine has no such file. An error
    /// names the file.
    pub fn text(&mut self) -> Result<Option<Cow<'_, str>>, Error> {
        match self.fill() {
            Ok(()) => Ok(Some(lossy(&self.buffer[..self.filled]))),
            Err(why) if is_missing(&why) => Ok(None),
            Err(why) => Err(why).context(format_args!("reading {}", self.path.display())),
        }
    }

    /// What `read` makes of the whole content; `None` when this machine has no such file. An error names the file.
    pub fn parse<T, E: Into<Error>>(
        &mut self,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Error> {
        let Some(text) = self.text()? else { return Ok(None) };
        let read = read(&text);
        read.map(Some).context(self.path.display())
    }

    /// Hands each line that is not blank to `read`, which pushes what it says; nothing when this machine has no such file.
    ///
    /// A line that `read` can't make sense of is passed over, and `out` is warned of it with file and line: the rest is
    /// shown. If that is so for each line, the file is another than what was expected, and that is an error. A series that
    /// another line has said already is passed over in the same way. Of a file without any line `out` is warned as well, unless it
    /// [may be empty](Source::may_be_empty).
    pub fn lines(
        &mut self,
        out: &mut Samples,
        mut read: impl FnMut(&str, &mut Samples) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match self.fill() {
            Err(why) if is_missing(&why) => return Ok(()),
            filled => filled.context(format_args!("reading {}", self.path.display()))?,
        }
        let text = lossy(&self.buffer[..self.filled]);
        let (mut is_understood, mut first, mut is_empty) = (false, None, true);
        out.are_of_lines(true);
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_ascii().is_empty()) {
            is_empty = false;
            let Err(why) = read(line, out) else {
                is_understood = true;
                continue;
            };
            if first.is_some() {
                out.warn_with(|| self.odd(at, why).to_string());
            } else {
                let why = self.odd(at, why);
                out.warn(why.to_string());
                first = Some(why);
            }
        }
        out.are_of_lines(false);
        if is_empty && !self.may_be_empty {
            out.warn(format!("{}: the file is empty", self.path.display()));
        }
        match first {
            Some(why) if !is_understood => Err(why),
            _ => Ok(()),
        }
    }

    fn odd(&self, at: usize, why: Error) -> Error {
        why.context(format_args!("{}: line {}", self.path.display(), at + 1))
    }

    fn fill(&mut self) -> io::Result<()> {
        // A kept descriptor can go bad (a device that is gone); then the path is opened once more.
        if let Some(mut file) = self.kept.take()
            && let Ok(filled) = read_whole(&mut file, &mut self.buffer)
        {
            self.filled = filled;
            self.kept.put(file);
            return Ok(());
        }
        let mut file = Kept::open(&self.path)?;
        self.filled = read_whole(&mut file, &mut self.buffer)?;
        // procfs gives its files the size 0 whatever they hold; nothing else does.
        if self.filled > 0 && file.metadata()?.len() == 0 {
            self.kept.put(file);
        }
        Ok(())
    }
}

/// A file that stays open from one reading to the next, as long as the process has descriptors to spare.
///
/// What all of these keep, in the agent and in every library, is bounded without anybody counting it: a file stays open
/// only if its descriptor's number is in the lowest quarter of those that the process may have. The kernel gives out the
/// lowest number that is free, so where there are few open files all stay, and on a machine with more files than that the
/// rest is opened each time.
#[derive(Debug, Default)]
pub struct Kept(Option<File>);

impl Kept {
    /// The file, if it has stayed open. Whoever has read it puts it back.
    pub fn take(&mut self) -> Option<File> {
        self.0.take().filter(|_| !are_short())
    }

    /// Keeps the file, if there is room.
    pub fn put(&mut self, file: File) {
        self.0 = Some(file).filter(|file| is_low(file) && !are_short());
    }

    /// Opens a file for reading. If the process has no descriptor for it, none is kept for a while
    /// ([`give_back_descriptors`]).
    pub fn open(path: &Path) -> io::Result<File> {
        File::open(path).inspect_err(Kept::note)
    }

    /// The same for whoever opens a file in a way of its own: what to do with the error of that.
    pub fn note(why: &io::Error) {
        if matches!(why.raw_os_error(), Some(ENFILE | EMFILE)) {
            give_back_descriptors();
        }
    }
}

/// Too many open files: in the whole system, and in this process. The numbers are the same on all systems of the UNIX kind.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

/// How long no file is kept after descriptors have run out.
const SHORT: Duration = Duration::from_secs(60);

/// Until when no file is kept, in milliseconds since [`BEGAN`]; 0 is the usual state.
static SHORT_UNTIL: AtomicU64 = AtomicU64::new(0);
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Bytes as text; the error names the line that is none.
pub fn utf8(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|why| {
        let line = bytes[..why.valid_up_to()].split(|byte| *byte == b'\n').count();
        Error::new(format!("line {line}: not UTF-8"))
    })
}

/// Bytes as text, in which U+FFFD stands for what is no UTF-8. `from_utf8_lossy` looks at each byte; asking first whether
/// all is well saves a fifteenth of a scrape's instructions.
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Tells all that keep files open that the process has run out of descriptors: each [`Source`] closes its file when it is
/// next read, and for a minute opens it for each reading. The agent collects once a second for its history, so that they are
/// free then even if no scrape can come in.
///
/// A loaded library has a copy of this state for itself, and hears of it when it can't open a file. Until then the
/// bound of [`Kept`] has to do.
pub fn give_back_descriptors() {
    SHORT_UNTIL.store(milliseconds(SHORT + BEGAN.elapsed()), Ordering::Relaxed);
}

fn are_short() -> bool {
    // Asking for the time costs as much as all the rest of this, so it is not asked for in the usual state.
    let until = SHORT_UNTIL.load(Ordering::Relaxed);
    until > 0 && milliseconds(BEGAN.elapsed()) < until
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Whether a file's descriptor is among those that may be kept.
#[cfg(unix)]
fn is_low(file: &File) -> bool {
    /// A quarter of the soft limit, as it is when the first file is kept: after the agent has raised it.
    static BOUND: LazyLock<i32> = LazyLock::new(|| {
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
        soft_limit(&limits).map_or(i32::MAX, |limit| i32::try_from(limit / 4).unwrap_or(i32::MAX))
    });
    is_below(file, *BOUND)
}

#[cfg(unix)]
fn is_below(file: &File, bound: i32) -> bool {
    std::os::fd::AsRawFd::as_raw_fd(file) < bound
}

#[cfg(not(unix))]
fn is_low(_: &File) -> bool {
    true
}

/// How many files the process may have open by `/proc/self/limits`; `None` without a limit, or without such a file.
#[cfg(unix)]
fn soft_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Fills `buffer` from the file's start and returns how much of it is content. The buffer grows and never shrinks,
/// so that it is cleared once and not at every read.
fn read_whole(file: &mut File, buffer: &mut Vec<u8>) -> io::Result<usize> {
    file.rewind()?;
    buffer.resize(buffer.len().max(4096), 0);
    let mut filled = 0;
    loop {
        if filled == buffer.len() {
            buffer.resize(2 * filled, 0);
        }
        match file.read(&mut buffer[filled..]) {
            Ok(0) => return Ok(filled),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_read_anew_and_a_kernel_file_stays_open() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stat");
        let mut source = Source::new(&path);
        assert_eq!(source.text().unwrap(), None);
        std::fs::write(dir.path().join("file"), "").unwrap();
        let mut behind_a_file = Source::new(dir.path().join("file/stat"));
        assert_eq!(behind_a_file.text().unwrap(), None);
        let folder = Source::new(dir.path()).text().unwrap_err();
        assert!(folder.message().starts_with("reading /"), "the path is named: {folder}");
        let long = "x".repeat(10_000);
        std::fs::write(&path, &long).unwrap();
        assert_eq!(source.text().unwrap().unwrap(), long);
        std::fs::write(dir.path().join("new"), "short").unwrap();
        std::fs::rename(dir.path().join("new"), &path).unwrap();
        assert_eq!(source.text().unwrap().unwrap(), "short");
        assert!(source.kept.0.is_none());

        if cfg!(target_os = "linux") {
            let mut uptime = Source::new("/proc/uptime");
            uptime.text().unwrap();
            assert!(uptime.kept.0.is_some());
            assert!(!uptime.text().unwrap().unwrap().is_empty());

            // When descriptors have run out it is closed at the next reading, which shows the same; and kept again later.
            give_back_descriptors();
            assert!(!uptime.text().unwrap().unwrap().is_empty());
            assert!(uptime.kept.0.is_none());
            SHORT_UNTIL.store(milliseconds(BEGAN.elapsed()), Ordering::Relaxed);
            uptime.text().unwrap();
            assert!(uptime.kept.0.is_some());
        }
    }

    #[test]
    fn an_odd_line_is_passed_over_and_a_file_of_nothing_else_is_an_error() {
        const VALUE: crate::Family = crate::Family::gauge("value", "V.").labels(&["name"]);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("values");
        let mut source = Source::new(&path);
        let mut collected = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            let mut out = Samples::new(&[VALUE], 10);
            let outcome = source.lines(&mut out, |line, out| {
                let (name, value) =
                    line.split_once(' ').ok_or_else(|| Error::expected("a name and a value", line))?;
                out.push(&VALUE, [name], value.parse()?);
                Ok(())
            });
            (outcome.map_err(|why| why.to_string()), out.len(), out.warnings().join("; "))
        };
        assert_eq!(collected(b"a 1\n\nb 2\n \n"), (Ok(()), 2, String::new()));
        let (outcome, count, warnings) = collected(b"a 1\n(null)\nb x\n\xff 3\n");
        assert_eq!((outcome, count), (Ok(()), 2));
        assert!(
            warnings.contains("values: line 2: expected a name and a value, found \"(null)\"; /"),
            "{warnings}"
        );
        assert!(warnings.ends_with("values: line 3: invalid float literal"), "{warnings}");
        let (outcome, count, warnings) = collected(b"(null)\n(null)\n");
        assert!(outcome.unwrap_err().ends_with("line 1: expected a name and a value, found \"(null)\""));
        assert_eq!((count, warnings.matches("line").count()), (0, 2));
        let (outcome, count, warnings) = collected(b" \n");
        assert_eq!((outcome, count), (Ok(()), 0));
        assert!(warnings.ends_with("values: the file is empty"), "{warnings}");
        std::fs::remove_file(&path).unwrap();
        let mut out = Samples::new(&[], 0);
        assert!(Source::new(&path).lines(&mut out, |_, _| Err(Error::new("not called"))).is_ok());
        assert_eq!(Source::new(&path).parse(|text| text.parse::<f64>()).unwrap(), None);
        std::fs::write(&path, "x").unwrap();
        let odd = Source::new(&path).parse(|text| text.parse::<f64>()).unwrap_err();
        assert!(odd.message().ends_with("values: invalid float literal"), "{odd}");
    }

    #[test]
    fn what_is_no_text_is_told_by_line() {
        assert_eq!(utf8(b"a 1\n").unwrap(), "a 1\n");
        assert_eq!(utf8(b"a 1\n\xff 1\n").unwrap_err().message(), "line 2: not UTF-8");
    }

    #[cfg(unix)]
    #[test]
    fn a_quarter_of_the_descriptors_may_be_kept() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
            Max open files            512                  4096                 files     \n";
        assert_eq!(soft_limit(limits), Some(512));
        assert_eq!(soft_limit(&limits.replace("512 ", "unlimited ")), None);
        let file = tempfile::tempfile().unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&file);
        assert!(is_below(&file, number + 1) && !is_below(&file, number));
    }
}
