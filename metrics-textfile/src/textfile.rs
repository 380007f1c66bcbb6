//! Texts in the Prometheus format that scripts leave in folders.

mod file;
mod folder;
mod pattern;

use std::collections::HashSet;
use std::path::PathBuf;

use relink_core::{Collector, Error, Facts, Family, Paths, Samples, options};

use folder::Folder;
use pattern::{matching, pattern};

pub(crate) const SCRAPE_ERROR: Family = Family::gauge(
    "node_textfile_scrape_error",
    "Whether a folder could not be listed, or a file in it could not be used.",
);
pub(crate) const MTIME: Family = Family::gauge(
    "node_textfile_mtime_seconds",
    "When a file that is shown was last written, in seconds since 1970.",
)
.labels(&["file"]);

/// So many facts are shown at most: folders first, then files.
const FACTS: usize = 100;

options! {
    /// What the operator may set.
    pub(crate) struct Settings {
        /// Folders of *.prom files, and patterns of folders.
        directory: Vec<String> = Vec::new(),
    }
}

pub(crate) struct Textfile {
    /// As the operator has named them: folders, and patterns of folders.
    given: Vec<PathBuf>,
    /// The folders that were read last.
    folders: Vec<Folder>,
}

impl Textfile {
    pub(crate) fn new(_: &Paths, settings: Settings) -> Result<Self, Error> {
        // An empty path is node_exporter's default, and means none.
        let given = settings.directory.into_iter().filter(|path| !path.is_empty());
        Ok(Textfile { given: given.map(PathBuf::from).collect(), folders: Vec::new() })
    }

    /// Brings the folders up to date; those that were there before keep what is known of their files.
    fn find_folders(&mut self, out: &mut Samples) {
        let mut known = std::mem::take(&mut self.folders);
        let mut seen = HashSet::new();
        for path in self.given.iter().flat_map(|given| matching(given, out)) {
            if seen.insert(path.clone()) {
                let before = known.iter().position(|folder| folder.path() == path);
                let folder = before.map(|at| known.swap_remove(at));
                self.folders.push(folder.unwrap_or_else(|| Folder::new(path)));
            }
        }
    }
}

impl Collector for Textfile {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        // Names stand for the same folders at all times.
        if self.folders.is_empty() || self.given.iter().any(|given| pattern(given).is_some()) {
            self.find_folders(out);
        }
        let most = out.limit().saturating_mul(Samples::TEXT_BYTES) as u64;
        let mut wrong = false;
        for folder in &mut self.folders {
            if let Err(why) = folder.look(most) {
                wrong = true;
                out.warn(format!("{}: {why}", folder.path().display()));
            }
        }
        for file in self.folders.iter_mut().flat_map(Folder::files_mut) {
            if let Some(why) = file.hand_on(out).map(ToString::to_string) {
                wrong = true;
                out.warn(format!("{}: {why}", file.label()));
            }
        }
        out.push(&SCRAPE_ERROR, [], f64::from(u8::from(wrong)));
        for file in self.folders.iter().flat_map(Folder::files) {
            if let Some(seconds) = file.shown_since() {
                out.push(&MTIME, [file.label()], seconds);
            }
        }
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        if self.given.is_empty() {
            out.push("folder", "none; set [collectors.textfile] directory");
        }
        for folder in self.folders.iter().take(FACTS) {
            let count = folder.files().len();
            out.push("folder", format!("{}, {count} *.prom", folder.path().display()));
        }
        for file in self.folders.iter().flat_map(Folder::files).take(FACTS) {
            out.push(file.label(), file.outcome());
        }
        Ok(())
    }
}
