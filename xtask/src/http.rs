//! An HTTP/1.1 client for the loopback: one connection that is kept alive, one request at a time. Written by hand, as
//! what the client itself takes is part of each figure.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::failure::{Doing, Failure, Result};

/// Answers beyond this are refused: nothing that is asked for here comes near.
const BODY_LIMIT: usize = 64 << 20;

/// One keep-alive connection.
pub(crate) struct Connection {
    address: String,
    stream: BufReader<TcpStream>,
}

/// An answer, its body whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub status: u16,
    /// Whether the server closes the connection after it.
    pub closes: bool,
    pub body: Vec<u8>,
}

/// The head of an answer.
struct Head {
    status: u16,
    closes: bool,
    length: Option<usize>,
    chunked: bool,
}

impl Connection {
    /// Connects; `patience` is how long each read may take, `None` for ever.
    pub(crate) fn open(address: &str, patience: Option<Duration>) -> Result<Self> {
        let stream = TcpStream::connect(address).doing(format_args!("connecting to {address}"))?;
        stream
            .set_nodelay(true)
            .and_then(|()| stream.set_read_timeout(patience))
            .doing("setting up the connection")?;
        Ok(Connection { address: address.to_owned(), stream: BufReader::new(stream) })
    }

    /// Sends a request without a body and reads the answer. `headers` are whole lines, each with its `\r\n`.
    pub(crate) fn request(&mut self, method: &str, path: &str, headers: &str) -> Result<Answer> {
        self.ask(method, path, headers)?;
        read_answer(&mut self.stream)
    }

    /// Sends a request as it is, its body included, and reads the answer.
    pub(crate) fn forward(&mut self, request: &[u8]) -> Result<Answer> {
        self.stream.get_mut().write_all(request).doing("sending the request")?;
        read_answer(&mut self.stream)
    }

    /// Asks for an answer that comes in chunks as things happen, and returns its status.
    pub(crate) fn listen(&mut self, path: &str, headers: &str) -> Result<u16> {
        self.ask("GET", path, headers)?;
        read_head(&mut self.stream).map(|head| head.status)
    }

    /// The next chunk of such an answer; `None` at its end, after which the connection can be used again.
    pub(crate) fn chunk(&mut self) -> Result<Option<Vec<u8>>> {
        read_chunk(&mut self.stream, BODY_LIMIT)
    }

    fn ask(&mut self, method: &str, path: &str, headers: &str) -> Result<()> {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", self.address);
        self.stream.get_mut().write_all(head.as_bytes()).doing("sending the request")
    }
}

fn read_answer(from: &mut impl BufRead) -> Result<Answer> {
    let Head { status, closes, length, chunked } = read_head(from)?;
    let mut body = Vec::new();
    match length {
        // It has none, and says no length.
        _ if status == 204 => {}
        _ if chunked => {
            while let Some(chunk) = read_chunk(from, BODY_LIMIT.saturating_sub(body.len()))? {
                body.extend(chunk);
            }
        }
        Some(length) => body = read_exactly(from, length, BODY_LIMIT)?,
        None => {
            from.take(BODY_LIMIT as u64).read_to_end(&mut body).doing("reading the answer")?;
        }
    }
    Ok(Answer { status, closes, body })
}

fn read_head(from: &mut impl BufRead) -> Result<Head> {
    let status_line = line(from)?;
    let status = status_line
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .ok_or_else(|| Failure::new(format!("the answer begins with {status_line:?}, expected HTTP/1.1")))?;
    let mut head = Head { status, closes: false, length: None, chunked: false };
    loop {
        let header = line(from)?;
        if header.is_empty() {
            return Ok(head);
        }
        let (name, value) = header.split_once(':').unwrap_or((&header, ""));
        if name.eq_ignore_ascii_case("content-length") {
            head.length = Some(value.trim().parse::<usize>().doing("the answer's Content-Length")?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            head.chunked = value.trim().eq_ignore_ascii_case("chunked");
        } else if name.eq_ignore_ascii_case("connection") {
            head.closes = value.trim().eq_ignore_ascii_case("close");
        }
    }
}

fn read_chunk(from: &mut impl BufRead, limit: usize) -> Result<Option<Vec<u8>>> {
    let size = line(from)?;
    let digits = size.split(';').next().unwrap_or_default().trim();
    let size = usize::from_str_radix(digits, 16).doing(format_args!("a chunk of size {digits:?}"))?;
    if size == 0 {
        // Trailers, up to the empty line.
        while !line(from)?.is_empty() {}
        return Ok(None);
    }
    let chunk = read_exactly(from, size, limit)?;
    line(from)?;
    Ok(Some(chunk))
}

/// Reads a body of this length.
pub(crate) fn read_exactly(from: &mut impl BufRead, length: usize, limit: usize) -> Result<Vec<u8>> {
    if length > limit {
        return Err(Failure::new(format!("the answer is longer than {BODY_LIMIT} bytes")));
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).doing("reading the answer")?;
    Ok(body)
}

/// Reads a line of a head.
pub(crate) fn line(from: &mut impl BufRead) -> Result<String> {
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
        assert_eq!(answer("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200"), Ok((204, String::new())));
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
