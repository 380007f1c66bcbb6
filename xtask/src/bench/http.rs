//! An HTTP/1.1 client for the loopback: one connection that is kept alive, one request at a time. Written by hand, as
//! what the client itself takes is part of each figure.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::failure::{Doing, Failure, Result};

/// Answers beyond this are refused: nothing that is asked for here comes near.
const BODY_LIMIT: usize = 64 << 20;

/// One keep-alive connection.
pub(super) struct Connection {
    address: String,
    stream: BufReader<TcpStream>,
}

/// An answer, its body whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Connection {
    /// Connects; `patience` is how long each read may take, `None` for ever.
    pub(super) fn open(address: &str, patience: Option<Duration>) -> Result<Self> {
        let stream = TcpStream::connect(address).doing(format_args!("connecting to {address}"))?;
        stream
            .set_nodelay(true)
            .and_then(|()| stream.set_read_timeout(patience))
            .doing("setting up the connection")?;
        Ok(Connection { address: address.to_owned(), stream: BufReader::new(stream) })
    }

    /// Sends a request without a body and reads the answer. `headers` are whole lines, each with its `\r\n`.
    pub(super) fn request(&mut self, method: &str, path: &str, headers: &str) -> Result<Answer> {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", self.address);
        self.stream.get_mut().write_all(head.as_bytes()).doing("sending the request")?;
        read_answer(&mut self.stream)
    }
}

fn read_answer(from: &mut impl BufRead) -> Result<Answer> {
    let status_line = line(from)?;
    let status = status_line
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .ok_or_else(|| Failure::new(format!("the answer begins with {status_line:?}, expected HTTP/1.1")))?;
    let (mut length, mut chunked) = (None, false);
    loop {
        let header = line(from)?;
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').unwrap_or((&header, ""));
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse::<usize>().doing("the answer's Content-Length")?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            chunked = value.trim().eq_ignore_ascii_case("chunked");
        }
    }
    let mut body = Vec::new();
    match length {
        _ if chunked => read_chunks(from, &mut body)?,
        Some(length) => read_exactly(from, length, &mut body)?,
        None => {
            from.take(BODY_LIMIT as u64).read_to_end(&mut body).doing("reading the answer")?;
        }
    }
    Ok(Answer { status, body })
}

fn read_chunks(from: &mut impl BufRead, body: &mut Vec<u8>) -> Result<()> {
    loop {
        let size = line(from)?;
        let digits = size.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(digits, 16).doing(format_args!("a chunk of size {digits:?}"))?;
        if size == 0 {
            // Trailers, up to the empty line.
            while !line(from)?.is_empty() {}
            return Ok(());
        }
        read_exactly(from, size, body)?;
        line(from)?;
    }
}

fn read_exactly(from: &mut impl BufRead, length: usize, body: &mut Vec<u8>) -> Result<()> {
    if length > BODY_LIMIT.saturating_sub(body.len()) {
        return Err(Failure::new(format!("the answer is longer than {BODY_LIMIT} bytes")));
    }
    let start = body.len();
    body.resize(start + length, 0);
    from.read_exact(&mut body[start..]).doing("reading the answer")
}

fn line(from: &mut impl BufRead) -> Result<String> {
    let mut line = Vec::new();
    from.take(64 << 10).read_until(b'\n', &mut line).doing("reading the answer")?;
    if line.pop() != Some(b'\n') {
        return Err(Failure::new("the connection ended in the middle of the answer"));
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line).doing("the head of the answer")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(bytes: &str) -> Result<(u16, String)> {
        let answer = read_answer(&mut bytes.as_bytes())?;
        Ok((answer.status, String::from_utf8(answer.body).unwrap()))
    }

    #[test]
    fn bodies_come_whole_in_each_framing() {
        let expected = Ok((200, "hello".to_owned()));
        assert_eq!(answer("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello next"), expected);
        assert_eq!(
            answer(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nA: b\r\n\r\n"
            ),
            expected
        );
        assert_eq!(answer("HTTP/1.1 200\r\n\r\nhello"), expected);
    }

    #[test]
    fn a_broken_answer_is_an_error() {
        for (bytes, expected) in [
            ("", "ended in the middle"),
            ("HTTP/1.1 200 OK\r\ncontent-le", "ended in the middle"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", "reading the answer"),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "Content-Length"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n", "longer than"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "chunk of size"),
            ("SSH-2.0-x\r\n\r\n", "expected HTTP/1.1"),
        ] {
            let failure = answer(bytes).unwrap_err();
            assert!(failure.message().contains(expected), "{bytes:?}: {failure:?}");
        }
    }
}
