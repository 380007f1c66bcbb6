//! TCP sockets by state, and the bytes in their queues: by netlink, else `/proc/net/tcp` and `tcp6`.

use relink_core::{Collector, Error, Family, Paths, Samples, Source};
use relink_netlink::is_own;

use crate::files::each;
use crate::sock_diag::SockDiag;
use crate::socket::{Socket, sockets};

pub(crate) const STATES: Family = Family::gauge(
    "node_tcp_connection_states",
    "TCP sockets by state, and what waits in their queues (sock_diag, else /proc/net/tcp).",
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
    /// None where `/proc` is not the machine's own.
    netlink: Option<SockDiag>,
    files: [Source; 2],
}

/// What all sockets come to.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sums {
    states: [u32; NAMES.len()],
    rx: u64,
    tx: u64,
}

impl Sums {
    pub(crate) fn add(&mut self, socket: Socket) {
        // A later kernel's state is not counted.
        let at = usize::try_from(socket.state).ok().and_then(|state| state.checked_sub(1));
        if let Some(count) = at.and_then(|at| self.states.get_mut(at)) {
            *count += 1;
        }
        self.rx = self.rx.saturating_add(socket.rx);
        self.tx = self.tx.saturating_add(socket.tx);
    }
}

impl Tcpstat {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        let netlink = is_own(&paths.procfs, "/proc").then(SockDiag::default);
        Ok(Tcpstat { netlink, files: ["net/tcp", "net/tcp6"].map(|file| Source::new(paths.procfs(file))) })
    }

    /// By the files; nothing where there is none.
    fn read(&mut self, out: &mut Samples) -> Result<Option<Sums>, Error> {
        let (mut sums, mut is_there) = (Sums::default(), false);
        each(&mut self.files, out, |source, out| {
            let found = sockets(source, out, |socket| sums.add(socket))?;
            is_there |= found;
            Ok(found)
        })?;
        Ok(is_there.then_some(sums))
    }
}

impl Collector for Tcpstat {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let told = self.netlink.as_mut().and_then(SockDiag::tcp);
        let Some(sums) = told.map_or_else(|| self.read(out), |sums| Ok(Some(sums)))? else { return Ok(()) };
        for (state, count) in NAMES.iter().zip(sums.states).filter(|(_, count)| *count > 0) {
            out.push(&STATES, [state], f64::from(count));
        }
        out.push(&STATES, ["rx_queued_bytes"], sums.rx as f64);
        out.push(&STATES, ["tx_queued_bytes"], sums.tx as f64);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use relink_testing::{Tree, collect};

    use super::*;

    #[test]
    fn the_files_are_read_where_netlink_is_refused() {
        let tree = Tree::new().file("proc/net/tcp", "  sl x\n 0: 1 2 0A 5:6\n");
        let mut tcpstat = Tcpstat::new(&tree.paths()).unwrap();
        assert!(tcpstat.netlink.is_none(), "not the machine's own");
        tcpstat.netlink = Some(SockDiag::refused());
        assert_eq!(
            collect(&mut tcpstat, "tcpstat").unwrap(),
            "node_tcp_connection_states{state=\"listen\"} 1
node_tcp_connection_states{state=\"rx_queued_bytes\"} 6
node_tcp_connection_states{state=\"tx_queued_bytes\"} 5
"
        );
    }
}
