//! A file on disk that a process was started from, or may become.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A file on disk as it was when it was last looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Executable {
    #[serde(with = "latin1")]
    path: Vec<u8>,
    device: u64,
    inode: u64,
    modified: (i64, i64),
    size: u64,
}

impl Executable {
    /// The open file `file`, which was found at `path`.
    pub(crate) fn of(path: &Path, file: &File) -> io::Result<Self> {
        Ok(Executable::from_metadata(path, &file.metadata()?))
    }

    fn from_metadata(path: &Path, meta: &std::fs::Metadata) -> Self {
        Executable {
            path: path.as_os_str().as_bytes().to_vec(),
            device: meta.dev(),
            inode: meta.ino(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            size: meta.size(),
        }
    }

    /// Where the file is.
    pub fn path(&self) -> PathBuf {
        OsString::from_vec(self.path.clone()).into()
    }

    /// Whether another file, or other content, is there now.
    pub fn changed(&self) -> io::Result<bool> {
        let path = self.path();
        Ok(Executable::from_metadata(&path, &std::fs::metadata(&path)?) != *self)
    }
}

/// Bytes as a JSON text in which each character is one byte. Request heads and paths are mostly ASCII, so that this
/// is short, and can be read.
pub(crate) mod latin1 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&bytes.iter().map(|&byte| char::from(byte)).collect::<String>())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.chars().map(|c| u8::try_from(c).map_err(D::Error::custom)).collect()
    }
}
