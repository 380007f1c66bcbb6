//! The libraries in a folder, and whether one has changed since it was last looked at.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use relink_core::{Context, Error};

use super::trust;

/// What a file was when it was looked at. Two that are equal have the same content, unless somebody set the clock
/// back to hide it, who could as well have written what he likes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Seen {
    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        let meta = std::fs::symlink_metadata(path)?;
        Ok(Seen {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    }
}

/// The files of a folder that are named like libraries, sorted by name. What they are is not looked at here.
pub(super) fn libraries(dir: &Path) -> Result<Vec<(PathBuf, Seen)>, Error> {
    let doing = || format!("reading plugin folder {}", dir.display());
    trust::folder(dir)?;
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).context(doing())? {
        let path = entry.context(doing())?.path();
        let name = path.file_name().unwrap_or_default().as_bytes();
        // A linker or a package manager writes beside the file first, under a name that begins with a dot.
        if name.starts_with(b".") || !name.ends_with(std::env::consts::DLL_SUFFIX.as_bytes()) {
            continue;
        }
        // It may be gone again by now.
        if let Ok(seen) = Seen::of(&path) {
            found.push((path, seen));
        }
    }
    relink_order::sort_by(&mut found, |one, other| one.0.cmp(&other.0));
    Ok(found)
}
