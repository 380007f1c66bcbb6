//! The plugin on trees of files such as the kernel would show, and on this machine.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;

use metrics_net as _;
use relink_core::{Options, Paths};
use relink_testing::{Tree, assert_switch, collect, make, plugin, render};

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
    tree.file("sys/class/net/lo/operstate", "unknown\n").file("sys/class/net/lo/statistics/rx_bytes", "1\n")
}

relink_testing::conforms!("net", machine(), reads: 96, allocations: 400);

fn fails(tree: &Tree, options: &str) -> String {
    render(tree, "net", options).unwrap_err().to_string()
}

#[test]
fn a_whole_machine() {
    let text = render(&machine(), "net", r#"{"devices_exclude": "^lo$"}"#).unwrap();
    let d = r#"{device="eth0"}"#;
    assert_eq!(
        text.replace(d, ""),
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
node_network_receive_bytes_total 3000
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
node_network_up 1
node_network_info{device="eth0",address="02:fc:00:00:00:01",broadcast="ff:ff:ff:ff:ff:ff",duplex="full",operstate="up",adminstate="up",ifalias="uplink"} 1
"#
    );
}

#[test]
fn what_an_interface_does_not_tell_is_left_out() {
    let text = render(&machine(), "net", r#"{"devices_include": "^lo$"}"#).unwrap();
    assert_eq!(
        text,
        r#"node_network_receive_bytes_total{device="lo"} 1
node_network_up{device="lo"} 0
node_network_info{device="lo",address="",broadcast="",duplex="",operstate="unknown",adminstate="unknown",ifalias=""} 1
"#
    );
}

#[test]
fn bad_sources_are_errors_that_name_the_file() {
    let missing = fails(&Tree::new(), "{}");
    assert!(missing.contains("reading ") && missing.contains("/sys/class/net: No such file"), "{missing}");
    let tree = machine().file("sys/class/net/eth0/mtu", "long\n");
    let garbage = fails(&tree, "{}");
    assert!(garbage.ends_with("/sys/class/net/eth0/mtu: expected a number, found \"long\""), "{garbage}");
    let tree = machine().file("sys/class/net/eth0/statistics/rx_bytes", "-1\n");
    let garbage = fails(&tree, "{}");
    assert!(garbage.ends_with("/statistics/rx_bytes: expected a count, found \"-1\""), "{garbage}");
    assert!(render(&tree, "net", r#"{"devices_include": "lo"}"#).is_ok(), "what is left out is not read");
}

#[test]
fn an_unknown_speed_is_shown_as_the_driver_has_it() {
    let text = render(&machine().file("sys/class/net/eth0/speed", "-1\n"), "net", "{}").unwrap();
    assert!(text.contains("node_network_speed_bytes{device=\"eth0\"} -125000\n"), "{text}");
}

/// This machine's interfaces: series and values.
fn own(source: &str) -> BTreeMap<String, f64> {
    let table = [("source".to_owned(), source.into())].into_iter().collect();
    let mut collector = (plugin("net").new)(&Options::new("net", Paths::default(), table)).unwrap();
    let first = collect(&mut *collector, "net").unwrap();
    let second = collect(&mut *collector, "net").unwrap();
    assert_eq!(first.lines().count(), second.lines().count());
    let rows = second.lines().filter_map(|line| line.rsplit_once(' '));
    rows.map(|(series, value)| (series.to_owned(), value.parse().unwrap())).collect()
}

#[test]
fn netlink_and_sysfs_say_the_same_of_this_machine() {
    let (before, netlink, after) = (own("sysfs"), own("netlink"), own("sysfs"));
    assert!(
        netlink.keys().any(|series| series.starts_with("node_network_receive_bytes_total{")),
        "{netlink:?}"
    );
    assert_eq!(netlink.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    for (series, value) in &netlink {
        assert!(
            (before[series]..=after[series]).contains(value),
            "{series} {value}, sysfs {}",
            before[series]
        );
    }
    assert_eq!(own("auto").len(), netlink.len());
}

#[test]
fn bad_options_are_refused() {
    let error = make(&machine(), "net", r#"{"device": "x"}"#).err().unwrap().to_string();
    assert!(error.starts_with("[plugins.net]: unknown field `device`, expected one of"), "{error}");
}

#[test]
fn facts_are_for_people() {
    let mut facts = relink_core::Facts::default();
    make(&machine(), "net", "{}").unwrap().facts(&mut facts).unwrap();
    let row = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(facts.rows(), [row("eth0", "up, 02:fc:00:00:00:01, MTU 1500"), row("lo", "unknown")]);
}

#[test]
fn each_part_can_be_switched_off() {
    let parts: &[(&str, &[&str])] = &[
        (
            "netdev",
            &[
                "node_network_receive_",
                "node_network_transmit_b",
                "node_network_transmit_c",
                "node_network_transmit_d",
                "node_network_transmit_e",
                "node_network_transmit_f",
                "node_network_transmit_p",
            ],
        ),
        (
            "netclass",
            &[
                "node_network_carrier",
                "node_network_dormant",
                "node_network_flags",
                "node_network_iface",
                "node_network_mtu",
                "node_network_net_",
                "node_network_protocol",
                "node_network_transmit_queue",
                "node_network_address",
                "node_network_device",
                "node_network_name",
                "node_network_speed",
                "node_network_up",
                "node_network_info",
            ],
        ),
    ];
    for (part, prefixes) in parts {
        assert_switch(&machine(), "net", part, prefixes);
    }
}
