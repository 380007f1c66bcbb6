//! The descriptors that the image before has left open, each of which is taken once, after a look at what it really is.
//!
//! One environment variable says where the hand-over and the old image are. The new image takes it away.

#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use socket2::{SockRef, Type};

use crate::blob::Rejected;
use crate::exec;
use crate::state::{ENV_HANDOVER, ENV_ROLLED_BACK, Kept, identity};

/// The descriptors that were left open for this image.
#[derive(Debug)]
pub(crate) struct Inherited {
    blob: OwnedFd,
    old_image: OwnedFd,
    rolled_back: Option<String>,
    /// Open descriptors that nobody owns yet.
    unclaimed: BTreeSet<RawFd>,
}

/// Looks for a hand-over in the environment, and takes the variables away so that no child sees them.
///
/// `Ok(None)` is an ordinary start. A forged variable is an error; the start is an ordinary one then as well.
pub(crate) fn take_from_env() -> Result<Option<Inherited>, Rejected> {
    let (handover, rolled_back) = (std::env::var_os(ENV_HANDOVER), std::env::var_os(ENV_ROLLED_BACK));
    if handover.is_none() && rolled_back.is_none() {
        return Ok(None);
    }
    // With a thread that a constructor started, the variables have to stay; the record of the environment that later
    // images get leaves them out anyway.
    if std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1) {
        for key in [ENV_HANDOVER, ENV_ROLLED_BACK] {
            // SAFETY: this is the only thread, so none reads the environment meanwhile.
            unsafe { std::env::remove_var(key) };
        }
    }
    let Some(handover) = handover else { return Ok(None) };
    let handover = handover.to_string_lossy();
    let forged = || Rejected(format!("{ENV_HANDOVER}={handover:?}, expected two inherited descriptors"));
    let (blob, old_image) = handover.split_once(',').ok_or_else(forged)?;
    let (blob, old_image) = (blob.parse().map_err(|_| forged())?, old_image.parse().map_err(|_| forged())?);
    let mut unclaimed = inherited().map_err(|error| Rejected(format!("reading /proc/self/fd: {error}")))?;
    if blob == old_image || !unclaimed.contains(&blob) || !unclaimed.contains(&old_image) {
        return Err(forged());
    }
    for &fd in &unclaimed {
        exec::set_descriptor_flags(fd, libc::FD_CLOEXEC);
    }
    Ok(Some(Inherited {
        blob: own(&mut unclaimed, blob).map_err(|_| forged())?,
        old_image: own(&mut unclaimed, old_image).map_err(|_| forged())?,
        rolled_back: rolled_back.map(|reason| reason.to_string_lossy().into_owned()),
        unclaimed,
    }))
}

/// Descriptors above 2 that are not close-on-exec. std opens none of that kind, so they were open at the exec.
fn inherited() -> io::Result<BTreeSet<RawFd>> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let Some(fd) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if fd > 2 && exec::descriptor_flags(fd).is_ok_and(|flags| flags & libc::FD_CLOEXEC == 0) {
            found.insert(fd);
        }
    }
    Ok(found)
}

fn own(unclaimed: &mut BTreeSet<RawFd>, fd: RawFd) -> io::Result<OwnedFd> {
    if !unclaimed.remove(&fd) {
        return refused(fd, "was not inherited, or is in use already");
    }
    // SAFETY: it was open when this image started, is not std's, and leaves the set once.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn refused<T>(fd: RawFd, why: impl std::fmt::Display) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("descriptor {fd} {why}")))
}

impl Inherited {
    /// The hand-over.
    pub(crate) fn blob(&self) -> BorrowedFd<'_> {
        self.blob.as_fd()
    }

    /// The image that wrote it: after a commit the last one that was good, after a roll-back this one.
    pub(crate) fn old_image(&self) -> BorrowedFd<'_> {
        self.old_image.as_fd()
    }

    /// Why the image that should have run does not, if this is the old one again.
    pub(crate) fn take_reason(&mut self) -> Option<String> {
        self.rolled_back.take()
    }

    /// All that a return to the old image needs open.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        [self.blob.as_raw_fd(), self.old_image.as_raw_fd()].into_iter().chain(self.unclaimed.iter().copied())
    }

    /// Takes a descriptor, if it is open on the same file as when it was handed over.
    pub(crate) fn claim(&mut self, kept: &Kept) -> io::Result<OwnedFd> {
        let owned = own(&mut self.unclaimed, kept.fd)?;
        if identity(owned.as_fd())? != (kept.device, kept.inode) {
            // Whoever has opened that file closes it.
            std::mem::forget(owned);
            return refused(kept.fd, "is another file than the one that was handed over");
        }
        Ok(owned)
    }

    /// Finds the sockets that listen, and closes the connections.
    pub(crate) fn salvage_listeners(&mut self) -> Vec<TcpListener> {
        let mut found = Vec::new();
        for fd in self.unclaimed.clone().into_iter().filter(|&fd| is_of_ip(fd)) {
            match own(&mut self.unclaimed, fd).and_then(listener) {
                Ok(listener) => found.push(listener),
                Err(error) => tracing::warn!("{error}; closed"),
            }
        }
        found
    }
}

/// The descriptor as a listening socket, if it is one; else it is closed.
pub(crate) fn listener(socket: OwnedFd) -> io::Result<TcpListener> {
    if !tcp(&socket)?.is_listener()? {
        return refused(socket.as_raw_fd(), "is a connection, expected a listening socket");
    }
    Ok(socket.into())
}

/// The same for a connection.
pub(crate) fn connection(socket: OwnedFd) -> io::Result<TcpStream> {
    if tcp(&socket)?.is_listener()? {
        return refused(socket.as_raw_fd(), "is a listening socket, expected a connection");
    }
    Ok(socket.into())
}

fn is_of_ip(fd: RawFd) -> bool {
    // SAFETY: only called for descriptors in the set of unclaimed ones: open, and closed by nobody meanwhile.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    SockRef::from(&fd).local_addr().is_ok_and(|address| address.as_socket().is_some())
}

fn tcp(socket: &OwnedFd) -> io::Result<SockRef<'_>> {
    let (fd, socket) = (socket.as_raw_fd(), SockRef::from(socket));
    match socket.r#type() {
        Ok(Type::STREAM) => {}
        Ok(_) => return refused(fd, "is a socket of another kind, expected TCP"),
        Err(error) => return refused(fd, format_args!("is no socket: {error}")),
    }
    if socket.local_addr()?.as_socket().is_none() {
        return refused(fd, "is a socket of another family, expected TCP");
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::fd::IntoRawFd;

    fn holding(fds: &[RawFd]) -> Inherited {
        let open = || OwnedFd::from(tempfile::tempfile().unwrap());
        Inherited {
            blob: open(),
            old_image: open(),
            rolled_back: None,
            unclaimed: fds.iter().copied().collect(),
        }
    }

    /// The descriptor as it is handed over.
    fn kept(open: impl Into<OwnedFd>) -> Kept {
        let open = open.into();
        let (device, inode) = identity(open.as_fd()).unwrap();
        Kept { fd: open.into_raw_fd(), inode, device, note: vec![] }
    }

    #[test]
    fn a_listener_is_taken_once() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let kept = kept(socket);
        let mut inherited = holding(&[kept.fd]);
        let taken = inherited.claim(&kept).and_then(listener).unwrap();
        assert_eq!(taken.local_addr().unwrap(), address);
        let again = inherited.claim(&kept).unwrap_err().to_string();
        assert_eq!(again, format!("descriptor {} was not inherited, or is in use already", kept.fd));
    }

    #[test]
    fn another_file_under_the_number_is_left_alone() {
        let (one, mut other) = (kept(tempfile::tempfile().unwrap()), kept(tempfile::tempfile().unwrap()));
        other.fd = one.fd;
        let error = holding(&[one.fd]).claim(&other).unwrap_err().to_string();
        assert_eq!(error, format!("descriptor {} is another file than the one that was handed over", one.fd));
        assert!(holding(&[one.fd]).claim(&one).is_ok(), "it is still open");
    }

    #[test]
    fn what_is_not_the_listener_is_refused_in_words() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let refused = |open: OwnedFd| {
            let fd = open.as_raw_fd();
            (fd, listener(open).unwrap_err().to_string())
        };

        let (file, words) = refused(tempfile::tempfile().unwrap().into());
        assert!(words.starts_with(&format!("descriptor {file} is no socket: ")), "{words}");
        let (udp, words) = refused(UdpSocket::bind("127.0.0.1:0").unwrap().into());
        assert_eq!(words, format!("descriptor {udp} is a socket of another kind, expected TCP"));
        let (unix, words) = refused(std::os::unix::net::UnixStream::pair().unwrap().0.into());
        assert_eq!(words, format!("descriptor {unix} is a socket of another family, expected TCP"));
        let (stream, words) = refused(TcpStream::connect(address).unwrap().into());
        assert_eq!(words, format!("descriptor {stream} is a connection, expected a listening socket"));
        let error = holding(&[]).claim(&kept(socket)).unwrap_err().to_string();
        assert!(error.ends_with(" was not inherited, or is in use already"), "{error}");
    }

    #[test]
    fn a_listening_socket_is_no_connection() {
        let socket = OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap());
        let fd = socket.as_raw_fd();
        let error = connection(socket).unwrap_err().to_string();
        assert_eq!(error, format!("descriptor {fd} is a listening socket, expected a connection"));
    }

    #[test]
    fn the_listeners_are_found_without_the_hand_over() {
        let listeners = ["127.0.0.1:0", "127.0.0.2:0"].map(|address| TcpListener::bind(address).unwrap());
        let addresses = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
        let mut client = TcpStream::connect(addresses[1]).unwrap();
        let accepted = listeners[1].accept().unwrap().0.into_raw_fd();
        let file = tempfile::tempfile().unwrap().into_raw_fd();
        let [one, other] = listeners.map(IntoRawFd::into_raw_fd);
        let mut inherited = holding(&[one, accepted, other, file]);
        let found = inherited.salvage_listeners();
        let mut found: Vec<_> = found.iter().map(|listener| listener.local_addr().unwrap()).collect();
        found.sort_by_key(|address| addresses.iter().position(|known| known == address));
        assert_eq!(found, addresses);
        let mut byte = [0];
        assert_eq!(io::Read::read(&mut client, &mut byte).unwrap(), 0, "its connections are closed");
        assert!(inherited.unclaimed.contains(&file), "what is something else is left alone");
    }
}
