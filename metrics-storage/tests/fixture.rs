//! The plugin on trees of files such as the kernel would show.
#![cfg(unix)]

use std::os::unix::fs::symlink;

mod support;

use metrics_storage as _;
use relink_testing::{Tree, collect, make, plugin, render, warnings};
use support::{SET, machine};

// Looking whether devices came or went costs allocations: a few an entry of the folders.
relink_testing::conforms! {
    "storage", machine(),
    "bcache" => { options: r#"{"priority_stats": true}"#, reads: 23, allocations: 15 },
    "dmmultipath" => { reads: 7, allocations: 60 },
    "drbd" => { reads: 2, allocations: 2 },
    "mdadm" => { reads: 7, allocations: 30 },
    "nvme" => { reads: 9, allocations: 12 },
    "tapestats" => { reads: 10, allocations: 12 },
}

/// What all collectors show.
fn all(tree: &Tree) -> String {
    plugin("storage").collectors.iter().map(|one| render(tree, one.name, "{}").unwrap()).collect()
}

fn told(tree: &Tree, collector: &str) -> String {
    warnings(tree, collector, "{}").unwrap().join("; ")
}

#[test]
fn a_whole_machine() {
    assert_eq!(all(&machine()), include_str!("support/machine.txt"));
}

#[test]
fn a_machine_without_such_storage_has_no_families() {
    let tree = Tree::new()
        .file("sys/block/sda/size", "1\n")
        .file("proc/mdstat", "Personalities : \nunused devices: <none>\n");
    for tree in [Tree::new(), tree] {
        assert_eq!(all(&tree), "");
        for collector in plugin("storage").collectors {
            assert_eq!(told(&tree, collector.name), "", "{}", collector.name);
        }
    }
}

#[test]
fn devices_come_and_go() {
    let (tree, name) = (machine(), "tapestats");
    let mut tapes = make(&tree, name, "{}").unwrap();
    let one = collect(&mut *tapes, name).unwrap();
    tree.write("sys/class/scsi_tape/st1/stats/read_cnt", "1\n");
    let two = collect(&mut *tapes, name).unwrap();
    assert!(two.contains("node_tape_reads_completed_total{device=\"st1\"} 1\n"), "{two}");
    std::fs::remove_dir_all(tree.path().join("sys/class/scsi_tape/st1")).unwrap();
    assert_eq!(collect(&mut *tapes, name).unwrap(), one);

    let name = "mdadm";
    let mut mdadm = make(&tree, name, "{}").unwrap();
    let both = collect(&mut *mdadm, name).unwrap();
    std::fs::remove_dir_all(tree.path().join("sys/block/md0")).unwrap();
    let text = collect(&mut *mdadm, name).unwrap();
    assert!(!text.contains("node_md_raid_disks{device=\"md0\"}"), "{text}");
    assert!(text.contains("node_md_raid_disks{device=\"md1\"} 3\n"), "{text}");
    std::fs::remove_file(tree.path().join("proc/mdstat")).unwrap();
    assert_eq!(collect(&mut *mdadm, name).unwrap(), "");
    assert!(both.contains("node_md_degraded{device=\"md0\"} 0\n"), "{both}");

    let name = "dmmultipath";
    let mut multipath = make(&tree, name, "{}").unwrap();
    collect(&mut *multipath, name).unwrap();
    std::fs::remove_dir_all(tree.path().join("sys/block/dm-5/slaves/sdg")).unwrap();
    let text = collect(&mut *multipath, name).unwrap();
    assert!(
        text.contains("_paths{device=\"mpatha\",sysfs_name=\"dm-5\"} 2\n") && !text.contains("sdg"),
        "{text}"
    );
}

#[test]
fn a_folder_that_may_not_be_read_is_told() {
    for (collector, folder) in [
        ("bcache", "sys/fs/bcache"),
        ("dmmultipath", "sys/block"),
        ("mdadm", "sys/block"),
        ("nvme", "sys/class/nvme"),
        ("tapestats", "sys/class/scsi_tape"),
    ] {
        let tree = Tree::new()
            .file("sys/class/net", "")
            .file("sys/fs/cgroup", "")
            .file("proc/mdstat", "Personalities : \n");
        let folder = tree.path().join(folder);
        // Nobody can open a link to itself, root no more than others.
        symlink(&folder, &folder).unwrap();
        assert!(
            told(&tree, collector).starts_with(&format!("reading {}: ", folder.display())),
            "{collector}"
        );
    }
}

#[test]
fn odd_arrays() {
    let tree = machine();
    // Of two sources one is shown while the other is odd.
    tree.write("proc/mdstat", "(null)\n");
    let text = render(&tree, "mdadm", "{}").unwrap();
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(told(&tree, "mdadm").contains("/proc/mdstat: line 1: expected an array and its state"));
    std::fs::remove_dir_all(tree.path().join("sys/block")).unwrap();
    let error = render(&tree, "mdadm", "{}").unwrap_err().to_string();
    assert!(
        error.ends_with("/proc/mdstat: line 1: expected an array and its state, found \"(null)\""),
        "{error}"
    );
    tree.write(
        "proc/mdstat",
        b"md0 : active raid0 sd\xff[0]\n  8 blocks\n\nmd0 : active raid0 sda[0]\n  9 blocks\n",
    );
    assert!(render(&tree, "mdadm", "{}").unwrap().contains("node_md_blocks{device=\"md0\"} 8\n"));
    assert!(told(&tree, "mdadm").ends_with("/proc/mdstat: line 4: md0 stands there twice"));

    let tree = machine();
    tree.write("sys/block/md1/md/level", "\n");
    assert!(render(&tree, "mdadm", "{}").unwrap().contains("node_md_degraded{device=\"md1\"} 1\n"));
    tree.write("sys/block/md1/md/level", "container\n");
    assert!(render(&tree, "mdadm", "{}").unwrap().contains("node_md_degraded{device=\"md1\"} 0\n"));
    tree.write("sys/block/md1/md/raid_disks", "-1\n");
    assert!(told(&tree, "mdadm").ends_with("/md/raid_disks: expected a count, found \"-1\""));
    tree.write("sys/block/md1/md/raid_disks", "");
    assert!(told(&tree, "mdadm").ends_with("/md/raid_disks: expected a count, found \"\""));
}

#[test]
fn odd_controllers_and_namespaces() {
    let tree = machine();
    let folder = "sys/class/nvme/nvme0/nvme0c0n1";
    tree.write(&format!("{folder}/nuse"), "many\n");
    std::fs::remove_file(tree.path().join(format!("{folder}/ana_state"))).unwrap();
    tree.write("sys/class/nvme/nvme0/model", b"Disk \xff\n");
    let text = render(&tree, "nvme", "{}").unwrap();
    assert!(text.contains("ana_state=\"unknown\"") && text.contains("model=\"Disk \u{fffd}\""), "{text}");
    assert!(text.contains("capacity_bytes") && !text.contains("used_bytes"), "{text}");
    assert!(told(&tree, "nvme").ends_with("/nuse: expected a count, found \"many\""));
    // A kernel before 6.8.
    std::fs::remove_file(tree.path().join(format!("{folder}/nuse"))).unwrap();
    assert_eq!(told(&tree, "nvme"), "");
    // A controller that goes while it is looked at.
    let tree = Tree::new().file("sys/class/nvme/nvme0/uevent", "");
    assert_eq!(render(&tree, "nvme", "{}").unwrap(), "");
}

#[test]
fn odd_maps() {
    let tree = machine()
        .file("sys/block/dm-6/dm/uuid", "mpath-x\n")
        .file("sys/block/dm-6/dm/name", "mpatha\n")
        .file("sys/block/dm-7/dm/uuid", "mpath-y\n")
        .file("sys/block/dm-7/dm/name", "mpathb\n")
        .file("sys/block/dm-7/dm/suspended", "1\n")
        .file("sys/block/dm-7/size", "big\n")
        .file("sys/block/dm-7/slaves/sdz/uevent", "");
    let text = render(&tree, "dmmultipath", "{}").unwrap();
    let second: Vec<_> = text.lines().filter(|line| line.contains("mpathb")).collect();
    assert_eq!(
        second,
        [
            r#"node_dmmultipath_device_info{device="mpathb",sysfs_name="dm-7",uuid="mpath-y"} 1"#,
            r#"node_dmmultipath_device_active{device="mpathb",sysfs_name="dm-7"} 0"#,
            r#"node_dmmultipath_device_paths{device="mpathb",sysfs_name="dm-7"} 1"#,
            r#"node_dmmultipath_device_paths_active{device="mpathb",sysfs_name="dm-7"} 0"#,
            r#"node_dmmultipath_device_paths_failed{device="mpathb",sysfs_name="dm-7"} 1"#,
            r#"node_dmmultipath_path_state{device="mpathb",path="sdz",state="unknown"} 1"#,
        ]
    );
    let told = told(&tree, "dmmultipath");
    assert!(
        told.contains("/dm-6/dm/name: expected a name that no other map has, found \"mpatha\"; "),
        "{told}"
    );
    assert!(told.ends_with("/dm-7/size: expected a count, found \"big\""), "{told}");
}

#[test]
fn odd_caches() {
    let tree = machine();
    let show = |options: &str| render(&tree, "bcache", options).unwrap();
    assert!(!show("{}").contains("priority_stats"));
    let text = show(r#"{"priority_stats": true}"#);
    assert!(
        text.contains(
            "unused_percent{uuid=\"1b2c3d4e-aaaa-bbbb-cccc-0123456789ab\",cache_device=\"cache0\"} 99\n"
        ),
        "{text}"
    );
    assert!(text.contains("metadata_percent") && text.ends_with(" 5\n"), "{text}");
    // An older kernel reads ahead, and has no integral part of the rate.
    tree.write(&format!("{SET}/bdev0/stats_total/cache_readaheads"), "13\n");
    tree.write(
        &format!("{SET}/bdev0/writeback_rate_debug"),
        "rate:\t\t512.0k/sec\ndirty:\t\t0.0k\ntarget:\t\t0.0k\nproportional:\t0.0k\nderivative:\t0.0k\nchange:\t\t-3.9k/sec\nchange:\t1\n",
    );
    tree.write(&format!("{SET}/bdev0/stats_total/cache_hits"), "-1\n");
    tree.write(&format!("{SET}/cache0/written"), "1.5Q\n");
    let text = show("{}");
    assert!(
        text.contains("readaheads_total") && text.contains("writeback_change") && text.contains(" -3972\n"),
        "{text}"
    );
    assert!(
        !text.contains("integral") && !text.contains("cache_hits") && !text.contains("node_bcache_written"),
        "{text}"
    );
    let told = told(&tree, "bcache");
    assert!(told.contains("/bdev0/stats_total/cache_hits: expected a number, found \"-1\"; "), "{told}");
    assert!(told.ends_with("/cache0/written: expected a number, found \"1.5Q\""), "{told}");
}

#[test]
fn odd_mirrors() {
    let tree = machine();
    tree.write(
        "proc/drbd",
        b"version: 8.4.3 (api:1/proto:86-101)\nns:1\n 0: cs:Connected ro:Primary ds:UpToDate/UpToDate\n   ns:-1 nr:many lo:-2 ap:\xff \
            oos:4\n 0: cs:StandAlone\n 7: cs:WFConnection ns:nan ep:1:2\n",
    );
    assert_eq!(
        render(&tree, "drbd", "{}").unwrap(),
        r#"node_drbd_local_pending{device="drbd0"} -2
node_drbd_out_of_sync_bytes{device="drbd0"} 4096
node_drbd_disk_state_is_up_to_date{device="drbd0",node="local"} 1
node_drbd_disk_state_is_up_to_date{device="drbd0",node="remote"} 1
node_drbd_connected{device="drbd0"} 1
node_drbd_connected{device="drbd7"} 0
"#
    );
    let told = told(&tree, "drbd");
    for said in [
        "line 3: expected two words behind ro:, found \"Primary\"",
        "line 4: expected a number behind ns:, found \"-1\"",
        "line 6: expected a number behind ns:, found \"nan\"",
    ] {
        assert!(told.contains(said), "{told}");
    }
    tree.write(
        "proc/drbd",
        "version: 9.1.7 (api:2/proto:110-121)\nGIT-hash: bfd2450739e3e27cfd0a2eece2cde3d94ad993ae\n",
    );
    assert_eq!(render(&tree, "drbd", "{}").unwrap(), "");
    tree.write("proc/drbd", "ns:1\n");
    let error = render(&tree, "drbd", "{}").unwrap_err().to_string();
    assert!(error.ends_with("/proc/drbd: line 1: expected version:, found \"ns:1\""), "{error}");
}

#[test]
fn tapes_can_be_left_out() {
    let tree = machine().file("sys/class/scsi_tape/st1/stats/read_cnt", "18446744073709551615\n");
    let text = render(&tree, "tapestats", r#"{"ignored_devices": "^st0$"}"#).unwrap();
    assert_eq!(text, "node_tape_reads_completed_total{device=\"st1\"} 18446744073709552000\n");
    let error = make(&tree, "tapestats", r#"{"ignored_devices": "("}"#).err().unwrap().to_string();
    assert!(error.starts_with("[collectors.tapestats]: ignored_devices is \"(\", expected"), "{error}");
    tree.write("sys/class/scsi_tape/st1/stats/read_cnt", "-1\n");
    assert!(told(&tree, "tapestats").ends_with("/st1/stats/read_cnt: expected a count, found \"-1\""));
}
