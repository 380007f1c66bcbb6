//! A small HTTP/1.1 client that never retries: what it loses, the agent lost.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use crate::tls::Wire;

/// An answer, its body whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Name (in lower case) and value of each header, in order.
    pub headers: Vec<(String, String)>,
    /// The body, without chunk sizes.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("a body in UTF-8")
    }

    /// The body, unpacked where it is compressed.
    pub fn unpacked(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        match self.header("content-encoding") {
            Some("gzip") => {
                flate2::read::GzDecoder::new(&self.body[..]).read_to_end(&mut plain).expect("a body is gzip");
            }
            _ => plain.clone_from(&self.body),
        }
        plain
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }
}

/// One connection, kept open between requests.
pub struct Connection {
    reader: BufReader<Wire>,
    host: String,
}

impl Connection {
    /// Connects; each read and write has a limit of time.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::over(Wire::Plain(connected(address)?), address))
    }

    /// The same over TLS: `config` is of [`crate::Authority::client`].
    pub fn open_tls(address: SocketAddr, config: Arc<ClientConfig>) -> io::Result<Self> {
        Ok(Self::over(Wire::tls(connected(address)?, address, config)?, address))
    }

    fn over(wire: Wire, address: SocketAddr) -> Self {
        Connection { reader: BufReader::new(wire), host: address.to_string() }
    }

    /// The serial number of the certificate that the agent has shown.
    pub fn serial(&self) -> Option<u8> {
        self.reader.get_ref().serial()
    }

    /// The socket.
    pub fn socket(&self) -> &TcpStream {
        self.reader.get_ref().socket()
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes)?;
        self.reader.get_mut().flush()
    }

    /// Sends a request with these headers beside Host and Content-Length, and reads the answer.
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        self.send(&self.rendered(method, path, headers, body))?;
        self.read(method == "HEAD")
    }

    /// `GET` without further headers.
    pub fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.request("GET", path, &[], &[])
    }

    /// The bytes of a request.
    pub fn rendered(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head += &format!("Host: {}\r\n", self.host);
        }
        if !body.is_empty() {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        [head.as_bytes(), b"\r\n", body].concat()
    }

    /// Reads one answer. An end of the stream before its head is `UnexpectedEof`.
    pub fn read(&mut self, head_only: bool) -> io::Result<Answer> {
        let status = self.line()?;
        let status =
            status.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| broken(&status))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| broken(&line))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        if !head_only && status != 204 && status != 304 {
            self.read_body(&mut answer)?;
        }
        Ok(answer)
    }

    /// One line, without its end: of a head, of a chunk's size, of an event stream.
    pub fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    fn read_body(&mut self, answer: &mut Answer) -> io::Result<()> {
        if answer.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            while let Some(chunk) = self.chunk()? {
                answer.body.extend(chunk);
            }
        } else if let Some(length) = answer.header("content-length") {
            let length = length.parse().map_err(|_| broken(length))?;
            answer.body.resize(length, 0);
            self.reader.read_exact(&mut answer.body)?;
        } else {
            self.reader.read_to_end(&mut answer.body)?;
        }
        Ok(())
    }

    /// One chunk of a chunked body; nothing at its end.
    pub fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let size = self.line()?;
        let size = usize::from_str_radix(size.trim(), 16).map_err(|_| broken(&size))?;
        let mut chunk = vec![0; size];
        self.reader.read_exact(&mut chunk)?;
        self.line()?;
        Ok((size > 0).then_some(chunk))
    }
}

fn connected(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(super::PATIENCE))?;
    stream.set_write_timeout(Some(Duration::from_secs(20)))?;
    Ok(stream)
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not HTTP: {what:?}"))
}
