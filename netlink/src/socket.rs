//! Asking, and waiting for the answer.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use relink_core::{Context, Error};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};

use crate::message::{Part, Question};

/// The kernel makes no part of an answer longer.
const LONGEST: usize = 32 * 1024;
/// The kernel answers while it is asked; who waits longer has lost the answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often a question is asked that is interrupted by what comes or goes.
const ATTEMPTS: usize = 3;

/// A socket that stays open, over which the kernel is asked.
#[derive(Debug)]
pub struct Socket {
    /// None is `NETLINK_ROUTE`.
    protocol: Option<Protocol>,
    /// None after an error: what is left of an answer is thrown away with the socket.
    socket: Option<OwnedFd>,
    sequence: u32,
    question: Vec<u8>,
    buffer: Vec<u8>,
}

impl Socket {
    /// No protocol is `NETLINK_ROUTE`. Fails where there are no such sockets, or where the agent may not have one.
    pub fn open(protocol: Option<Protocol>) -> Result<Self, Error> {
        let (question, buffer) = (Vec::new(), vec![0; LONGEST]);
        Ok(Socket { protocol, socket: Some(open(protocol)?), sequence: 0, question, buffer })
    }

    /// Hands each of what is asked for to `take`: behind a `None`, which is where the answer begins, or begins anew. Why, if
    /// the kernel refuses to answer.
    pub fn dump(
        &mut self,
        question: &Question<'_>,
        mut take: impl FnMut(Option<&[u8]>) -> Result<(), Error>,
    ) -> Result<Option<io::Error>, Error> {
        for _ in 0..ATTEMPTS {
            let socket = match self.socket.take() {
                Some(socket) => socket,
                None => open(self.protocol)?,
            };
            take(None)?;
            match self.ask(&socket, question, &mut take)? {
                Part::End => {
                    self.socket = Some(socket);
                    return Ok(None);
                }
                Part::Refused(errno) => {
                    self.socket = Some(socket);
                    return Ok(Some(io::Error::from_raw_os_error(errno)));
                }
                Part::Interrupted | Part::One(_) => {}
            }
        }
        Err(Error::new(format!(
            "{} came or went during each of {ATTEMPTS} attempts to list them",
            question.what
        )))
    }

    /// One question, and how its answer ended.
    fn ask(
        &mut self,
        socket: &OwnedFd,
        question: &Question<'_>,
        take: &mut impl FnMut(Option<&[u8]>) -> Result<(), Error>,
    ) -> Result<Part<'static>, Error> {
        self.sequence = self.sequence.wrapping_add(1);
        question.write(self.sequence, &mut self.question);
        send(socket, &self.question, SendFlags::empty())
            .context(format_args!("asking netlink for {}", question.what))?;
        loop {
            let length = receive(socket, &mut self.buffer).context("reading netlink's answer")?;
            let mut answer = &self.buffer[..length];
            while let Some(part) = question.next_part(&mut answer, self.sequence)? {
                match part {
                    Part::One(body) => take(Some(body))?,
                    Part::End => return Ok(Part::End),
                    Part::Refused(errno) => return Ok(Part::Refused(errno)),
                    Part::Interrupted => return Ok(Part::Interrupted),
                }
            }
        }
    }
}

fn open(protocol: Option<Protocol>) -> Result<OwnedFd, Error> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)
        .context("opening a netlink socket")?;
    set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE)).context("opening a netlink socket")?;
    Ok(socket)
}

fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> rustix::io::Result<usize> {
    rustix::io::retry_on_intr(|| recv(socket, &mut *buffer, RecvFlags::empty()).map(|(length, _)| length))
}
