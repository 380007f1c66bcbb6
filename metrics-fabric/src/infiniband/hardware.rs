//! The counters of a port that depend on the hardware, below `hw_counters`: those of Mellanox and Intel.

use relink_core::Family;

use super::counters::count;
use crate::counts::Count;

/// Counters are read from the hardware no more often than this.
const LIFESPAN: Family = Family::gauge(
    "node_infiniband_lifespan_seconds",
    "Whole seconds for which the hardware's counters stay as they are (hw_counters/lifespan).",
)
.labels(&["device", "port"]);

/// A file, what its family is called, and what it means.
macro_rules! hw {
    ($file:literal, $name:literal, $help:literal) => {
        count!(concat!("hw_counters/", $file), $name, $help)
    };
}

pub(super) const COUNTS: &[Count] = &[
    hw!("duplicate_request", "duplicate_requests_packets", "Requests that came once more"),
    hw!("implied_nak_seq_err", "implied_nak_seq_errors", "Answers that imply that an earlier one was lost"),
    hw!("local_ack_timeout_err", "local_ack_timeout_errors", "Times that no acknowledgement came in time"),
    hw!("np_cnp_sent", "np_cnp_packets_sent", "Notifications of congestion that were sent"),
    hw!(
        "np_ecn_marked_roce_packets",
        "np_ecn_marked_roce_packets_received",
        "Packets of RoCE that came marked with congestion"
    ),
    hw!(
        "out_of_buffer",
        "out_of_buffer_drops",
        "Packets that were dropped because there was no request to receive them"
    ),
    hw!("out_of_sequence", "out_of_sequence_packets_received", "Packets that came out of order"),
    hw!("packet_seq_err", "packet_sequence_errors", "Answers that say that packets came out of order"),
    hw!("req_cqe_error", "req_cqes_errors", "Requests that ended with an error on this side"),
    hw!("req_cqe_flush_error", "req_cqes_flush_errors", "Requests that were thrown away on this side"),
    hw!("req_remote_access_errors", "req_remote_access_errors", "Requests that the other side did not allow"),
    hw!(
        "req_remote_invalid_request",
        "req_remote_invalid_request_errors",
        "Requests that the other side found invalid"
    ),
    hw!("resp_cqe_error", "resp_cqes_errors", "Requests of others that ended with an error"),
    hw!("resp_cqe_flush_error", "resp_cqes_flush_errors", "Requests of others that were thrown away"),
    hw!("resp_local_length_error", "resp_local_length_errors", "Requests of others with a wrong length"),
    hw!("resp_remote_access_errors", "resp_remote_access_errors", "Requests of others that were not allowed"),
    hw!(
        "rnr_nak_retry_err",
        "rnr_nak_retry_packets_received",
        "Answers that say that the other side is not ready"
    ),
    hw!(
        "roce_adp_retrans",
        "roce_adp_retransmits",
        "Packets of RoCE that were sent again after an adaptive time"
    ),
    hw!(
        "roce_adp_retrans_to",
        "roce_adp_retransmits_timeout",
        "Times that the adaptive time of RoCE ran out"
    ),
    hw!("roce_slow_restart", "roce_slow_restart_used", "Times that RoCE began again slowly"),
    hw!(
        "roce_slow_restart_cnps",
        "roce_slow_restart_cnps",
        "Notifications of congestion that a slow beginning made"
    ),
    hw!("roce_slow_restart_trans", "roce_slow_restart", "Times that RoCE changed to a slow beginning"),
    hw!("rp_cnp_handled", "rp_cnp_packets_handled", "Notifications of congestion that slowed this side down"),
    hw!(
        "rp_cnp_ignored",
        "rp_cnp_ignored_packets_received",
        "Notifications of congestion that came and were ignored"
    ),
    hw!("rx_atomic_requests", "rx_atomic_requests", "Requests of others for an atomic operation"),
    hw!("rx_dct_connect", "rx_dct_connect_requests", "Requests of others for a dynamic connection"),
    hw!("rx_icrc_encapsulated", "rx_icrc_encapsulated_errors", "Packets of RoCE whose checksum was wrong"),
    hw!("rx_read_requests", "rx_read_requests", "Requests of others to read"),
    hw!("rx_write_requests", "rx_write_requests", "Requests of others to write"),
    // In the file are milliseconds.
    Count::new("hw_counters/lifespan", LIFESPAN).over(1000),
];
