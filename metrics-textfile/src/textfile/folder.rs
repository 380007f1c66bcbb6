//! A folder of `*.prom` files, and what is known of each.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use relink_core::Error;

use super::file::File;

/// More files than that in a folder are a mistake, of which the rest is left out.
const MOST_FILES: usize = 1000;

pub(super) struct Folder {
    path: PathBuf,
    /// Sorted by name.
    files: Vec<File>,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Folder { path, files: Vec::new() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn files(&self) -> &[File] {
        &self.files
    }

    pub(super) fn files_mut(&mut self) -> &mut [File] {
        &mut self.files
    }

    /// Lists the folder, and reads what is new or has changed. A file may have `most` bytes.
    pub(super) fn look(&mut self, most: u64) -> Result<(), Error> {
        let listed = self.list();
        let paths = match &listed {
            Ok(paths) => &paths[..paths.len().min(MOST_FILES)],
            // What can't be listed has no files: the operator is told, and stale numbers are not shown.
            Err(_) => &[],
        };
        let mut known = std::mem::take(&mut self.files).into_iter().peekable();
        for path in paths {
            while known.next_if(|file| file.path() < path.as_path()).is_some() {}
            let file = known.next_if(|file| file.path() == path);
            self.files.push(file.unwrap_or_else(|| File::new(path.clone())));
        }
        // Bytes that are no UTF-8 are all shown alike, and one label can stand for one file only.
        let mut labels = HashSet::with_capacity(self.files.len());
        for file in &mut self.files {
            file.refresh(most);
            if !labels.insert(file.label().to_owned()) {
                file.refuse(Error::new("another file's name looks the same"));
            }
        }
        let found = listed?.len();
        if found > MOST_FILES {
            return Err(Error::new(format!(
                "{found} *.prom files, of which the first {MOST_FILES} are read"
            )));
        }
        Ok(())
    }

    fn list(&self) -> Result<Vec<PathBuf>, Error> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            if Path::new(&name).as_os_str().as_encoded_bytes().ends_with(b".prom") {
                paths.push(self.path.join(name));
            }
        }
        relink_order::sort_by(&mut paths, Ord::cmp);
        Ok(paths)
    }
}
