//! The folder of one target's spool: its name, its lock, and its files.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use relink_core::{Context, Error};

use super::mark::{self, Mark};
use super::record::{self, SEGMENT_HEAD, VERSION};
use crate::settings::push::Kind;

const LOCK: &str = "lock";
const MARKS: [&str; 2] = ["mark", "mark.copy"];
const SEGMENT: &str = ".segment";
/// A name of more bytes is cut: most file systems take 255 for a file's.
const LONGEST_NAME: usize = 150;

/// The folder of a target below the configured one. It is named after the target, so that a target keeps its queue
/// whatever else changes, and after the protocol, because that is what the bodies are in.
pub(in crate::agent::push) fn path(dir: &Path, kind: Kind, name: &str) -> PathBuf {
    let kind = match kind {
        Kind::RemoteWrite => "remote_write",
        Kind::Otlp => "otlp",
    };
    let mut escaped = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b':' => escaped.push(byte.into()),
            _ => escaped += &format!("%{byte:02x}"),
        }
    }
    if escaped.len() > LONGEST_NAME {
        escaped.truncate(LONGEST_NAME);
        escaped += &format!("~{:08x}", crc32fast::hash(name.as_bytes()));
    }
    dir.join(format!("{kind}-{escaped}"))
}

/// The folders below `dir` that hold requests and are none of these.
pub(in crate::agent::push) fn others(dir: &Path, known: &[PathBuf]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| !known.contains(path) && segments(path).is_ok_and(|all| !all.is_empty())).collect()
}

/// Whether this version can read what is there; also yes if nothing is, or if it can't be looked at, which is no reason
/// not to start.
pub(in crate::agent::push) fn check(folder: &Path) -> Result<(), Error> {
    let numbers = segments(folder).unwrap_or_default();
    let newer = |file: PathBuf, version: u32| {
        Error::new(format!("{} is of format {version}, this version reads {VERSION}", file.display())).hint(
            format!(
                "start the version that wrote it until its queue is empty, or give up what is queued: mv {0} {0}.old",
                folder.display()
            ),
        )
    };
    for path in numbers.into_iter().map(|number| folder.join(segment_name(number))) {
        let mut head = [0; SEGMENT_HEAD];
        let read = File::open(&path).and_then(|mut file| file.read_exact(&mut head));
        if let (Ok(()), Some(version)) = (read, record::version(&head))
            && version != VERSION
        {
            return Err(newer(path, version));
        }
    }
    for path in MARKS.map(|name| folder.join(name)) {
        let bytes = std::fs::read(&path).unwrap_or_default();
        if let Mark::Of(version) = mark::read(&bytes) {
            return Err(newer(path, version));
        }
    }
    Ok(())
}

/// The numbers of the segments in a folder, in order. A segment is named after its first record.
fn segments(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(SEGMENT)?.parse().ok());
        numbers.extend(number.filter(|number| name.to_str() == Some(&segment_name(*number))));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn segment_name(number: u64) -> String {
    format!("{number:020}{SEGMENT}")
}

/// The folder, while this process alone writes to it.
pub(super) struct Folder {
    path: PathBuf,
    /// Locked. It closes with the exec of a reload, and the next image takes the lock again.
    lock: File,
    handle: File,
}

impl Folder {
    /// Makes it if it is not there, and takes the lock.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let mut builder = DirBuilder::new();
        // What is queued says as much of the machine as `/metrics`, and that may want a password.
        builder.recursive(true).mode(0o700);
        builder.create(path).context(format_args!("making {}", path.display()))?;
        let lock = path.join(LOCK);
        let mut options = File::options();
        let file = options.create(true).truncate(false).write(true).mode(0o600).open(&lock);
        let file = file.context(format_args!("opening {}", lock.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(format!("another agent has {}", lock.display()))
                    .hint("give each agent a folder of its own: [push] dir"));
            }
            Err(TryLockError::Error(error)) => {
                return Err(Error::from(error).context(format_args!("locking {}", lock.display())));
            }
        }
        let handle = File::open(path).context(format_args!("opening {}", path.display()))?;
        Ok(Folder { path: path.to_owned(), lock: file, handle })
    }

    /// Whether it still is where it was: what is written to a folder that was deleted is written for nobody.
    pub(super) fn is_there(&self) -> bool {
        let named = std::fs::metadata(self.path.join(LOCK));
        let own = self.lock.metadata();
        matches!((named, own), (Ok(named), Ok(own)) if (named.dev(), named.ino()) == (own.dev(), own.ino()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn segments(&self) -> io::Result<Vec<u64>> {
        segments(&self.path)
    }

    pub(super) fn segment(&self, number: u64) -> PathBuf {
        self.path.join(segment_name(number))
    }

    /// A new segment, without its head. One of this number that is there was never used: it has no record that can be read.
    pub(super) fn create(&self, number: u64) -> io::Result<File> {
        File::options().create(true).truncate(true).write(true).mode(0o600).open(self.segment(number))
    }

    pub(super) fn remove(&self, number: u64) -> io::Result<()> {
        match std::fs::remove_file(self.segment(number)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The two marks.
    pub(super) fn marks(&self) -> Result<[File; 2], Error> {
        let open = |name: &str| {
            let path = self.path.join(name);
            let mut options = File::options();
            let file = options.create(true).truncate(false).read(true).write(true).mode(0o600).open(&path);
            file.context(format_args!("opening {}", path.display()))
        };
        Ok([open(MARKS[0])?, open(MARKS[1])?])
    }

    /// Has the names of new files on disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.handle.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_after_its_target() {
        let name = |kind, name: &str| {
            let path = path(Path::new("/q"), kind, name);
            path.to_str().unwrap().to_owned()
        };
        assert_eq!(name(Kind::Otlp, "otel:4318"), "/q/otlp-otel:4318");
        assert_eq!(name(Kind::RemoteWrite, "../a b/ü"), "/q/remote_write-..%2fa%20b%2f%c3%bc");
        let (one, other) = ("x".repeat(300), "x".repeat(299) + "y");
        assert_ne!(name(Kind::Otlp, &one), name(Kind::Otlp, &other));
        assert!(name(Kind::Otlp, &one).len() < 200);
    }

    #[test]
    fn one_agent_has_it_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let first = Folder::open(&path).unwrap();
        let error = Folder::open(&path).err().unwrap().to_string();
        assert!(error.contains("another agent has") && error.contains("[push] dir"), "{error}");
        assert!(first.is_there());
        std::fs::remove_dir_all(&path).unwrap();
        assert!(!first.is_there());
        let second = Folder::open(&path).unwrap();
        assert!(second.is_there() && !first.is_there());
    }

    #[test]
    fn a_later_format_is_refused_and_a_damaged_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        assert!(check(&dir.path().join("nowhere")).is_ok());
        let mut head = record::segment_head();
        let path = dir.path().join(segment_name(7));
        for (damage, refused) in [(false, false), (true, true), (true, false)] {
            if damage {
                head[8] += 1;
            }
            if refused {
                record::seal(&mut head);
            }
            std::fs::write(&path, head).unwrap();
            let said = check(dir.path()).map_err(|error| error.to_string());
            assert_eq!(said.is_err(), refused, "{said:?}");
            if let Err(said) = said {
                assert!(said.contains("00007.segment is of format 2, this version reads 1"), "{said}");
                assert!(said.contains("mv "), "{said}");
            }
        }
        std::fs::write(&path, "").unwrap();
        let mut mark = mark::bytes(Default::default());
        mark[8] = 3;
        record::seal(&mut mark);
        std::fs::write(dir.path().join(MARKS[1]), mark).unwrap();
        assert!(check(dir.path()).is_err());
    }
}
