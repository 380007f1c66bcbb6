//! Whose the other end of a connection is.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

/// Who has the other end of a connection from this machine, if it is the agent's user; or root, who may do anything
/// anyway. The kernel says so in `/proc/net/tcp`, which has a line for each end of each connection.
pub(super) fn trusted(peer: SocketAddr, own_end: SocketAddr) -> Option<&'static str> {
    use std::os::unix::fs::MetadataExt;
    if !peer.ip().to_canonical().is_loopback() {
        return None;
    }
    let own = std::fs::metadata("/proc/self").ok()?.uid();
    name(asked(peer, own_end).unwrap_or_else(|_| looked_up(peer, own_end))?, own)
}

/// What the log calls a user that may change the agent.
fn name(user: u32, own: u32) -> Option<&'static str> {
    match user {
        0 => Some("root"),
        user if user == own => Some("the agent's own user"),
        _ => None,
    }
}

/// Asks the kernel for the one socket (`NETLINK_SOCK_DIAG`): some 10 µs, where its tables take milliseconds to list.
/// An error means that it can't be asked so; nothing, that there is no such connection.
fn asked(local: SocketAddr, remote: SocketAddr) -> io::Result<Option<u32>> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(netlink::SOCK_DIAG))?;
    set_socket_timeout(&socket, Timeout::Recv, Some(Duration::from_millis(100)))?;
    let question = question(local, remote);
    send(&socket, &question, SendFlags::empty())?;
    let mut answer = [0; 4096];
    let (length, _) = recv(&socket, &mut answer[..], RecvFlags::empty())?;
    told(&answer[..length], &question[ID])
}

/// `nlmsghdr` and `inet_diag_req_v2` of the kernel's `inet_diag.h`: one socket, by both its ends.
fn question(local: SocketAddr, remote: SocketAddr) -> [u8; 72] {
    const SOCK_DIAG_BY_FAMILY: u16 = 20;
    const REQUEST: u16 = 1;
    const TCP: u8 = 6;
    let (local_ip, remote_ip) = (local.ip().to_canonical(), remote.ip().to_canonical());
    let mut bytes = [0; 72];
    let mut put = |at: usize, part: &[u8]| bytes[at..at + part.len()].copy_from_slice(part);
    put(0, &72_u32.to_ne_bytes());
    put(4, &SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    put(6, &REQUEST.to_ne_bytes());
    let family = if local_ip.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    put(16, &[family.as_raw() as u8, TCP]);
    put(20, &u32::MAX.to_ne_bytes());
    put(24, &local.port().to_be_bytes());
    put(26, &remote.port().to_be_bytes());
    for (at, ip) in [(28, local_ip), (44, remote_ip)] {
        match ip {
            IpAddr::V4(v4) => put(at, &v4.octets()),
            IpAddr::V6(v6) => put(at, &v6.octets()),
        }
    }
    // No cookie: any socket with these ends.
    put(64, &[0xff; 8]);
    bytes
}

/// Where a question has ports and addresses; an answer has them 4 bytes earlier.
const ID: std::ops::Range<usize> = 24..60;

/// The user in the kernel's answer (`inet_diag_msg`). `id` are the ports and addresses asked for: without such a
/// connection the kernel may answer with the socket that listens there, which is another's.
fn told(answer: &[u8], id: &[u8]) -> io::Result<Option<u32>> {
    const ERROR: u16 = 2;
    let unclear = || io::Error::new(io::ErrorKind::InvalidData, "an answer that is none");
    let bytes = |range: std::ops::Range<usize>| answer.get(range).ok_or_else(unclear);
    let number = |at: usize| {
        Ok::<_, io::Error>(u32::from_ne_bytes(bytes(at..at + 4)?.try_into().map_err(|_| unclear())?))
    };
    if bytes(4..6)? == ERROR.to_ne_bytes() {
        let error = io::Error::from_raw_os_error(-(number(16)? as i32));
        return if error.kind() == io::ErrorKind::NotFound { Ok(None) } else { Err(error) };
    }
    let (user, inode) = (number(80)?, number(84)?);
    // A closed socket that waits for its time to be over has no inode, and says user 0.
    Ok((bytes(20..56)? == id && inode != 0).then_some(user))
}

/// The same from the kernel's tables, where it can't be asked.
fn looked_up(local: SocketAddr, remote: SocketAddr) -> Option<u32> {
    // A socket of IPv6 may speak IPv4, so the client's can be in the one table and ours in the other.
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].into_iter();
    let mut tables = tables.filter_map(|table| std::fs::read_to_string(table).ok());
    tables.find_map(|table| owner_of(&table, local, remote))
}

/// The user whose socket has this local and this remote address, in a table of `/proc/net/tcp`. Both must fit: one
/// local port can have connections of several users to several places. A socket that is closed already belongs to
/// nobody that counts: its line says user 0 and inode 0.
fn owner_of(table: &str, local: SocketAddr, remote: SocketAddr) -> Option<u32> {
    let (local, remote) = (spellings(local), spellings(remote));
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let is_it = local.iter().any(|local| Some(local.as_str()) == fields.clone().next())
            && remote.iter().any(|remote| Some(remote.as_str()) == fields.clone().nth(1));
        let user = fields.nth(6)?.parse().ok()?;
        let inode = fields.nth(1)?;
        (is_it && inode != "0").then_some(user)
    })
}

/// How the tables write an address: as what it is, and IPv4 also as an address of IPv6.
fn spellings(address: SocketAddr) -> Vec<String> {
    let hex = |octets: &[u8]| -> String {
        let words = octets.chunks_exact(4).map(|c| u32::from_ne_bytes([c[0], c[1], c[2], c[3]]));
        let words: String = words.map(|word| format!("{word:08X}")).collect();
        format!("{words}:{:04X}", address.port())
    };
    match address.ip().to_canonical() {
        IpAddr::V4(v4) => vec![hex(&v4.octets()), hex(&v4.to_ipv6_mapped().octets())],
        IpAddr::V6(v6) => vec![hex(&v6.octets())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_whose_socket_it_is() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let own_end = listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(own_end).unwrap().local_addr().unwrap();
        assert!(trusted(client, own_end).is_none(), "it is closed already");
        let client = std::net::TcpStream::connect(own_end).unwrap();
        let peer = client.local_addr().unwrap();
        assert!(trusted(peer, own_end).is_some());
        let own = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap());
        assert_eq!(looked_up(peer, own_end), Some(own));
        if cfg!(target_os = "linux") {
            assert_eq!(asked(peer, own_end).unwrap(), Some(own));
            // There is no such connection; what listens at one end of it does not count.
            assert_eq!(asked(own_end, "127.0.0.1:1".parse().unwrap()).unwrap(), None);
        }
        assert_eq!((name(0, 1000), name(0, 0)), (Some("root"), Some("root")));
        assert_eq!((name(1000, 1000), name(1001, 1000)), (Some("the agent's own user"), None));
        let mapped = |v4: SocketAddr| match v4.ip() {
            IpAddr::V4(ip) => SocketAddr::from((ip.to_ipv6_mapped(), v4.port())),
            IpAddr::V6(_) => v4,
        };
        assert!(trusted(mapped(peer), mapped(own_end)).is_some(), "as a listener for both families sees it");
        assert!(
            trusted(peer, "127.0.0.1:1".parse().unwrap()).is_none(),
            "another connection from the same port"
        );
        assert!(trusted("127.0.0.1:1".parse().unwrap(), own_end).is_none(), "nobody's socket");
        assert!(trusted("192.0.2.1:80".parse().unwrap(), own_end).is_none());
    }

    #[test]
    fn of_two_connections_from_one_port_each_is_its_own_users() {
        let line = |address: &str, remote: &str, user: u32, inode: u32| {
            format!(" 0: {address} {remote} 01 00000000:00000000 00:00000000 00000000 {user} 0 {inode} 1\n")
        };
        let table = String::from("sl local rem st\n")
            + &line("0100007F:1F90", "0100007F:1538", 1000, 77)
            + &line("0100007F:1F90", "0100007F:1F40", 1001, 78)
            + &line("0100007F:1F91", "0100007F:1F40", 0, 0);
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        if cfg!(target_endian = "little") {
            assert_eq!(owner_of(&table, address(8080), address(5432)), Some(1000));
            assert_eq!(owner_of(&table, address(8080), address(8000)), Some(1001));
            assert_eq!(owner_of(&table, address(8080), address(80)), None);
            assert_eq!(owner_of(&table, address(8081), address(8000)), None, "closed");
        }
    }
}
