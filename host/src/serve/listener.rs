//! Listening sockets.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::settings::is_opened;

/// Connections that the kernel keeps while nobody accepts, as during a re-exec. With the usual 128 a burst in that
/// pause is answered a second late, when the client's SYN is sent again. The kernel caps it at
/// `net.core.somaxconn`, 4096 by default.
const BACKLOG: i32 = 4096;

/// A listening socket of the server's.
pub(super) struct Listener {
    pub(super) socket: TcpListener,
    /// It is the operator who has opened it to others.
    pub(super) opened: bool,
}

impl Listener {
    pub(super) fn new(socket: TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let opened = is_opened(socket.local_addr()?);
        Ok(Listener { socket, opened })
    }
}

/// Listens on `address`. The socket does not block and is closed on exec unless the reload says otherwise; an
/// address has one for the life of the agent (with `SO_REUSEPORT` a second one would lose what waits in the queue of the first).
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let (address, socket) = match Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))
    {
        // A kernel without IPv6, asked for all addresses: those of IPv4 are all that it has.
        Err(error)
            if error.raw_os_error() == Some(libc::EAFNOSUPPORT) && address.ip() == Ipv6Addr::UNSPECIFIED =>
        {
            let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
            (address, Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?)
        }
        made => (address, made?),
    };
    // A restart must not wait for the connections of the agent before to leave TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_socket_listens_and_does_not_block() {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    }

    #[test]
    fn a_taken_address_is_an_error() {
        let first = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let error = bind(first.local_addr().unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
