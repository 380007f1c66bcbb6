//! `/proc/net/udp` and `udp6`: the bytes in the queues of all UDP sockets.

use relink_core::{Collector, Error, Family, Paths, Samples, Source};

use crate::files::each;
use crate::socket::sockets;

pub(crate) const QUEUES: Family =
    Family::gauge("node_udp_queues", "Bytes in the queues of all UDP sockets (/proc/net/udp).")
        .labels(&["queue", "ip"]);

pub(crate) struct UdpQueues {
    files: [(&'static str, Source); 2],
}

impl UdpQueues {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        let source = |file| Source::new(paths.procfs(file));
        Ok(UdpQueues { files: [("v4", source("net/udp")), ("v6", source("net/udp6"))] })
    }
}

impl Collector for UdpQueues {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        each(&mut self.files, out, |(ip, source), out| {
            let (mut tx, mut rx) = (0_u64, 0_u64);
            let is_there = sockets(source, out, |socket| {
                tx = tx.saturating_add(socket.tx);
                rx = rx.saturating_add(socket.rx);
            })?;
            if is_there {
                out.push(&QUEUES, ["tx", ip], tx as f64);
                out.push(&QUEUES, ["rx", ip], rx as f64);
            }
            Ok(is_there)
        })
    }
}
