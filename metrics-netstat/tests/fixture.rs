//! The plugin on trees of files such as the kernel would show.
#![cfg(target_os = "linux")]

use metrics_netstat as _;
use relink_testing::{Tree, assert_switch, collect, make, render};

const NETSTAT: &str = "\
TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPTimeouts TCPRcvQDrop
TcpExt: 1 2 3 4 5
IpExt: InNoRoutes InOctets OutOctets
IpExt: 0 11110499173 10726270254
";
const SNMP: &str = "\
Ip: Forwarding DefaultTTL
Ip: 2 64
Tcp: RtoMax MaxConn ActiveOpens
Tcp: 120000 -1 68937
Udp: InDatagrams NoPorts InErrors
Udp: 69 1 2
";
const SOCKSTAT: &str = "\
sockets: used 16
TCP: inuse 1 orphan 0 tw 2 alloc 3 mem 4
UDP: inuse 0 mem 0
RAW: inuse 0
FRAG: inuse 0 memory 7
";
const SOFTNET: &str = "\
002246c7 00000001 00000002 00000000 00000000 00000000 00000000 00000000 00000000 00000003 00000004 00000005 00000000 00000000 00000000
0022ef52 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000002 00000000 00000000
";
const SOCKETS: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
    0: 0100007F:0277 00000000:0000 0A 00000000:00000002 00:00000000 00000000     0        0 1 2 0 0
    1: 0100007F:0277 0100007F:9999 01 0000001F:00000001 00:00000000 00000000     0        0 1 2 0 0
    2: 0100007F:0277 0100007F:9998 01 00000001:00000000 00:00000000 00000000     0        0 1 2 0 0
";
const ARP: &str = "\
IP address       HW type     Flags       HW address            Mask     Device
192.0.2.1        0x1         0x2         02:fc:00:00:00:05     *        eth0
192.0.2.9        0x1         0x2         02:fc:00:00:00:06     *        wlan0
192.0.2.2        0x1         0x0         00:00:00:00:00:00     *        eth0
";
const CONNTRACK: &str = "\
entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart
00000005  00000000 0000000a 00000000 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000  00000000 00000000 00000000 00000001
00000005  00000000 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000  00000000 00000000 00000000 00000010
";

/// What every machine has.
fn bare() -> Tree {
    Tree::new()
        .file("proc/net/netstat", NETSTAT)
        .file("proc/net/snmp", SNMP)
        .file("proc/net/sockstat", SOCKSTAT)
        .file("proc/net/softnet_stat", SOFTNET)
}

fn machine() -> Tree {
    bare()
        .file("proc/net/snmp6", "Ip6InOctets                     \t128\nIcmp6InType135 \t4\nUdp6NoPorts\t7\n")
        .file("proc/net/sockstat6", "TCP6: inuse 5\nFRAG6: inuse 0 memory 9\n")
        .file("proc/net/udp", SOCKETS)
        .file("proc/net/udp6", SOCKETS.lines().next().unwrap())
        .file("proc/net/tcp", SOCKETS)
        .file("proc/net/arp", ARP)
        .file("proc/sys/net/netfilter/nf_conntrack_count", "5\n")
        .file("proc/sys/net/netfilter/nf_conntrack_max", "262144\n")
        .file("proc/net/stat/nf_conntrack", CONNTRACK)
}

fn fails(file: &str, content: &str) -> String {
    let tree = machine();
    tree.write(file, content);
    render(&tree, "netstat", r#"{"tcp_states": true}"#).unwrap_err().to_string()
}

relink_testing::conforms!("netstat", machine(), reads: 24, allocations: 0);

#[test]
fn a_whole_machine() {
    let page = rustix::param::page_size() * 4;
    assert_eq!(
        render(&machine(), "netstat", "{}").unwrap(),
        format!(
            r#"node_netstat_Ip_Forwarding 2
node_netstat_IpExt_InOctets 11110499173
node_netstat_IpExt_OutOctets 10726270254
node_netstat_Ip6_InOctets 128
node_netstat_Tcp_ActiveOpens 68937
node_netstat_Tcp_MaxConn -1
node_netstat_TcpExt_ListenDrops 3
node_netstat_TcpExt_ListenOverflows 2
node_netstat_TcpExt_SyncookiesSent 1
node_netstat_TcpExt_TCPRcvQDrop 5
node_netstat_TcpExt_TCPTimeouts 4
node_netstat_Udp_InDatagrams 69
node_netstat_Udp_InErrors 2
node_netstat_Udp_NoPorts 1
node_netstat_Udp6_NoPorts 7
node_sockstat_FRAG_inuse 0
node_sockstat_FRAG_memory 7
node_sockstat_RAW_inuse 0
node_sockstat_TCP_alloc 3
node_sockstat_TCP_inuse 1
node_sockstat_TCP_mem 4
node_sockstat_TCP_mem_bytes {page}
node_sockstat_TCP_orphan 0
node_sockstat_TCP_tw 2
node_sockstat_UDP_inuse 0
node_sockstat_UDP_mem 0
node_sockstat_UDP_mem_bytes 0
node_sockstat_FRAG6_inuse 0
node_sockstat_FRAG6_memory 9
node_sockstat_TCP6_inuse 5
node_sockstat_sockets_used 16
node_arp_entries{{device="eth0"}} 2
node_arp_entries{{device="wlan0"}} 1
node_nf_conntrack_entries 5
node_nf_conntrack_entries_limit 262144
node_softnet_backlog_len{{cpu="0"}} 5
node_softnet_backlog_len{{cpu="2"}} 0
node_softnet_dropped_total{{cpu="0"}} 1
node_softnet_dropped_total{{cpu="2"}} 0
node_softnet_flow_limit_count_total{{cpu="0"}} 4
node_softnet_flow_limit_count_total{{cpu="2"}} 0
node_softnet_processed_total{{cpu="0"}} 2246343
node_softnet_processed_total{{cpu="2"}} 2289490
node_softnet_received_rps_total{{cpu="0"}} 3
node_softnet_received_rps_total{{cpu="2"}} 0
node_softnet_times_squeezed_total{{cpu="0"}} 2
node_softnet_times_squeezed_total{{cpu="2"}} 0
node_udp_queues{{queue="tx",ip="v4"}} 32
node_udp_queues{{queue="rx",ip="v4"}} 3
node_udp_queues{{queue="tx",ip="v6"}} 0
node_udp_queues{{queue="rx",ip="v6"}} 0
node_nf_conntrack_stat_drop 0
node_nf_conntrack_stat_early_drop 0
node_nf_conntrack_stat_found 11
node_nf_conntrack_stat_ignore 0
node_nf_conntrack_stat_insert 0
node_nf_conntrack_stat_insert_failed 0
node_nf_conntrack_stat_invalid 1
node_nf_conntrack_stat_search_restart 17
"#
        )
    );
}

#[test]
fn a_kernel_without_ipv6_and_conntrack_has_fewer_families() {
    let text = render(&bare(), "netstat", "{}").unwrap();
    assert!(text.contains("node_netstat_Udp_InErrors") && text.contains("node_sockstat_TCP_inuse"), "{text}");
    assert!(!text.contains("6_"), "{text}");
    assert!(!text.contains("conntrack") && !text.contains("udp_queues") && !text.contains("arp"), "{text}");
}

#[test]
fn tcp_sockets_are_counted_when_asked_for() {
    let text = render(&machine(), "netstat", r#"{"tcp_states": true}"#).unwrap();
    let states: Vec<&str> = text.lines().filter(|line| line.starts_with("node_tcp_")).collect();
    assert_eq!(
        states,
        [
            r#"node_tcp_connection_states{state="established"} 2"#,
            r#"node_tcp_connection_states{state="listen"} 1"#,
            r#"node_tcp_connection_states{state="rx_queued_bytes"} 3"#,
            r#"node_tcp_connection_states{state="tx_queued_bytes"} 32"#,
        ]
    );
    let error = make(&machine(), "netstat", r#"{"tcp": true}"#).err().unwrap();
    let message = error.message();
    assert!(message.contains("unknown field `tcp`") && message.contains("`tcp_states`"), "{message}");
}

#[test]
fn an_older_kernel_tells_less_of_packets() {
    let tree = machine();
    tree.write("proc/net/softnet_stat", "00000001 00000002 00000003 0 0 0 0 0 0\n00000004 0 0 0 0 0 0 0 0\n");
    let text = render(&tree, "netstat", "{}").unwrap();
    let softnet: Vec<&str> = text.lines().filter(|line| line.starts_with("node_softnet_")).collect();
    assert_eq!(softnet.len(), 6, "{softnet:?}");
    assert!(softnet.contains(&r#"node_softnet_processed_total{cpu="1"} 4"#), "{softnet:?}");
}

#[test]
fn neighbours_and_columns_come_and_go() {
    let tree = machine();
    let mut collector = make(&tree, "netstat", "{}").unwrap();
    let good = collect(&mut *collector, "netstat").unwrap();
    tree.write("proc/net/arp", ARP.replace("eth0", "wlan0"));
    tree.write("proc/net/netstat", "IpExt: OutOctets\nIpExt: 9\n");
    let text = collect(&mut *collector, "netstat").unwrap();
    assert!(text.contains("node_arp_entries{device=\"wlan0\"} 3") && !text.contains("eth0"), "{text}");
    assert!(text.contains("IpExt_OutOctets 9\n") && !text.contains("InOctets 1111"), "{text}");
    tree.write("proc/net/arp", ARP);
    tree.write("proc/net/netstat", NETSTAT);
    let mut again: Vec<String> =
        collect(&mut *collector, "netstat").unwrap().lines().map(str::to_owned).collect();
    let mut before: Vec<String> = good.lines().map(str::to_owned).collect();
    again.sort();
    before.sort();
    assert_eq!(again, before, "only the order of devices may differ");
}

#[test]
fn what_must_be_there_and_is_missing_is_an_error() {
    for file in ["netstat", "snmp", "sockstat", "softnet_stat"] {
        let tree = machine();
        std::fs::remove_file(tree.path().join("proc/net").join(file)).unwrap();
        let error = render(&tree, "netstat", "{}").unwrap_err().to_string();
        assert!(error.contains(&format!("/proc/net/{file}: No such file")), "{error}");
        let empty = fails(&format!("proc/net/{file}"), "");
        assert!(empty.contains(&format!("/proc/net/{file}: ")) && empty.contains("expected"), "{empty}");
    }
}

#[test]
fn garbage_is_told_with_its_file_and_line() {
    for (file, content, said) in [
        ("netstat", "junk", "/netstat: line 1: expected a protocol, a colon and names, found \"junk\""),
        ("netstat", "IpExt: OutOctets\n", "/netstat: line 2: expected the numbers of the line before"),
        ("netstat", "IpExt: OutOctets\nTcp: 1\n", "line 2: expected the numbers of the line before"),
        ("snmp", "Udp: A NoPorts\nUdp: 1\n", "/snmp: line 2: expected a number, found \"\""),
        ("snmp", "Udp: A NoPorts\nUdp: 1 x\n", "/snmp: line 2: expected a number, found \"x\""),
        ("snmp6", "Udp6NoPorts\n", "/snmp6: line 1: expected a name and a number"),
        ("sockstat", "TCP: inuse\n", "/sockstat: line 1: expected a number after inuse, found \"\""),
        ("sockstat6", "\u{0}", "/sockstat6: line 1: expected a protocol"),
        ("softnet_stat", "00 00 xx\n", "/softnet_stat: line 1: expected a hexadecimal number, found \"xx\""),
        ("softnet_stat", "00 00\n", "/softnet_stat: line 1: expected at least 3 hexadecimal numbers"),
        ("udp", "junk\n", "/udp: expected a line that begins with sl, found \"junk"),
        ("tcp", "  sl x\n 0: 1 2 01 5\n", "/tcp: line 2: expected tx_queue:rx_queue, found \"5\""),
        ("arp", "", "/arp: expected a line that begins with IP address"),
        ("arp", "IP address\n1 2 3\n", "/arp: line 2: expected 6 words, found \"1 2 3\""),
        ("stat/nf_conntrack", "x y\n", "/nf_conntrack: expected a line of names"),
        ("stat/nf_conntrack", "found drop\n0001\n", "/nf_conntrack: line 2: expected a hexadecimal number"),
    ] {
        let error = fails(&format!("proc/net/{file}"), content);
        assert!(error.contains(said), "{error}");
    }
    let error = fails("proc/sys/net/netfilter/nf_conntrack_max", "many");
    assert!(error.contains("/nf_conntrack_max: expected a number, found \"many\""), "{error}");
}

#[test]
fn each_part_can_be_switched_off() {
    let parts: &[(&str, &[&str])] = &[
        ("netstat", &["node_netstat_"]),
        ("sockstat", &["node_sockstat_"]),
        ("softnet", &["node_softnet_"]),
        ("udp_queues", &["node_udp_"]),
        ("arp", &["node_arp_"]),
        ("conntrack", &["node_nf_"]),
    ];
    for (part, prefixes) in parts {
        assert_switch(&machine(), "netstat", part, prefixes);
    }
}

#[test]
fn fields_choose_among_the_protocols() {
    let text = render(&machine(), "netstat", r#"{"fields": "^(Tcp_ActiveOpens|Ip6_InOctets)$"}"#).unwrap();
    let shown: Vec<_> = text.lines().filter(|line| line.starts_with("node_netstat_")).collect();
    assert_eq!(shown.len(), 2, "{text}");
    assert!(
        text.contains("node_netstat_Tcp_ActiveOpens ") && text.contains("node_netstat_Ip6_InOctets "),
        "{text}"
    );
}
