//! The plugin on trees of files such as the kernel would show.
#![cfg(unix)]

use std::os::unix::fs::symlink;

use metrics_fabric as _;
use relink_testing::{Tree, collect, make, plugin, render, warnings};

const STATS: &str = "   Total Incoming Outgoing         Incoming         Outgoing
   Conns  Packets  Packets            Bytes            Bytes
      1F     2000       A1         F0000000     FFFFFFFFFFFF

 Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s
       4    1FB3C        0          1282A8F                0
";
const SERVERS: &str = "IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  C0A80016:0CEA wlc  persistent 360 FFFFFFFF
  -> C0A85216:0CEA      Tunnel  100    248        2         
  -> C0A85318:0CEA      Tunnel  50     3          1         
UDP  [2001:0DB8:0000:0000:0000:0000:0000:0001]:0035 rr 
  -> [2001:0DB8:0000:0000:0000:0000:0000:0002]:0035      Masq    1      0          7         
FWM  10001000 wlc   
  -> C0A85216:0CEA      Route   20     64         1         
";

/// A Mellanox adapter with two ports, one that has no counters of its own, and one with those of old kernels.
fn infiniband(tree: Tree) -> Tree {
    let port = |tree: Tree, path: &str, state: &str| {
        let path = format!("sys/class/infiniband/{path}");
        tree.file(&format!("{path}/state"), state)
            .file(&format!("{path}/phys_state"), "5: LinkUp\n")
            .file(&format!("{path}/rate"), "40 Gb/sec (4X QDR)\n")
    };
    let tree = tree
        .file("sys/class/infiniband/mlx4_0/board_id", "SM_1141000001000\n")
        .file("sys/class/infiniband/mlx4_0/fw_ver", "2.31.5050\n")
        .file("sys/class/infiniband/mlx4_0/hca_type", "MT4099\n")
        .file("sys/class/infiniband/mlx4_0/ports/1/counters/port_rcv_data", "4631917\n")
        .file("sys/class/infiniband/mlx4_0/ports/1/counters/port_xmit_data", "18446744073709551615\n")
        .file("sys/class/infiniband/mlx4_0/ports/1/counters/link_downed", "0\n")
        .file("sys/class/infiniband/mlx4_0/ports/1/counters/symbol_error", "9\n")
        .file("sys/class/infiniband/mlx4_0/ports/1/counters/port_xmit_wait_ext", "9\n")
        .file("sys/class/infiniband/mlx4_0/ports/2/counters/link_downed", "N/A (no PMA)\n")
        .file("sys/class/infiniband/irdma0/fw_ver", "1.52\n")
        .file("sys/class/infiniband/irdma0/ports/1/hw_counters/ip4InOctets", "5\n")
        .file("sys/class/infiniband/mlx4_0/ports/1/hw_counters/lifespan", "10999\n")
        .file("sys/class/infiniband/mlx4_0/ports/1/hw_counters/rx_icrc_encapsulated", "3\n")
        .file("sys/class/infiniband/old0/ports/1/counters_ext/port_rcv_data_64", "0x10\n");
    let tree = port(tree, "mlx4_0/ports/1", "4: ACTIVE\n");
    let tree = port(tree, "mlx4_0/ports/2", "1: DOWN\n");
    port(tree, "irdma0/ports/1", "4: ACTIVE\n")
}

/// A port that works, and one that is off and whose driver has few files.
fn fibrechannel(tree: Tree) -> Tree {
    let host = "sys/class/fc_host/host0";
    tree.file(&format!("{host}/speed"), "16 Gbit\n")
        .file(&format!("{host}/port_state"), "Online\n")
        .file(&format!("{host}/port_type"), "Point-To-Point (direct nport connection)\n")
        .file(&format!("{host}/port_id"), "0x000002\n")
        .file(&format!("{host}/port_name"), "0x1000e0071bce95f2\n")
        .file(&format!("{host}/node_name"), "0x2000e0071bce95f2\n")
        .file(&format!("{host}/fabric_name"), "0x0\n")
        .file(&format!("{host}/symbolic_name"), " Emulex SN1100E2P \n")
        .file(&format!("{host}/supported_classes"), "Class 3\n")
        .file(&format!("{host}/supported_speeds"), "4 Gbit, 8 Gbit, 16 Gbit\n")
        .file(&format!("{host}/dev_loss_tmo"), "30\n")
        .file(&format!("{host}/statistics/dumped_frames"), "0xffffffffffffffff\n")
        .file(&format!("{host}/statistics/rx_frames"), "0x3\n")
        .file(&format!("{host}/statistics/tx_words"), "0xfffffffffffffffe\n")
        .file(&format!("{host}/statistics/nos_count"), "0x12\n")
        .file(&format!("{host}/statistics/seconds_since_last_reset"), "0x7\n")
        .file(&format!("{host}/statistics/lip_count"), "0xb\n")
        .file(&format!("{host}/statistics/reset_statistics"), "")
        .file("sys/class/fc_host/host1/port_state", "Offline\n")
}

fn machine() -> Tree {
    fibrechannel(infiniband(Tree::new())).file("proc/net/ip_vs_stats", STATS).file("proc/net/ip_vs", SERVERS)
}

// Looking whether devices came or went costs allocations: a few an entry of the folders; so do the labels of adapters.
relink_testing::conforms! {
    "fabric", machine(),
    "fibrechannel" => { reads: 17, allocations: 14 },
    "infiniband" => { reads: 21, allocations: 25 },
    "ipvs" => { reads: 4, allocations: 0 },
}

#[test]
fn adapters_for_infiniband() {
    assert_eq!(
        render(&machine(), "infiniband", "{}").unwrap().replace("node_infiniband_", ""),
        "info{device=\"irdma0\",board_id=\"\",firmware_version=\"1.52\",hca_type=\"\"} 1
info{device=\"mlx4_0\",board_id=\"SM_1141000001000\",firmware_version=\"2.31.5050\",hca_type=\"MT4099\"} 1
info{device=\"old0\",board_id=\"\",firmware_version=\"\",hca_type=\"\"} 1
physical_state_id{device=\"irdma0\",port=\"1\"} 5
physical_state_id{device=\"mlx4_0\",port=\"1\"} 5
physical_state_id{device=\"mlx4_0\",port=\"2\"} 5
rate_bytes_per_second{device=\"irdma0\",port=\"1\"} 5000000000
rate_bytes_per_second{device=\"mlx4_0\",port=\"1\"} 5000000000
rate_bytes_per_second{device=\"mlx4_0\",port=\"2\"} 5000000000
state_id{device=\"irdma0\",port=\"1\"} 4
state_id{device=\"mlx4_0\",port=\"1\"} 4
state_id{device=\"mlx4_0\",port=\"2\"} 1
legacy_data_received_bytes_total{device=\"old0\",port=\"1\"} 64
link_downed_total{device=\"mlx4_0\",port=\"1\"} 0
port_data_received_bytes_total{device=\"mlx4_0\",port=\"1\"} 18527668
port_data_transmitted_bytes_total{device=\"mlx4_0\",port=\"1\"} 18446744073709552000
symbol_error_total{device=\"mlx4_0\",port=\"1\"} 9
rx_icrc_encapsulated_errors_total{device=\"mlx4_0\",port=\"1\"} 3
lifespan_seconds{device=\"mlx4_0\",port=\"1\"} 10
"
    );
    assert!(warnings(&machine(), "infiniband", "{}").unwrap().is_empty());
}

#[test]
fn ports_of_fibre_channel() {
    assert_eq!(
        render(&machine(), "fibrechannel", "{}").unwrap().replace("node_fibrechannel_", ""),
        "info{fc_host=\"host0\",speed=\"16 Gbit\",port_state=\"Online\",port_type=\"Point-To-Point (direct nport connection)\",port_id=\"000002\",port_name=\"1000e0071bce95f2\",fabric_name=\"0\",symbolic_name=\"Emulex SN1100E2P\",supported_classes=\"Class 3\",supported_speeds=\"4 Gbit, 8 Gbit, 16 Gbit\",dev_loss_tmo=\"30\"} 1
info{fc_host=\"host1\",speed=\"\",port_state=\"Offline\",port_type=\"\",port_id=\"\",port_name=\"\",fabric_name=\"\",symbolic_name=\"\",supported_classes=\"\",supported_speeds=\"\",dev_loss_tmo=\"\"} 1
nos_total{fc_host=\"host0\"} 18
rx_frames_total{fc_host=\"host0\"} 3
seconds_since_last_reset_total{fc_host=\"host0\"} 7
tx_words_total{fc_host=\"host0\"} 18446744073709552000
"
    );
    assert!(warnings(&machine(), "fibrechannel", "{}").unwrap().is_empty());
}

#[test]
fn servers_of_the_load_balancer() {
    let shown = |options: &str| render(&machine(), "ipvs", options).unwrap().replace("node_ipvs_", "");
    let text = shown("{}");
    let labels = |local: (&str, u16), remote: (&str, u16), proto: &str, mark: &str| {
        format!(
            "local_address=\"{}\",local_port=\"{}\",remote_address=\"{}\",remote_port=\"{}\",proto=\"{proto}\",local_mark=\"{mark}\"",
            local.0, local.1, remote.0, remote.1
        )
    };
    let (local, remote) = (("192.168.0.22", 3306), ("192.168.82.22", 3306));
    let (marked, first) = (labels(("", 0), remote, "FWM", "10001000"), labels(local, remote, "TCP", ""));
    let second = labels(local, ("192.168.83.24", 3306), "TCP", "");
    let six = labels(("2001:db8::1", 53), ("2001:db8::2", 53), "UDP", "");
    let family = |name: &str, values: [u64; 4]| {
        let lines = [&marked, &first, &second, &six].into_iter().zip(values);
        lines.map(|(labels, value)| format!("backend_{name}{{{labels}}} {value}\n")).collect::<String>()
    };
    let totals = "connections_total 31
incoming_bytes_total 4026531840
incoming_packets_total 8192
outgoing_bytes_total 281474976710655
outgoing_packets_total 161
";
    let active = family("connections_active", [64, 248, 3, 0]);
    let inactive = family("connections_inactive", [1, 2, 1, 7]);
    assert_eq!(text, active + &inactive + &family("weight", [20, 100, 50, 1]) + totals);

    let text = shown(r#"{"backend_labels": "proto,local_port"}"#);
    let one = "backend_weight{local_address=\"\",local_port=\"3306\",remote_address=\"\",remote_port=\"\",proto=\"TCP\",local_mark=\"\"} 150\n";
    assert!(text.contains(one), "{text}");
    assert_eq!(text.matches("backend_weight").count(), 3);
    let text = shown(r#"{"backend_labels": ""}"#);
    assert!(text.contains("proto=\"\",local_mark=\"\"} 315\n"), "{text}");
    assert_eq!(text.matches("backend_").count(), 3);
    assert!(warnings(&machine(), "ipvs", "{}").unwrap().is_empty());
}

#[test]
fn a_machine_without_any_of_it_has_no_families() {
    for collector in plugin("fabric").collectors {
        assert!(collector.on, "{}", collector.name);
        assert_eq!(render(&Tree::new(), collector.name, "{}").unwrap(), "");
        assert!(warnings(&Tree::new(), collector.name, "{}").unwrap().is_empty());
    }
}

#[test]
fn devices_come_and_go() {
    for (collector, folder) in
        [("infiniband", "sys/class/infiniband/mlx4_0"), ("fibrechannel", "sys/class/fc_host/host0")]
    {
        let tree = machine();
        let name = folder.rsplit('/').next().unwrap();
        let mut code = make(&tree, collector, "{}").unwrap();
        let good = collect(&mut *code, collector).unwrap();
        let away = tree.path().join("away");
        std::fs::rename(tree.path().join(folder), &away).unwrap();
        let text = collect(&mut *code, collector).unwrap();
        assert!(!text.contains(name) && !text.is_empty(), "{text}");
        std::fs::rename(&away, tree.path().join(folder)).unwrap();
        assert_eq!(collect(&mut *code, collector).unwrap(), good);
    }
    let tree = machine();
    let mut ipvs = make(&tree, "ipvs", "{}").unwrap();
    let good = collect(&mut *ipvs, "ipvs").unwrap();
    tree.write("proc/net/ip_vs", SERVERS.replace("C0A85318", "C0A85319"));
    let text = collect(&mut *ipvs, "ipvs").unwrap();
    assert!(text.contains("192.168.83.25") && !text.contains("192.168.83.24"), "{text}");
    tree.write("proc/net/ip_vs", SERVERS);
    assert_eq!(collect(&mut *ipvs, "ipvs").unwrap(), good);
}

#[test]
fn devices_can_be_left_out() {
    let shown = |options: &str| render(&machine(), "infiniband", options).unwrap();
    let text = shown(r#"{"device_exclude": "^(mlx4|old)"}"#);
    assert!(!text.contains("mlx4_0") && !text.contains("old0") && text.contains("irdma0"), "{text}");
    let text = shown(r#"{"device_include": "^mlx4"}"#);
    assert!(text.contains("mlx4_0") && !text.contains("irdma0"), "{text}");
    for (collector, options, said) in [
        (
            "infiniband",
            r#"{"device_include": "("}"#,
            "[collectors.infiniband]: device_include is \"(\", expected a regular",
        ),
        (
            "infiniband",
            r#"{"device_include": "a", "device_exclude": "b"}"#,
            "are both set, expected at most one",
        ),
        (
            "ipvs",
            r#"{"backend_labels": "proto,mark"}"#,
            "backend_labels: expected some of local_address, local_port",
        ),
    ] {
        let error = make(&machine(), collector, options).err().unwrap().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn what_is_odd_is_told_once_and_the_rest_is_shown() {
    for (collector, file, content, said, fewer) in [
        (
            "infiniband",
            "sys/class/infiniband/mlx4_0/ports/1/state",
            "ACTIVE\n",
            "/state: expected a state such as 4: ACTIVE, found",
            1,
        ),
        (
            "infiniband",
            "sys/class/infiniband/mlx4_0/ports/1/phys_state",
            "\u{0}\n",
            "/phys_state: expected a state",
            1,
        ),
        (
            "infiniband",
            "sys/class/infiniband/mlx4_0/ports/1/rate",
            "fast\n",
            "/rate: expected a rate such as 40 Gb/sec",
            1,
        ),
        (
            "infiniband",
            "sys/class/infiniband/mlx4_0/ports/1/counters/link_downed",
            "-1\n",
            "/link_downed: expected a count, found \"-1\"",
            1,
        ),
        (
            "fibrechannel",
            "sys/class/fc_host/host0/statistics/rx_frames",
            "0x\n",
            "/rx_frames: expected a count, found \"0x\"",
            1,
        ),
        (
            "ipvs",
            "proc/net/ip_vs_stats",
            "junk\n",
            "/ip_vs_stats: expected 5 hexadecimal numbers in line 3, found \"\"",
            5,
        ),
        (
            "ipvs",
            "proc/net/ip_vs",
            "junk\n",
            "/ip_vs: line 1: expected a protocol, an address and a port, found \"junk\"",
            12,
        ),
        (
            "ipvs",
            "proc/net/ip_vs",
            "UDP  C0A80016:0035 rr\n  -> x Masq 1 0 0\n",
            "/ip_vs: line 2: expected an address and a port",
            12,
        ),
    ] {
        let tree = machine();
        let before = render(&tree, collector, "{}").unwrap().lines().count();
        tree.write(file, content);
        let text = render(&tree, collector, "{}").unwrap();
        assert_eq!(before - text.lines().count(), fewer, "{file}: {text}");
        let warnings = warnings(&tree, collector, "{}").unwrap();
        let [warning] = &warnings[..] else { panic!("{file}: {warnings:?}") };
        assert!(warning.contains(said), "{warning}");
    }
    let tree = machine().file("sys/class/infiniband/mlx4_0/fw_ver", b"2.31 \xff\n");
    assert!(render(&tree, "infiniband", "{}").unwrap().contains("firmware_version=\"2.31 \u{fffd}\""));
}

#[test]
fn a_load_balancer_of_which_nothing_is_understood_is_an_error() {
    let tree = Tree::new().file("proc/net/ip_vs_stats", "junk\n");
    let error = render(&tree, "ipvs", "{}").unwrap_err().to_string();
    assert!(error.contains("/ip_vs_stats: expected 5 hexadecimal numbers in line 3, found \"\""), "{error}");
}

#[test]
fn a_folder_that_may_not_be_read_is_told() {
    for (collector, class) in [("infiniband", "infiniband"), ("fibrechannel", "fc_host")] {
        let tree = Tree::new().file("sys/class/net", "");
        let folder = tree.path().join("sys/class").join(class);
        // Nobody can open a link to itself, root no more than others.
        symlink(&folder, &folder).unwrap();
        let warnings = warnings(&tree, collector, "{}").unwrap();
        let [warning] = &warnings[..] else { panic!("{warnings:?}") };
        assert!(warning.starts_with(&format!("reading {}: ", folder.display())), "{warning}");
    }
}
