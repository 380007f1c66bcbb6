//! The plugin on trees of files such as the kernel would show.
#![cfg(target_os = "linux")]

use metrics_netstat as _;
use relink_testing::{Tree, collect, make, plugin, render, warnings};

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

const ARP_CACHE: &str = "\
entries  allocs   destroys lookups
00000014 00000001 00000002 0000000a
00000014 0000000d 00000003 ffffffffffffffff
";
const XFRM: &str = "\
XfrmInError             \t0
XfrmInNoPols            \t65432
XfrmOutStateSeqError    \t18446744073709551615
XfrmAcquireError        \t24532
XfrmInIptfsError        \t7
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
        .file("proc/net/stat/arp_cache", ARP_CACHE)
        .file("proc/net/xfrm_stat", XFRM)
}

relink_testing::conforms! {
    "netstat", machine(),
    "arp" => { reads: 2, allocations: 0 },
    "conntrack" => { reads: 6, allocations: 0 },
    "lnstat" => { shares: "proc/net/stat/nf_conntrack", reads: 5, allocations: 20 },
    "netstat" => { reads: 6, allocations: 0 },
    "sockstat" => { reads: 4, allocations: 0 },
    "softnet" => { reads: 2, allocations: 0 },
    "tcpstat" => { reads: 2, allocations: 0 },
    "udp_queues" => { reads: 4, allocations: 0 },
    "xfrm" => { reads: 2, allocations: 0 },
}

/// What the collectors show that are on by default.
fn all(tree: &Tree) -> String {
    let on = plugin("netstat").collectors.iter().filter(|collector| collector.on);
    on.map(|collector| render(tree, collector.name, "{}").unwrap()).collect()
}

/// The collector of a file of the tree.
fn reader_of(file: &str) -> &'static str {
    match file {
        "netstat" | "snmp" | "snmp6" => "netstat",
        "sockstat" | "sockstat6" => "sockstat",
        "softnet_stat" => "softnet",
        "udp" | "udp6" => "udp_queues",
        "tcp" => "tcpstat",
        "arp" => "arp",
        _ => "conntrack",
    }
}

fn path_of(file: &str) -> String {
    let folder = if file.starts_with("nf_") { "proc/sys/net/netfilter" } else { "proc/net" };
    format!("{folder}/{file}")
}

#[test]
fn a_whole_machine() {
    let page = rustix::param::page_size() * 4;
    assert_eq!(
        all(&machine()),
        format!(
            r#"node_arp_entries{{device="eth0"}} 2
node_arp_entries{{device="wlan0"}} 1
node_nf_conntrack_entries 5
node_nf_conntrack_entries_limit 262144
node_nf_conntrack_stat_drop 0
node_nf_conntrack_stat_early_drop 0
node_nf_conntrack_stat_found 11
node_nf_conntrack_stat_ignore 0
node_nf_conntrack_stat_insert 0
node_nf_conntrack_stat_insert_failed 0
node_nf_conntrack_stat_invalid 1
node_nf_conntrack_stat_search_restart 17
node_netstat_TcpExt_SyncookiesSent 1
node_netstat_TcpExt_ListenOverflows 2
node_netstat_TcpExt_ListenDrops 3
node_netstat_TcpExt_TCPTimeouts 4
node_netstat_TcpExt_TCPRcvQDrop 5
node_netstat_IpExt_InOctets 11110499173
node_netstat_IpExt_OutOctets 10726270254
node_netstat_Ip_Forwarding 2
node_netstat_Tcp_MaxConn -1
node_netstat_Tcp_ActiveOpens 68937
node_netstat_Udp_InDatagrams 69
node_netstat_Udp_NoPorts 1
node_netstat_Udp_InErrors 2
node_netstat_Ip6_InOctets 128
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
node_softnet_backlog_len{{cpu="0"}} 5
node_softnet_backlog_len{{cpu="2"}} 0
node_softnet_cpu_collision_total{{cpu="0"}} 0
node_softnet_cpu_collision_total{{cpu="2"}} 0
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
"#
        )
    );
}

#[test]
fn what_node_exporter_has_off_is_off() {
    let off = plugin("netstat").collectors.iter().filter(|collector| !collector.on);
    assert_eq!(off.map(|collector| collector.name).collect::<Vec<_>>(), ["lnstat", "tcpstat", "xfrm"]);
}

#[test]
fn a_kernel_without_ipv6_and_conntrack_has_fewer_families() {
    let text = all(&bare());
    assert!(text.contains("node_netstat_Udp_InErrors") && text.contains("node_sockstat_TCP_inuse"), "{text}");
    assert!(!text.contains("6_"), "{text}");
    assert!(!text.contains("conntrack") && !text.contains("udp_queues") && !text.contains("arp"), "{text}");
    assert_eq!(render(&bare(), "tcpstat", "{}").unwrap(), "");
    assert_eq!(all(&Tree::new()), "", "nor is it an error to have none of it");
}

#[test]
fn tcp_sockets_are_counted_when_asked_for() {
    assert_eq!(
        render(&machine(), "tcpstat", "{}").unwrap(),
        r#"node_tcp_connection_states{state="established"} 2
node_tcp_connection_states{state="listen"} 1
node_tcp_connection_states{state="rx_queued_bytes"} 3
node_tcp_connection_states{state="tx_queued_bytes"} 32
"#
    );
}

/// The queue of a listening socket is told as its limit by netlink, and as empty by the files.
#[test]
fn netlink_is_asked_where_proc_is_the_machines_own() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let value = |text: &str, state: &str| -> Option<f64> {
        let series = format!("node_tcp_connection_states{{state=\"{state}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&series)?.parse().ok())
    };
    let [own, elsewhere] = [Tree::new(), Tree::new().file("proc/other", "")];
    std::fs::remove_dir(own.path().join("proc")).unwrap();
    std::os::unix::fs::symlink("/proc", own.path().join("proc")).unwrap();
    std::os::unix::fs::symlink("/proc/self/net", elsewhere.path().join("proc/net")).unwrap();
    let [netlink, files] = [own, elsewhere].map(|tree| {
        let mut made = make(&tree, "tcpstat", "{}").unwrap();
        let first = collect(&mut *made, "tcpstat").unwrap();
        let second = collect(&mut *made, "tcpstat").unwrap();
        for text in [first, second.clone()] {
            assert!(value(&text, "listen") >= Some(1.0), "{text}");
            assert!(value(&text, "established") >= Some(2.0), "{text}");
        }
        second
    });
    assert!(value(&netlink, "tx_queued_bytes") >= Some(128.0), "{netlink}");
    assert!(value(&netlink, "tx_queued_bytes") > value(&files, "tx_queued_bytes"), "{files}");
    drop(client);
}

#[test]
fn an_older_kernel_tells_less_of_packets() {
    let tree = machine();
    tree.write("proc/net/softnet_stat", "00000001 00000002 00000003 0 0 0 0 0 6\n00000004 0 0 0 0 0 0 0 0\n");
    let text = render(&tree, "softnet", "{}").unwrap();
    assert_eq!(text.lines().count(), 8, "{text}");
    assert!(text.contains("node_softnet_processed_total{cpu=\"1\"} 4\n"), "{text}");
    assert!(text.contains("node_softnet_cpu_collision_total{cpu=\"0\"} 6\n"), "{text}");
}

#[test]
fn neighbours_and_columns_come_and_go() {
    let tree = machine();
    let mut arp = make(&tree, "arp", "{}").unwrap();
    let mut netstat = make(&tree, "netstat", "{}").unwrap();
    let sorted = |text: String| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let before = [collect(&mut *arp, "arp").unwrap(), collect(&mut *netstat, "netstat").unwrap()];
    tree.write("proc/net/arp", ARP.replace("eth0", "wlan0"));
    tree.write("proc/net/netstat", "IpExt: OutOctets\nIpExt: 9\n");
    assert_eq!(collect(&mut *arp, "arp").unwrap(), "node_arp_entries{device=\"wlan0\"} 3\n");
    let text = collect(&mut *netstat, "netstat").unwrap();
    assert!(text.contains("IpExt_OutOctets 9\n") && !text.contains("InOctets 1111"), "{text}");
    tree.write("proc/net/arp", ARP);
    tree.write("proc/net/netstat", NETSTAT);
    let again = [collect(&mut *arp, "arp").unwrap(), collect(&mut *netstat, "netstat").unwrap()];
    assert_eq!(again.map(sorted), before.map(sorted), "only the order of devices may differ");
}

#[test]
fn a_file_that_is_missing_is_nothing_and_an_empty_one_is_told() {
    for file in ["netstat", "snmp", "sockstat", "softnet_stat", "udp", "arp", "stat/nf_conntrack"] {
        let tree = machine();
        let path = path_of(file);
        std::fs::remove_file(tree.path().join(&path)).unwrap();
        assert!(warnings(&tree, reader_of(file), "{}").unwrap().is_empty(), "{file}");
        tree.write(&path, "");
        let warnings = warnings(&tree, reader_of(file), "{}").unwrap();
        assert!(warnings.len() == 1 && warnings[0].ends_with("the file is empty"), "{file}: {warnings:?}");
    }
}

/// The file is the only one that its collector has here.
#[test]
fn a_file_of_which_nothing_is_understood_is_an_error() {
    for (file, content, said) in [
        ("netstat", "junk", "/netstat: line 1: expected a protocol, a colon and names, found \"junk\""),
        ("snmp6", "Udp6NoPorts\n", "/snmp6: line 1: expected a name and a number"),
        ("sockstat", "TCP: inuse\n", "/sockstat: line 1: expected a number after inuse, found \"\""),
        ("sockstat6", "\u{0}", "/sockstat6: line 1: expected a protocol"),
        ("softnet_stat", "00 00 xx\n", "/softnet_stat: line 1: expected a hexadecimal number, found \"xx\""),
        ("softnet_stat", "00 00\n", "/softnet_stat: line 1: expected at least 3 hexadecimal numbers"),
        ("udp", "junk\n", "/udp: line 1: expected a line that begins with sl, found \"junk"),
        (
            "arp",
            "1 2 3\n",
            "/arp: line 1: expected an IP address, and its device as the last word, found \"1 2 3\"",
        ),
        ("stat/nf_conntrack", "x y\n", "/nf_conntrack: line 1: expected a line of names"),
        ("nf_conntrack_max", "many", "/nf_conntrack_max: expected a number, found \"many\""),
    ] {
        let tree = Tree::new().file(&path_of(file), content);
        let error = render(&tree, reader_of(file), "{}").unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn what_is_odd_is_told_once_and_the_rest_is_shown() {
    for (file, content, said, shown) in [
        (
            "netstat",
            "junk\nIpExt: OutOctets\nIpExt: 1\n",
            "/netstat: line 1: expected a protocol, a colon and names, found \"junk\"",
            "node_netstat_IpExt_OutOctets 1\n",
        ),
        (
            "netstat",
            "TcpExt: ListenDrops\nIpExt: OutOctets\nIpExt: 1\n",
            "/netstat: line 2: expected the numbers of the line before, found \"IpExt: OutOctets\"",
            "node_netstat_IpExt_OutOctets 1\n",
        ),
        (
            "netstat",
            "TcpExt: ListenDrops\nTcpExt: 4\nIpExt: OutOctets\n",
            "/netstat: expected the numbers of IpExt behind its names, found none",
            "node_netstat_TcpExt_ListenDrops 4\n",
        ),
        (
            "snmp",
            "Udp: InErrors NoPorts\nUdp: 1\n",
            "/snmp: line 2: expected a number, found \"\"",
            "node_netstat_Udp_InErrors 1\n",
        ),
        (
            "snmp",
            "Udp: InErrors NoPorts\nUdp: x 1\n",
            "/snmp: line 2: expected a number, found \"x\"",
            "node_netstat_Udp_NoPorts 1\n",
        ),
        (
            "snmp6",
            "Udp6NoPorts (null)\nUdp6InErrors 2\n",
            "/snmp6: line 1: expected a name and a number",
            "node_netstat_Udp6_InErrors 2\n",
        ),
        (
            "sockstat",
            "TCP: inuse x tw 2\nUDP: inuse 3\n",
            "/sockstat: line 1: expected a number after inuse, found \"x\"",
            "node_sockstat_TCP_tw 2\n",
        ),
        (
            "softnet_stat",
            "junk\n4 0 0\n",
            "/softnet_stat: line 1: expected a hexadecimal number, found \"junk\"",
            "node_softnet_processed_total{cpu=\"1\"} 4\n",
        ),
        (
            "tcp",
            "  sl x\n 0: 1 2 01 5\n 1: 1 2 01 5:6\n",
            "/tcp: line 2: expected tx_queue:rx_queue, found \"5\"",
            "node_tcp_connection_states{state=\"established\"} 1\n",
        ),
        (
            "arp",
            "IP address\n1.2.3.4\n192.0.2.1 0x1 0x2 02:fc:00:00:00:05 * eth0\n",
            "/arp: line 2: expected an IP address, and its device as the last word, found \"1.2.3.4\"",
            "node_arp_entries{device=\"eth0\"} 1\n",
        ),
        (
            "stat/nf_conntrack",
            "found drop\n0001 0002\n0001\n",
            "/nf_conntrack: line 3: expected a hexadecimal number, found \"\"",
            "node_nf_conntrack_entries 5\n",
        ),
        (
            "nf_conntrack_max",
            "many",
            "/nf_conntrack_max: expected a number, found \"many\"",
            "node_nf_conntrack_entries 5\n",
        ),
    ] {
        let tree = machine().file(&path_of(file), content);
        let text = render(&tree, reader_of(file), "{}").unwrap();
        assert!(text.contains(shown), "{file}: {text}");
        let warnings = warnings(&tree, reader_of(file), "{}").unwrap();
        let [warning] = &warnings[..] else { panic!("{file}: {warnings:?}") };
        assert!(warning.contains(said), "{warning}");
    }
}

#[test]
fn a_sum_of_which_a_part_is_not_understood_is_not_shown() {
    for (file, content, left_out) in [
        ("stat/nf_conntrack", "found drop\n0001 0002\n0001\n", "node_nf_conntrack_stat_"),
        ("stat/nf_conntrack", "found drop\nzz zz\n", "node_nf_conntrack_stat_"),
        ("udp", "  sl x\n 0: 1 2 01 5\n", "ip=\"v4\""),
    ] {
        let tree = machine().file(&path_of(file), content);
        let text = render(&tree, reader_of(file), "{}").unwrap();
        assert!(!text.is_empty() && !text.contains(left_out), "{file}: {text}");
    }
}

/// gVisor shows such a file.
#[test]
fn names_without_numbers_leave_the_other_files() {
    let tree = Tree::new()
        .file("proc/net/netstat", "TcpExt: SyncookiesSent ListenDrops\n")
        .file("proc/net/snmp", "Tcp: MaxConn ActiveOpens\nTcp: -1 10\n");
    let text = render(&tree, "netstat", "{}").unwrap();
    assert_eq!(text, "node_netstat_Tcp_MaxConn -1\nnode_netstat_Tcp_ActiveOpens 10\n");
    let warnings = warnings(&tree, "netstat", "{}").unwrap();
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(warning.ends_with("/netstat: expected the numbers of TcpExt behind its names, found none"));
}

#[test]
fn a_file_that_may_not_be_read_leaves_the_others() {
    let tree = machine();
    for (collector, file, shown) in [
        ("sockstat", "proc/net/sockstat", "node_sockstat_TCP6_inuse 5\n"),
        ("netstat", "proc/net/snmp", "node_netstat_TcpExt_ListenDrops 3\n"),
        ("udp_queues", "proc/net/udp6", "node_udp_queues{queue=\"tx\",ip=\"v4\"} 32\n"),
        ("conntrack", "proc/net/stat/nf_conntrack", "node_nf_conntrack_entries 5\n"),
    ] {
        let path = tree.path().join(file);
        std::fs::remove_file(&path).unwrap();
        // Nobody can open a link to itself, root no more than others.
        std::os::unix::fs::symlink(&path, &path).unwrap();
        let text = render(&tree, collector, "{}").unwrap();
        assert!(text.contains(shown), "{text}");
        let warnings = warnings(&tree, collector, "{}").unwrap();
        let [warning] = &warnings[..] else { panic!("{warnings:?}") };
        assert!(warning.starts_with("reading ") && warning.contains(file), "{warning}");
    }
    for (collector, file) in [("arp", "arp"), ("softnet", "softnet_stat"), ("tcpstat", "tcp")] {
        let path = tree.path().join("proc/net").join(file);
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&path, &path).unwrap();
        let error = render(&tree, collector, "{}").unwrap_err().to_string();
        assert!(error.starts_with("reading ") && error.contains(file), "{error}");
    }
}

/// The kernel prints the column of the hardware's address empty for a device that has none.
#[test]
fn a_neighbour_without_an_address_of_the_hardware_counts() {
    let head = ARP.lines().next().unwrap();
    let tunnel = "10.0.0.2         0x30a       0x2                           *        tun0";
    let odd = b"10.0.0.3         0x1         0x2         02:fc:00:00:00:07     *        e\xffh";
    let content = [head.as_bytes(), tunnel.as_bytes(), odd].join(&b'\n');
    let tree = Tree::new().file("proc/net/arp", content);
    assert_eq!(
        render(&tree, "arp", "{}").unwrap(),
        "node_arp_entries{device=\"tun0\"} 1\nnode_arp_entries{device=\"e\u{fffd}h\"} 1\n"
    );
    assert!(warnings(&tree, "arp", "{}").unwrap().is_empty());
}

/// Counters that the kernel took below zero: some are printed with their sign, others as beyond 63 bits.
#[test]
fn a_number_below_zero_is_shown() {
    let tree = machine()
        .file("proc/net/snmp", "Tcp: CurrEstab MaxConn\nTcp: 18446744073709551615 -1\n")
        .file("proc/net/sockstat", "TCP: inuse 1 orphan -5 mem -1\n");
    let text = render(&tree, "netstat", r#"{"fields": "^Tcp_"}"#).unwrap();
    assert!(text.contains("Tcp_CurrEstab 18446744073709552000\nnode_netstat_Tcp_MaxConn -1\n"), "{text}");
    let text = render(&tree, "sockstat", "{}").unwrap();
    assert!(text.contains("TCP_orphan -5\n") && text.contains("TCP_mem -1\n"), "{text}");
}

#[test]
fn fields_choose_among_all_that_the_kernel_has() {
    let text =
        render(&machine(), "netstat", r#"{"fields": "^(Tcp_(ActiveOpens|MaxConn)|Icmp6_.*)$"}"#).unwrap();
    assert_eq!(
        text,
        "node_netstat_Tcp_MaxConn -1\nnode_netstat_Tcp_ActiveOpens 68937\nnode_netstat_Icmp6_InType135 4\n"
    );
    for all in ["", ".*"] {
        let text = render(&machine(), "netstat", &format!(r#"{{"fields": "{all}"}}"#)).unwrap();
        assert_eq!(text.lines().count(), 5 + 3 + 2 + 3 + 3 + 3, "{text}");
    }
    assert_eq!(render(&machine(), "netstat", r#"{"fields": "^Sctp"}"#).unwrap(), "");
    let refused = |options: &str| make(&machine(), "netstat", options).err().unwrap().to_string();
    assert_eq!(refused(r#"{"field": ""}"#), "[collectors.netstat]: unknown option field, expected fields");
    let error = refused(r#"{"fields": "("}"#);
    assert!(
        error.starts_with("[collectors.netstat]: fields is \"(\", expected a regular expression"),
        "{error}"
    );
}

#[test]
fn a_name_that_no_family_can_have_is_told_and_the_others_are_shown() {
    let tree = machine().file("proc/net/snmp", b"Udp: InErr\xff NoPorts -3\nUdp: 1 2 3\n");
    let text = render(&tree, "netstat", r#"{"fields": "^Udp_"}"#).unwrap();
    assert_eq!(text, "node_netstat_Udp_NoPorts 2\n");
    let told = warnings(&tree, "netstat", "{}").unwrap();
    let [warning] = &told[..] else { panic!("{told:?}") };
    assert!(
        warning
            .ends_with("/snmp: line 2: expected names of fields in the line before, found \"InErr\u{fffd}\""),
        "{warning}"
    );
    // A line of names that is lost leaves the next pair whole.
    tree.write("proc/net/snmp", "Udp: 1 2\nTcp: InSegs\nTcp: 9\n");
    assert!(render(&tree, "netstat", "{}").unwrap().contains("Tcp_InSegs 9\n"));
}

#[test]
fn what_two_files_say_is_shown_once() {
    let tree = Tree::new().file("proc/net/snmp", SNMP).file("proc/net/netstat", "Udp: NoPorts\nUdp: 5\n");
    let text = render(&tree, "netstat", "{}").unwrap();
    assert_eq!(text.matches("Udp_NoPorts").count(), 1, "{text}");
}
