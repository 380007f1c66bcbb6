//! A machine on which all collectors have something to show.

use relink_testing::Tree;

const MEMINFO: &str = "\
MemTotal:       24684084 kB
MemFree:        22603540 kB
MemAvailable:   18513063 kB
Active(anon):       1588 kB
Inactive(file):  1072148 kB
SwapTotal:             0 kB
SwapFree:              0 kB
NFS_Unstable:          0 kB
Committed_AS:     275988 kB
VmallocTotal:   34359738367 kB
HugePages_Total:       4
HugePages_Free:        3
Hugepagesize:       2048 kB
DirectMap1G:    25165824 kB
";

/// Of Linux 6.1, whose lines end in a blank.
const BUDDYINFO: &str = "\
Node 0, zone      DMA      0      0      1      3 
Node 0, zone   Normal   6116   3568   1080    298 
Node 1, zone   Normal     17      0      0      2 
";

const NODE0: &str = "\
Node 0 MemTotal:        8874196 kB
Node 0 MemUsed:         2968952 kB
Node 0 SwapCached:            0 kB
Node 0 Active(anon):       1576 kB
Node 0 NewInLinux9:           7 kB
Node 0 HugePages_Total:     4
";
/// Of Linux 2.6.32, which begins with an empty line.
const NODE10: &str = "
Node 10 MemTotal:      134217728 kB
Node 10 Active(file):    5014032 kB
";
const NUMASTAT: &str = "\
numa_hit 326720946761
numa_miss 59858626709
numa_foreign 12624528
interleave_hit 57286
local_node 326719046550
other_node 59860526920
";

const SLABINFO: &str = "\
slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount>
tw_sock_TCP          704    864    256   32    2 : tunables    0    0    0 : slabdata     27     27      0
dmaengine-unmap-128   1206   1320   1088   30    8 : tunables    0    0    0 : slabdata     44     44      0
";

/// Of Linux 5.10: what is counted by node stands in the first zone; a zone without pages has nothing else.
const ZONEINFO: &str = "\
Node 0, zone      DMA
  per-node stats
      nr_inactive_anon 95612
      nr_slab_reclaimable 121763
      workingset_nodes 0
      nr_mapped    423143
      nr_anon_transparent_hugepages 0
      nr_dirtied   1189097
  pages free     2949
        min      8
        low      11
        high     14
        spanned  4095
        protection: (0, 2039, 31932)
      nr_free_pages 2949
      nr_zone_inactive_anon 0
      nr_kernel_stack 16
      numa_hit     1
      numa_other   0
  pagesets
    cpu: 0
              count: 357
              high:  378
              batch: 63
  vm stats threshold: 8
  node_unreclaimable:  0
  start_pfn:           1
Node 1, zone  Movable
  pages free     0
        min      0
        protection: (0, 0, 0)
";

pub(crate) fn machine() -> Tree {
    let ksm = [
        ("full_scans", "17\n"),
        ("general_profit", "-201384320\n"),
        ("merge_across_nodes", "1\n"),
        ("pages_shared", "52\n"),
        ("pages_sharing", "104\n"),
        ("pages_to_scan", "100\n"),
        ("pages_unshared", "9\n"),
        ("pages_volatile", "8\n"),
        ("run", "2\n"),
        ("sleep_millisecs", "20\n"),
        ("max_page_sharing", "256\n"),
    ];
    let node = "sys/devices/system/node";
    let tree = Tree::new()
        .file("proc/meminfo", MEMINFO)
        .file("proc/buddyinfo", BUDDYINFO)
        .file("proc/slabinfo", SLABINFO)
        .file("proc/zoneinfo", ZONEINFO)
        .file(&format!("{node}/online"), "0,10\n")
        .file(&format!("{node}/node0/meminfo"), NODE0)
        .file(&format!("{node}/node0/numastat"), NUMASTAT)
        .file(&format!("{node}/node10/meminfo"), NODE10)
        .file(&format!("{node}/node10/numastat"), NUMASTAT);
    ksm.iter().fold(tree, |tree, (name, value)| tree.file(&format!("sys/kernel/mm/ksm/{name}"), value))
}
