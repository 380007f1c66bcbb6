//! Small files of sysfs that are read again and again.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The magic number of sysfs in statfs(2), from `linux/magic.h`.
const SYSFS_MAGIC: u64 = 0x6265_6572;

/// Room for the content of any sysfs file: the kernel limits it to a page.
pub(crate) type Page = [u8; 4096];

/// One file. If it is of the real sysfs it stays open, because the kernel makes its content anew for each read from
/// the start; any other file (a test's, a copy) may be replaced, so it is opened each time.
pub(crate) struct SysfsFile {
    path: PathBuf,
    keep: bool,
    kept: Option<File>,
}

impl SysfsFile {
    /// A file that is opened when it is first read; `keep` says whether it is of the real sysfs.
    pub(crate) fn new(path: PathBuf, keep: bool) -> Self {
        SysfsFile { path, keep, kept: None }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The content without the line end. Nothing if the file can't be read: files here come and go with CPUs, and
    /// drivers answer EBUSY, EAGAIN or EINVAL where they have no value.
    pub(crate) fn read<'a>(&mut self, page: &'a mut Page) -> Option<&'a str> {
        let file = match self.kept.take() {
            Some(file) => file,
            None => File::open(&self.path).ok()?,
        };
        let filled = read_start(&file, page).ok()?;
        if self.keep {
            self.kept = Some(file);
        }
        Some(std::str::from_utf8(&page[..filled]).unwrap_or("\u{fffd}").trim_end())
    }
}

fn read_start(file: &File, page: &mut Page) -> io::Result<usize> {
    loop {
        match file.read_at(page, 0) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Whether this folder is of the real sysfs.
pub(crate) fn is_sysfs(folder: &Path) -> bool {
    rustix::fs::statfs(folder).is_ok_and(|found| found.f_type as u64 == SYSFS_MAGIC)
}

/// The content of a file that is read seldom, without the line end; nothing if there is none.
pub(crate) fn read_once(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim_end().to_owned())
}
