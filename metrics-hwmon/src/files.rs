//! Small files of sysfs, and folders whose entries come and go.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Room for the content of any sysfs file: the kernel limits it to a page.
pub(crate) type Page = [u8; 4096];

/// The content without the line end. Nothing if the file can't be read: drivers answer EAGAIN, ENODATA or ENODEV where
/// they have no value now, and files vanish with their device.
pub(crate) fn read<'a>(path: &Path, page: &'a mut Page) -> Option<&'a str> {
    let filled = File::open(path).and_then(|mut file| file.read(page)).ok()?;
    std::str::from_utf8(&page[..filled]).ok().map(str::trim_end)
}

/// The number that a file holds, if it does.
pub(crate) fn read_number(path: &Path, page: &mut Page) -> Option<f64> {
    read(path, page)?.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The content of a file that is read seldom. What is not UTF-8 becomes U+FFFD.
pub(crate) fn read_once(path: &Path) -> Option<String> {
    let bytes = std::fs::read(path).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

/// A folder of `/sys/class`, and what stood in it when it was last looked at.
pub(crate) struct Class {
    path: PathBuf,
    entries: Vec<Entry>,
}

/// A device of a class. The link's target tells a device from another one that has taken its name.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    target: Option<PathBuf>,
}

impl Class {
    pub(crate) fn new(path: PathBuf) -> Self {
        Class { path, entries: Vec::new() }
    }

    /// The devices, in the order of their names, if they are others than at the last call. A machine without such
    /// devices mostly has no such folder.
    pub(crate) fn changed(&mut self) -> Option<&[Entry]> {
        let found = std::fs::read_dir(&self.path).into_iter().flatten().flatten().filter_map(|entry| {
            let path = entry.path();
            let target = std::fs::read_link(&path).ok();
            Some(Entry { name: entry.file_name().into_string().ok()?, path, target })
        });
        let mut found: Vec<Entry> = found.collect();
        found.sort();
        if found == self.entries {
            return None;
        }
        self.entries = found;
        Some(&self.entries)
    }
}
