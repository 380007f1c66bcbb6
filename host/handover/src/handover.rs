//! What one image leaves to the next.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use crate::blob;
use crate::boot::Boot;
use crate::executable::Executable;
use crate::state::{Kept, State, identity};

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
