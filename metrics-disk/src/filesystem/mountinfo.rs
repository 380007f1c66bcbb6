//! Reading `/proc/1/mountinfo`, and only when it has changed.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use relink_core::{Error, Paths};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{PROC_SUPER_MAGIC, fstatfs};

/// The kernel does not announce what a file system does by itself, such as ext4's `emergency_ro` after a disk error;
/// so the text is read again when it is this old.
const LONGEST_KEPT: Duration = Duration::from_secs(30);

/// The mounts of process 1, or where it can't be looked at, of this one.
pub(crate) struct MountInfo {
    candidates: [PathBuf; 2],
    /// The one that was read last.
    used: usize,
    /// Open if it is of the real procfs, which announces changes; any other file is read each time.
    kept: Option<File>,
    /// Nothing if neither is there.
    text: Option<Vec<u8>>,
    read_at: Option<Instant>,
}

impl MountInfo {
    pub(crate) fn new(paths: &Paths) -> Self {
        MountInfo {
            candidates: [paths.procfs("1/mountinfo"), paths.procfs("self/mountinfo")],
            used: 0,
            kept: None,
            text: None,
            read_at: None,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.candidates[self.used]
    }

    /// Whether these are the mounts of process 1, and so the machine's.
    pub(crate) fn is_the_machines(&self) -> bool {
        self.used == 0
    }

    /// The content as of the last `refresh`; nothing on a machine without the file.
    pub(crate) fn text(&self) -> Option<&[u8]> {
        self.text.as_deref()
    }

    /// Makes the next `refresh` say that the text has changed.
    pub(crate) fn forget(&mut self) {
        self.text = None;
        self.read_at = None;
    }

    /// Reads the file if it may have changed; `true` if it has.
    pub(crate) fn refresh(&mut self) -> Result<bool, Error> {
        let first = self.read_at.is_none();
        if let Some(file) = &mut self.kept {
            // Asked first and read afterwards: a change in between is announced the next time.
            let announced = is_announced(file);
            if !announced && self.read_at.is_some_and(|at| at.elapsed() < LONGEST_KEPT) {
                return Ok(false);
            }
            // What could not be read before may be readable now.
            if self.used == 0
                && let Ok(text) = read(file)
            {
                return Ok(self.take(Some(text)) || first);
            }
            self.kept = None;
        }
        let text = self.open()?;
        Ok(self.take(text) || first)
    }

    /// Keeps the text; `true` if it is another one.
    fn take(&mut self, text: Option<Vec<u8>>) -> bool {
        self.read_at = Some(Instant::now());
        let changed = self.text != text;
        self.text = text;
        changed
    }

    fn open(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut failures = Vec::new();
        for (at, path) in self.candidates.iter().enumerate() {
            let opened = File::open(path).and_then(|mut file| Ok((read(&mut file)?, file)));
            match opened {
                Ok((text, file)) => {
                    self.used = at;
                    let procfs = fstatfs(&file).is_ok_and(|found| found.f_type == PROC_SUPER_MAGIC);
                    self.kept = procfs.then_some(file);
                    return Ok(Some(text));
                }
                Err(why) if matches!(why.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
                Err(why) => failures.push(format!("reading {}: {why}", path.display())),
            }
        }
        if failures.is_empty() { Ok(None) } else { Err(Error::new(failures.join("; "))) }
    }
}

/// Whether the mounts have changed since this was last asked, or the file was opened. If it can't be told: yes.
fn is_announced(file: &File) -> bool {
    let mut watched = [PollFd::new(file, PollFlags::PRI | PollFlags::ERR)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    !matches!(poll(&mut watched, Some(&at_once)), Ok(0))
}

fn read(file: &mut File) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_file_stays_open_and_is_not_read_while_nothing_changes() {
        let mut mountinfo = MountInfo::new(&Paths::default());
        assert!(mountinfo.refresh().unwrap());
        assert!(mountinfo.kept.is_some() && mountinfo.text().is_some());
        // Something else on this machine may mount at any time, but not all the time.
        let unread = (0..100).any(|_| {
            let before = mountinfo.read_at;
            !mountinfo.refresh().unwrap() && mountinfo.read_at == before
        });
        assert!(unread);
        mountinfo.forget();
        assert!(mountinfo.refresh().unwrap() && mountinfo.text().is_some());
    }

    #[test]
    fn process_1_is_tried_again() {
        let mut mountinfo = MountInfo::new(&Paths::default());
        mountinfo.candidates[0] = "/no/such/mountinfo".into();
        assert!(mountinfo.refresh().unwrap());
        assert_eq!((mountinfo.used, mountinfo.kept.is_some()), (1, true));
        mountinfo.candidates[0] = "/proc/thread-self/mountinfo".into();
        // As if it had been read long ago.
        mountinfo.read_at = None;
        assert!(mountinfo.refresh().unwrap());
        assert_eq!(mountinfo.used, 0);
    }

    #[test]
    fn another_file_is_read_each_time() {
        let tree = relink_testing::Tree::new().file("proc/self/mountinfo", "a");
        let mut mountinfo = MountInfo::new(&tree.paths());
        assert!(mountinfo.refresh().unwrap() && !mountinfo.is_the_machines());
        assert!(!mountinfo.refresh().unwrap());
        tree.write("proc/1/mountinfo", "b");
        assert!(mountinfo.refresh().unwrap(), "process 1 comes first");
        assert_eq!((mountinfo.text(), mountinfo.path().ends_with("1/mountinfo")), (Some(&b"b"[..]), true));
        assert!(mountinfo.is_the_machines());
        std::fs::remove_dir_all(tree.path().join("proc")).unwrap();
        assert!(mountinfo.refresh().unwrap() && mountinfo.text().is_none());
        assert!(!mountinfo.refresh().unwrap(), "still none");
    }
}
