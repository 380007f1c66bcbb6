//! Collectors of memory by node, zone and kind, on trees of files such as the kernel would show.

mod machine;

use machine::machine;
use metrics_mem as _;
use relink_testing::{Tree, collect, make, render, warnings};

/// The others than meminfo, none of which is on by default.
const OTHERS: [&str; 5] = ["buddyinfo", "ksmd", "meminfo_numa", "slabinfo", "zoneinfo"];

#[test]
fn zones_of_a_whole_machine() {
    assert_eq!(
        render(&machine(), "buddyinfo", "{}").unwrap(),
        r#"node_buddyinfo_blocks{node="0",zone="DMA",size="0"} 0
node_buddyinfo_blocks{node="0",zone="DMA",size="1"} 0
node_buddyinfo_blocks{node="0",zone="DMA",size="2"} 1
node_buddyinfo_blocks{node="0",zone="DMA",size="3"} 3
node_buddyinfo_blocks{node="0",zone="Normal",size="0"} 6116
node_buddyinfo_blocks{node="0",zone="Normal",size="1"} 3568
node_buddyinfo_blocks{node="0",zone="Normal",size="2"} 1080
node_buddyinfo_blocks{node="0",zone="Normal",size="3"} 298
node_buddyinfo_blocks{node="1",zone="Normal",size="0"} 17
node_buddyinfo_blocks{node="1",zone="Normal",size="1"} 0
node_buddyinfo_blocks{node="1",zone="Normal",size="2"} 0
node_buddyinfo_blocks{node="1",zone="Normal",size="3"} 2
"#
    );
    assert_eq!(
        render(&machine(), "zoneinfo", "{}").unwrap(),
        r#"node_zoneinfo_nr_free_pages{node="0",zone="DMA"} 2949
node_zoneinfo_min_pages{node="0",zone="DMA"} 8
node_zoneinfo_min_pages{node="1",zone="Movable"} 0
node_zoneinfo_low_pages{node="0",zone="DMA"} 11
node_zoneinfo_high_pages{node="0",zone="DMA"} 14
node_zoneinfo_spanned_pages{node="0",zone="DMA"} 4095
node_zoneinfo_nr_inactive_anon_pages{node="0",zone="DMA"} 95612
node_zoneinfo_nr_anon_transparent_hugepages{node="0",zone="DMA"} 0
node_zoneinfo_nr_slab_reclaimable_pages{node="0",zone="DMA"} 121763
node_zoneinfo_nr_kernel_stacks{node="0",zone="DMA"} 16
node_zoneinfo_nr_mapped_pages{node="0",zone="DMA"} 423143
node_zoneinfo_nr_dirtied_total{node="0",zone="DMA"} 1189097
node_zoneinfo_numa_hit_total{node="0",zone="DMA"} 1
node_zoneinfo_numa_other_total{node="0",zone="DMA"} 0
node_zoneinfo_protection_0{node="0",zone="DMA"} 0
node_zoneinfo_protection_0{node="1",zone="Movable"} 0
node_zoneinfo_protection_1{node="0",zone="DMA"} 2039
node_zoneinfo_protection_1{node="1",zone="Movable"} 0
node_zoneinfo_protection_2{node="0",zone="DMA"} 31932
node_zoneinfo_protection_2{node="1",zone="Movable"} 0
"#
    );
}

#[test]
fn nodes_slabs_and_merged_pages_of_a_whole_machine() {
    assert_eq!(
        render(&machine(), "meminfo_numa", "{}").unwrap(),
        r#"node_memory_numa_MemTotal{node="0"} 9087176704
node_memory_numa_MemTotal{node="10"} 137438953472
node_memory_numa_MemUsed{node="0"} 3040206848
node_memory_numa_SwapCached{node="0"} 0
node_memory_numa_Active_anon{node="0"} 1613824
node_memory_numa_Active_file{node="10"} 5134368768
node_memory_numa_HugePages_Total{node="0"} 4
node_memory_numa_numa_hit_total{node="0"} 326720946761
node_memory_numa_numa_hit_total{node="10"} 326720946761
node_memory_numa_numa_miss_total{node="0"} 59858626709
node_memory_numa_numa_miss_total{node="10"} 59858626709
node_memory_numa_numa_foreign_total{node="0"} 12624528
node_memory_numa_numa_foreign_total{node="10"} 12624528
node_memory_numa_interleave_hit_total{node="0"} 57286
node_memory_numa_interleave_hit_total{node="10"} 57286
node_memory_numa_local_node_total{node="0"} 326719046550
node_memory_numa_local_node_total{node="10"} 326719046550
node_memory_numa_other_node_total{node="0"} 59860526920
node_memory_numa_other_node_total{node="10"} 59860526920
"#
    );
    assert_eq!(
        render(&machine(), "slabinfo", "{}").unwrap(),
        r#"node_slabinfo_active_objects{slab="tw_sock_TCP"} 704
node_slabinfo_active_objects{slab="dmaengine-unmap-128"} 1206
node_slabinfo_objects{slab="tw_sock_TCP"} 864
node_slabinfo_objects{slab="dmaengine-unmap-128"} 1320
node_slabinfo_object_size_bytes{slab="tw_sock_TCP"} 256
node_slabinfo_object_size_bytes{slab="dmaengine-unmap-128"} 1088
node_slabinfo_objects_per_slab{slab="tw_sock_TCP"} 32
node_slabinfo_objects_per_slab{slab="dmaengine-unmap-128"} 30
node_slabinfo_pages_per_slab{slab="tw_sock_TCP"} 2
node_slabinfo_pages_per_slab{slab="dmaengine-unmap-128"} 8
"#
    );
    assert_eq!(
        render(&machine(), "ksmd", "{}").unwrap(),
        "node_ksmd_general_profit_bytes -201384320
node_ksmd_merge_across_nodes 1
node_ksmd_pages_shared 52
node_ksmd_pages_sharing 104
node_ksmd_pages_to_scan 100
node_ksmd_pages_unshared 9
node_ksmd_pages_volatile 8
node_ksmd_run 2
node_ksmd_sleep_seconds 0.02
node_ksmd_full_scans_total 17
"
    );
    for collector in OTHERS {
        assert!(warnings(&machine(), collector, "{}").unwrap().is_empty(), "{collector}");
    }
}

/// Of Linux before 4.8, where each zone has all counts and the protection stands behind them, and of 6.8, where a CPU's limits have
/// names that begin like those of the zone.
#[test]
fn zones_of_other_kernels() {
    let tree = |content: &str| Tree::new().file("proc/zoneinfo", content);
    let old = tree(
        "Node 0, zone    DMA32\n  pages free     208727\n        high     22144\n        \
         scanned  7 (aa: 0 ia: 0 af: 0 if: 0)\n        mem_notify_status 0\n    nr_free_pages 208727\n    \
         nr_dirty     5\n    numa_interleave 2\n    nr_free_cma  0\n        protection: (0, 3417)\n  pagesets\n    \
         cpu: 0 pcp: 0\n              high:  90\n  vm stats threshold: 4\n  all_unreclaimable: 1\n  prev_priority:     12\n",
    );
    let zone = r#"{node="0",zone="DMA32"}"#;
    assert_eq!(
        render(&old, "zoneinfo", "{}").unwrap().replace(zone, ""),
        "node_zoneinfo_nr_free_pages 208727\nnode_zoneinfo_high_pages 22144\nnode_zoneinfo_scanned_pages 7\n\
         node_zoneinfo_nr_dirty_pages 5\nnode_zoneinfo_numa_interleave_total 2\nnode_zoneinfo_protection_0 0\n\
         node_zoneinfo_protection_1 3417\n"
    );
    let new = tree(
        "Node 3, zone   Device\n  pages free     0\n        boost    4\n        min      1\n        cma      0\n        \
         protection: (0)\n      nr_zone_inactive_anon 9\n  pagesets\n    cpu: 0\n              high:     90\n              \
         high_min: 7\n              high_max: 8\n",
    );
    let zone = r#"{node="3",zone="Device"}"#;
    let text = render(&new, "zoneinfo", "{}").unwrap().replace(zone, "");
    assert_eq!(text, "node_zoneinfo_min_pages 1\nnode_zoneinfo_protection_0 0\n");
    assert!([old, new].iter().all(|tree| warnings(tree, "zoneinfo", "{}").unwrap().is_empty()));
}

#[cfg(target_os = "linux")]
#[test]
fn every_key_of_the_nodes_of_this_machine_is_known() {
    let name = "meminfo_numa";
    let options = relink_core::registry::Options::new(name, Default::default(), Default::default());
    let mut collector = (relink_testing::collector(name).new)(&options).unwrap();
    let shown = collect(&mut *collector, name).unwrap().lines().count();
    let nodes = std::fs::read_dir("/sys/devices/system/node").into_iter().flatten().flatten();
    let files = nodes.flat_map(|node| ["meminfo", "numastat"].map(|file| node.path().join(file)));
    let texts = files.filter_map(|path| std::fs::read_to_string(path).ok());
    assert_eq!(shown, texts.map(|text| text.lines().filter(|line| !line.is_empty()).count()).sum::<usize>());
}

#[test]
fn a_machine_without_the_files_has_none_of_the_others() {
    for collector in OTHERS {
        assert!(!relink_testing::collector(collector).on, "{collector}");
        assert_eq!(render(&Tree::new(), collector, "{}").unwrap(), "", "{collector}");
        assert!(warnings(&Tree::new(), collector, "{}").unwrap().is_empty(), "{collector}");
    }
}

#[test]
fn what_comes_later_is_found() {
    let tree = Tree::new();
    for collector in OTHERS {
        let mut running = make(&tree, collector, "{}").unwrap();
        assert_eq!(collect(&mut *running, collector).unwrap(), "", "{collector}");
        let later = machine();
        for root in ["proc", "sys"] {
            let (from, to) = (later.path().join(root), tree.path().join(root));
            std::fs::remove_dir_all(&to).unwrap();
            std::fs::rename(from, to).unwrap();
        }
        assert_eq!(collect(&mut *running, collector).unwrap(), render(&machine(), collector, "{}").unwrap());
        for root in ["proc", "sys"] {
            std::fs::remove_dir_all(tree.path().join(root)).unwrap();
            std::fs::create_dir(tree.path().join(root)).unwrap();
        }
    }
}

#[test]
fn slabs_are_chosen_by_name() {
    let shown = |options: &str| {
        let text = render(&machine(), "slabinfo", options).unwrap();
        let names = text.lines().filter_map(|line| line.strip_prefix("node_slabinfo_objects{slab=\""));
        names.filter_map(|name| Some(name.split_once('"')?.0.to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(shown(r#"{"slabs_include": "TCP"}"#), ["tw_sock_TCP"]);
    assert_eq!(shown(r#"{"slabs_exclude": "TCP"}"#), ["dmaengine-unmap-128"]);
    assert_eq!(shown(r#"{"slabs_include": "^(tw|dma)", "slabs_exclude": "^tw"}"#), ["dmaengine-unmap-128"]);
    assert_eq!(shown(r#"{"slabs_include": "", "slabs_exclude": ""}"#).len(), 2);
    for key in ["slabs_include", "slabs_exclude"] {
        let error = make(&machine(), "slabinfo", &format!("{{\"{key}\": \"(\"}}")).err().unwrap().to_string();
        let said = format!("[collectors.slabinfo]: {key} is \"(\", expected a regular expression");
        assert!(error.starts_with(&said), "{error}");
    }
}

/// What a collector says of a file with this content: the lines it shows, and the ends of its warnings.
fn said_of(collector: &str, file: &str, content: &[u8], count: usize, said: &[&str]) {
    let tree = machine().file(file, content);
    let text = render(&tree, collector, "{}").unwrap();
    assert_eq!(text.lines().count(), count, "{text}");
    let warnings = warnings(&tree, collector, "{}").unwrap();
    assert_eq!(warnings.len(), said.len(), "{warnings:?}");
    for (warning, said) in warnings.iter().zip(said) {
        assert!(warning.ends_with(said), "{warning} {said}");
    }
}

#[test]
fn odd_lines_are_passed_over_and_told() {
    said_of(
        "buddyinfo",
        "proc/buddyinfo",
        b"Node 0, zone DMA 1 x 3\njunk \xff\nNode 0, zone DMA 5\n",
        2,
        &[
            "/buddyinfo: line 1: expected a count, found \"x\"",
            "/buddyinfo: line 2: expected a line such as \"Node 0, zone DMA 1 0 3\", found \"junk \u{fffd}\"",
        ],
    );
    // Modules may give two caches one name.
    said_of(
        "slabinfo",
        "proc/slabinfo",
        b"a 1 2 3 4 5 : tunables 0 0 0\nb 1 2 3 : tunables\na 1 2 3 4 5 : tunables 0 0 0\n",
        5,
        &[
            "/slabinfo: line 2: expected a name, five numbers and \" : tunables\", found \"b 1 2 3 : tunables\"",
        ],
    );
    said_of(
        "zoneinfo",
        "proc/zoneinfo",
        b"Node 0, zone DMA\n  min\n  low -1\n  nr_dirtied -1\n  nr_written 18446744073709551615\n  protection: (0, x)\n\
          Node zone Normal\n  high 3\nNode 1, zone DMA\n  scanned  5 (aa: 0 ia: 0 af: 0 if: 0)\n  protection: 0\n",
        2,
        &[
            "/zoneinfo: line 2: expected a number behind min, found \"\"",
            "/zoneinfo: line 4: expected a number behind nr_dirtied, found \"-1\"",
            "/zoneinfo: line 5: expected a number behind nr_written, found \"18446744073709551615\"",
            "/zoneinfo: line 6: expected numbers such as \"(0, 2039, 31932)\" behind protection, found \"(0, x)\"",
            "/zoneinfo: line 7: expected a line such as \"Node 0, zone DMA\", found \"Node zone Normal\"",
            "/zoneinfo: line 11: expected numbers such as \"(0, 2039, 31932)\" behind protection, found \"0\"",
        ],
    );
    said_of(
        "meminfo_numa",
        "sys/devices/system/node/node0/meminfo",
        b"Node 0 MemFree: 1 kB\nNode 1 MemTotal: 1 kB\nNode 0 MemUsed: 1 MB\n",
        15,
        &[
            "/node0/meminfo: line 2: expected a line such as \"Node 0 MemFree: 1024 kB\", found \"Node 1 MemTotal: 1 kB\"",
            "/node0/meminfo: line 3: expected a number, or one of kB, found \"1 MB\"",
        ],
    );
    said_of(
        "meminfo_numa",
        "sys/devices/system/node/node10/numastat",
        b"numa_hit -1\nnuma_miss\nnuma_foreign x\n",
        13,
        &[
            "/node10/numastat: line 1: expected a line such as \"numa_hit 1024\", found \"numa_hit -1\"",
            "/node10/numastat: line 2: expected a line such as \"numa_hit 1024\", found \"numa_miss\"",
            "/node10/numastat: line 3: expected a line such as \"numa_hit 1024\", found \"numa_foreign x\"",
        ],
    );
    let ksm = "sys/kernel/mm/ksm/full_scans";
    said_of("ksmd", ksm, b"-1\n", 9, &["/ksm/full_scans: expected a count, found \"-1\""]);
    said_of("ksmd", ksm, b"many\n", 9, &["/ksm/full_scans: expected a number, found \"many\""]);
}

#[test]
fn a_file_of_which_nothing_can_be_understood_is_an_error() {
    for (collector, file, content, said) in [
        ("buddyinfo", "proc/buddyinfo", "junk\n", "/buddyinfo: line 1: expected a line such as"),
        ("slabinfo", "proc/slabinfo", "junk\n", "/slabinfo: line 1: expected a name, five numbers"),
        (
            "zoneinfo",
            "proc/zoneinfo",
            "",
            "/zoneinfo: expected a line such as \"Node 0, zone DMA\", found \"\"",
        ),
        ("zoneinfo", "proc/zoneinfo", "junk\n", "/zoneinfo: line 1: expected a line such as"),
        ("zoneinfo", "proc/zoneinfo", "  min 1\n", "/zoneinfo: expected a line such as \"Node 0, zone DMA\""),
    ] {
        let error = render(&machine().file(file, content), collector, "{}").unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let node = "sys/devices/system/node/node0";
    let tree =
        Tree::new().file(&format!("{node}/meminfo"), "junk\n").file(&format!("{node}/numastat"), "junk\n");
    let error = render(&tree, "meminfo_numa", "{}").unwrap_err().to_string();
    assert!(error.contains("/node0/meminfo: line 1: expected a line such as"), "{error}");
}

#[cfg(unix)]
#[test]
fn what_may_not_be_read_is_told() {
    let denied = |file: &str| {
        let tree = machine();
        // Nobody can open a link to itself, root no more than others.
        let path = tree.path().join(file);
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&path, &path).unwrap();
        tree
    };
    for (collector, file) in
        [("buddyinfo", "proc/buddyinfo"), ("slabinfo", "proc/slabinfo"), ("zoneinfo", "proc/zoneinfo")]
    {
        let error = render(&denied(file), collector, "{}").unwrap_err().to_string();
        assert!(error.contains(&format!("{file}: Too many levels")), "{error}");
    }
    for (collector, file, count) in
        [("ksmd", "sys/kernel/mm/ksm/run", 9), ("meminfo_numa", "sys/devices/system/node/node0/numastat", 13)]
    {
        let tree = denied(file);
        assert_eq!(render(&tree, collector, "{}").unwrap().lines().count(), count);
        let warnings = warnings(&tree, collector, "{}").unwrap();
        assert!(
            warnings.len() == 1 && warnings[0].contains(&format!("{file}: Too many levels")),
            "{warnings:?}"
        );
    }
}
