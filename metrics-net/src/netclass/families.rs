//! What the collector emits.

use std::path::Path;

use relink_core::{Family, Kind};

use crate::link::NUMBERS;
use crate::sysfs::Files;

/// A number of an interface that sysfs shows in a file of its own.
pub(crate) struct Attribute {
    pub(crate) family: Family,
    /// Below `/sys/class/net/<interface>`.
    pub(crate) file: &'static str,
    /// What one of it is worth in the family's unit.
    pub(crate) worth: f64,
}

impl Attribute {
    /// What the file says. A counter does not go below zero, whatever a driver says.
    pub(crate) fn read(&self, folder: &Path, files: &mut Files) -> Option<i64> {
        let path = folder.join(self.file);
        match self.family.kind() {
            Kind::Counter => files.count(&path).and_then(|count| count.try_into().ok()),
            _ => files.number(&path),
        }
    }
}

const fn gauge(file: &'static str, name: &'static str, help: &'static str) -> Attribute {
    Attribute { family: Family::gauge(name, help).labels(&["device"]), file, worth: 1.0 }
}

const fn times(file: &'static str, name: &'static str, help: &'static str) -> Attribute {
    Attribute { family: Family::counter(name, help).labels(&["device"]), file, worth: 1.0 }
}

/// A speed in Mbit/s.
const MEGABIT: f64 = 1e6 / 8.0;

/// The first are those of a [`Link`](crate::link::Link), in its order; of the others netlink does not tell.
pub(crate) const ATTRIBUTES: [Attribute; NUMBERS + SYSFS_ONLY] = [
    gauge(
        "carrier",
        "node_network_carrier",
        "Whether an interface has a link; none while it is switched off.",
    ),
    times("carrier_changes", "node_network_carrier_changes_total", "Times that a link came or went."),
    times("carrier_up_count", "node_network_carrier_up_changes_total", "Times that a link came."),
    times("carrier_down_count", "node_network_carrier_down_changes_total", "Times that a link went."),
    gauge("dormant", "node_network_dormant", "Whether a link waits for something, such as a login (802.1X)."),
    gauge("flags", "node_network_flags", "The interface's flags as one number (IFF_… in linux/if.h)."),
    gauge("ifindex", "node_network_iface_id", "The kernel's number of an interface."),
    gauge("iflink", "node_network_iface_link", "The number of the interface beneath, or of this one."),
    gauge(
        "link_mode",
        "node_network_iface_link_mode",
        "1 if a program decides when the link is usable, else 0.",
    ),
    gauge("mtu", "node_network_mtu_bytes", "The longest packet that an interface sends."),
    gauge("netdev_group", "node_network_net_dev_group", "The group that an interface was put into."),
    gauge(
        "type",
        "node_network_protocol_type",
        "The kind of hardware as a number (ARPHRD_… in linux/if_arp.h).",
    ),
    gauge("tx_queue_len", "node_network_transmit_queue_length", "How many packets may wait to be sent."),
    gauge(
        "addr_assign_type",
        "node_network_address_assign_type",
        "Where the address is from: 0 hardware, 1 random, 2 another interface, 3 set.",
    ),
    gauge("dev_id", "node_network_device_id", "Tells interfaces apart that share an address."),
    gauge(
        "name_assign_type",
        "node_network_name_assign_type",
        "Where the name is from: 1 counted by the kernel, 2 predictable, 3 set, 4 renamed.",
    ),
    Attribute {
        worth: MEGABIT,
        ..gauge(
            "speed",
            "node_network_speed_bytes",
            "Speed of a link a second; below 0 where the driver does not know it.",
        )
    },
];

/// How many numbers only sysfs has.
pub(crate) const SYSFS_ONLY: usize = 4;

const UP: Family = Family::gauge(
    "node_network_up",
    "Whether an interface works; one that can't tell, such as lo, counts as 0.",
)
.labels(&["device"]);

const INFO: Family =
    Family::gauge("node_network_info", "Always 1; the labels say what is not a number of an interface.")
        .labels(&["device", "address", "broadcast", "duplex", "operstate", "adminstate", "ifalias"]);

/// The places of [`UP`] and [`INFO`] among all, behind those of [`ATTRIBUTES`].
pub(crate) const UP_AT: usize = ATTRIBUTES.len();
pub(crate) const INFO_AT: usize = UP_AT + 1;

pub(crate) const FAMILIES: &[Family] = &{
    let mut families = [INFO; INFO_AT + 1];
    let mut at = 0;
    while at < ATTRIBUTES.len() {
        families[at] = ATTRIBUTES[at].family;
        at += 1;
    }
    families[UP_AT] = UP;
    families
};
