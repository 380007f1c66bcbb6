//! A connection to a bus, or to systemd itself: several calls at once, and an end to the waiting.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use relink_core::{Context, Error};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};

use crate::address::Address;
use crate::call::Call;
use crate::wire::Message;

/// How long a collection may take in all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
/// So many calls are under way at once. A bus allows a client 128 by default.
const BATCH: usize = 32;
/// A line of the handshake is shorter.
const LINE: usize = 1024;

const HELLO: Call<'_> = Call {
    destination: "org.freedesktop.DBus",
    path: "/org/freedesktop/DBus",
    interface: "org.freedesktop.DBus",
    member: "Hello",
    arguments: None,
};

pub(crate) struct Bus {
    stream: UnixStream,
    /// When the waiting ends.
    until: Instant,
    serial: u32,
    /// What has come, of which the bytes before `done` are dealt with.
    input: Vec<u8>,
    done: usize,
    output: Vec<u8>,
}

impl Bus {
    /// Connects, and says who is there. The kernel tells the other side which user this is, so that no number of a user goes
    /// over the line, which would be another one inside of a container.
    ///
    /// None where there is no such socket.
    pub(crate) fn open(address: &Address, until: Instant) -> Result<Option<Self>, Error> {
        let Some(stream) = dial(address, until)? else { return Ok(None) };
        let mut bus = Bus {
            stream,
            until,
            serial: 0,
            input: Vec::new(),
            done: 0,
            output: b"\0AUTH EXTERNAL\r\n".to_vec(),
        };
        bus.send()?;
        let mut line = bus.line()?;
        if line == "DATA" {
            bus.output.extend(b"DATA\r\n");
            bus.send()?;
            line = bus.line()?;
        }
        if !line.starts_with("OK") {
            return Err(Error::expected("OK to the handshake", &line));
        }
        bus.output.extend(b"BEGIN\r\n");
        if address.is_bus {
            bus.calls(&[HELLO], |_, answer| answer.body("s").map(drop))?;
        } else {
            bus.send()?;
        }
        Ok(Some(bus))
    }

    /// Another collection begins.
    pub(crate) fn wait_until(&mut self, until: Instant) {
        self.until = until;
    }

    /// Makes all of these calls, and hands on the answer to each with the call's place. After an error, of the answer's
    /// taker as well, the connection is of no more use: answers may be under way.
    pub(crate) fn calls(
        &mut self,
        calls: &[Call<'_>],
        mut answer: impl FnMut(usize, Message<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for (number, batch) in calls.chunks(BATCH).enumerate() {
            // 0 is no serial.
            if self.serial > u32::MAX - BATCH as u32 {
                self.serial = 0;
            }
            let first = self.serial + 1;
            for call in batch {
                self.serial += 1;
                call.write(self.serial, &mut self.output);
            }
            self.send()?;
            let mut open = vec![true; batch.len()];
            while open.contains(&true) {
                let message = self.receive()?;
                // A signal, or the answer to nothing that was asked.
                let Some(at) = message.reply_to.and_then(|serial| serial.checked_sub(first)) else {
                    continue;
                };
                if let Some(is_open @ true) = open.get_mut(at as usize) {
                    *is_open = false;
                    answer(number * BATCH + at as usize, message)?;
                }
            }
        }
        Ok(())
    }

    /// Sends what stands in `output`.
    fn send(&mut self) -> Result<(), Error> {
        let mut rest = &self.output[..];
        while !rest.is_empty() {
            self.stream.set_write_timeout(Some(left(self.until)?))?;
            match self.stream.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => return Err(in_words(why)),
            }
        }
        self.output.clear();
        Ok(())
    }

    /// The next message.
    fn receive(&mut self) -> Result<Message<'_>, Error> {
        let length = loop {
            match Message::length(self.input.get(self.done..).unwrap_or_default())? {
                Some(length) if length <= self.input.len() - self.done => break length,
                _ => self.fill()?,
            }
        };
        let begin = self.done;
        self.done += length;
        Message::parse(&self.input[begin..self.done])
    }

    /// The next line of the handshake.
    fn line(&mut self) -> Result<String, Error> {
        loop {
            let rest = self.input.get(self.done..).unwrap_or_default();
            if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line = rest[..end].trim_ascii().escape_ascii().to_string();
                self.done += end + 1;
                return Ok(line);
            }
            if rest.len() > LINE {
                return Err(Error::new(format!("a line of the handshake is longer than {LINE} bytes")));
            }
            self.fill()?;
        }
    }

    /// Waits for more bytes. Room is made as they come, not for what a message says of itself.
    fn fill(&mut self) -> Result<(), Error> {
        self.input.drain(..self.done);
        self.done = 0;
        let mut chunk = [0; 16 * 1024];
        loop {
            self.stream.set_read_timeout(Some(left(self.until)?))?;
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(Error::new("the connection was closed")),
                Ok(count) => {
                    self.input.extend(&chunk[..count]);
                    return Ok(());
                }
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => return Err(in_words(why)),
            }
        }
    }
}

/// Connects. A socket whose queue is full lets one wait as well, which the standard library knows no end to.
fn dial(address: &Address, until: Instant) -> Result<Option<UnixStream>, Error> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
        .context("opening a socket")?;
    set_socket_timeout(&socket, Timeout::Send, Some(left(until)?))?;
    match retry_on_intr(|| connect(&socket, &address.socket)) {
        Ok(()) => Ok(Some(UnixStream::from(socket))),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(why) => Err(in_words(why.into())),
    }
}

/// How long there is still to wait.
fn left(until: Instant) -> Result<Duration, Error> {
    let left = until.saturating_duration_since(Instant::now());
    if left < Duration::from_millis(1) { Err(late()) } else { Ok(left) }
}

fn late() -> Error {
    Error::new(format!("no answer within {} s", PATIENCE.as_secs()))
}

/// A timeout of a socket is "try again" to the kernel.
fn in_words(why: io::Error) -> Error {
    if why.kind() == io::ErrorKind::WouldBlock { late() } else { why.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{SocketAddrUnix, bind, listen};

    #[test]
    fn a_socket_whose_queue_is_full_is_not_waited_for() {
        let name = format!("relink-systemd-{}", std::process::id());
        let socket = SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap();
        let listener =
            socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        bind(&listener, &socket).unwrap();
        listen(&listener, 0).unwrap();
        let address = Address { shown: name, socket, is_bus: true };
        let dial = || dial(&address, Instant::now() + Duration::from_millis(50));
        // The first one fills the queue.
        let _first = dial().unwrap().unwrap();
        assert_eq!(dial().unwrap_err().message(), "no answer within 2 s");
    }
}
