//! All interfaces by one question to the kernel, over a socket that stays open.

mod message;

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use relink_core::{Context, Error};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};

use crate::link::Link;
use message::{Part, fill, identity, next_part, question};

/// The kernel makes no part of an answer longer.
const LONGEST: usize = 32 * 1024;
/// The kernel answers while it is asked; who waits longer has lost the answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often a question is asked that interfaces which come or go have interrupted.
const ATTEMPTS: usize = 3;

pub(crate) struct Netlink {
    /// None after an error: what is left of an answer is thrown away with the socket.
    socket: Option<OwnedFd>,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Netlink {
    /// Fails where there are no such sockets, or where the agent may not have one.
    pub(crate) fn open() -> Result<Self, Error> {
        Ok(Netlink { socket: Some(open()?), sequence: 0, buffer: vec![0; LONGEST] })
    }

    /// Brings `links` up to date.
    pub(crate) fn read(&mut self, links: &mut Vec<Link>) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            let socket = match self.socket.take() {
                Some(socket) => socket,
                None => open()?,
            };
            if self.ask(&socket, links)? {
                self.socket = Some(socket);
                return Ok(());
            }
        }
        Err(Error::new(format!("interfaces came or went during each of {ATTEMPTS} attempts to list them")))
    }

    /// One question. False if the answer is not of one moment.
    fn ask(&mut self, socket: &OwnedFd, links: &mut Vec<Link>) -> Result<bool, Error> {
        self.sequence = self.sequence.wrapping_add(1);
        send(socket, &question(self.sequence), SendFlags::empty())
            .context("asking netlink for the interfaces")?;
        let mut count = 0;
        loop {
            let length = receive(socket, &mut self.buffer).context("reading netlink's answer")?;
            let mut answer = &self.buffer[..length];
            while let Some(part) = next_part(&mut answer, self.sequence)? {
                match part {
                    Part::Link(body) => count += usize::from(place(links, count, body)?),
                    Part::End => {
                        links.truncate(count);
                        return Ok(true);
                    }
                    Part::Refused(errno) => {
                        let why = io::Error::from_raw_os_error(errno);
                        return Err(why).context("asking netlink for the interfaces");
                    }
                    Part::Interrupted => return Ok(false),
                }
            }
        }
    }
}

/// Puts an interface into its place, where it mostly is; `false` if it can't be shown.
fn place(links: &mut Vec<Link>, at: usize, body: &[u8]) -> Result<bool, Error> {
    let (name, index) = identity(body)?;
    // Names that differ in nothing but U+FFFD would be one series, and a series can't be there twice.
    if name.contains(char::REPLACEMENT_CHARACTER) && links[..at].iter().any(|link| link.name == name) {
        return Ok(false);
    }
    if !links.get(at).is_some_and(|link| link.index == index && link.name == name) {
        links.truncate(at);
        links.push(Link { name: name.into_owned(), index, ..Link::default() });
    }
    fill(&mut links[at], body);
    Ok(true)
}

fn open() -> Result<OwnedFd, Error> {
    // No protocol is NETLINK_ROUTE.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)
        .context("opening a netlink socket")?;
    set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE)).context("opening a netlink socket")?;
    Ok(socket)
}

fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> rustix::io::Result<usize> {
    rustix::io::retry_on_intr(|| recv(socket, &mut *buffer, RecvFlags::empty()).map(|(length, _)| length))
}
