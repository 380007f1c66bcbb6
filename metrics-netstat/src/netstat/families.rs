//! What the plugin emits. The parts find the families of fields by name: `node_netstat_Tcp_InSegs` is field `InSegs` of
//! protocol `Tcp`.

use relink_core::Family;

pub(crate) const ARP_ENTRIES: Family =
    Family::gauge("node_arp_entries", "How many neighbours a device has (/proc/net/arp).")
        .labels(&["device"]);
pub(crate) const CONNTRACK_ENTRIES: Family =
    Family::gauge("node_nf_conntrack_entries", "How many connections are tracked (nf_conntrack_count).");
pub(crate) const CONNTRACK_LIMIT: Family = Family::gauge(
    "node_nf_conntrack_entries_limit",
    "How many connections can be tracked (nf_conntrack_max).",
);
pub(crate) const SOFTNET_BACKLOG: Family =
    Family::gauge("node_softnet_backlog_len", "Packets that wait for a CPU (/proc/net/softnet_stat).")
        .labels(&["cpu"]);
pub(crate) const SOFTNET_DROPPED: Family = Family::counter(
    "node_softnet_dropped_total",
    "Packets dropped because the backlog of a CPU was full (/proc/net/softnet_stat).",
)
.labels(&["cpu"]);
pub(crate) const SOFTNET_FLOW_LIMIT: Family = Family::counter(
    "node_softnet_flow_limit_count_total",
    "Times that a CPU reached the limit of one flow (/proc/net/softnet_stat).",
)
.labels(&["cpu"]);
pub(crate) const SOFTNET_PROCESSED: Family = Family::counter(
    "node_softnet_processed_total",
    "Packets that a CPU took from network devices (/proc/net/softnet_stat).",
)
.labels(&["cpu"]);
pub(crate) const SOFTNET_RPS: Family = Family::counter(
    "node_softnet_received_rps_total",
    "Times that a CPU was woken by another one for packets (/proc/net/softnet_stat).",
)
.labels(&["cpu"]);
pub(crate) const SOFTNET_SQUEEZED: Family = Family::counter(
    "node_softnet_times_squeezed_total",
    "Times that a CPU had more packets than its budget (/proc/net/softnet_stat).",
)
.labels(&["cpu"]);
pub(crate) const TCP_STATES: Family = Family::gauge(
    "node_tcp_connection_states",
    "TCP sockets by state, and the bytes in their queues (/proc/net/tcp).",
)
.labels(&["state"]);
pub(crate) const UDP_QUEUES: Family =
    Family::gauge("node_udp_queues", "Bytes in the queues of all UDP sockets (/proc/net/udp).")
        .labels(&["queue", "ip"]);

pub(crate) const FAMILIES: &[Family] = &[
    Family::unknown("node_netstat_Icmp_InErrors", "ICMP messages that arrived and were bad."),
    Family::unknown("node_netstat_Icmp_InMsgs", "ICMP messages that arrived."),
    Family::unknown("node_netstat_Icmp_OutMsgs", "ICMP messages that were sent."),
    Family::unknown("node_netstat_Icmp6_InErrors", "ICMPv6 messages that arrived and were bad."),
    Family::unknown("node_netstat_Icmp6_InMsgs", "ICMPv6 messages that arrived."),
    Family::unknown("node_netstat_Icmp6_OutMsgs", "ICMPv6 messages that were sent."),
    Family::unknown("node_netstat_Ip_Forwarding", "Whether IP packets are forwarded: 1 for yes, 2 for no."),
    Family::unknown("node_netstat_IpExt_InOctets", "Bytes of IP packets that arrived."),
    Family::unknown("node_netstat_IpExt_OutOctets", "Bytes of IP packets that were sent."),
    Family::unknown("node_netstat_Ip6_InOctets", "Bytes of IPv6 packets that arrived."),
    Family::unknown("node_netstat_Ip6_OutOctets", "Bytes of IPv6 packets that were sent."),
    Family::unknown("node_netstat_Tcp_ActiveOpens", "TCP connections that this machine began."),
    Family::unknown(
        "node_netstat_Tcp_CurrEstab",
        "TCP connections that are established or wait for their close.",
    ),
    Family::unknown("node_netstat_Tcp_InErrs", "TCP segments that arrived and were bad."),
    Family::unknown("node_netstat_Tcp_InSegs", "TCP segments that arrived."),
    Family::unknown("node_netstat_Tcp_MaxConn", "Limit of TCP connections, or -1 for none."),
    Family::unknown("node_netstat_Tcp_OutRsts", "TCP segments that were sent to reset a connection."),
    Family::unknown("node_netstat_Tcp_OutSegs", "TCP segments that were sent."),
    Family::unknown("node_netstat_Tcp_PassiveOpens", "TCP connections that others began."),
    Family::unknown("node_netstat_Tcp_RetransSegs", "TCP segments that were sent again."),
    Family::unknown("node_netstat_TcpExt_ListenDrops", "TCP connections that a listening socket dropped."),
    Family::unknown(
        "node_netstat_TcpExt_ListenOverflows",
        "TCP connections that found the queue of a listening socket full.",
    ),
    Family::unknown("node_netstat_TcpExt_SyncookiesFailed", "SYN cookies that came back invalid."),
    Family::unknown("node_netstat_TcpExt_SyncookiesRecv", "SYN cookies that came back."),
    Family::unknown("node_netstat_TcpExt_SyncookiesSent", "SYN cookies that were sent."),
    Family::unknown(
        "node_netstat_TcpExt_TCPOFOQueue",
        "TCP segments that were queued because they came out of order.",
    ),
    Family::unknown(
        "node_netstat_TcpExt_TCPRcvQDrop",
        "TCP segments that were dropped because the receive queue was full.",
    ),
    Family::unknown("node_netstat_TcpExt_TCPSynRetrans", "TCP SYN segments that were sent again."),
    Family::unknown("node_netstat_TcpExt_TCPTimeouts", "TCP timeouts."),
    Family::unknown("node_netstat_Udp_InDatagrams", "UDP datagrams that were delivered."),
    Family::unknown("node_netstat_Udp_InErrors", "UDP datagrams that could not be delivered."),
    Family::unknown("node_netstat_Udp_NoPorts", "UDP datagrams for a port without a socket."),
    Family::unknown("node_netstat_Udp_OutDatagrams", "UDP datagrams that were sent."),
    Family::unknown("node_netstat_Udp_RcvbufErrors", "UDP datagrams that found the receive buffer full."),
    Family::unknown("node_netstat_Udp_SndbufErrors", "UDP datagrams that found the send buffer full."),
    Family::unknown("node_netstat_Udp6_InDatagrams", "UDP datagrams over IPv6 that were delivered."),
    Family::unknown("node_netstat_Udp6_InErrors", "UDP datagrams over IPv6 that could not be delivered."),
    Family::unknown("node_netstat_Udp6_NoPorts", "UDP datagrams over IPv6 for a port without a socket."),
    Family::unknown("node_netstat_Udp6_OutDatagrams", "UDP datagrams over IPv6 that were sent."),
    Family::unknown(
        "node_netstat_Udp6_RcvbufErrors",
        "UDP datagrams over IPv6 that found the receive buffer full.",
    ),
    Family::unknown(
        "node_netstat_Udp6_SndbufErrors",
        "UDP datagrams over IPv6 that found the send buffer full.",
    ),
    Family::unknown("node_netstat_UdpLite_InErrors", "UDP-Lite datagrams that could not be delivered."),
    Family::unknown(
        "node_netstat_UdpLite6_InErrors",
        "UDP-Lite datagrams over IPv6 that could not be delivered.",
    ),
    Family::gauge("node_sockstat_FRAG_inuse", "How many fragment queues of IP are in use."),
    Family::gauge("node_sockstat_FRAG_memory", "Bytes of memory of fragment queues of IP."),
    Family::gauge("node_sockstat_RAW_inuse", "How many raw sockets are in use."),
    Family::gauge("node_sockstat_TCP_alloc", "How many TCP sockets are allocated."),
    Family::gauge("node_sockstat_TCP_inuse", "How many TCP sockets are in use."),
    Family::gauge("node_sockstat_TCP_mem", "Pages of memory of TCP sockets."),
    Family::gauge("node_sockstat_TCP_mem_bytes", "Bytes of memory of TCP sockets."),
    Family::gauge("node_sockstat_TCP_orphan", "How many TCP sockets belong to no process any more."),
    Family::gauge("node_sockstat_TCP_tw", "How many TCP sockets wait in state TIME_WAIT."),
    Family::gauge("node_sockstat_UDP_inuse", "How many UDP sockets are in use."),
    Family::gauge("node_sockstat_UDP_mem", "Pages of memory of UDP sockets."),
    Family::gauge("node_sockstat_UDP_mem_bytes", "Bytes of memory of UDP sockets."),
    Family::gauge("node_sockstat_UDPLITE_inuse", "How many UDP-Lite sockets are in use."),
    Family::gauge("node_sockstat_FRAG6_inuse", "How many fragment queues of IPv6 are in use."),
    Family::gauge("node_sockstat_FRAG6_memory", "Bytes of memory of fragment queues of IPv6."),
    Family::gauge("node_sockstat_RAW6_inuse", "How many raw sockets of IPv6 are in use."),
    Family::gauge("node_sockstat_TCP6_inuse", "How many TCP sockets of IPv6 are in use."),
    Family::gauge("node_sockstat_UDP6_inuse", "How many UDP sockets of IPv6 are in use."),
    Family::gauge("node_sockstat_UDPLITE6_inuse", "How many UDP-Lite sockets of IPv6 are in use."),
    Family::gauge("node_sockstat_sockets_used", "How many sockets there are."),
    ARP_ENTRIES,
    CONNTRACK_ENTRIES,
    CONNTRACK_LIMIT,
    SOFTNET_BACKLOG,
    SOFTNET_DROPPED,
    SOFTNET_FLOW_LIMIT,
    SOFTNET_PROCESSED,
    SOFTNET_RPS,
    SOFTNET_SQUEEZED,
    TCP_STATES,
    UDP_QUEUES,
    Family::gauge("node_nf_conntrack_stat_drop", "Packets dropped because tracking failed, since boot."),
    Family::gauge(
        "node_nf_conntrack_stat_early_drop",
        "Tracked connections dropped to make room for new ones, since boot.",
    ),
    Family::gauge("node_nf_conntrack_stat_found", "Look-ups that found a tracked connection, since boot."),
    Family::gauge(
        "node_nf_conntrack_stat_ignore",
        "Packets that belong to a tracked connection already, since boot.",
    ),
    Family::gauge("node_nf_conntrack_stat_insert", "Tracked connections inserted, since boot."),
    Family::gauge(
        "node_nf_conntrack_stat_insert_failed",
        "Tracked connections that could not be inserted, since boot.",
    ),
    Family::gauge("node_nf_conntrack_stat_invalid", "Packets that could not be tracked, since boot."),
    Family::gauge(
        "node_nf_conntrack_stat_search_restart",
        "Look-ups that had to begin again because the table was resized, since boot.",
    ),
];
