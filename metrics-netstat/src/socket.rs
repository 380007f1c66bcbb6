//! `/proc/net/udp`, `tcp` and their IPv6 likes: one line a socket.

use relink_core::{Context, Error, Options, Samples, Source};

use crate::families::{TCP_STATES, UDP_QUEUES};
use crate::hexadecimal;

/// The columns of state and of `tx_queue:rx_queue`.
const STATE: usize = 3;
const QUEUES: usize = 4;

/// The states by the kernel's numbers, from 1 (`include/net/tcp_states.h`).
const STATES: [&str; 11] = [
    "established",
    "syn_sent",
    "syn_recv",
    "fin_wait1",
    "fin_wait2",
    "time_wait",
    "close",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
];

/// One line's state and the bytes that wait in its queues.
struct Socket {
    state: u64,
    tx: u64,
    rx: u64,
}

/// The bytes in the queues of all UDP sockets.
pub(crate) struct UdpQueues {
    files: [(&'static str, Source); 2],
}

impl UdpQueues {
    pub(crate) fn new(options: &Options) -> Self {
        let source = |file| Source::new(options.procfs(file));
        UdpQueues { files: [("v4", source("net/udp")), ("v6", source("net/udp6"))] }
    }

    pub(crate) fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        for (ip, source) in &mut self.files {
            let (mut tx, mut rx) = (0, 0);
            let found = each(source, out, |socket| {
                tx += socket.tx;
                rx += socket.rx;
            })?;
            if found {
                out.push(&UDP_QUEUES, ["tx", ip], tx as f64);
                out.push(&UDP_QUEUES, ["rx", ip], rx as f64);
            }
        }
        Ok(())
    }
}

/// TCP sockets by state, and the bytes in their queues.
pub(crate) struct TcpStates {
    files: [Source; 2],
}

impl TcpStates {
    pub(crate) fn new(options: &Options) -> Self {
        TcpStates { files: ["net/tcp", "net/tcp6"].map(|file| Source::new(options.procfs(file))) }
    }

    pub(crate) fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let mut counts = [0_u32; STATES.len()];
        let (mut tx, mut rx) = (0, 0);
        for source in &mut self.files {
            each(source, out, |socket| {
                // A later kernel's state is not counted.
                if let Some(count) = (socket.state as usize).checked_sub(1).and_then(|at| counts.get_mut(at))
                {
                    *count += 1;
                }
                tx += socket.tx;
                rx += socket.rx;
            })?;
        }
        for (state, count) in STATES.iter().zip(counts).filter(|(_, count)| *count > 0) {
            out.push(&TCP_STATES, [state], f64::from(count));
        }
        out.push(&TCP_STATES, ["rx_queued_bytes"], rx as f64);
        out.push(&TCP_STATES, ["tx_queued_bytes"], tx as f64);
        Ok(())
    }
}

/// Hands out each socket of a file; `false` if there is none, or none that may be read.
fn each(source: &mut Source, out: &mut Samples, mut one: impl FnMut(Socket)) -> Result<bool, Error> {
    let Some(text) = source.read_if_present(out)? else { return Ok(false) };
    let read = parse(text, &mut one);
    read.context(source.path().display())?;
    Ok(true)
}

fn parse(text: &str, one: &mut impl FnMut(Socket)) -> Result<(), Error> {
    let mut lines = text.lines();
    if !lines.next().unwrap_or("").trim_start().starts_with("sl ") {
        return Err(Error::expected("a line that begins with sl", text));
    }
    for (at, line) in lines.enumerate() {
        one(socket(line).context(format_args!("line {}", at + 2))?);
    }
    Ok(())
}

/// A line such as `0: 0100007F:0277 00000000:0000 07 00000000:00000000 …`.
fn socket(line: &str) -> Result<Socket, Error> {
    let mut words = line.split_ascii_whitespace();
    let state = hexadecimal(words.nth(STATE))?;
    let queues = words.nth(QUEUES - STATE - 1).unwrap_or("");
    let (tx, rx) = queues.split_once(':').ok_or_else(|| Error::expected("tx_queue:rx_queue", queues))?;
    Ok(Socket { state, tx: hexadecimal(Some(tx))?, rx: hexadecimal(Some(rx))? })
}
