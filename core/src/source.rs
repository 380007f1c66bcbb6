//! Reading a file of the kernel again and again.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use crate::{Context, Error};

/// A file that is read whole at every collection, such as `/proc/stat`.
///
/// A file of procfs stays open between reads: opening costs half as much again as reading, and such a file shows
/// the present state each time it is read from its start. Any other file (a test's, a container's copy) may have
/// been replaced meanwhile, so it is opened anew. The buffer is kept in either case.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    kept: Option<File>,
    buffer: Vec<u8>,
    filled: usize,
}

impl Source {
    /// A source that is opened when it is first read.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Source { path: path.into(), kept: None, buffer: Vec::new(), filled: 0 }
    }

    /// The path, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The content as text.
    pub fn read(&mut self) -> Result<&str, Error> {
        self.fill().context(format_args!("reading {}", self.path.display()))?;
        std::str::from_utf8(&self.buffer[..self.filled])
            .context(format_args!("reading {}", self.path.display()))
    }

    /// The content as bytes, for files whose text need not be UTF-8.
    pub fn read_bytes(&mut self) -> Result<&[u8], Error> {
        self.fill().context(format_args!("reading {}", self.path.display()))?;
        Ok(&self.buffer[..self.filled])
    }

    /// The content as text, or `None` when this machine has no such file.
    pub fn read_if_present(&mut self) -> Result<Option<&str>, Error> {
        if self.kept.is_none() && !self.path.exists() {
            return Ok(None);
        }
        self.read().map(Some)
    }

    fn fill(&mut self) -> io::Result<()> {
        // A kept descriptor can go bad (a device that is gone); then the path is opened once more.
        if let Some(file) = &mut self.kept {
            match read_whole(file, &mut self.buffer) {
                Ok(filled) => {
                    self.filled = filled;
                    return Ok(());
                }
                Err(_) => self.kept = None,
            }
        }
        let mut file = File::open(&self.path)?;
        self.filled = read_whole(&mut file, &mut self.buffer)?;
        // procfs gives its files the size 0 whatever they hold; nothing else does.
        if self.filled > 0 && file.metadata()?.len() == 0 {
            self.kept = Some(file);
        }
        Ok(())
    }
}

/// Fills `buffer` from the file's start and returns how much of it is content. The buffer grows and never shrinks,
/// so that it is cleared once and not at every read.
fn read_whole(file: &mut File, buffer: &mut Vec<u8>) -> io::Result<usize> {
    file.rewind()?;
    if buffer.is_empty() {
        buffer.resize(4096, 0);
    }
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
        assert_eq!(source.read_if_present().unwrap(), None);
        assert!(source.read().unwrap_err().message().contains("stat: No such file"), "the path is named");
        let long = "x".repeat(10_000);
        std::fs::write(&path, &long).unwrap();
        assert_eq!(source.read().unwrap(), long);
        std::fs::write(dir.path().join("new"), "short").unwrap();
        std::fs::rename(dir.path().join("new"), &path).unwrap();
        assert_eq!(source.read().unwrap(), "short");
        assert!(source.kept.is_none());

        if cfg!(target_os = "linux") {
            let mut uptime = Source::new("/proc/uptime");
            uptime.read().unwrap();
            assert!(uptime.kept.is_some());
            assert!(!uptime.read().unwrap().is_empty());
        }
    }
}
