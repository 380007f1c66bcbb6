//! Metrics that scripts and cron jobs leave in files: each `*.prom` in a folder, as node_exporter's textfile collector.
//!
//! The README lists families and options.

mod file;
mod folder;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use relink_core::{Collector, Error, Facts, Family, Options, Samples, register};
use serde::Deserialize;

use folder::Folder;

const SCRAPE_ERROR: Family = Family::gauge(
    "node_textfile_scrape_error",
    "Whether a folder could not be listed, or a file in it could not be used.",
);
const MTIME: Family = Family::gauge(
    "node_textfile_mtime_seconds",
    "When a file that is shown was last written, in seconds since 1970.",
)
.labels(&["file"]);

/// So many facts are shown at most: folders first, then files.
const FACTS: usize = 100;

register! {
    name: "textfile",
    help: "Metrics that scripts leave in files",
    families: [SCRAPE_ERROR, MTIME],
    new: |options: &Options| Textfile::new(options),
}

/// What the operator may set.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    directory: Directories,
}

/// One folder or several.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "directory: expected a path, or a list of paths")]
enum Directories {
    One(PathBuf),
    Several(Vec<PathBuf>),
}

impl Default for Directories {
    fn default() -> Self {
        Directories::Several(Vec::new())
    }
}

struct Textfile {
    /// As the operator has named them: folders, and patterns of folders.
    given: Vec<PathBuf>,
    /// How many bytes a file may have.
    most: u64,
    /// The folders that were read last.
    folders: Vec<Folder>,
}

impl Textfile {
    fn new(options: &Options) -> Result<Self, Error> {
        let mut paths = match options.parse::<Settings>()?.directory {
            Directories::One(path) => vec![path],
            Directories::Several(paths) => paths,
        };
        // An empty path is node_exporter's default, and means none.
        paths.retain(|path| !path.as_os_str().is_empty());
        let most = options.series().saturating_mul(Samples::TEXT_BYTES) as u64;
        Ok(Textfile { given: paths, most, folders: Vec::new() })
    }

    /// Brings the folders up to date; those that were there before keep what is known of their files.
    fn find_folders(&mut self, out: &mut Samples) {
        let mut known = std::mem::take(&mut self.folders);
        let mut seen = HashSet::new();
        for path in self.given.iter().flat_map(|given| matching(given, out)) {
            if seen.insert(path.clone()) {
                let before = known.iter().position(|folder| folder.path() == path);
                let folder = before.map(|at| known.swap_remove(at));
                self.folders.push(folder.unwrap_or_else(|| Folder::new(path, self.most)));
            }
        }
    }
}

/// The path as a pattern, if it is one.
fn pattern(given: &Path) -> Option<String> {
    given.to_str().filter(|text| text.contains(['*', '?', '[', '\\'])).map(as_shells_write_it)
}

/// A pattern as Go's `filepath.Match` reads it, for a library that reads those of shells: `[^a]` is `[!a]` there, a
/// backslash takes the meaning of what follows, and `**` is no more than `*`.
fn as_shells_write_it(pattern: &str) -> String {
    let mut out = String::new();
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                let literal: String = letters.next().into_iter().collect();
                out.push_str(&glob::Pattern::escape(&literal));
            }
            '*' => {
                while letters.next_if_eq(&'*').is_some() {}
                out.push('*');
            }
            '[' => {
                out.push('[');
                match letters.peek() {
                    Some('^') => {
                        letters.next();
                        out.push('!');
                    }
                    // At the beginning it would mean all others; at the end it is one of them.
                    Some('!') => {
                        letters.next();
                        let members: String = letters.by_ref().take_while(|letter| *letter != ']').collect();
                        out.push_str(&format!("{members}!]"));
                    }
                    _ => {}
                }
            }
            other => out.push(other),
        }
    }
    out
}

/// The folders that a path stands for, by name: itself, or those that match if it is a pattern. A pattern that nothing
/// matches stands for itself as well: a name may have a bracket in it, and if there is none of that name the operator is
/// told.
fn matching(given: &Path, out: &mut Samples) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in pattern(given).and_then(|pattern| glob::glob(&pattern).ok()).into_iter().flatten() {
        match path {
            Ok(path) => found.push(path),
            // Another user's folder on the way is no fault of those that match.
            Err(why) => out.warn(format!("{}: {}", why.path().display(), why.error())),
        }
    }
    if found.is_empty() { vec![given.to_owned()] } else { found }
}

impl Collector for Textfile {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        // Names stand for the same folders at all times.
        if self.folders.is_empty() || self.given.iter().any(|given| pattern(given).is_some()) {
            self.find_folders(out);
        }
        let mut wrong = false;
        for folder in &mut self.folders {
            if let Err(why) = folder.look() {
                wrong = true;
                out.warn(format!("{}: {why}", folder.path().display()));
            }
        }
        for file in self.folders.iter_mut().flat_map(Folder::files_mut) {
            if let Err(why) = file.hand_on(out) {
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
            out.push("folder", "none; set [plugins.textfile] directory");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_go() {
        for (go, shell) in [
            ("/a/*/b?", "/a/*/b?"),
            ("/a/[^ab].d", "/a/[!ab].d"),
            ("/a/[!a].d", "/a/[a!].d"),
            (r"/a/\[x\]", "/a/[[]x[]]"),
            (r"/a/\a", "/a/a"),
            ("/a/**/***", "/a/*/*"),
        ] {
            assert_eq!(as_shells_write_it(go), shell, "{go}");
        }
    }
}
