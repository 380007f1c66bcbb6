//! `/sys/class/net`: a folder for each interface.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use relink_core::{Context, Error, Samples, Unread};

/// The interfaces by name, what is no UTF-8 as U+FFFD, and their folders.
pub(crate) fn interfaces(folder: &Path, out: &mut Samples) -> Result<Vec<(String, PathBuf)>, Error> {
    let entries = match std::fs::read_dir(folder) {
        Err(why) if matches!(why.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        entries => entries.context(format_args!("reading {}", folder.display()))?,
    };
    let (mut found, mut unread) = (Vec::new(), Unread::default());
    for entry in entries {
        let entry = entry.context(format_args!("reading {}", folder.display()))?;
        let path = entry.path();
        // There are files as well, such as `bonding_masters`.
        if unread.unless(&path, std::fs::metadata(&path)).is_some_and(|about| about.is_dir()) {
            found.push((entry.file_name().to_string_lossy().into_owned(), path));
        }
    }
    unread.tell(out);
    relink_order::sort_by(&mut found, Ord::cmp);
    // Names that differ in nothing but U+FFFD would be one series, and a series can't be there twice.
    found.dedup_by(|(name, _), (before, _)| name == before);
    Ok(found)
}

/// Reads files of one number or word, and keeps what there is to tell of them.
#[derive(Debug, Default)]
pub(crate) struct Files {
    unread: Unread,
    odd: Vec<String>,
}

impl Files {
    /// Warns of what could not be read, and of what is no number.
    pub(crate) fn tell(&self, out: &mut Samples) {
        self.unread.tell(out);
        self.odd.iter().for_each(|odd| out.warn(odd));
    }

    /// Whether the folder is there and may be looked into.
    pub(crate) fn can_see(&mut self, folder: &Path) -> bool {
        self.unread.unless(folder, std::fs::metadata(folder)).is_some()
    }

    /// Nothing if there is no such file, or if the driver has no value for it.
    pub(crate) fn word(&mut self, path: &Path) -> String {
        self.unread.read(path).unwrap_or_default()
    }

    /// Some are hexadecimal.
    pub(crate) fn number(&mut self, path: &Path) -> Option<i64> {
        self.parsed(path, "a number", |text| match text.strip_prefix("0x") {
            Some(digits) => i64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        })
    }

    pub(crate) fn count(&mut self, path: &Path) -> Option<u64> {
        self.parsed(path, "a count", |text| text.parse().ok())
    }

    fn parsed<T>(&mut self, path: &Path, what: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.unread.read(path)?;
        let value = parse(&text);
        if value.is_none() {
            self.odd.push(Error::expected(what, &text).context(path.display()).to_string());
        }
        value
    }
}
