//! The counters of a port: below `counters`, and as 64 bits below `counters_ext` until Linux 4.5.

use relink_core::Family;

use crate::counts::Count;

/// The kernel counts data in words of 4 bytes.
const WORD: u64 = 4;

pub(super) const COUNTS: &[Count] = &[
    count(
        "counters_ext/port_rcv_data_64",
        "node_infiniband_legacy_data_received_bytes_total",
        "Bytes that the port received (counters_ext/port_rcv_data_64, words).",
    )
    .times(WORD),
    count(
        "counters_ext/port_xmit_data_64",
        "node_infiniband_legacy_data_transmitted_bytes_total",
        "Bytes that the port sent (counters_ext/port_xmit_data_64, words).",
    )
    .times(WORD),
    count(
        "counters_ext/port_multicast_rcv_packets",
        "node_infiniband_legacy_multicast_packets_received_total",
        "Multicast packets that the port received (counters_ext/port_multicast_rcv_packets).",
    ),
    count(
        "counters_ext/port_multicast_xmit_packets",
        "node_infiniband_legacy_multicast_packets_transmitted_total",
        "Multicast packets that the port sent (counters_ext/port_multicast_xmit_packets).",
    ),
    count(
        "counters_ext/port_rcv_packets_64",
        "node_infiniband_legacy_packets_received_total",
        "Packets that the port received (counters_ext/port_rcv_packets_64).",
    ),
    count(
        "counters_ext/port_xmit_packets_64",
        "node_infiniband_legacy_packets_transmitted_total",
        "Packets that the port sent (counters_ext/port_xmit_packets_64).",
    ),
    count(
        "counters_ext/port_unicast_rcv_packets",
        "node_infiniband_legacy_unicast_packets_received_total",
        "Unicast packets that the port received (counters_ext/port_unicast_rcv_packets).",
    ),
    count(
        "counters_ext/port_unicast_xmit_packets",
        "node_infiniband_legacy_unicast_packets_transmitted_total",
        "Unicast packets that the port sent (counters_ext/port_unicast_xmit_packets).",
    ),
    count(
        "counters/link_downed",
        "node_infiniband_link_downed_total",
        "Times that the link could not recover and went down (counters/link_downed).",
    ),
    count(
        "counters/link_error_recovery",
        "node_infiniband_link_error_recovery_total",
        "Times that the link recovered from an error (counters/link_error_recovery).",
    ),
    count(
        "counters/multicast_rcv_packets",
        "node_infiniband_multicast_packets_received_total",
        "Multicast packets that the port received, those with errors included (counters/multicast_rcv_packets).",
    ),
    count(
        "counters/multicast_xmit_packets",
        "node_infiniband_multicast_packets_transmitted_total",
        "Multicast packets that the port sent, those with errors included (counters/multicast_xmit_packets).",
    ),
    count(
        "counters/port_rcv_constraint_errors",
        "node_infiniband_port_constraint_errors_received_total",
        "Packets that were not taken because of a rule of the switch (counters/port_rcv_constraint_errors).",
    ),
    count(
        "counters/port_xmit_constraint_errors",
        "node_infiniband_port_constraint_errors_transmitted_total",
        "Packets that were not sent because of a rule of the switch (counters/port_xmit_constraint_errors).",
    ),
    count(
        "counters/port_rcv_data",
        "node_infiniband_port_data_received_bytes_total",
        "Bytes that the port received (counters/port_rcv_data, words).",
    )
    .times(WORD),
    count(
        "counters/port_xmit_data",
        "node_infiniband_port_data_transmitted_bytes_total",
        "Bytes that the port sent (counters/port_xmit_data, words).",
    )
    .times(WORD),
    count(
        "counters/port_rcv_discards",
        "node_infiniband_port_discards_received_total",
        "Packets that came and were dropped because the port was down or busy (counters/port_rcv_discards).",
    ),
    count(
        "counters/port_xmit_discards",
        "node_infiniband_port_discards_transmitted_total",
        "Packets that were dropped in place of being sent because the port was down or busy (counters/port_xmit_discards).",
    ),
    count(
        "counters/port_rcv_errors",
        "node_infiniband_port_errors_received_total",
        "Packets that came with an error (counters/port_rcv_errors).",
    ),
    count(
        "counters/port_rcv_packets",
        "node_infiniband_port_packets_received_total",
        "Packets that the port received, those with errors included (counters/port_rcv_packets).",
    ),
    count(
        "counters/port_xmit_packets",
        "node_infiniband_port_packets_transmitted_total",
        "Packets that the port sent, those with errors included (counters/port_xmit_packets).",
    ),
    count(
        "counters/port_xmit_wait",
        "node_infiniband_port_transmit_wait_total",
        "Ticks in which the port had something to send and could not (counters/port_xmit_wait).",
    ),
    count(
        "counters/unicast_rcv_packets",
        "node_infiniband_unicast_packets_received_total",
        "Unicast packets that the port received, those with errors included (counters/unicast_rcv_packets).",
    ),
    count(
        "counters/unicast_xmit_packets",
        "node_infiniband_unicast_packets_transmitted_total",
        "Unicast packets that the port sent, those with errors included (counters/unicast_xmit_packets).",
    ),
    count(
        "counters/excessive_buffer_overrun_errors",
        "node_infiniband_excessive_buffer_overrun_errors_total",
        "Times that a buffer overran several times in a row (counters/excessive_buffer_overrun_errors).",
    ),
    count(
        "counters/local_link_integrity_errors",
        "node_infiniband_local_link_integrity_errors_total",
        "Times that there were more errors of the line than are allowed (counters/local_link_integrity_errors).",
    ),
    count(
        "counters/port_rcv_remote_physical_errors",
        "node_infiniband_port_receive_remote_physical_errors_total",
        "Packets that came marked as bad by another port (counters/port_rcv_remote_physical_errors).",
    ),
    count(
        "counters/port_rcv_switch_relay_errors",
        "node_infiniband_port_receive_switch_relay_errors_total",
        "Packets that the switch could not hand on (counters/port_rcv_switch_relay_errors).",
    ),
    count(
        "counters/symbol_error",
        "node_infiniband_symbol_error_total",
        "Small errors of the line (counters/symbol_error).",
    ),
    count(
        "counters/VL15_dropped",
        "node_infiniband_vl15_dropped_total",
        "Packets of management (VL15) that came and were dropped (counters/VL15_dropped).",
    ),
];

pub(super) const fn count(file: &'static str, name: &'static str, help: &'static str) -> Count {
    Count::new(file, Family::counter(name, help).labels(&["device", "port"]))
}
