//! The plugin on trees of files such as the kernel would show, and on this machine.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;

use metrics_net as _;
use relink_testing::{Tree, collect, make, render, warnings};

const COUNTERS: [(&str, u32); 24] = [
    ("rx_packets", 100),
    ("tx_packets", 200),
    ("rx_bytes", 3000),
    ("tx_bytes", 4000),
    ("rx_errors", 5),
    ("tx_errors", 6),
    ("rx_dropped", 7),
    ("tx_dropped", 8),
    ("multicast", 9),
    ("collisions", 10),
    ("rx_length_errors", 1000),
    ("rx_over_errors", 200),
    ("rx_crc_errors", 30),
    ("rx_frame_errors", 4),
    ("rx_fifo_errors", 15),
    ("rx_missed_errors", 70),
    ("tx_aborted_errors", 1000),
    ("tx_carrier_errors", 200),
    ("tx_fifo_errors", 18),
    ("tx_heartbeat_errors", 30),
    ("tx_window_errors", 4),
    ("rx_compressed", 21),
    ("tx_compressed", 22),
    ("rx_nohandler", 23),
];

const FILES: [(&str, &str); 22] = [
    ("addr_assign_type", "0"),
    ("address", "02:fc:00:00:00:01"),
    ("broadcast", "ff:ff:ff:ff:ff:ff"),
    ("carrier", "1"),
    ("carrier_changes", "3"),
    ("carrier_down_count", "1"),
    ("carrier_up_count", "2"),
    ("dev_id", "0x20"),
    ("dormant", "0"),
    ("duplex", "full"),
    ("flags", "0x1003"),
    ("ifalias", "uplink"),
    ("ifindex", "4"),
    ("iflink", "4"),
    ("link_mode", "0"),
    ("mtu", "1500"),
    ("name_assign_type", "2"),
    ("netdev_group", "0"),
    ("operstate", "up"),
    ("speed", "1000"),
    ("tx_queue_len", "1000"),
    ("type", "1"),
];

/// An interface with all files, one with hardly any, and a file beside them.
fn machine() -> Tree {
    let mut tree = Tree::new().file("sys/class/net/bonding_masters", "bond0\n");
    for (name, count) in COUNTERS {
        tree = tree.file(&format!("sys/class/net/eth0/statistics/{name}"), format!("{count}\n"));
    }
    for (name, content) in FILES {
        tree = tree.file(&format!("sys/class/net/eth0/{name}"), format!("{content}\n"));
    }
    for (slave, state) in [("lower_eth0", "up\n"), ("lower_eth1", "down\n"), ("slave_eth2", "up\n")] {
        tree = tree.file(&format!("sys/class/net/bond0/{slave}/bonding_slave/mii_status"), state);
    }
    tree.file("sys/class/net/bond0/bonding/slaves", "eth0 eth1 eth2\n")
        .file("sys/class/net/bond0/operstate", "up\n")
        .file("sys/class/net/lo/operstate", "unknown\n")
        .file("sys/class/net/lo/statistics/rx_bytes", "1\n")
}

relink_testing::conforms! {
    "net", machine(),
    "bonding" => { reads: 10, allocations: 40 },
    // As a folder, the list of bonds would be an interface.
    "netclass" => { shares: "sys/class/net/bonding_masters", reads: 48, allocations: 210 },
    "netdev" => { reads: 50, allocations: 230 },
    "qdisc" => { reads: 0, allocations: 0 },
    "wifi" => nothing,
}

fn only(collector: &str, device: &str) -> String {
    let text = render(&machine(), collector, "{}").unwrap();
    let device = format!("device=\"{device}\"");
    text.lines().filter(|line| line.contains(&device)).map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_whole_machine() {
    let device = r#"{device="eth0"}"#;
    assert_eq!(
        only("netclass", "eth0").replace(device, ""),
        r#"node_network_carrier 1
node_network_carrier_changes_total 3
node_network_carrier_up_changes_total 2
node_network_carrier_down_changes_total 1
node_network_dormant 0
node_network_flags 4099
node_network_iface_id 4
node_network_iface_link 4
node_network_iface_link_mode 0
node_network_mtu_bytes 1500
node_network_net_dev_group 0
node_network_protocol_type 1
node_network_transmit_queue_length 1000
node_network_address_assign_type 0
node_network_device_id 32
node_network_name_assign_type 2
node_network_speed_bytes 125000000
node_network_up 1
node_network_info{device="eth0",address="02:fc:00:00:00:01",broadcast="ff:ff:ff:ff:ff:ff",duplex="full",operstate="up",adminstate="up",ifalias="uplink"} 1
"#
    );
    assert_eq!(
        only("netdev", "eth0").replace(device, ""),
        "node_network_receive_bytes_total 3000
node_network_receive_compressed_total 21
node_network_receive_drop_total 77
node_network_receive_errs_total 5
node_network_receive_fifo_total 15
node_network_receive_frame_total 1234
node_network_receive_multicast_total 9
node_network_receive_nohandler_total 23
node_network_receive_packets_total 100
node_network_transmit_bytes_total 4000
node_network_transmit_carrier_total 1234
node_network_transmit_colls_total 10
node_network_transmit_compressed_total 22
node_network_transmit_drop_total 8
node_network_transmit_errs_total 6
node_network_transmit_fifo_total 18
node_network_transmit_packets_total 200
"
    );
}

#[test]
fn bonds_and_their_interfaces_are_counted() {
    let (tree, bond) = (machine(), "sys/class/net/bond0");
    let mut bonding = make(&tree, "bonding", "{}").unwrap();
    let mut shown = || collect(&mut *bonding, "bonding").unwrap();
    assert_eq!(shown(), "node_bonding_active{master=\"bond0\"} 2\nnode_bonding_slaves{master=\"bond0\"} 3\n");
    // A bond that is empty, one that has gone since, and a name that stands there twice.
    tree.write("sys/class/net/bonding_masters", "bond0 int dmz gone int\n");
    tree.write("sys/class/net/int/bonding/slaves", "\n");
    tree.write("sys/class/net/dmz/bonding/slaves", "eth5 eth4 eth5\n");
    tree.write("sys/class/net/dmz/lower_eth4/bonding_slave/mii_status", "going back\n");
    tree.write(&format!("{bond}/lower_eth0/bonding_slave/mii_status"), "down\n");
    assert_eq!(
        shown(),
        "node_bonding_active{master=\"bond0\"} 1
node_bonding_active{master=\"dmz\"} 0
node_bonding_active{master=\"int\"} 0
node_bonding_slaves{master=\"bond0\"} 3
node_bonding_slaves{master=\"dmz\"} 2
node_bonding_slaves{master=\"int\"} 0
"
    );
    std::fs::remove_file(tree.path().join("sys/class/net/bonding_masters")).unwrap();
    assert_eq!(shown(), "", "the module is no longer loaded");
    assert_eq!(render(&Tree::new(), "bonding", "{}").unwrap(), "");
}

#[test]
fn a_bond_that_may_not_be_read_is_told() {
    let tree = machine();
    let spoil = |file: &str| {
        let path = tree.path().join(file);
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&path, &path).unwrap();
    };
    spoil("sys/class/net/bond0/lower_eth0/bonding_slave/mii_status");
    assert!(render(&tree, "bonding", "{}").unwrap().starts_with("node_bonding_active{master=\"bond0\"} 1\n"));
    let told = warnings(&tree, "bonding", "{}").unwrap();
    assert!(told.len() == 1 && told[0].contains("/mii_status: Too many levels"), "{told:?}");
    spoil("sys/class/net/bonding_masters");
    let error = render(&tree, "bonding", "{}").unwrap_err().to_string();
    assert!(error.starts_with("reading ") && error.contains("/bonding_masters"), "{error}");
}

#[test]
fn what_an_interface_does_not_tell_is_left_out() {
    assert_eq!(only("netdev", "lo"), "node_network_receive_bytes_total{device=\"lo\"} 1\n");
    assert_eq!(
        only("netclass", "lo"),
        r#"node_network_up{device="lo"} 0
node_network_info{device="lo",address="",broadcast="",duplex="",operstate="unknown",adminstate="unknown",ifalias=""} 1
"#
    );
    for collector in ["netclass", "netdev"] {
        assert!(warnings(&machine(), collector, "{}").unwrap().is_empty());
        assert_eq!(render(&Tree::new(), collector, "{}").unwrap(), "", "a machine without a network");
    }
}

#[test]
fn what_is_odd_is_told_and_the_rest_is_shown() {
    for (collector, file, content, said, shown) in [
        ("netclass", "mtu", "long\n", "expected a number, found \"long\"", "node_network_flags"),
        ("netclass", "carrier_changes", "-1\n", "expected a count, found \"-1\"", "node_network_mtu_bytes"),
        (
            "netdev",
            "statistics/rx_bytes",
            "-1\n",
            "expected a count, found \"-1\"",
            "node_network_receive_packets_total",
        ),
    ] {
        let file = format!("sys/class/net/eth0/{file}");
        let tree = machine().file(&file, content);
        let before = render(&machine(), collector, "{}").unwrap();
        let text = render(&tree, collector, "{}").unwrap();
        assert_eq!(text.lines().count(), before.lines().count() - 1, "{text}");
        assert!(text.contains(&format!("{shown}{{device=\"eth0\"}}")), "{text}");
        let told = warnings(&tree, collector, "{}").unwrap();
        let [warning] = &told[..] else { panic!("{told:?}") };
        assert!(warning.ends_with(&format!("/{file}: {said}")), "{warning}");
        let options = match collector {
            "netclass" => r#"{"ignored_devices": "^eth"}"#,
            _ => r#"{"device_exclude": "^eth"}"#,
        };
        assert!(warnings(&tree, collector, options).unwrap().is_empty(), "what is left out is not read");
    }
}

#[test]
fn what_may_not_be_read_is_told_and_the_rest_is_shown() {
    let tree = machine();
    let net = tree.path().join("sys/class/net");
    // Nobody can open a link to itself, root no more than others.
    let spoil = |path: &std::path::Path| std::os::unix::fs::symlink(path, path).unwrap();
    std::fs::remove_file(net.join("eth0/speed")).unwrap();
    spoil(&net.join("eth0/speed"));
    spoil(&net.join("eth1"));
    let told = warnings(&tree, "netclass", "{}").unwrap();
    let [interface, speed] = &told[..] else { panic!("{told:?}") };
    assert!(
        interface.contains("/eth1: Too many levels") && speed.contains("/eth0/speed: Too many"),
        "{told:?}"
    );
    assert!(render(&tree, "netclass", "{}").unwrap().contains("node_network_mtu_bytes"));
    std::fs::remove_dir_all(&net).unwrap();
    spoil(&net);
    for collector in ["netclass", "netdev"] {
        let error = render(&tree, collector, "{}").unwrap_err().to_string();
        assert!(error.starts_with(&format!("reading {}: ", net.display())), "{error}");
    }
}

#[test]
fn names_need_be_no_text() {
    use std::os::unix::ffi::OsStrExt;
    let tree = machine();
    for name in [b"e\xfe", b"e\xff"] {
        let folder = tree.path().join("sys/class/net").join(std::ffi::OsStr::from_bytes(name));
        std::fs::create_dir_all(folder.join("statistics")).unwrap();
        std::fs::write(folder.join("statistics/rx_bytes"), "5\n").unwrap();
    }
    let text = render(&tree, "netdev", "{}").unwrap();
    let series = "node_network_receive_bytes_total{device=\"e\u{fffd}\"} 5\n";
    assert_eq!(text.matches(series).count(), 1, "{text}");
}

#[test]
fn an_unknown_speed_is_shown_as_the_driver_has_it() {
    let text = render(&machine().file("sys/class/net/eth0/speed", "-1\n"), "netclass", "{}").unwrap();
    assert!(text.contains("node_network_speed_bytes{device=\"eth0\"} -125000\n"), "{text}");
}

/// This machine.
fn own() -> Tree {
    let tree = Tree::new();
    std::fs::remove_dir(tree.path().join("sys")).unwrap();
    std::os::unix::fs::symlink("/sys", tree.path().join("sys")).unwrap();
    tree
}

/// A machine whose interfaces are this one's, and whose sysfs is at another place than `/sys`.
fn elsewhere() -> Tree {
    let tree = Tree::new().file("sys/class/other", "");
    std::os::unix::fs::symlink("/sys/class/net", tree.path().join("sys/class/net")).unwrap();
    tree
}

/// The interfaces that a collector sees: series and values.
fn seen(name: &str, tree: &Tree) -> BTreeMap<String, f64> {
    let mut made = make(tree, name, "{}").unwrap();
    let first = collect(&mut *made, name).unwrap();
    let second = collect(&mut *made, name).unwrap();
    assert_eq!(first.lines().count(), second.lines().count());
    let rows = second.lines().filter_map(|line| line.rsplit_once(' '));
    rows.map(|(series, value)| (series.to_owned(), value.parse().unwrap())).collect()
}

#[test]
fn netlink_and_sysfs_say_the_same_of_this_machine() {
    let (own, elsewhere) = (own(), elsewhere());
    for (name, shown) in [("netclass", "node_network_info{"), ("netdev", "node_network_receive_bytes_total{")]
    {
        let sysfs = || seen(name, &elsewhere);
        let (before, netlink, after) = (sysfs(), seen(name, &own), sysfs());
        assert!(netlink.keys().any(|series| series.starts_with(shown)), "{netlink:?}");
        assert_eq!(netlink.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
        for (series, value) in &netlink {
            assert!(
                (before[series]..=after[series]).contains(value),
                "{series} {value}, sysfs {}",
                before[series]
            );
        }
    }
}

#[test]
fn interfaces_are_left_out_by_pattern() {
    for (collector, options) in [
        ("netclass", r#"{"ignored_devices": "^lo$"}"#),
        ("netdev", r#"{"device_exclude": "^lo$"}"#),
        ("netdev", r#"{"device_include": "^eth"}"#),
    ] {
        let text = render(&machine(), collector, options).unwrap();
        assert!(text.contains("\"eth0\"") && !text.contains("\"lo\""), "{text}");
        assert!(!render(&own(), collector, options).unwrap().contains("\"lo\""), "the same over netlink");
    }
}

/// The disciplines of this machine, which may change meanwhile.
#[test]
fn a_discipline_has_an_interface_and_a_kind() {
    let text = render(&own(), "qdisc", "{}").unwrap();
    let interfaces: Vec<String> = std::fs::read_dir("/sys/class/net")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for family in ["backlog", "bytes_total", "current_queue_length", "requeues_total"] {
        let start = format!("node_qdisc_{family}{{device=\"");
        for line in text.lines().filter(|line| line.starts_with(&start)) {
            let (device, rest) = line[start.len()..].split_once("\",kind=\"").unwrap();
            assert!(interfaces.iter().any(|name| name == device), "{line}");
            assert!(!rest.starts_with('"'), "{line}");
        }
    }
    assert_eq!(text.lines().count() % 7, 0, "{text}");
    let none = render(&own(), "qdisc", r#"{"device_exclude": ".*"}"#).unwrap();
    assert_eq!(none, "");
    assert!(warnings(&Tree::new(), "qdisc", "{}").unwrap().is_empty());
}

#[test]
fn bad_options_are_refused() {
    let refused =
        |collector: &str, options: &str| make(&machine(), collector, options).err().unwrap().to_string();
    let error = refused("netdev", r#"{"device": "x"}"#);
    assert_eq!(error, "[collectors.netdev]: unknown option device, expected device_exclude, device_include");
    let error = refused("netclass", r#"{"ignored_devices": "("}"#);
    assert!(
        error.starts_with("[collectors.netclass]: ignored_devices is \"(\", expected a regular"),
        "{error}"
    );
}

#[test]
fn facts_are_for_people() {
    let mut facts = relink_core::Facts::default();
    make(&machine(), "netclass", "{}").unwrap().facts(&mut facts).unwrap();
    let row = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        facts.rows(),
        [row("bond0", "up"), row("eth0", "up, 02:fc:00:00:00:01, MTU 1500"), row("lo", "unknown")]
    );
}
