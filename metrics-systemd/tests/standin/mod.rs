//! A stand-in for systemd, on a socket of its own or on a bus. It makes its bytes by itself, so that a mistake in the
//! plugin's is none of both.

use std::io::{BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

/// A property: the end of the object's path, the name, the value.
pub(crate) type Property = (&'static str, &'static str, Value);

#[derive(Clone, Copy)]
pub(crate) enum Value {
    Text(&'static str),
    Number(u32),
    Long(u64),
}

/// A machine: units by name, load state and state; and what they say.
#[derive(Clone, Copy)]
pub(crate) struct Machine {
    pub(crate) units: &'static [[&'static str; 3]],
    pub(crate) properties: &'static [Property],
}

/// What is done with a call.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    Answer(Machine),
    /// No answer ever comes.
    Silence,
    /// These bytes, whatever was asked.
    Bytes(&'static [u8]),
}

/// The connections of a stand-in.
#[derive(Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<UnixStream>>>);

impl Lines {
    /// Ends them all, and says how many there were.
    pub(crate) fn hang_up(&self) -> usize {
        let mut lines = self.0.lock().unwrap();
        lines.iter().for_each(|line| drop(line.shutdown(std::net::Shutdown::Both)));
        lines.drain(..).count()
    }
}

/// Listens at a path in place of a bus, or of systemd itself.
pub(crate) fn listen(path: &Path, manner: Manner) -> Lines {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let listener = UnixListener::bind(path).unwrap();
    let lines = Lines::default();
    let kept = Arc::clone(&lines.0);
    thread::spawn(move || {
        for line in listener.incoming().map_while(Result::ok) {
            kept.lock().unwrap().push(line.try_clone().unwrap());
            thread::spawn(move || accept(line, manner));
        }
    });
    lines
}

/// The handshake of a server, then answers.
fn accept(mut line: UnixStream, manner: Manner) -> Option<()> {
    let mut said = Vec::new();
    while !said.ends_with(b"BEGIN\r\n") {
        let mut byte = [0];
        line.read_exact(&mut byte).ok()?;
        said.push(byte[0]);
        match () {
            () if said.ends_with(b"AUTH EXTERNAL\r\n") => line.write_all(b"DATA\r\n").ok()?,
            () if said.ends_with(b"\nDATA\r\n") => line.write_all(b"OK 0123456789abcdef\r\n").ok()?,
            () => {}
        }
    }
    serve(line, manner)
}

/// Takes systemd's name on a bus, and answers from then on.
pub(crate) fn join(bus: &Path, machine: Machine) {
    let mut line = UnixStream::connect(bus).unwrap();
    line.write_all(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n").unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b"\r\n") || said.iter().filter(|byte| **byte == b'\n').count() < 2 {
        let mut byte = [0];
        line.read_exact(&mut byte).unwrap();
        said.push(byte[0]);
    }
    let to_bus = [(1, b'o', "/org/freedesktop/DBus"), (2, b's', BUS), (6, b's', BUS)];
    let mut body = Bytes::default();
    body.text("org.freedesktop.systemd1");
    body.number(4); // do not queue for the name
    let hello = message(1, &[&to_bus[..], &[(3, b's', "Hello")]].concat(), None, "", &[]);
    let name = message(1, &[&to_bus[..], &[(3, b's', "RequestName")]].concat(), None, "su", &body.0);
    line.write_all(&[hello, name].concat()).unwrap();
    // The answers to both; a signal may come between.
    let mut answers = 0;
    while answers < 2 {
        let answer = read(&mut line).unwrap();
        assert_ne!(answer[1], 3, "the bus refuses: {}", answer.escape_ascii());
        answers += usize::from(answer[1] == 2);
    }
    thread::spawn(move || serve(line, Manner::Answer(machine)));
}

const BUS: &str = "org.freedesktop.DBus";

fn serve(line: UnixStream, manner: Manner) -> Option<()> {
    let mut line = BufReader::new(line);
    let mut answers = Vec::new();
    loop {
        let call = read(&mut line)?;
        let is_hello = field(&call, 3, b's').is_some_and(|member| member == "Hello");
        match manner {
            _ if call[1] != 1 => {}
            Manner::Answer(machine) => answers.extend(answer(&call, machine)),
            _ if is_hello => answers.extend(answer(&call, Machine { units: &[], properties: &[] })),
            Manner::Bytes(bytes) => answers.extend(bytes),
            Manner::Silence => {}
        }
        // Calls that came together are answered together, which is several times as fast.
        if line.buffer().is_empty() {
            line.get_mut().write_all(&answers).ok()?;
            answers.clear();
        }
    }
}

/// A whole message, in the byte order of this machine or in that of the plugin.
fn read(line: &mut impl Read) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 16];
    line.read_exact(&mut bytes).ok()?;
    let length = number(&bytes, 12).next_multiple_of(8) + number(&bytes, 4);
    bytes.resize(16 + length, 0);
    line.read_exact(&mut bytes[16..]).ok()?;
    Some(bytes)
}

fn number(bytes: &[u8], at: usize) -> usize {
    let four = bytes[at..at + 4].try_into().unwrap();
    (if bytes[0] == b'B' { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }) as usize
}

/// A text among the fields.
fn field(bytes: &[u8], code: u8, kind: u8) -> Option<String> {
    let at = bytes.chunks(8).position(|chunk| chunk.starts_with(&[code, 1, kind, 0]))? * 8 + 4;
    Some(String::from_utf8_lossy(&bytes[at + 4..at + 4 + number(bytes, at)]).into_owned())
}

fn answer(call: &[u8], machine: Machine) -> Vec<u8> {
    let reply_to = Some(u32::from_le_bytes(call[8..12].try_into().unwrap()));
    let sender = field(call, 7, b's').unwrap_or_else(|| ":1.0".to_owned());
    let (path, member) = (field(call, 1, b'o').unwrap(), field(call, 3, b's').unwrap());
    let mut body = Bytes::default();
    let signature = match member.as_str() {
        "Hello" => {
            body.text(":1.0");
            "s"
        }
        "ListUnits" => {
            body.units(machine.units);
            "a(ssssssouso)"
        }
        _ => {
            let asked = String::from_utf8_lossy(call);
            let is_it = |one: &&Property| path.ends_with(one.0) && asked.ends_with(&format!("\0{}\0", one.1));
            match machine.properties.iter().find(is_it) {
                Some((_, _, value)) => body.variant(*value),
                None => {
                    let name = (4, b's', "org.freedesktop.DBus.Error.UnknownProperty");
                    body.text("Unknown property or interface.");
                    return message(3, &[name, (6, b's', &sender)], reply_to, "s", &body.0);
                }
            }
            "v"
        }
    };
    message(2, &[(6, b's', &sender)], reply_to, signature, &body.0)
}

fn message(
    kind: u8,
    texts: &[(u8, u8, &str)],
    reply_to: Option<u32>,
    signature: &str,
    body: &[u8],
) -> Vec<u8> {
    let mut out = Bytes(vec![b'l', kind, 0, 1]);
    for number in [body.len() as u32, 1, 0] {
        out.number(number);
    }
    for (code, kind, text) in texts {
        out.pad(8);
        out.0.extend([*code, 1, *kind, 0]);
        out.text(text);
    }
    if let Some(serial) = reply_to {
        out.pad(8);
        out.0.extend([5, 1, b'u', 0]);
        out.number(serial);
    }
    if !signature.is_empty() {
        out.pad(8);
        out.0.extend([8, 1, b'g', 0, signature.len() as u8]);
        out.0.extend(signature.bytes().chain([0]));
    }
    let fields = out.0.len() as u32 - 16;
    out.0[12..16].copy_from_slice(&fields.to_le_bytes());
    out.pad(8);
    out.0.extend(body);
    out.0
}

#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn pad(&mut self, alignment: usize) {
        self.0.resize(self.0.len().next_multiple_of(alignment), 0);
    }

    fn number(&mut self, number: u32) {
        self.pad(4);
        self.0.extend(number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u32);
        self.0.extend(text.bytes().chain([0]));
    }

    fn variant(&mut self, value: Value) {
        let kind = match value {
            Value::Text(_) => b's',
            Value::Number(_) => b'u',
            Value::Long(_) => b't',
        };
        self.0.extend([1, kind, 0]);
        match value {
            Value::Text(text) => self.text(text),
            Value::Number(number) => self.number(number),
            Value::Long(number) => {
                self.pad(8);
                self.0.extend(number.to_le_bytes());
            }
        }
    }

    fn units(&mut self, units: &[[&str; 3]]) {
        self.0 = vec![0; 8];
        for [name, load, state] in units {
            self.pad(8);
            let path = format!("/org/freedesktop/systemd1/unit/{}", name.replace(['.', '-', '@'], "_"));
            for text in [name, "Description, é", load, state, "running", "", &path] {
                self.text(text);
            }
            self.number(0);
            self.text("");
            self.text("/");
        }
        let length = self.0.len() as u32 - 8;
        self.0[..4].copy_from_slice(&length.to_le_bytes());
    }
}
