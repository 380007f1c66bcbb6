//! The plugin on trees of files such as the kernel would show.
#![cfg(target_os = "linux")]

use metrics_nfs as _;
use relink_testing::{Tree, collect, make, plugin, render, warnings};

/// Of a kernel without version 2, which knows 69 calls of version 4.
const NFS: &str = "\
net 0 0 0 0
rpc 37 2 38
proc3 22 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22
proc4 69 101 102 103 104 105 106 107 108 109 110 111 112 113 114 115 116 117 118 119 120 121 122 123 124 125 126 127 128 129 130 131 132 133 134 135 136 137 138 139 140 141 142 143 144 145 146 147 148 149 150 151 152 153 154 155 156 157 158 159 160 161 162 163 164 165 166 167 168 169
";

/// Of Linux 6.6.
const NFSD: &str = "\
rc 1 2 3
fh 4 0 0 0 0
io 5 6
th 8 0 0.000 0.000 0.000 0.000 0.000 0.000 0.000 0.000 0.000 0.000
ra 32 0 0 0 0 0 0 0 0 0 0 7
net 9 10 11 12
rpc 13 42 14 15 16
proc2 18 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18
proc3 22 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22
proc4 2 1 2
proc4ops 42 100 101 102 103 104 105 106 107 108 109 110 111 112 113 114 115 116 117 118 119 120 121 122 123 124 125 126 127 128 129 130 131 132 133 134 135 136 137 138 139 140 141
wdeleg_getattr 17
";

/// The same export twice by version 4 over two connections, and once by version 3 over UDP; another one over RDMA.
const MOUNTSTATS: &str = "\
device sysfs mounted on /sys with fstype sysfs
device /dev/sda1 mounted on / with fstype ext4
device nas:/srv mounted on /mnt/one with fstype nfs4 statvers=1.1
\topts:\trw,vers=4.2,rsize=1048576,nconnect=2,clientaddr=192.0.2.5,local_lock=none
\tage:\t13968
\timpl_id:\tname='',domain='',date='0,0'
\tcaps:\tcaps=0x3ffbffff,wtmult=512,dtsize=1048576,bsize=0,namlen=255
\tnfsv4:\tbm0=0xfdffbfff,bm1=0xf9be3e,bm2=0x68800,acl=0x3,sessions,pnfs=not configured,lease_time=90,lease_expired=0
\tsec:\tflavor=1,pseudoflavor=1
\tevents:\t1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27
\tbytes:\t1 2 3 4 5 6 7 8
\tRPC iostats version: 1.1  p/v: 100003/4 (nfs)
\txprt:\ttcp 832 1 2 3 4 5 6 7 8 9 10 11 12
\txprt:\ttcp 833 21 22 23 18446744073709551615 25 26 27 28 29 30 31 32
\tper-op statistics
\t        NULL: 0 0 0 0 0 0 0 0 0
\t        READ: 1 2 3 4 5 6 7 8 9
\t      ACCESS: 2927395007 2927394995 0 526931094212 362996810236 18446743919241604546 1667369447 1953587717

device nas:/srv mounted on /mnt/two with fstype nfs4 statvers=1.1
\tage:\t1
\tevents:\t0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
\tbytes:\t0 0 0 0 0 0 0 0
\txprt:\ttcp 832 1 2 3 4 5 6 7 8 9 10 11 12
\tper-op statistics
\t        READ: 1 1 1 1 1 1 1 1 1

device nas:/srv mounted on /mnt/three with fstype nfs statvers=1.0
\tage:\t5
\tbytes:\t0 0 0 0 0 0 0 9
\txprt:\tudp 832 1 2 3 4 5 6
\tper-op statistics
\t        READ: 1 1 1 1 1 1 1 2000

device proc mounted on /proc with fstype proc
device fast:/ mounted on /mnt/a\\040b with fstype nfs4 statvers=1.1
\tage:\t6
\txprt:\trdma 0 1 2 3 4 5 6 7 8 9 70 71 72 73 74 75 76 77 78 79
";

const MOUNTINFO: &str = "\
16 21 0:16 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
21 0 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
40 21 0:42 / /mnt/one rw shared:144 - nfs4 nas:/srv rw,vers=4.2,clientaddr=192.0.2.5,addr=192.0.2.1
41 21 0:42 / /mnt/two rw shared:145 - nfs4 nas:/srv rw,vers=4.2,clientaddr=192.0.2.5,addr=192.0.2.1
42 21 0:43 / /mnt/three rw shared:146 - nfs nas:/srv rw,vers=3,mountaddr=192.0.2.1,proto=udp,addr=192.0.2.1
43 21 0:4 / /proc rw shared:12 - proc proc rw
44 21 0:44 / /mnt/a\\040b rw - nfs4 fast:/ rw,vers=4.2,proto=rdma6,addr=2001:db8::1
";

fn machine() -> Tree {
    Tree::new()
        .file("proc/net/rpc/nfs", NFS)
        .file("proc/net/rpc/nfsd", NFSD)
        .file("proc/self/mountstats", MOUNTSTATS)
        .file("proc/self/mountinfo", MOUNTINFO)
}

relink_testing::conforms! {
    "nfs", machine(),
    "mountstats" => { reads: 4, allocations: 145 },
    "nfs" => { reads: 2, allocations: 0 },
    "nfsd" => { reads: 2, allocations: 0 },
}

/// The value of a series, as it stands on the page; empty if there is none.
fn value<'a>(text: &'a str, series: &str) -> &'a str {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')).unwrap_or_default()
}

#[test]
fn only_mountstats_is_off() {
    let off = plugin("nfs").collectors.iter().filter(|collector| !collector.on);
    assert_eq!(off.map(|collector| collector.name).collect::<Vec<_>>(), ["mountstats"]);
}

#[test]
fn a_machine_without_nfs_has_no_families() {
    let tree = Tree::new()
        .file("proc/self/mountstats", MOUNTSTATS.lines().next().unwrap())
        .file("proc/self/mountinfo", "");
    for tree in [&Tree::new(), &tree] {
        for collector in plugin("nfs").collectors {
            assert_eq!(render(tree, collector.name, "{}").unwrap(), "");
            assert!(warnings(tree, collector.name, "{}").unwrap().is_empty());
        }
    }
}

#[test]
fn what_the_client_asked() {
    let text = render(&machine(), "nfs", "{}").unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("_requests_total")).collect();
    assert_eq!(
        lines,
        [
            "node_nfs_connections_total 0",
            "node_nfs_packets_total{protocol=\"udp\"} 0",
            "node_nfs_packets_total{protocol=\"tcp\"} 0",
            "node_nfs_rpc_authentication_refreshes_total 38",
            "node_nfs_rpc_retransmissions_total 2",
            "node_nfs_rpcs_total 37",
        ]
    );
    let calls = |version: &str, name: &str| {
        value(&text, &format!("node_nfs_requests_total{{proto=\"{version}\",method=\"{name}\"}}")).to_owned()
    };
    assert_eq!([calls("3", "Null"), calls("3", "MkNod"), calls("3", "Commit")], ["1", "12", "22"]);
    assert_eq!([calls("4", "Null"), calls("4", "GetDeviceInfo"), calls("4", "Clone")], ["101", "145", "159"]);
    assert_eq!(text.lines().count(), 6 + 22 + 59, "no version 2, and no names for what came after Clone");
}

#[test]
fn an_older_client_knows_fewer_calls() {
    let tree = Tree::new()
        .file("proc/net/rpc/nfs", "proc2 18 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18\nproc4 3 1 2 3\n");
    let text = render(&tree, "nfs", "{}").unwrap();
    assert_eq!(text.lines().count(), 18 + 59, "{text}");
    assert_eq!(value(&text, "node_nfs_requests_total{proto=\"2\",method=\"FsStat\"}"), "18");
    assert_eq!(value(&text, "node_nfs_requests_total{proto=\"4\",method=\"Write\"}"), "3");
    assert_eq!(value(&text, "node_nfs_requests_total{proto=\"4\",method=\"Commit\"}"), "0");
}

#[test]
fn what_the_server_was_asked() {
    let text = render(&machine(), "nfsd", "{}").unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("_requests_total")).collect();
    assert_eq!(
        lines.join("\n").replace("node_nfsd_", ""),
        "connections_total 12
disk_bytes_read_total 5
disk_bytes_written_total 6
file_handles_stale_total 4
packets_total{proto=\"udp\"} 10
packets_total{proto=\"tcp\"} 11
read_ahead_cache_not_found_total 7
read_ahead_cache_size_blocks 32
reply_cache_hits_total 1
reply_cache_misses_total 2
reply_cache_nocache_total 3
rpc_errors_total{error=\"fmt\"} 14
rpc_errors_total{error=\"auth\"} 15
rpc_errors_total{error=\"cInt\"} 16
server_rpcs_total 13
server_threads 8"
    );
    let calls = |version: &str, name: &str| {
        value(&text, &format!("node_nfsd_requests_total{{proto=\"{version}\",method=\"{name}\"}}")).to_owned()
    };
    assert_eq!([calls("2", "GetAttr"), calls("2", "FsStat"), calls("2", "Null")], ["2", "18", ""]);
    assert_eq!([calls("3", "GetAttr"), calls("3", "Commit"), calls("3", "Null")], ["2", "22", ""]);
    assert_eq!([calls("4", "Access"), calls("4", "PutFH"), calls("4", "Read")], ["103", "122", "125"]);
    assert_eq!([calls("4", "SetClientID"), calls("4", "Write")], ["135", "138"]);
    assert_eq!([calls("4", "RelLockOwner"), calls("4", "WdelegGetattr")], ["139", "17"]);
    assert_eq!(text.lines().count(), 16 + 17 + 21 + 36, "{text}");
}

#[test]
fn each_mount_is_shown_once() {
    let text = render(&machine(), "mountstats", "{}").unwrap();
    let nas = |protocol: &str| format!("export=\"nas:/srv\",protocol=\"{protocol}\",mountaddr=\"192.0.2.1\"");
    let (tcp, udp) = (nas("tcp"), nas("udp"));
    let rdma = "export=\"fast:/\",protocol=\"rdma\",mountaddr=\"2001:db8::1\"";
    let shown = |family: &str| {
        let prefix = format!("node_mountstats_nfs_{family}{{");
        text.lines().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect::<Vec<_>>()
    };
    let ages = [format!("{tcp}}} 13968"), format!("{udp}}} 5"), format!("{rdma}}} 6")];
    assert_eq!(shown("age_seconds_total"), ages);
    let points = [(&*tcp, "/mnt/one"), (&tcp, "/mnt/two"), (&udp, "/mnt/three"), (rdma, "/mnt/a\\\\040b")];
    let points = points.map(|(labels, point)| format!("{labels},mountpoint=\"{point}\"}} 1"));
    assert_eq!(shown("mountpoint_info"), points);
    assert_eq!(shown("read_bytes_total"), [format!("{tcp}}} 1"), format!("{udp}}} 0")]);
    assert_eq!(shown("write_pages_total"), [format!("{tcp}}} 8"), format!("{udp}}} 9")]);
    assert_eq!(shown("event_vfs_file_release_total"), [format!("{tcp}}} 18")]);
    assert_eq!(shown("event_truncation_total"), [format!("{tcp}}} 20")], "the one before it has no family");
    assert_eq!(shown("event_pnfs_write_total"), [format!("{tcp}}} 27")]);
    let transport = |values: [&str; 4]| {
        let places = [(&*tcp, 0), (&tcp, 1), (&udp, 0), (rdma, 0)];
        let line = |((labels, at), value)| format!("{labels},transport=\"{at}\"}} {value}");
        places.into_iter().zip(values).map(line).collect::<Vec<_>>()
    };
    assert_eq!(shown("transport_bind_total"), transport(["1", "21", "1", "1"]));
    assert_eq!(shown("transport_connect_total"), transport(["2", "22", "0", "2"]));
    assert_eq!(shown("transport_idle_time_seconds"), transport(["4", "9007199254740991", "0", "4"]));
    assert_eq!(shown("transport_sends_total"), transport(["5", "25", "2", "5"]));
    assert_eq!(shown("transport_backlog_queue_total"), transport(["9", "29", "6", "9"]));
    assert_eq!(shown("transport_maximum_rpc_slots"), transport(["10", "30", "0", "0"]));
    assert_eq!(shown("transport_pending_queue_total"), transport(["12", "32", "0", "0"]));
    let operations = |values: [&str; 4]| {
        let names = [(&tcp, "NULL"), (&tcp, "READ"), (&tcp, "ACCESS"), (&udp, "READ")];
        let line = |((labels, name), value)| format!("{labels},operation=\"{name}\"}} {value}");
        names.into_iter().zip(values).map(line).collect::<Vec<_>>()
    };
    assert_eq!(shown("operations_requests_total"), operations(["0", "1", "2927395007", "1"]));
    let waited = operations(["0", "0.006", "9007044786793.922", "0.001"]);
    assert_eq!(shown("operations_queue_time_seconds_total"), waited);
    let took = operations(["0", "0.008", "1953587.717", "2"]);
    assert_eq!(shown("operations_request_time_seconds_total"), took);
    assert!(warnings(&machine(), "mountstats", "{}").unwrap().is_empty());
}

#[test]
fn without_addresses_mounts_are_shown() {
    let tree = machine();
    std::fs::remove_file(tree.path().join("proc/self/mountinfo")).unwrap();
    let text = render(&tree, "mountstats", "{}").unwrap();
    let age = "node_mountstats_nfs_age_seconds_total{export=\"fast:/\",protocol=\"rdma\",mountaddr=\"\"}";
    assert_eq!(value(&text, age), "6");
    std::os::unix::fs::symlink("mountinfo", tree.path().join("proc/self/mountinfo")).unwrap();
    assert_eq!(render(&tree, "mountstats", "{}").unwrap(), text);
    let warnings = warnings(&tree, "mountstats", "{}").unwrap();
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(warning.contains("/mountinfo: "), "{warning}");
}

#[test]
fn mounts_come_and_go() {
    let tree = Tree::new();
    let mut collector = make(&tree, "mountstats", "{}").unwrap();
    assert_eq!(collect(&mut *collector, "mountstats").unwrap(), "");
    tree.write("proc/self/mountstats", MOUNTSTATS);
    tree.write("proc/self/mountinfo", MOUNTINFO);
    let text = collect(&mut *collector, "mountstats").unwrap();
    assert_eq!(text, render(&machine(), "mountstats", "{}").unwrap());
    tree.write("proc/self/mountstats", MOUNTSTATS.lines().next().unwrap());
    assert_eq!(collect(&mut *collector, "mountstats").unwrap(), "");
}

#[test]
fn what_is_odd_is_told_once_and_the_rest_is_shown() {
    for (collector, file, from, to, said, count) in [
        (
            "nfs",
            "net/rpc/nfs",
            "rpc 37 2 38",
            "rpc 37",
            "nfs: line 2: expected 3 numbers, found \"rpc 37\"",
            3,
        ),
        ("nfs", "net/rpc/nfs", "rpc 37 2", "rpc 37 -2", "nfs: line 2: expected a count, found \"-2\"", 1),
        (
            "nfs",
            "net/rpc/nfs",
            "proc3 22",
            "proc3 23",
            "nfs: line 3: expected the number of the numbers behind",
            22,
        ),
        ("nfsd", "net/rpc/nfsd", "io 5 6", "io 5 6.5", "nfsd: line 3: expected a count, found \"6.5\"", 1),
        ("nfsd", "net/rpc/nfsd", "th 8", "th (null)", "nfsd: line 4: expected a count, found \"(null)\"", 1),
        ("nfsd", "net/rpc/nfsd", "rc 1 2 3", "rc", "nfsd: line 1: expected 3 numbers, found \"rc\"", 3),
        (
            "mountstats",
            "self/mountstats",
            "READ: 1 2",
            "READ: 1 x",
            "line 17: expected a count, found \"x\"",
            8,
        ),
        (
            "mountstats",
            "self/mountstats",
            "bytes:\t1 2",
            "bytes:\t1",
            "line 11: expected 8 numbers, found",
            8,
        ),
        (
            "mountstats",
            "self/mountstats",
            "xprt:\trdma 0",
            "xprt:\tsctp 0",
            "line 38: expected tcp, udp, rdma or",
            12,
        ),
        (
            "mountstats",
            "self/mountstats",
            "device proc mounted",
            "device proc",
            "line 35: expected device … mounted",
            0,
        ),
    ] {
        let tree = machine();
        let path = format!("proc/{file}");
        let good = std::fs::read_to_string(tree.path().join(&path)).unwrap();
        let before = render(&tree, collector, "{}").unwrap();
        tree.write(&path, good.replacen(from, to, 1));
        let text = render(&tree, collector, "{}").unwrap();
        assert_eq!(before.lines().count() - text.lines().count(), count, "{to}: {text}");
        let warnings = warnings(&tree, collector, "{}").unwrap();
        assert!(warnings.iter().any(|warning| warning.contains(said)), "{to}: {warnings:?}");
    }
}

#[test]
fn a_file_of_which_nothing_is_understood_is_an_error() {
    for (collector, file, content, said) in [
        ("nfs", "net/rpc/nfs", "junk\n", "/nfs: line 1: expected a word and numbers, found \"junk\""),
        ("nfsd", "net/rpc/nfsd", "\u{0}\n", "/nfsd: line 1: expected a word and numbers"),
        (
            "mountstats",
            "self/mountstats",
            "junk",
            "/mountstats: line 1: expected a line that begins with device",
        ),
    ] {
        let tree = Tree::new().file(&format!("proc/{file}"), content);
        let error = render(&tree, collector, "{}").unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn an_operation_that_stands_there_twice_is_shown_once() {
    let tree = machine().file("proc/self/mountstats", MOUNTSTATS.replacen("NULL: 0 0", "READ: 7 0", 1));
    let text = render(&tree, "mountstats", "{}").unwrap();
    let prefix = "node_mountstats_nfs_operations_requests_total{export=\"nas:/srv\",protocol=\"tcp\",";
    let series = format!("{prefix}mountaddr=\"192.0.2.1\",operation=\"READ\"}}");
    assert_eq!(value(&text, &series), "7");
    assert_eq!(text.matches(&series).count(), 1);
}
