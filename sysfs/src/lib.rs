//! Small files of one value each, as in `/sys`, and folders whose entries come and go.
//!
//! [`Devices`] says when the files of a folder's devices have to be looked for, a [`Reader`] reads them,
//! [`Figures`] are tables of families whose values stand in a file each, and [`Words`] label values that do.

mod devices;
mod figures;
mod labels;

use std::borrow::Cow;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use relink_core::{Error, Samples, Unread};

pub use devices::{Device, Devices};
pub use figures::{Figure, Figures};
pub use labels::{Words, chip, cleaned};

/// The kernel limits the content of a file in sysfs to a page.
const PAGE: usize = 4096;

/// Reads small files, with room for the content of one.
#[derive(Debug)]
pub struct Reader(Box<[u8; PAGE]>);

impl Default for Reader {
    fn default() -> Self {
        Reader(Box::new([0; PAGE]))
    }
}

impl Reader {
    /// The content without the line end, what is not UTF-8 as U+FFFD. Nothing if the file can't be read: drivers answer
    /// EAGAIN, ENODATA or ENODEV where they have no value now, and files vanish with their device. One that is there and
    /// can't be opened is told.
    pub fn text<'a>(&'a mut self, path: &Path, out: &mut Samples) -> Option<Cow<'a, str>> {
        let mut unread = Unread::default();
        let opened = unread.unless(path, File::open(path));
        unread.tell(out);
        let filled = opened?.read(&mut *self.0).ok()?;
        Some(String::from_utf8_lossy(self.0[..filled].trim_ascii_end()))
    }

    /// The same for a label: empty if there is no such file.
    pub fn word(&mut self, path: &Path, out: &mut Samples) -> String {
        self.text(path, out).unwrap_or_default().into_owned()
    }

    /// The number that a file holds, decimal or with `0x` in front; what is none is told.
    pub fn number(&mut self, path: &Path, out: &mut Samples) -> Option<f64> {
        let text = self.text(path, out)?;
        // A meter of ACPI has its accuracy in percent, which no family is for.
        if text.ends_with('%') {
            return None;
        }
        let number = match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok().map(|number| number as f64),
            None => text.parse().ok().filter(|number: &f64| number.is_finite()),
        };
        if number.is_none() {
            odd(path, "a number", &text, out);
        }
        number
    }
}

/// Whether there is such a file, when files are looked for that are then read at each collection. One that may not be
/// looked at counts as well: it is told when it is read.
pub fn is_there(path: &Path) -> bool {
    path.try_exists().unwrap_or_else(|why| why.kind() != ErrorKind::NotADirectory)
}

/// The path of a folder's file, if it [is there](is_there).
pub fn existing(folder: &Path, file: &str) -> Option<PathBuf> {
    Some(folder.join(file)).filter(|path| is_there(path))
}

/// Tells what a file has in place of what was expected.
pub fn odd(path: &Path, expected: &str, found: &str, out: &mut Samples) {
    out.warn(Error::expected(expected, found).context(path.display()).to_string());
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_behind_another_is_not_there_and_one_that_may_not_be_looked_at_is() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("value"), "").unwrap();
        // Nobody can look behind a link to itself.
        std::os::unix::fs::symlink("loop", at("loop")).unwrap();
        assert_eq!(
            ["value", "none", "value/none", "loop"].map(|name| is_there(&at(name))),
            [true, false, false, true]
        );
    }
}
