//! What crosses `exec`, and how the new image takes it over.
//!
//! The old image writes a [`Handover`] into sealed memory and leaves it, its own image, the listening sockets and idle
//! connections open. One environment variable says where the first two are. The new image takes the variable away,
//! and takes each descriptor once, after a look at what it really is.

#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use serde::{Deserialize, Serialize};
use socket2::{SockRef, Type};

pub use crate::blob::{Read, Rejected, VERSION, read};
use crate::exec::{self, BootRecord, Executable};

/// The variable that tells a new image where things are: `<hand-over>,<old image>`, two descriptors.
pub const ENV_HANDOVER: &str = "RELINK_HANDOVER";
/// The variable that tells the old image why it is running again.
pub const ENV_ROLLED_BACK: &str = "RELINK_ROLLED_BACK";

/// What one image leaves to the next.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Handover {
    /// The generation that the new image will be.
    pub generation: u64,
    /// The reload that this is.
    pub reload_id: String,
    /// When quiescing began, in milliseconds since 1970: the pause is counted from here.
    pub paused_unix_ms: u64,
    /// The listening sockets and their addresses.
    pub listeners: Vec<Listener>,
    /// Connections that go on.
    pub connections: Vec<Connection>,
    /// How the process was first started.
    pub boot: BootRecord,
    /// The file that the new image is a copy of.
    pub executable: Option<Executable>,
    /// Child processes that may still have to be waited for.
    pub children: Vec<i32>,
    /// Whether there are queues of the push; what is missing then was damaged.
    pub pushes: bool,
    /// The journal of reloads, as JSON.
    #[serde(skip)]
    pub journal: Vec<u8>,
    /// The history, in its owner's encoding.
    #[serde(skip)]
    pub history: Vec<u8>,
    /// The queues of the push, in their owner's encoding.
    #[serde(skip)]
    pub push: Vec<u8>,
}

/// A listening socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Its descriptor.
    pub fd: RawFd,
    /// Its own address.
    pub address: SocketAddr,
}

/// A connection with no request in flight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Its descriptor.
    pub fd: RawFd,
    /// The client's address.
    pub peer: SocketAddr,
    /// Whether it came by a listener that the operator has opened to others.
    #[serde(default)]
    pub opened: bool,
    /// What was read from it and not used: the start of the next request.
    #[serde(default, with = "latin1")]
    pub unread: Vec<u8>,
    /// The id of the reload whose answer it waits for.
    #[serde(default)]
    pub owed: Option<String>,
    /// Whether it stays open after that answer.
    #[serde(default)]
    pub keep_alive: bool,
}

impl Handover {
    /// The descriptors it names: what [`exec_into`](crate::exec::exec_into) has to keep open.
    pub fn descriptors(&self) -> Vec<RawFd> {
        let connections = self.connections.iter().map(|connection| connection.fd);
        self.listeners.iter().map(|listener| listener.fd).chain(connections).collect()
    }

    /// Writes it into sealed memory.
    pub fn write(&self) -> io::Result<OwnedFd> {
        crate::blob::write(self)
    }
}

/// The descriptors that were left open for this image.
#[derive(Debug)]
pub struct Inherited {
    blob: OwnedFd,
    old_image: OwnedFd,
    rolled_back: Option<String>,
    /// Open descriptors that nobody owns yet.
    unclaimed: BTreeSet<RawFd>,
}

/// Looks for a hand-over in the environment, and takes the variables away so that no child sees them.
///
/// To be called first thing in `main`: it takes every descriptor above 2 that is not close-on-exec for inherited.
/// `Ok(None)` is an ordinary start. A forged variable is an error; the start is an ordinary one then as well.
pub fn take_from_env() -> Result<Option<Inherited>, Rejected> {
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
        blob: claim(&mut unclaimed, blob).map_err(|_| forged())?,
        old_image: claim(&mut unclaimed, old_image).map_err(|_| forged())?,
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

fn claim(unclaimed: &mut BTreeSet<RawFd>, fd: RawFd) -> io::Result<OwnedFd> {
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
    /// The hand-over, to be [`read`].
    pub fn blob(&self) -> BorrowedFd<'_> {
        self.blob.as_fd()
    }

    /// The image that wrote it: after a commit the last one that was good, after a roll-back this one.
    pub fn old_image(&self) -> BorrowedFd<'_> {
        self.old_image.as_fd()
    }

    /// Why the image that should have run does not, if this is the old one again.
    pub fn rolled_back(&self) -> Option<&str> {
        self.rolled_back.as_deref()
    }

    /// All that a return to the old image needs open.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        use std::os::fd::AsRawFd;
        [self.blob.as_raw_fd(), self.old_image.as_raw_fd()].into_iter().chain(self.unclaimed.iter().copied())
    }

    /// Takes a listening socket, if it is one, and listens at `expected`.
    pub fn adopt_listener(&mut self, fd: RawFd, expected: SocketAddr) -> io::Result<TcpListener> {
        let listener = self.claim_listener(fd)?;
        let address = listener.local_addr()?;
        if address != expected {
            return refused(fd, format_args!("listens at {address}, expected {expected}"));
        }
        Ok(listener)
    }

    fn claim_listener(&mut self, fd: RawFd) -> io::Result<TcpListener> {
        let socket = claim(&mut self.unclaimed, fd)?;
        if !tcp(fd, &socket)?.is_listener()? {
            return refused(fd, "is a connection, expected a listening socket");
        }
        let listener = TcpListener::from(socket);
        // The flag belongs to the socket, and whoever else has it open may have cleared it.
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    /// Takes a connection, if it is one. What is refused is closed.
    pub fn adopt_stream(&mut self, fd: RawFd) -> io::Result<TcpStream> {
        let socket = claim(&mut self.unclaimed, fd)?;
        if tcp(fd, &socket)?.is_listener()? {
            return refused(fd, "is a listening socket, expected a connection");
        }
        let stream = TcpStream::from(socket);
        stream.set_nonblocking(true)?;
        Ok(stream)
    }

    /// Finds the sockets that listen without help of the hand-over, and closes the connections that were accepted from
    /// them: for an old image that can't read its own hand-over, and must serve all the same.
    pub fn salvage_listeners(&mut self) -> Vec<TcpListener> {
        let mut found = Vec::new();
        for fd in self.unclaimed.clone().into_iter().filter(|&fd| is_of_ip(fd)) {
            match self.claim_listener(fd) {
                Ok(listener) => found.push(listener),
                Err(error) => tracing::warn!("{error}; closed"),
            }
        }
        found
    }
}

fn is_of_ip(fd: RawFd) -> bool {
    // SAFETY: only called for descriptors in the set of unclaimed ones: open, and closed by nobody meanwhile.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    SockRef::from(&fd).local_addr().is_ok_and(|address| address.as_socket().is_some())
}

fn tcp(fd: RawFd, socket: &OwnedFd) -> io::Result<SockRef<'_>> {
    let socket = SockRef::from(socket);
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

/// Waits for those `children` that have ended, and returns the others.
pub fn reap(children: &[i32]) -> Vec<i32> {
    let running = |&child: &i32| {
        // SAFETY: waits for one child, without blocking, and is told not to write its status.
        child > 0 && unsafe { libc::waitpid(child, std::ptr::null_mut(), libc::WNOHANG) } == 0
    };
    children.iter().copied().filter(running).collect()
}

/// Bytes as a JSON text in which each character is one byte. Request heads and paths are mostly ASCII, so that this
/// is short, and can be read.
pub(super) mod latin1 {
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
    use std::net::UdpSocket;
    use std::os::fd::{AsRawFd, IntoRawFd};

    fn holding(fds: &[RawFd]) -> Inherited {
        let open = || OwnedFd::from(tempfile::tempfile().unwrap());
        Inherited {
            blob: open(),
            old_image: open(),
            rolled_back: None,
            unclaimed: fds.iter().copied().collect(),
        }
    }

    #[test]
    fn a_listener_is_adopted_once_and_made_fit() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let fd = listener.into_raw_fd();
        let mut inherited = holding(&[fd]);
        let adopted = inherited.adopt_listener(fd, address).unwrap();
        assert_eq!(adopted.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let again = inherited.adopt_listener(fd, address).unwrap_err().to_string();
        assert_eq!(again, format!("descriptor {fd} was not inherited, or is in use already"));
    }

    #[test]
    fn what_is_not_the_listener_is_refused_in_words() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let refused = |fd: RawFd| holding(&[fd]).adopt_listener(fd, address).unwrap_err().to_string();

        let file = tempfile::tempfile().unwrap().into_raw_fd();
        assert!(refused(file).starts_with(&format!("descriptor {file} is no socket: ")));
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap().into_raw_fd();
        assert_eq!(refused(udp), format!("descriptor {udp} is a socket of another kind, expected TCP"));
        let (unix, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        let unix = unix.into_raw_fd();
        assert_eq!(refused(unix), format!("descriptor {unix} is a socket of another family, expected TCP"));
        let stream = TcpStream::connect(address).unwrap().into_raw_fd();
        assert_eq!(
            refused(stream),
            format!("descriptor {stream} is a connection, expected a listening socket")
        );
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let elsewhere = other.local_addr().unwrap();
        let other = other.into_raw_fd();
        assert_eq!(refused(other), format!("descriptor {other} listens at {elsewhere}, expected {address}"));
        let own = listener.as_raw_fd();
        let error = holding(&[]).adopt_listener(own, address).unwrap_err().to_string();
        assert_eq!(error, format!("descriptor {own} was not inherited, or is in use already"));
    }

    #[test]
    fn a_listening_socket_is_no_connection() {
        let fd = TcpListener::bind("127.0.0.1:0").unwrap().into_raw_fd();
        let error = holding(&[fd]).adopt_stream(fd).unwrap_err().to_string();
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

    #[test]
    fn ended_children_are_waited_for() {
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        let mut running = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let ids = [ended.id() as i32, running.id() as i32, -1, 0];
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while reap(&ids) != [ids[1]] {
            assert!(std::time::Instant::now() < deadline, "the child did not end");
            std::thread::yield_now();
        }
        running.kill().unwrap();
        running.wait().unwrap();
        assert!(ended.wait().is_err(), "already waited for");
    }
}
