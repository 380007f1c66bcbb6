//! What the plugin emits.

use relink_core::Family;

/// A number of an interface that sysfs shows in a file of its own.
pub(crate) struct Attribute {
    pub(crate) family: Family,
    /// Below `/sys/class/net/<interface>`.
    pub(crate) file: &'static str,
    /// What one of it is worth in the family's unit.
    pub(crate) worth: f64,
}

const fn gauge(file: &'static str, name: &'static str, help: &'static str) -> Attribute {
    Attribute { family: Family::gauge(name, help).labels(&["device"]), file, worth: 1.0 }
}

const fn times(file: &'static str, name: &'static str, help: &'static str) -> Attribute {
    Attribute { family: Family::counter(name, help).labels(&["device"]), file, worth: 1.0 }
}

pub(crate) const CARRIER: usize = 0;
pub(crate) const CARRIER_CHANGES: usize = 1;
pub(crate) const CARRIER_UP_CHANGES: usize = 2;
pub(crate) const CARRIER_DOWN_CHANGES: usize = 3;
pub(crate) const DORMANT: usize = 4;
pub(crate) const FLAGS: usize = 5;
pub(crate) const INTERFACE: usize = 6;
pub(crate) const BELOW: usize = 7;
pub(crate) const LINK_MODE: usize = 8;
pub(crate) const MTU: usize = 9;
pub(crate) const GROUP: usize = 10;
pub(crate) const HARDWARE: usize = 11;
pub(crate) const QUEUE_LENGTH: usize = 12;
/// From here on netlink does not tell.
pub(crate) const SYSFS_ONLY: usize = 13;

/// A speed in Mbit/s.
const MEGABIT: f64 = 1e6 / 8.0;

pub(crate) const ATTRIBUTES: [Attribute; 17] = [
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

/// The kernel's counters of an interface: the names of the files in `statistics`, in the order of `rtnl_link_stats64`.
pub(crate) const STATISTICS: [&str; 24] = [
    "rx_packets",
    "tx_packets",
    "rx_bytes",
    "tx_bytes",
    "rx_errors",
    "tx_errors",
    "rx_dropped",
    "tx_dropped",
    "multicast",
    "collisions",
    "rx_length_errors",
    "rx_over_errors",
    "rx_crc_errors",
    "rx_frame_errors",
    "rx_fifo_errors",
    "rx_missed_errors",
    "tx_aborted_errors",
    "tx_carrier_errors",
    "tx_fifo_errors",
    "tx_heartbeat_errors",
    "tx_window_errors",
    "rx_compressed",
    "tx_compressed",
    "rx_nohandler",
];

/// A family of traffic, and which of the kernel's counters are summed up in it.
pub(crate) struct Traffic {
    pub(crate) family: Family,
    pub(crate) of: &'static [usize],
}

const fn traffic(name: &'static str, of: &'static [usize], help: &'static str) -> Traffic {
    Traffic { family: Family::counter(name, help).labels(&["device"]), of }
}

pub(crate) const TRAFFIC: [Traffic; 17] = [
    traffic("node_network_receive_bytes_total", &[2], "Bytes received."),
    traffic("node_network_receive_compressed_total", &[21], "Compressed packets received."),
    traffic(
        "node_network_receive_drop_total",
        &[6, 15],
        "Packets received but dropped, or missed for want of room.",
    ),
    traffic("node_network_receive_errs_total", &[4], "Packets received with an error of whatever kind."),
    traffic("node_network_receive_fifo_total", &[14], "Packets lost because the receiving queue was full."),
    traffic(
        "node_network_receive_frame_total",
        &[13, 10, 11, 12],
        "Packets received with a wrong alignment, length or checksum, or too long.",
    ),
    traffic("node_network_receive_multicast_total", &[8], "Multicast packets received."),
    traffic("node_network_receive_nohandler_total", &[23], "Packets received that no protocol wanted."),
    traffic("node_network_receive_packets_total", &[0], "Packets received."),
    traffic("node_network_transmit_bytes_total", &[3], "Bytes sent."),
    traffic(
        "node_network_transmit_carrier_total",
        &[17, 16, 19, 20],
        "Packets not sent because the link was lost, broken off, silent or late.",
    ),
    traffic("node_network_transmit_colls_total", &[9], "Collisions while sending."),
    traffic("node_network_transmit_compressed_total", &[22], "Compressed packets sent."),
    traffic("node_network_transmit_drop_total", &[7], "Packets dropped before they were sent."),
    traffic(
        "node_network_transmit_errs_total",
        &[5],
        "Packets not sent because of an error of whatever kind.",
    ),
    traffic(
        "node_network_transmit_fifo_total",
        &[18],
        "Packets lost because the sending queue ran empty or over.",
    ),
    traffic("node_network_transmit_packets_total", &[1], "Packets sent."),
];

pub(crate) const UP: Family = Family::gauge(
    "node_network_up",
    "Whether an interface works; one that can't tell, such as lo, counts as 0.",
)
.labels(&["device"]);

pub(crate) const INFO: Family =
    Family::gauge("node_network_info", "Always 1; the labels say what is not a number of an interface.")
        .labels(&["device", "address", "broadcast", "duplex", "operstate", "adminstate", "ifalias"]);

const COUNT: usize = ATTRIBUTES.len() + TRAFFIC.len() + 2;

/// Attributes, traffic, [`UP`], [`INFO`].
pub(crate) const FAMILIES: &[Family] = &{
    let mut families = [INFO; COUNT];
    let mut at = 0;
    while at < ATTRIBUTES.len() {
        families[at] = ATTRIBUTES[at].family;
        at += 1;
    }
    let mut traffic = 0;
    while traffic < TRAFFIC.len() {
        families[at] = TRAFFIC[traffic].family;
        at += 1;
        traffic += 1;
    }
    families[at] = UP;
    families
};
