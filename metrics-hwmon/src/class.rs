//! Small files of sysfs, and folders whose entries come and go.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use relink_core::{Error, Samples, Unread};
use relink_pattern::Pattern;

/// How often the files of a device are looked for again: drivers add some to a device that has been there for long, as
/// coretemp does when a CPU comes online, and what could not be read at first may be readable now. Only time can tell,
/// as sysfs does not change the date of a folder when a file comes.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Room for the content of any sysfs file: the kernel limits it to a page.
pub(crate) type Page = [u8; 4096];

/// The content without the line end, what is not UTF-8 as U+FFFD. Nothing if the file can't be read: drivers answer EAGAIN,
/// ENODATA or ENODEV where they have no value now, and files vanish with their device. One that is there and can't be
/// opened is told.
pub(crate) fn read<'a>(path: &Path, page: &'a mut Page, out: &mut Samples) -> Option<Cow<'a, str>> {
    let mut unread = Unread::default();
    let opened = unread.unless(path, File::open(path));
    unread.tell(out);
    let filled = opened?.read(page).ok()?;
    Some(String::from_utf8_lossy(page[..filled].trim_ascii_end()))
}

/// The number that a file holds; what is none is told.
pub(crate) fn read_number(path: &Path, page: &mut Page, out: &mut Samples) -> Option<f64> {
    let text = read(path, page, out)?;
    // A meter of ACPI has its accuracy in percent, which no family is for.
    if text.is_empty() || text.ends_with('%') {
        return None;
    }
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    if number.is_none() {
        odd(path, "a number", &text, out);
    }
    number
}

/// Tells what a file has in place of what was expected.
pub(crate) fn odd(path: &Path, expected: &str, found: &str, out: &mut Samples) {
    out.warn(Error::expected(expected, found).context(path.display()).to_string());
}

/// The pattern of an option; nothing for an empty one.
pub(crate) fn pattern(option: &str, text: &str) -> Result<Option<Pattern>, Error> {
    (!text.is_empty()).then(|| Pattern::new(option, text)).transpose()
}

/// A folder of `/sys/class`, and what stood in it when it was last looked at.
pub(crate) struct Class {
    path: PathBuf,
    entries: Vec<Entry>,
    /// When the files of the devices were last looked for.
    looked: Option<Instant>,
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
        Class { path, entries: Vec::new(), looked: None }
    }

    /// The devices, in the order of their names, if their files have to be looked for: the devices are others than at
    /// the last call, or it is time to look again. A machine without such devices mostly has no such folder.
    pub(crate) fn due(&mut self, out: &mut Samples) -> Option<&[Entry]> {
        let mut unread = Unread::default();
        let mut found: Vec<Entry> = unread
            .list(&self.path)
            .into_iter()
            .map(|name| {
                let path = self.path.join(&name);
                let target = std::fs::read_link(&path).ok();
                Entry { name, path, target }
            })
            .collect();
        unread.tell(out);
        found.sort();
        if found == self.entries && self.looked.is_some_and(|at| at.elapsed() < LOOK_AGAIN) {
            return None;
        }
        self.entries = found;
        self.looked = Some(Instant::now());
        Some(&self.entries)
    }

    #[cfg(test)]
    pub(crate) fn half_a_minute_passes(&mut self) {
        self.looked = None;
    }
}
