//! What can't be read though it is there.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::Samples;

/// What a look at small files met that it could not read.
///
/// A file or folder that is not there is nothing: a machine has what it has, and devices go. All else that comes of
/// opening one, such as a permission that is missing, is noted here, and told with the samples. What was found at one
/// look and is shown for a while is told in each of these collections.
#[derive(Debug, Default)]
pub struct Unread(Vec<String>);

impl Unread {
    /// Warns of what was noted.
    pub fn tell(&self, out: &mut Samples) {
        self.0.iter().for_each(|what| out.warn(what));
    }

    /// What was found at a path, or nothing.
    pub fn unless<T>(&mut self, path: &Path, found: io::Result<T>) -> Option<T> {
        let wrong = found.as_ref().err().filter(|why| !is_missing(why));
        self.0.extend(wrong.map(|why| format!("reading {}: {why}", path.display())));
        found.ok()
    }

    /// The content of a file without the line end, what is not UTF-8 as U+FFFD. Nothing if there is none, or if the driver
    /// behind it has no value: then it answers EAGAIN, EBUSY, EINVAL and others when it is read.
    pub fn read(&mut self, path: &Path) -> Option<String> {
        self.bytes(path).map(|bytes| String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    /// The content as it is.
    pub fn bytes(&mut self, path: &Path) -> Option<Vec<u8>> {
        // A file as such is asked for its size and its place before it is read: two calls more for each of the ten thousand
        // small files of a large machine.
        let mut file = self.unless(path, File::open(path))?.take(u64::MAX);
        let mut bytes = Vec::with_capacity(256);
        file.read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// The names of what stands in a folder, in their order, but for those that are no UTF-8.
    pub fn list(&mut self, path: &Path) -> Vec<String> {
        let names = std::fs::read_dir(path).and_then(|entries| {
            let mut names = Vec::new();
            for entry in entries {
                names.extend(entry?.file_name().into_string());
            }
            names.sort_unstable();
            Ok(names)
        });
        self.unless(path, names).unwrap_or_default()
    }
}

/// Whether this says that there is no such file, folder or device.
pub(crate) fn is_missing(why: &io::Error) -> bool {
    /// The numbers are the same on all systems of the UNIX kind.
    const ENXIO: i32 = 6;
    const ENODEV: i32 = 19;
    matches!(why.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        || matches!(why.raw_os_error(), Some(ENXIO | ENODEV))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_and_can_not_be_read_is_told_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("value"), "1 \n").unwrap();
        // A link to itself can't be opened by anybody, not by root either.
        std::os::unix::fs::symlink("loop", at("loop")).unwrap();
        let mut unread = Unread::default();
        assert_eq!(unread.read(&at("value")).as_deref(), Some("1"));
        assert_eq!(unread.list(folder.path()), ["loop", "value"]);
        // Missing; behind a file; a folder as a file, which can be opened and has no content.
        assert_eq!(unread.read(&at("none")), None);
        assert_eq!(unread.read(&at("value/none")), None);
        assert!(unread.list(&at("value")).is_empty());
        assert_eq!(unread.read(folder.path()), None);
        assert!(unread.0.is_empty(), "{unread:?}");
        assert_eq!(unread.read(&at("loop")), None);
        assert!(unread.list(&at("loop")).is_empty());
        let mut out = Samples::new(&[], 0);
        unread.tell(&mut out);
        let [file, list] = out.warnings() else { panic!("{unread:?}") };
        for warning in [file, list] {
            assert!(
                warning.starts_with("reading /") && warning.contains("loop: Too many levels"),
                "{warning}"
            );
        }
    }

    #[test]
    fn a_permission_that_is_missing_is_a_fault_and_a_device_that_has_gone_is_none() {
        let is = |errno: i32| is_missing(&io::Error::from_raw_os_error(errno));
        // ENOENT, ENOTDIR, ENXIO, ENODEV; EPERM, EIO, EACCES, EMFILE.
        assert_eq!([2, 20, 6, 19].map(is), [true; 4]);
        assert_eq!([1, 5, 13, 24].map(is), [false; 4]);
    }
}
