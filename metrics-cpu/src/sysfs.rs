//! Small files of sysfs that are read again and again.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use relink_core::{Context, Error, Kept, Samples, Unread};

/// The magic number of sysfs in statfs(2), from `linux/magic.h`.
const SYSFS_MAGIC: u64 = 0x6265_6572;

/// Room for the content of any sysfs file: the kernel limits it to a page.
pub(crate) type Page = [u8; 4096];

/// One file, which is opened for each reading unless it may be kept: a machine has several for each of its CPUs.
pub(crate) struct SysfsFile {
    path: PathBuf,
    /// Where it stays open between readings.
    kept: Option<Kept>,
}

impl SysfsFile {
    /// A file that is opened for each reading.
    pub(crate) fn new(path: PathBuf) -> Self {
        SysfsFile { path, kept: None }
    }

    /// A file that is worth a descriptor of its own, if it is of the real sysfs (`keep`): of that the kernel makes the
    /// content again for each read from the start. Any other file (a test's, a copy) may be replaced.
    pub(crate) fn kept(path: PathBuf, keep: bool) -> Self {
        SysfsFile { path, kept: keep.then(Kept::default) }
    }

    /// The content without the line end. Nothing if the file can't be read: files here come and go with CPUs, and
    /// drivers answer EBUSY, EAGAIN or EINVAL where they have no value. What can't be opened though it is there is told.
    pub(crate) fn read<'a>(&mut self, page: &'a mut Page, out: &mut Samples) -> Option<&'a str> {
        let opened = match self.kept.as_mut().and_then(Kept::take) {
            Some(file) => Ok(file),
            None => Kept::open(&self.path),
        };
        let mut unread = Unread::default();
        let Some(file) = unread.unless(&self.path, opened) else {
            unread.tell(out);
            return None;
        };
        let filled = read_start(&file, page).ok()?;
        if let Some(kept) = &mut self.kept {
            kept.put(file);
        }
        Some(std::str::from_utf8(&page[..filled]).unwrap_or("\u{fffd}").trim_end())
    }

    /// What `parse` makes of the content. Nothing if there is none, or if it makes no sense, which is told.
    pub(crate) fn parse<T>(
        &mut self,
        page: &mut Page,
        out: &mut Samples,
        parse: impl FnOnce(&str) -> Result<T, Error>,
    ) -> Option<T> {
        let parsed = parse(self.read(page, out)?).context(self.path.display());
        parsed.map_err(|why| out.warn(why.message())).ok()
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
