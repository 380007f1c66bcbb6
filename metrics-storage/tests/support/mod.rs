//! A machine with all sorts of storage.

use relink_testing::Tree;

/// The folder of a cache set.
pub(crate) const SET: &str = "sys/fs/bcache/1b2c3d4e-aaaa-bbbb-cccc-0123456789ab";

/// Two arrays, an NVMe drive that two controllers could reach, a disk with three paths, a cache, a tape and DRBD.
pub(crate) fn machine() -> Tree {
    tapes(caches(disks(Tree::new())))
        .file(
            "proc/mdstat",
            "Personalities : [raid1] [raid0]\n\
            md1 : active raid1 sdb1[1] sda1[0](F) sdc1[2](S)\n      \
            195310144 blocks super 1.2 [2/1] [_U]\n      \
            [=>...................]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec\n      \
            bitmap: 1/1 pages [4KB], 65536KB chunk\n\n\
            md0 : active raid0 sdd[1] sde[0]\n      4186624 blocks super 1.2 256k chunks\n      \n\
            unused devices: <none>\n",
        )
        .file(
            "proc/drbd",
            "version: 8.4.11 (api:1/proto:86-101)\nsrcversion: 92AE0DB2DAE7C0C93E8C4A7 \n\n \
            1: cs:SyncSource ro:Primary/Secondary ds:UpToDate/Inconsistent C r-----\n    \
            ns:17 nr:10 dw:28 dr:38 al:3 bm:2 lo:1 pe:4 ua:5 ap:6 ep:1 wo:f oos:12\n\t\
            [==>.................] sync'ed: 14.3% (1234/1440)M\n\tfinish: 0:00:51 speed: 24,564 (24,564) K/sec\n \
            2: cs:Unconfigured\n",
        )
}

fn disks(tree: Tree) -> Tree {
    let mut tree = tree
        .file("sys/block/md0/md/level", "raid0\n")
        .file("sys/block/md0/md/raid_disks", "2\n")
        .file("sys/block/md1/md/level", "raid1\n")
        .file("sys/block/md1/md/raid_disks", "3 (2)\n")
        .file("sys/block/md1/md/degraded", "1\n")
        .file("sys/block/dm-0/dm/uuid", "LVM-abc\n")
        .file("sys/block/dm-0/dm/name", "root\n")
        .file("sys/block/dm-5/dm/uuid", "mpath-3600508b1001c12\n")
        .file("sys/block/dm-5/dm/name", "mpatha\n")
        .file("sys/block/dm-5/dm/suspended", "0\n")
        .file("sys/block/dm-5/size", "2048\n");
    for (path, state) in [("sdf", "running"), ("sdg", "offline"), ("nvme1n1", "live")] {
        tree = tree
            .file(&format!("sys/block/{path}/device/state"), format!("{state}\n"))
            .file(&format!("sys/block/dm-5/slaves/{path}/uevent"), "");
    }
    for (file, content) in [
        ("firmware_rev", "1B2QEXP7\n"),
        ("model", "Samsung SSD 970 PRO 512GB               \n"),
        ("serial", "      S680HF8N190894I\n"),
        ("state", "live\n"),
        ("cntlid", "1997\n"),
        ("nvme0c0n1/ana_state", "optimized\n"),
        ("nvme0c0n1/nuse", "100\n"),
        ("nvme0c0n1/size", "1000\n"),
        ("nvme0c0n1/queue/logical_block_size", "512\n"),
        ("nvme0n2/size", "8\n"),
    ] {
        tree = tree.file(&format!("sys/class/nvme/nvme0/{file}"), content);
    }
    tree
}

fn caches(mut tree: Tree) -> Tree {
    for (file, content) in [
        ("average_key_size", "0"),
        ("btree_cache_size", "1.5M"),
        ("cache_available_percent", "99"),
        ("congested", "0"),
        ("root_usage_percent", "3"),
        ("tree_depth", "1"),
        ("internal/active_journal_entries", "2"),
        ("internal/btree_nodes", "7"),
        ("internal/btree_read_average_duration_us", "1305"),
        ("internal/cache_read_races", "0"),
        ("stats_total/cache_hits", "99999"),
        ("bdev0/dirty_data", "20.3G"),
        ("bdev0/stats_total/bypassed", "3.0k"),
        ("bdev0/stats_total/cache_hits", "546"),
        ("bdev0/stats_total/cache_misses", "5"),
        ("bdev0/stats_total/cache_bypass_hits", "4"),
        ("bdev0/stats_total/cache_bypass_misses", "3"),
        ("bdev0/stats_total/cache_miss_collisions", "2"),
        ("bdev0/stats_total/cache_readaheads", "0"),
        (
            "bdev0/writeback_rate_debug",
            "rate:\t\t1.7M/sec\ndirty:\t\t20.3G\ntarget:\t\t20.4G\nproportional:\t-1.1k\nintegral:\t-251.6k\nchange:\t\t2.6k/sec\nnext io:\t-150773ms",
        ),
        ("cache0/io_errors", "0"),
        ("cache0/metadata_written", "512"),
        ("cache0/written", "1.0k"),
        (
            "cache0/priority_stats",
            "Unused:\t\t99%\nMetadata:\t5%\nAverage:\t10473\nSectors per Q:\t64\nQuantiles:\t[0 0 20946]",
        ),
    ] {
        tree = tree.file(&format!("{SET}/{file}"), format!("{content}\n"));
    }
    tree.file("sys/fs/bcache/register_quiet", "")
}

fn tapes(mut tree: Tree) -> Tree {
    for (file, content) in [
        ("in_flight", "1"),
        ("io_ns", "9247011087720"),
        ("other_cnt", "1409"),
        ("read_byte_cnt", "979383912"),
        ("read_cnt", "3741"),
        ("read_ns", "33788355744"),
        ("resid_cnt", "19"),
        ("write_byte_cnt", "1496246784000"),
        ("write_cnt", "53772916"),
        ("write_ns", "5233597394395"),
    ] {
        tree = tree.file(&format!("sys/class/scsi_tape/st0/stats/{file}"), format!("{content}\n"));
    }
    tree.file("sys/class/scsi_tape/nst0/stats/in_flight", "1\n")
}
