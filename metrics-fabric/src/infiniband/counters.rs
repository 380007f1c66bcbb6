//! The counters of a port: below `counters`, and as 64 bits below `counters_ext` until Linux 4.5.

use relink_core::Family;

use crate::counts::Count;

/// The kernel counts data in words of 4 bytes.
const WORD: u64 = 4;

/// A file, what its family is called, and what it means.
macro_rules! count {
    ($file:expr, $name:literal, $help:literal) => {{
        const NAME: &str = concat!("node_infiniband_", $name, "_total");
        const HELP: &str = concat!($help, " (", $file, ").");
        Count::new($file, Family::counter(NAME, HELP).labels(&["device", "port"]))
    }};
}
pub(super) use count;

macro_rules! words {
    ($file:literal, $name:literal, $help:literal) => {{
        const NAME: &str = concat!("node_infiniband_", $name, "_total");
        const HELP: &str = concat!($help, " (", $file, ", words).");
        Count::new($file, Family::counter(NAME, HELP).labels(&["device", "port"])).times(WORD)
    }};
}

pub(super) const COUNTS: &[Count] = &[
    words!("counters_ext/port_rcv_data_64", "legacy_data_received_bytes", "Bytes that the port received"),
    words!("counters_ext/port_xmit_data_64", "legacy_data_transmitted_bytes", "Bytes that the port sent"),
    count!(
        "counters_ext/port_multicast_rcv_packets",
        "legacy_multicast_packets_received",
        "Multicast packets that the port received"
    ),
    count!(
        "counters_ext/port_multicast_xmit_packets",
        "legacy_multicast_packets_transmitted",
        "Multicast packets that the port sent"
    ),
    count!("counters_ext/port_rcv_packets_64", "legacy_packets_received", "Packets that the port received"),
    count!("counters_ext/port_xmit_packets_64", "legacy_packets_transmitted", "Packets that the port sent"),
    count!(
        "counters_ext/port_unicast_rcv_packets",
        "legacy_unicast_packets_received",
        "Unicast packets that the port received"
    ),
    count!(
        "counters_ext/port_unicast_xmit_packets",
        "legacy_unicast_packets_transmitted",
        "Unicast packets that the port sent"
    ),
    count!("counters/link_downed", "link_downed", "Times that the link could not recover and went down"),
    count!(
        "counters/link_error_recovery",
        "link_error_recovery",
        "Times that the link recovered from an error"
    ),
    count!(
        "counters/multicast_rcv_packets",
        "multicast_packets_received",
        "Multicast packets that the port received, those with errors included"
    ),
    count!(
        "counters/multicast_xmit_packets",
        "multicast_packets_transmitted",
        "Multicast packets that the port sent, those with errors included"
    ),
    count!(
        "counters/port_rcv_constraint_errors",
        "port_constraint_errors_received",
        "Packets that were not taken because of a rule of the switch"
    ),
    count!(
        "counters/port_xmit_constraint_errors",
        "port_constraint_errors_transmitted",
        "Packets that were not sent because of a rule of the switch"
    ),
    words!("counters/port_rcv_data", "port_data_received_bytes", "Bytes that the port received"),
    words!("counters/port_xmit_data", "port_data_transmitted_bytes", "Bytes that the port sent"),
    count!(
        "counters/port_rcv_discards",
        "port_discards_received",
        "Packets that came and were dropped because the port was down or busy"
    ),
    count!(
        "counters/port_xmit_discards",
        "port_discards_transmitted",
        "Packets that were dropped in place of being sent because the port was down or busy"
    ),
    count!("counters/port_rcv_errors", "port_errors_received", "Packets that came with an error"),
    count!(
        "counters/port_rcv_packets",
        "port_packets_received",
        "Packets that the port received, those with errors included"
    ),
    count!(
        "counters/port_xmit_packets",
        "port_packets_transmitted",
        "Packets that the port sent, those with errors included"
    ),
    count!(
        "counters/port_xmit_wait",
        "port_transmit_wait",
        "Ticks in which the port had something to send and could not"
    ),
    count!(
        "counters/unicast_rcv_packets",
        "unicast_packets_received",
        "Unicast packets that the port received, those with errors included"
    ),
    count!(
        "counters/unicast_xmit_packets",
        "unicast_packets_transmitted",
        "Unicast packets that the port sent, those with errors included"
    ),
    count!(
        "counters/excessive_buffer_overrun_errors",
        "excessive_buffer_overrun_errors",
        "Times that a buffer overran several times in a row"
    ),
    count!(
        "counters/local_link_integrity_errors",
        "local_link_integrity_errors",
        "Times that there were more errors of the line than are allowed"
    ),
    count!(
        "counters/port_rcv_remote_physical_errors",
        "port_receive_remote_physical_errors",
        "Packets that came marked as bad by another port"
    ),
    count!(
        "counters/port_rcv_switch_relay_errors",
        "port_receive_switch_relay_errors",
        "Packets that the switch could not hand on"
    ),
    count!("counters/symbol_error", "symbol_error", "Small errors of the line"),
    count!(
        "counters/VL15_dropped",
        "vl15_dropped",
        "Packets of management (VL15) that came and were dropped"
    ),
];
