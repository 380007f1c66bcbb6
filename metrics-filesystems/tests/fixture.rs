//! The plugin on trees of files such as the kernel would show.
#![cfg(unix)]

use std::os::unix::fs::symlink;

use metrics_filesystems as _;
use relink_testing::{Tree, collect, make, plugin, render, warnings};

const BCACHEFS: &str = "sys/fs/bcachefs/deadbeef-1234-5678-9012-abcdefabcdef";
const BTRFS: &str = "sys/fs/btrfs/0abb23a9-579b-43e6-ad30-227ef47fcb9d";
const ZFS: &str = "proc/spl/kstat/zfs";

/// Each file system is mounted once.
fn machine() -> Tree {
    let xfs = "extent_alloc 92447 97589 92448 93751\nabt 1 2 3 4\nblk_map 1767055 188820 184891 92447 92448 2140766 5\n\
        bmbt 5 6 7 8\ndir 185039 92447 92444 136422\ntrans 706 944304 0\nig 185045 58807 9 126238 10 33637 22\n\
        log 2883 113448 9 17360 739\npush_ail 945014 0 134260 15483 0 3940 464 159985 0 40\nxstrat 92447 0\n\
        rw 107739 94045\nattr 4 0 0 0\nicluster 8677 7849 135802\nvnodes 92601 11 12 13 92444 92443 92442 0\n\
        buf 2666287 7122 2659202 3599 2 7085 0 10297 7085\nxpc 399724544 92823103 86219234\ndebug 0\n";
    let tree = Tree::new().file("sys/fs/xfs/sda1/stats/stats", xfs).file("sys/fs/xfs/stats/stats", xfs);
    zfs(btrfs(bcachefs(tree)))
}

fn bcachefs(tree: Tree) -> Tree {
    let file = |name: &str| format!("{BCACHEFS}/{name}");
    tree.file(&file("btree_cache_size"), "542M\n")
        .file(&file("btree_write_stats"), "                    nr        size\ninitial:            19088     108k\n")
        .file(
            &file("compression_stats"),
            "type          compressed    uncompressed     average extent size\n\
             lz4             1.00 GiB        2.00 GiB                64.0 KiB\n\
             incompressible      4.5G            4.5G                    112k\n",
        )
        .file(&file("errors"), "btree_node_read_err                              5       Sat Nov 28 05:04:22 2026\n")
        .file(&file("counters/btree_node_read"), "since mount:                    123\nsince filesystem creation:      67890\n")
        .file(&file("counters/copygc"), "since mount:\t0\nsince filesystem creation:\t7\n")
        .file(&file("dev-0/bucket_size"), "256k\n")
        .file(&file("dev-0/durability"), "1\n")
        .file(&file("dev-0/nbuckets"), "4096\n")
        .file(&file("dev-0/label"), "ssd.ssd1\n")
        .file(&file("dev-0/state"), "rw\n")
        .file(
            &file("dev-0/io_done"),
            "read:\nsb          :        4096\nbtree       :  4411097088\nwrite:\nsb          :       12288\n",
        )
        .file(
            &file("dev-0/io_errors"),
            "IO errors since filesystem creation\n  read:     197346\n  write:    2\n  checksum: 0\n\
             IO errors since 8 y ago\n  read:     197346\n  write:    0\n  checksum: 0\n",
        )
}

fn btrfs(tree: Tree) -> Tree {
    let file = |name: &str| format!("{BTRFS}/{name}");
    tree.file("sys/fs/btrfs/features/raid56", "0\n")
        .file(&file("label"), "fixture\n")
        .file(&file("metadata_uuid"), "0abb23a9-579b-43e6-ad30-227ef47fcb9d\n")
        .file(
            &file("commit_stats"),
            "commits 258051\ncur_commit_ms 0\nlast_commit_ms 1000\nmax_commit_ms 51462\ntotal_commit_ms 47836090",
        )
        .file(&file("allocation/global_rsv_size"), "16777216\n")
        .file(&file("allocation/data/bytes_reserved"), "4096\n")
        .file(&file("allocation/data/raid5/total_bytes"), "644087808\n")
        .file(&file("allocation/data/raid5/used_bytes"), "808189\n")
        .file(&file("allocation/system/bytes_reserved"), "0\n")
        .file(&file("allocation/system/raid1c4/total_bytes"), "16777216\n")
        .file(&file("allocation/system/raid1c4/used_bytes"), "16384\n")
        .file(&file("devices/loop22/size"), "20971520\n")
        .file(&file("devices/loop23/size"), "20971520\n")
        .file(&file("devices/loop24/size"), "20971520\n")
}

fn zfs(tree: Tree) -> Tree {
    let named = |fields: &str| {
        format!("6 1 0x01 91 4368 5266997922 97951858082072\n{:<31} type data\n{fields}", "name")
    };
    let tree = tree
        .file(&format!("{ZFS}/dbgmsg"), "timestamp    message \n")
        .file(
            &format!("{ZFS}/arcstats"),
            named("hits                            4    8772612\nmemory_available_bytes          3    -268435456\n"),
        )
        .file(
            &format!("{ZFS}/tank/io"),
            "12 3 0x00 1 80 79205351707403 395818011156865\n\
             nread    nwritten reads    writes   wtime    wlentime wupdate  rtime    rlentime rupdate  wcnt     rcnt    \n\
             1884160  3206144  22       132      7155162  104112268 79210489694949 24168078 104112269 79210489849220 0 1 \n",
        )
        .file(&format!("{ZFS}/tank/state"), "DEGRADED\n")
        .file(
            &format!("{ZFS}/tank/objset-0x36"),
            named("dataset_name                    7    tank/my data\nwrites                          4    4\n"),
        );
    let files = ["abdstats", "dbufstats", "dmu_tx", "dnodestats", "fm"];
    let others = ["vdev_cache_stats", "vdev_mirror_stats", "xuio_stats", "zfetchstats", "zil"];
    files.iter().chain(&others).fold(tree, |tree, file| {
        tree.file(&format!("{ZFS}/{file}"), named(&format!("{file}_a{:20} 4    18446744073709551615\n", "")))
    })
}

// Looking whether file systems came or went costs allocations: a few an entry of the folders.
relink_testing::conforms! {
    "filesystems", machine(),
    "bcachefs" => { reads: 20, allocations: 30 },
    "btrfs" => { reads: 20, allocations: 30 },
    "xfs" => { reads: 2, allocations: 20 },
    "zfs" => { reads: 40, allocations: 100 },
}

/// What a collector shows, without what the names of its families begin with, and without the UUID.
fn shown(tree: &Tree, collector: &str) -> String {
    let text = render(tree, collector, "{}").unwrap();
    let text = text.replace(&format!("node_{collector}_"), "");
    [BCACHEFS, BTRFS].iter().fold(text, |text, folder| {
        let uuid = folder.rsplit('/').next().unwrap();
        text.replace(&format!("uuid=\"{uuid}\","), "").replace(&format!("{{uuid=\"{uuid}\"}}"), "")
    })
}

#[test]
fn a_bcachefs() {
    assert_eq!(
        shown(&machine(), "bcachefs"),
        r#"info 1
btree_cache_size_bytes 568328192
compression_compressed_bytes{algorithm="lz4"} 1073741824
compression_compressed_bytes{algorithm="incompressible"} 4831838208
compression_uncompressed_bytes{algorithm="lz4"} 2147483648
compression_uncompressed_bytes{algorithm="incompressible"} 4831838208
errors_total{error_type="btree_node_read_err"} 5
btree_writes_total{type="initial"} 19088
btree_write_average_size_bytes{type="initial"} 110592
device_info{device="0",label="ssd.ssd1",state="rw"} 1
device_bucket_size_bytes{device="0"} 262144
device_buckets{device="0"} 4096
device_durability{device="0"} 1
device_io_done_bytes_total{device="0",operation="read",data_type="sb"} 4096
device_io_done_bytes_total{device="0",operation="read",data_type="btree"} 4411097088
device_io_done_bytes_total{device="0",operation="write",data_type="sb"} 12288
device_io_errors_total{device="0",type="read"} 197346
device_io_errors_total{device="0",type="write"} 2
device_io_errors_total{device="0",type="checksum"} 0
copygc_total 7
btree_node_read_total 67890
"#
    );
}

#[test]
fn a_btrfs() {
    assert_eq!(
        shown(&machine(), "btrfs"),
        r#"info{label="fixture"} 1
global_rsv_size_bytes 16777216
commits_total 258051
last_commit_seconds 1
max_commit_seconds 51.462
commit_seconds_total 47836.09
reserved_bytes{block_group_type="data"} 4096
reserved_bytes{block_group_type="system"} 0
used_bytes{block_group_type="data",mode="raid5"} 808189
used_bytes{block_group_type="system",mode="raid1c4"} 16384
size_bytes{block_group_type="data",mode="raid5"} 644087808
size_bytes{block_group_type="system",mode="raid1c4"} 16777216
allocation_ratio{block_group_type="data",mode="raid5"} 1.5
allocation_ratio{block_group_type="system",mode="raid1c4"} 4
device_size_bytes{device="loop22"} 10737418240
device_size_bytes{device="loop23"} 10737418240
device_size_bytes{device="loop24"} 10737418240
"#
    );
}

#[test]
fn an_xfs() {
    assert_eq!(
        shown(&machine(), "xfs").replace("{device=\"sda1\"}", ""),
        r#"extent_allocation_extents_allocated_total 92447
extent_allocation_blocks_allocated_total 97589
extent_allocation_extents_freed_total 92448
extent_allocation_blocks_freed_total 93751
allocation_btree_lookups_total 1
allocation_btree_compares_total 2
allocation_btree_records_inserted_total 3
allocation_btree_records_deleted_total 4
block_mapping_reads_total 1767055
block_mapping_writes_total 188820
block_mapping_unmaps_total 184891
block_mapping_extent_list_insertions_total 92447
block_mapping_extent_list_deletions_total 92448
block_mapping_extent_list_lookups_total 2140766
block_mapping_extent_list_compares_total 5
block_map_btree_lookups_total 5
block_map_btree_compares_total 6
block_map_btree_records_inserted_total 7
block_map_btree_records_deleted_total 8
directory_operation_lookup_total 185039
directory_operation_create_total 92447
directory_operation_remove_total 92444
directory_operation_getdents_total 136422
inode_operation_attempts_total 185045
inode_operation_found_total 58807
inode_operation_recycled_total 9
inode_operation_missed_total 126238
inode_operation_duplicates_total 10
inode_operation_reclaims_total 33637
inode_operation_attribute_changes_total 22
write_calls_total 107739
read_calls_total 94045
vnode_active_total 92601
vnode_allocate_total 11
vnode_get_total 12
vnode_hold_total 13
vnode_release_total 92444
vnode_reclaim_total 92443
vnode_remove_total 92442
"#
    );
}

#[test]
fn a_zfs() {
    assert_eq!(
        shown(&machine(), "zfs"),
        r#"zpool_nread{zpool="tank"} 1884160
zpool_nwritten{zpool="tank"} 3206144
zpool_reads{zpool="tank"} 22
zpool_writes{zpool="tank"} 132
zpool_wtime{zpool="tank"} 7155162
zpool_wlentime{zpool="tank"} 104112268
zpool_wupdate{zpool="tank"} 79210489694949
zpool_rtime{zpool="tank"} 24168078
zpool_rlentime{zpool="tank"} 104112269
zpool_rupdate{zpool="tank"} 79210489849220
zpool_wcnt{zpool="tank"} 0
zpool_rcnt{zpool="tank"} 1
zpool_state{zpool="tank",state="online"} 0
zpool_state{zpool="tank",state="degraded"} 1
zpool_state{zpool="tank",state="faulted"} 0
zpool_state{zpool="tank",state="offline"} 0
zpool_state{zpool="tank",state="removed"} 0
zpool_state{zpool="tank",state="unavail"} 0
zpool_state{zpool="tank",state="suspended"} 0
abd_abdstats_a 18446744073709552000
arc_hits 8772612
arc_memory_available_bytes -268435456
dbuf_dbufstats_a 18446744073709552000
dmu_tx_dmu_tx_a 18446744073709552000
dnode_dnodestats_a 18446744073709552000
fm_fm_a 18446744073709552000
vdev_cache_vdev_cache_stats_a 18446744073709552000
vdev_mirror_vdev_mirror_stats_a 18446744073709552000
xuio_xuio_stats_a 18446744073709552000
zfetch_zfetchstats_a 18446744073709552000
zil_zil_a 18446744073709552000
zpool_dataset_writes{zpool="tank",dataset="tank/my data"} 4
"#
    );
}

#[test]
fn a_machine_without_them_has_no_families() {
    // The modules may be there, and nothing is mounted.
    let loaded = Tree::new()
        .file("sys/fs/btrfs/features/raid56", "0\n")
        .file("sys/fs/xfs/stats/stats", "rw 1 2\n")
        .file("sys/fs/xfs/debug/bug_on_assert", "1\n")
        .file("proc/spl/kstat/zfs/dbgmsg", "timestamp    message \n");
    std::fs::create_dir_all(loaded.path().join("sys/fs/bcachefs")).unwrap();
    for tree in [Tree::new(), loaded] {
        for collector in plugin("filesystems").collectors {
            assert_eq!(render(&tree, collector.name, "{}").unwrap(), "");
            assert!(warnings(&tree, collector.name, "{}").unwrap().is_empty());
        }
    }
}

#[test]
fn a_folder_that_may_not_be_read_is_told() {
    for (collector, folder) in [
        ("bcachefs", "sys/fs/bcachefs"),
        ("btrfs", "sys/fs/btrfs"),
        ("xfs", "sys/fs/xfs"),
        ("zfs", "proc/spl/kstat/zfs"),
    ] {
        let tree = Tree::new().file("sys/fs/ext4/x", "").file("proc/spl/kstat/x", "");
        let folder = tree.path().join(folder);
        // Nobody can open a link to itself, root no more than others.
        symlink(&folder, &folder).unwrap();
        let why = render(&tree, collector, "{}").unwrap_err().to_string();
        assert!(why.starts_with(&format!("reading {}: ", folder.display())), "{why}");
    }
}

/// What is told of a tree in which a file has another content, without the path before the file's name.
fn told(collector: &str, file: &str, content: &str) -> Vec<String> {
    let said = warnings(&machine().file(file, content), collector, "{}").unwrap();
    let name = file.rsplit('/').next().unwrap();
    said.iter().map(|what| what.split_once(&format!("/{name}: ")).expect(what).1.to_owned()).collect()
}

#[test]
fn what_is_odd_is_told_and_the_rest_is_shown() {
    let bcachefs = |file: &str, content| told("bcachefs", &format!("{BCACHEFS}/{file}"), content);
    assert_eq!(bcachefs("btree_cache_size", "much\n"), ["expected a size, found \"much\""]);
    assert_eq!(bcachefs("errors", ""), [""; 0]);
    assert_eq!(bcachefs("errors", "a 1\na 2\nb -1\nc\n").len(), 2);
    assert_eq!(
        bcachefs("compression_stats", "head\nlz4 1 2\nnr extents: 5\nzstd 1\n"),
        ["line 3: expected a size, found \"extents: 5\"", "line 4: expected a size, found \"\""]
    );
    assert_eq!(bcachefs("dev-0/io_done", "sb: 1\nread:\nsb: 2\nuser: x\n").len(), 2);
    assert_eq!(bcachefs("counters/copygc", "5\n").len(), 1);
    let btrfs = |file: &str, content| told("btrfs", &format!("{BTRFS}/{file}"), content);
    assert_eq!(btrfs("commit_stats", "commits -5\nmax_commit_ms 5\n").len(), 1);
    assert_eq!(btrfs("devices/loop22/size", "big\n"), ["expected a number, found \"big\""]);
    let xfs = |content| told("xfs", "sys/fs/xfs/sda1/stats/stats", content);
    assert_eq!(
        xfs("rw 1\nabt 1 2 x 4\none\ntwo 1 2 3\n\nig 1 2 3 4 5 6 7 8 9\n"),
        [
            "line 1: expected more numbers, found \"rw 1\"",
            "line 2: expected a count, found \"x\"",
            "line 3: expected a name and numbers, found \"one\""
        ]
    );
    let zfs = |file: &str, content| told("zfs", &format!("{ZFS}/{file}"), content);
    assert_eq!(zfs("arcstats", "1 2\nhits 4 5\n"), ["expected a line \"name type data\", found none"]);
    assert_eq!(
        zfs("arcstats", "name type data\nhits 4 5\nhits\nmisses 4 x\na.b 4 5\nc 3 -5\nd 7\ne 2 x\n"),
        [
            "line 3: expected a name, a type and a value, found \"hits\"",
            "line 4: expected a count, found \"x\"",
            "line 5: expected a name, found \"a.b\""
        ]
    );
    assert_eq!(zfs("tank/state", "SLEEPY\n"), ["expected the state of a pool, found \"SLEEPY\""]);
    assert_eq!(zfs("tank/objset-0x36", "name type data\nreads 4 5\n").len(), 1);
    assert_eq!(zfs("tank/io", "nread nwritten\n1 2\n").len(), 1);
}

#[test]
fn what_stands_there_twice_is_shown_once() {
    let dataset = "1\nname type data\ndataset_name 7 tank\nreads 4 5\nrea-ds 4 6\nrea_ds 4 7\n";
    let tree = Tree::new()
        .file(&format!("{ZFS}/tank/objset-1"), dataset)
        .file(&format!("{ZFS}/tank/objset-2"), dataset)
        .file("sys/fs/xfs/sda1/stats/stats", "rw 1 2\nrw 3 4\n")
        .file("sys/fs/bcachefs/a-b/errors", "a 1\na 2\n");
    let datasets = "zpool_dataset_reads{zpool=\"tank\",dataset=\"tank\"} 5\n\
        zpool_dataset_rea_ds{zpool=\"tank\",dataset=\"tank\"} 6\n";
    assert_eq!(shown(&tree, "zfs"), datasets);
    assert_eq!(
        shown(&tree, "xfs"),
        "write_calls_total{device=\"sda1\"} 1\nread_calls_total{device=\"sda1\"} 2\n"
    );
    assert!(shown(&tree, "bcachefs").ends_with("errors_total{uuid=\"a-b\",error_type=\"a\"} 1\n"));
}

#[test]
fn file_systems_of_one_uuid_are_told_apart() {
    let tree =
        Tree::new().file("sys/fs/btrfs/a-1/metadata_uuid", "m-1\n").file("sys/fs/btrfs/b-1/label", "old\n");
    let shown = |tree: &Tree| shown(tree, "btrfs").replace("info{uuid=", "").replace("} 1\n", ";");
    assert_eq!(shown(&tree), "\"m-1\",label=\"\";\"b-1\",label=\"old\";");
    let tree = tree.file("sys/fs/btrfs/m-1/metadata_uuid", "m-1\n");
    assert_eq!(shown(&tree), "\"a-1\",label=\"\";\"b-1\",label=\"old\";\"m-1\",label=\"\";");
}

#[test]
fn file_systems_come_and_go() {
    for (collector, folder) in [
        ("bcachefs", BCACHEFS),
        ("btrfs", BTRFS),
        ("xfs", "sys/fs/xfs/sda1"),
        ("zfs", "proc/spl/kstat/zfs/tank"),
    ] {
        let tree = machine();
        let mut code = make(&tree, collector, "{}").unwrap();
        let good = collect(&mut *code, collector).unwrap();
        let (here, away) = (tree.path().join(folder), tree.path().join("away"));
        std::fs::rename(&here, &away).unwrap();
        let without = collect(&mut *code, collector).unwrap();
        assert!(without.lines().count() <= 12 && !without.contains("tank"), "{without}");
        std::fs::rename(&away, &here).unwrap();
        assert_eq!(collect(&mut *code, collector).unwrap(), good);
    }
}

#[test]
fn labels_are_what_the_files_say() {
    let tree = machine()
        .file(&format!("{BTRFS}/label"), b"my \xff \"data\"\n")
        .file(&format!("{BCACHEFS}/dev-0/state"), "[rw] ro evacuating spare\n")
        .file(&format!("{BCACHEFS}/dev-0/label"), "\n");
    assert!(shown(&tree, "btrfs").starts_with("info{label=\"my \u{fffd} \\\"data\\\"\"} 1\n"));
    let info = "device_info{device=\"0\",label=\"\",state=\"[rw] ro evacuating spare\"} 1\n";
    assert!(shown(&tree, "bcachefs").contains(info));
}
