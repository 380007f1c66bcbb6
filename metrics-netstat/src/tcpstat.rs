//! `/proc/net/tcp` and `tcp6`: TCP sockets by state, and the bytes in their queues.

use relink_core::{Collector, Error, Family, Paths, Samples, Source};

use crate::files::each;
use crate::socket::sockets;

pub(crate) const STATES: Family = Family::gauge(
    "node_tcp_connection_states",
    "TCP sockets by state, and the bytes in their queues (/proc/net/tcp).",
)
.labels(&["state"]);

/// The states by the kernel's numbers, from 1 (`include/net/tcp_states.h`).
const NAMES: [&str; 11] = [
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

pub(crate) struct Tcpstat {
    files: [Source; 2],
}

impl Tcpstat {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Tcpstat { files: ["net/tcp", "net/tcp6"].map(|file| Source::new(paths.procfs(file))) })
    }
}

impl Collector for Tcpstat {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let mut counts = [0_u32; NAMES.len()];
        let (mut tx, mut rx) = (0_u64, 0_u64);
        let mut is_there = false;
        each(&mut self.files, out, |source, out| {
            let found = sockets(source, out, |socket| {
                // A later kernel's state is not counted.
                let at = usize::try_from(socket.state).ok().and_then(|state| state.checked_sub(1));
                if let Some(count) = at.and_then(|at| counts.get_mut(at)) {
                    *count += 1;
                }
                tx = tx.saturating_add(socket.tx);
                rx = rx.saturating_add(socket.rx);
            })?;
            is_there |= found;
            Ok(found)
        })?;
        if !is_there {
            return Ok(());
        }
        for (state, count) in NAMES.iter().zip(counts).filter(|(_, count)| *count > 0) {
            out.push(&STATES, [state], f64::from(count));
        }
        out.push(&STATES, ["rx_queued_bytes"], rx as f64);
        out.push(&STATES, ["tx_queued_bytes"], tx as f64);
        Ok(())
    }
}
