//! What one image leaves to the next.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use serde::{Deserialize, Serialize};

use crate::blob;
use crate::boot::{Boot, BootRecord, Executable};

/// What one image leaves to the next: bytes and open descriptors, each under a name that both images know.
///
/// What else the process has in memory is gone with the exec, and every descriptor above 2 that is not kept is closed.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let mut handover = relink_handover::Handover::new();
/// handover.keep("http", &listener, []);
/// handover.bytes("visits", 42_u64.to_le_bytes());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Handover<'a> {
    bytes: Vec<(String, Vec<u8>)>,
    kept: Vec<(String, BorrowedFd<'a>, Vec<u8>)>,
}

/// The part of it that is this library's.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    /// How the process was first started.
    pub(crate) boot: BootRecord,
    /// The file that the new image is a copy of.
    pub(crate) executable: Option<Executable>,
    /// The names of what follows; what is missing then was damaged.
    pub(crate) bytes: Vec<String>,
    pub(crate) kept: BTreeMap<String, Vec<Kept>>,
}

/// A descriptor that is left open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) fd: RawFd,
    /// Which file it is. With the device, by which the new image sees that it has the right one.
    pub(crate) inode: u64,
    pub(crate) device: u64,
    #[serde(default, with = "latin1", skip_serializing_if = "Vec::is_empty")]
    pub(crate) note: Vec<u8>,
}

impl<'a> Handover<'a> {
    /// One that leaves nothing.
    pub fn new() -> Self {
        Handover::default()
    }

    /// Hands over `bytes`, in an encoding of the caller's, in place of those that had this name before. The next image
    /// may be of another version, so they had better say which encoding. In all, a hand-over has room for 64 MiB.
    pub fn bytes(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        let name = name.into();
        self.bytes.retain(|(other, _)| *other != name);
        self.bytes.push((name, bytes.into()));
    }

    /// Keeps a descriptor open: a listening socket, a connection between two requests, or any other. Under one name
    /// there may be several; the next image finds them in this order.
    ///
    /// `note` goes with it: of a connection, say, the bytes that were read from it and not used yet.
    pub fn keep(&mut self, name: impl Into<String>, descriptor: &'a impl AsFd, note: impl Into<Vec<u8>>) {
        self.kept.push((name.into(), descriptor.as_fd(), note.into()));
    }

    /// What has to stay open.
    pub(crate) fn descriptors(&self) -> Vec<RawFd> {
        self.kept.iter().map(|(_, descriptor, _)| descriptor.as_raw_fd()).collect()
    }

    /// Writes it into sealed memory.
    pub(crate) fn write(&self, boot: &Boot, executable: Option<&Executable>) -> io::Result<OwnedFd> {
        let mut kept: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (name, descriptor, note) in &self.kept {
            let (device, inode) = identity(*descriptor)?;
            let one = Kept { fd: descriptor.as_raw_fd(), inode, device, note: note.clone() };
            kept.entry(name.clone()).or_default().push(one);
        }
        let state = State {
            boot: boot.to_record(),
            executable: executable.cloned(),
            bytes: self.bytes.iter().map(|(name, _)| name.clone()).collect(),
            kept,
        };
        blob::write(&state, &self.bytes)
    }
}

/// The device and inode of an open file: no other file has both.
pub(crate) fn identity(descriptor: BorrowedFd<'_>) -> io::Result<(u64, u64)> {
    let stat = rustix::fs::fstat(descriptor)?;
    Ok((stat.st_dev, stat.st_ino))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_over_is_found_by_its_name() {
        let files = [1, 2, 3].map(|_| tempfile::tempfile().unwrap());
        let mut handover = Handover::new();
        handover.keep("two", &files[0], "a note");
        handover.keep("one", &files[1], []);
        handover.keep("two", &files[2], []);
        for (name, bytes) in [("again", "first"), ("", "nameless"), ("again", "last")] {
            handover.bytes(name, bytes);
        }
        let boot = Boot::record(None).unwrap();
        let blob = handover.write(&boot, boot.executable()).unwrap();
        let (state, bytes) = blob::read(blob.as_fd()).unwrap();
        let fds = |name: &str| state.kept[name].iter().map(|kept| kept.fd).collect::<Vec<_>>();
        assert_eq!(fds("two"), [files[0].as_raw_fd(), files[2].as_raw_fd()]);
        assert_eq!(fds("one"), [files[1].as_raw_fd()]);
        assert_eq!(state.kept["two"][0].note, b"a note");
        let expected = [("", "nameless"), ("again", "last")];
        let expected = expected.map(|(name, bytes)| (name.to_owned(), Some(bytes.as_bytes().to_vec())));
        assert_eq!(bytes, BTreeMap::from(expected));
    }
}
