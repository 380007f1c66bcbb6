//! One file: read when it has changed, judged as a whole by the agent.

use std::fs::Metadata;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use relink_core::{Error, Samples, utf8};

pub(super) struct File {
    path: PathBuf,
    /// The path as text: what is no UTF-8 in it is U+FFFD.
    label: String,
    /// How the file was when it was read, and its text. Nothing where it has to be read.
    read: Option<(Seen, Result<String, Error>)>,
    /// Whether the last collection shows it, and what of it was left out.
    verdict: Result<Option<Error>, Error>,
}

/// By what a change of a file is noticed.
#[derive(Clone, PartialEq)]
struct Seen {
    length: u64,
    modified: Option<SystemTime>,
    /// Device, inode, and when the inode last changed: what was renamed into place may have any date.
    identity: (u64, u64, i64, i64),
}

impl Seen {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let identity = {
            use std::os::unix::fs::MetadataExt;
            (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
        };
        #[cfg(not(unix))]
        let identity = (0, 0, 0, 0);
        Seen { length: metadata.len(), modified: metadata.modified().ok(), identity }
    }
}

impl File {
    pub(super) fn new(path: PathBuf) -> Self {
        let label = path.to_string_lossy().into_owned();
        File { path, label, read: None, verdict: Ok(None) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// Reads the file if it is not as it was. It may have so many bytes.
    pub(super) fn refresh(&mut self, most: u64) {
        // Looked at first and not opened: to open a device may have an effect.
        let now = std::fs::metadata(&self.path).map(|metadata| (metadata.is_file(), Seen::of(&metadata)));
        let (is_file, seen) = match now {
            Ok(now) => now,
            Err(why) => return self.refuse(why.into()),
        };
        if self.read.as_ref().is_some_and(|(before, _)| *before == seen) {
            return;
        }
        if !is_file {
            return self.refuse(Error::new("is no regular file"));
        }
        if seen.length > most {
            let why = Error::new(format!("has {} bytes, expected {most} at most", seen.length));
            return self.refuse(why.hint("raise [collect] series"));
        }
        match self.content(most) {
            // It is not kept under a state that it may not have been read in.
            Ok((before, after, _)) if before != after => self.refuse(Error::new("changed while it was read")),
            Ok((seen, _, bytes)) => {
                self.read = Some((seen, utf8(&bytes).map(str::to_owned)));
            }
            Err(why) => self.refuse(why.into()),
        }
    }

    /// How the file was before and after it was read, and what is in it: up to one byte more than it may have.
    fn content(&self, most: u64) -> io::Result<(Seen, Seen, Vec<u8>)> {
        let mut file = open(&self.path)?;
        let before = file.metadata()?;
        // It may be another one than was looked at.
        if !before.is_file() {
            return Err(io::Error::other("is no regular file"));
        }
        let mut bytes = Vec::new();
        file.by_ref().take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok((Seen::of(&before), Seen::of(&file.metadata()?), bytes))
    }

    /// Leaves the file out, and looks at it again in the next collection.
    pub(super) fn refuse(&mut self, why: Error) {
        let seen = Seen { length: 0, modified: None, identity: (0, 0, 0, 0) };
        self.read = Some((seen, Err(why)));
    }

    /// Hands the file's text on, keeps what the agent says of it, and returns why not all of it is shown.
    pub(super) fn hand_on(&mut self, out: &mut Samples) -> Option<&Error> {
        self.verdict = match &self.read {
            Some((_, Ok(text))) => out.push_text(&self.label, text),
            Some((_, Err(why))) => Err(why.clone()),
            None => Ok(None),
        };
        match &self.verdict {
            Ok(None) => None,
            Ok(Some(why)) | Err(why) => Some(why),
        }
    }

    /// When it was written, in whole seconds as node_exporter has it, if its samples are shown.
    pub(super) fn shown_since(&self) -> Option<f64> {
        let (seen, _) = self.read.as_ref().filter(|_| self.verdict.is_ok())?;
        let since = seen.modified?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Some(since.as_secs() as f64)
    }

    /// What became of it, for people.
    pub(super) fn outcome(&self) -> String {
        match (&self.verdict, &self.read) {
            (Err(why), _) => format!("left out: {why}"),
            (Ok(Some(why)), _) => format!("left out in part: {why}"),
            (Ok(None), Some((_, Ok(text)))) => {
                let is_sample =
                    |line: &&str| !line.trim_start().is_empty() && !line.trim_start().starts_with('#');
                format!("{} series", text.lines().filter(is_sample).count())
            }
            (Ok(None), _) => "not read yet".to_owned(),
        }
    }
}

/// Opens for reading without waiting for a writer, should a FIFO have taken the file's place.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<std::fs::File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<std::fs::File> {
    std::fs::File::open(path)
}
