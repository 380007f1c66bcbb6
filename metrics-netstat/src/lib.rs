//! Counters of the network protocols, sockets, the packets that each CPU handled, conntrack and neighbours: what the
//! kernel shows below `/proc/net`, under the names that node_exporter's dashboards ask for.
//!
//! The README lists families and options.

mod arp;
mod conntrack;
mod families;
mod protocols;
mod sockets;
mod sockstat;
mod softnet;

use relink_core::{Collector, Error, Options, Samples, register};
use serde::Deserialize;

use arp::Arp;
use conntrack::Conntrack;
use families::FAMILIES;
use protocols::Protocols;
use sockets::{TcpStates, UdpQueues};
use sockstat::Sockstat;
use softnet::Softnet;

register! {
    name: "netstat",
    help: "Network protocols, sockets, conntrack, neighbours",
    families: FAMILIES,
    new: |options: &Options| Netstat::new(options),
}

/// What the operator may set.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Whether TCP sockets are counted by state.
    tcp_states: bool,
}

struct Netstat {
    protocols: Protocols,
    sockstat: Sockstat,
    softnet: Softnet,
    udp_queues: UdpQueues,
    tcp_states: Option<TcpStates>,
    arp: Arp,
    conntrack: Conntrack,
}

impl Netstat {
    fn new(options: &Options) -> Result<Self, Error> {
        let settings: Settings = options.parse()?;
        Ok(Netstat {
            protocols: Protocols::new(options),
            sockstat: Sockstat::new(options),
            softnet: Softnet::new(options),
            udp_queues: UdpQueues::new(options),
            tcp_states: settings.tcp_states.then(|| TcpStates::new(options)),
            arp: Arp::new(options),
            conntrack: Conntrack::new(options),
        })
    }
}

impl Collector for Netstat {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        // Other systems show none of this in files.
        if !cfg!(target_os = "linux") {
            return Ok(());
        }
        self.protocols.collect(out)?;
        self.sockstat.collect(out)?;
        self.softnet.collect(out)?;
        self.udp_queues.collect(out)?;
        self.arp.collect(out)?;
        self.conntrack.collect(out)?;
        match &mut self.tcp_states {
            Some(states) => states.collect(out),
            None => Ok(()),
        }
    }
}

/// The word at a place of a line as a number in hexadecimal.
fn hexadecimal(word: Option<&str>) -> Result<u64, Error> {
    let word = word.unwrap_or("");
    u64::from_str_radix(word, 16).map_err(|_| Error::expected("a hexadecimal number", word))
}
