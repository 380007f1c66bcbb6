//! Counters of the network protocols, sockets, the packets that each CPU handled, conntrack and neighbours: what the
//! kernel shows below `/proc/net`, under the names that node_exporter's dashboards ask for.
//!
//! The README lists families and options.

mod arp;
mod conntrack;
mod families;
mod fields;
mod protocols;
mod sockets;
mod sockstat;
mod softnet;

use relink_core::{Collector, Error, Facts, Options, Samples, register};
use serde::Deserialize;

use arp::Arp;
use conntrack::Conntrack;
use families::FAMILIES;
use fields::Fields;
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
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Whether each part is shown: those of node_exporter's collectors of these names.
    netstat: bool,
    sockstat: bool,
    softnet: bool,
    udp_queues: bool,
    arp: bool,
    conntrack: bool,
    /// Whether TCP sockets are counted by state.
    tcp_states: bool,
    /// Which of the protocols' fields are shown, as in `Tcp_InSegs`.
    fields: String,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            netstat: true,
            sockstat: true,
            softnet: true,
            udp_queues: true,
            arp: true,
            conntrack: true,
            tcp_states: false,
            fields: String::new(),
        }
    }
}

struct Netstat {
    protocols: Option<Protocols>,
    sockstat: Option<Sockstat>,
    softnet: Option<Softnet>,
    udp_queues: Option<UdpQueues>,
    tcp_states: Option<TcpStates>,
    arp: Option<Arp>,
    conntrack: Option<Conntrack>,
}

impl Netstat {
    fn new(options: &Options) -> Result<Self, Error> {
        let settings: Settings = options.parse()?;
        let fields = Fields::new(&settings.fields)?;
        Ok(Netstat {
            protocols: settings.netstat.then(|| Protocols::new(options, fields)),
            sockstat: settings.sockstat.then(|| Sockstat::new(options)),
            softnet: settings.softnet.then(|| Softnet::new(options)),
            udp_queues: settings.udp_queues.then(|| UdpQueues::new(options)),
            tcp_states: settings.tcp_states.then(|| TcpStates::new(options)),
            arp: settings.arp.then(|| Arp::new(options)),
            conntrack: settings.conntrack.then(|| Conntrack::new(options)),
        })
    }
}

impl Collector for Netstat {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        // Other systems show none of this in files.
        if !cfg!(target_os = "linux") {
            return Ok(());
        }
        self.protocols.as_mut().map_or(Ok(()), |part| part.collect(out))?;
        self.sockstat.as_mut().map_or(Ok(()), |part| part.collect(out))?;
        self.softnet.as_mut().map_or(Ok(()), |part| part.collect(out))?;
        self.udp_queues.as_mut().map_or(Ok(()), |part| part.collect(out))?;
        self.arp.as_mut().map_or(Ok(()), |part| part.collect(out))?;
        self.conntrack.as_mut().map_or(Ok(()), |part| part.collect(out))?;
        self.tcp_states.as_mut().map_or(Ok(()), |part| part.collect(out))
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        self.protocols.as_mut().map_or(Ok(()), |part| part.facts(out))
    }
}

/// The word at a place of a line as a number in hexadecimal.
fn hexadecimal(word: Option<&str>) -> Result<u64, Error> {
    let word = word.unwrap_or("");
    u64::from_str_radix(word, 16).map_err(|_| Error::expected("a hexadecimal number", word))
}
