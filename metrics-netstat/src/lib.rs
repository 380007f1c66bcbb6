//! Counters of the network protocols, sockets, the packets that each CPU handled, conntrack and neighbours: what the
//! kernel shows below `/proc/net`, under the names that node_exporter's dashboards ask for.
//!
//! The README lists families and options.
#![cfg(target_os = "linux")]

mod arp;
mod conntrack;
mod files;
mod lnstat;
mod netstat;
mod numbers;
mod sock_diag;
mod socket;
mod sockstat;
mod softnet;
mod tcpstat;
mod udp_queues;
mod xfrm;

use relink_core::register;

use arp::Arp;
use conntrack::Conntrack;
use lnstat::Lnstat;
use netstat::Netstat;
use sockstat::Sockstat;
use softnet::Softnet;
use tcpstat::Tcpstat;
use udp_queues::UdpQueues;
use xfrm::Xfrm;

register! {
    plugin: "netstat",
    help: "Network protocols, sockets, conntrack, neighbours",
    collectors: [
        { name: "arp", help: "Neighbours by device", families: [arp::ENTRIES], new: Arp::new },
        { name: "conntrack", help: "Tracked connections", families: conntrack::FAMILIES, new: Conntrack::new },
        {
            name: "lnstat",
            help: "Tables of the network by CPU",
            families: lnstat::FAMILIES,
            new: Lnstat::new,
            default: off,
        },
        {
            name: "netstat",
            help: "Counters of the network protocols",
            families: netstat::FAMILIES,
            options: netstat::Settings,
            new: Netstat::new,
        },
        { name: "sockstat", help: "Sockets in use", families: sockstat::FAMILIES, new: Sockstat::new },
        { name: "softnet", help: "Packets that each CPU handled", families: softnet::FAMILIES, new: Softnet::new },
        {
            name: "tcpstat",
            help: "TCP sockets by state",
            families: [tcpstat::STATES],
            new: Tcpstat::new,
            default: off,
        },
        { name: "udp_queues", help: "Queues of UDP sockets", families: [udp_queues::QUEUES], new: UdpQueues::new },
        {
            name: "xfrm",
            help: "Packets that IPsec could not transform",
            families: xfrm::FAMILIES,
            new: Xfrm::new,
            default: off,
        },
    ],
}
