//! Network interfaces: traffic, link and identity, under the names that node_exporter's dashboards ask for.
//!
//! All of it comes from one question over netlink, but for a few things that only sysfs knows. The README lists families
//! and options.
#![cfg(target_os = "linux")]

mod bonding;
mod link;
mod netclass;
mod netdev;
mod netlink;
mod qdisc;
mod readings;
mod sysfs;
mod wifi;

use relink_core::register;

use bonding::Bonding;
use netclass::Netclass;
use netdev::Netdev;
use qdisc::Qdiscs;
use wifi::Wifi;

register! {
    plugin: "net",
    help: "Network interfaces",
    collectors: [
        { name: "bonding", help: "Bonds of network interfaces", families: bonding::FAMILIES, new: Bonding::new },
        {
            name: "netclass",
            help: "Link and identity of network interfaces",
            families: netclass::FAMILIES,
            options: netclass::Settings,
            new: Netclass::new,
        },
        {
            name: "netdev",
            help: "Traffic of network interfaces",
            families: netdev::FAMILIES,
            options: netdev::Settings,
            new: Netdev::new,
        },
        {
            name: "qdisc",
            help: "Queueing disciplines of network interfaces",
            families: qdisc::FAMILIES,
            options: qdisc::Settings,
            new: Qdiscs::new,
            default: off,
        },
        {
            name: "wifi",
            help: "Wireless interfaces, their networks and stations",
            families: wifi::FAMILIES,
            new: Wifi::new,
            default: off,
        },
    ],
}
