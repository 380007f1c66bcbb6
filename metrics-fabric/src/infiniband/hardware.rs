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

pub(super) const COUNTS: &[Count] = &[
    count(
        "hw_counters/duplicate_request",
        "node_infiniband_duplicate_requests_packets_total",
        "Requests that came once more (hw_counters/duplicate_request).",
    ),
    count(
        "hw_counters/implied_nak_seq_err",
        "node_infiniband_implied_nak_seq_errors_total",
        "Answers that imply that an earlier one was lost (hw_counters/implied_nak_seq_err).",
    ),
    count(
        "hw_counters/local_ack_timeout_err",
        "node_infiniband_local_ack_timeout_errors_total",
        "Times that no acknowledgement came in time (hw_counters/local_ack_timeout_err).",
    ),
    count(
        "hw_counters/np_cnp_sent",
        "node_infiniband_np_cnp_packets_sent_total",
        "Notifications of congestion that were sent (hw_counters/np_cnp_sent).",
    ),
    count(
        "hw_counters/np_ecn_marked_roce_packets",
        "node_infiniband_np_ecn_marked_roce_packets_received_total",
        "Packets of RoCE that came marked with congestion (hw_counters/np_ecn_marked_roce_packets).",
    ),
    count(
        "hw_counters/out_of_buffer",
        "node_infiniband_out_of_buffer_drops_total",
        "Packets that were dropped because there was no request to receive them (hw_counters/out_of_buffer).",
    ),
    count(
        "hw_counters/out_of_sequence",
        "node_infiniband_out_of_sequence_packets_received_total",
        "Packets that came out of order (hw_counters/out_of_sequence).",
    ),
    count(
        "hw_counters/packet_seq_err",
        "node_infiniband_packet_sequence_errors_total",
        "Answers that say that packets came out of order (hw_counters/packet_seq_err).",
    ),
    count(
        "hw_counters/req_cqe_error",
        "node_infiniband_req_cqes_errors_total",
        "Requests that ended with an error on this side (hw_counters/req_cqe_error).",
    ),
    count(
        "hw_counters/req_cqe_flush_error",
        "node_infiniband_req_cqes_flush_errors_total",
        "Requests that were thrown away on this side (hw_counters/req_cqe_flush_error).",
    ),
    count(
        "hw_counters/req_remote_access_errors",
        "node_infiniband_req_remote_access_errors_total",
        "Requests that the other side did not allow (hw_counters/req_remote_access_errors).",
    ),
    count(
        "hw_counters/req_remote_invalid_request",
        "node_infiniband_req_remote_invalid_request_errors_total",
        "Requests that the other side found invalid (hw_counters/req_remote_invalid_request).",
    ),
    count(
        "hw_counters/resp_cqe_error",
        "node_infiniband_resp_cqes_errors_total",
        "Requests of others that ended with an error (hw_counters/resp_cqe_error).",
    ),
    count(
        "hw_counters/resp_cqe_flush_error",
        "node_infiniband_resp_cqes_flush_errors_total",
        "Requests of others that were thrown away (hw_counters/resp_cqe_flush_error).",
    ),
    count(
        "hw_counters/resp_local_length_error",
        "node_infiniband_resp_local_length_errors_total",
        "Requests of others with a wrong length (hw_counters/resp_local_length_error).",
    ),
    count(
        "hw_counters/resp_remote_access_errors",
        "node_infiniband_resp_remote_access_errors_total",
        "Requests of others that were not allowed (hw_counters/resp_remote_access_errors).",
    ),
    count(
        "hw_counters/rnr_nak_retry_err",
        "node_infiniband_rnr_nak_retry_packets_received_total",
        "Answers that say that the other side is not ready (hw_counters/rnr_nak_retry_err).",
    ),
    count(
        "hw_counters/roce_adp_retrans",
        "node_infiniband_roce_adp_retransmits_total",
        "Packets of RoCE that were sent again after an adaptive time (hw_counters/roce_adp_retrans).",
    ),
    count(
        "hw_counters/roce_adp_retrans_to",
        "node_infiniband_roce_adp_retransmits_timeout_total",
        "Times that the adaptive time of RoCE ran out (hw_counters/roce_adp_retrans_to).",
    ),
    count(
        "hw_counters/roce_slow_restart",
        "node_infiniband_roce_slow_restart_used_total",
        "Times that RoCE began again slowly (hw_counters/roce_slow_restart).",
    ),
    count(
        "hw_counters/roce_slow_restart_cnps",
        "node_infiniband_roce_slow_restart_cnps_total",
        "Notifications of congestion that a slow beginning made (hw_counters/roce_slow_restart_cnps).",
    ),
    count(
        "hw_counters/roce_slow_restart_trans",
        "node_infiniband_roce_slow_restart_total",
        "Times that RoCE changed to a slow beginning (hw_counters/roce_slow_restart_trans).",
    ),
    count(
        "hw_counters/rp_cnp_handled",
        "node_infiniband_rp_cnp_packets_handled_total",
        "Notifications of congestion that slowed this side down (hw_counters/rp_cnp_handled).",
    ),
    count(
        "hw_counters/rp_cnp_ignored",
        "node_infiniband_rp_cnp_ignored_packets_received_total",
        "Notifications of congestion that came and were ignored (hw_counters/rp_cnp_ignored).",
    ),
    count(
        "hw_counters/rx_atomic_requests",
        "node_infiniband_rx_atomic_requests_total",
        "Requests of others for an atomic operation (hw_counters/rx_atomic_requests).",
    ),
    count(
        "hw_counters/rx_dct_connect",
        "node_infiniband_rx_dct_connect_requests_total",
        "Requests of others for a dynamic connection (hw_counters/rx_dct_connect).",
    ),
    count(
        "hw_counters/rx_icrc_encapsulated",
        "node_infiniband_rx_icrc_encapsulated_errors_total",
        "Packets of RoCE whose checksum was wrong (hw_counters/rx_icrc_encapsulated).",
    ),
    count(
        "hw_counters/rx_read_requests",
        "node_infiniband_rx_read_requests_total",
        "Requests of others to read (hw_counters/rx_read_requests).",
    ),
    count(
        "hw_counters/rx_write_requests",
        "node_infiniband_rx_write_requests_total",
        "Requests of others to write (hw_counters/rx_write_requests).",
    ),
    // In the file are milliseconds.
    Count::new("hw_counters/lifespan", LIFESPAN).over(1000),
];
