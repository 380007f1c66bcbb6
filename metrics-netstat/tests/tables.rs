//! The tables of the network by CPU, and the reasons of IPsec, on trees of files.
#![cfg(target_os = "linux")]

use metrics_netstat as _;
use relink_testing::{Tree, collect, make, render, warnings};

const ARP_CACHE: &str = "\
entries  allocs   destroys lookups
00000014 00000001 00000002 0000000a
00000014 0000000d 00000003 ffffffffffffffff
";
const CONNTRACK: &str = "\
entries  clashres found
00000005  00000000 0000000a
00000005  00000000 00000001
";
const XFRM: &str = "\
XfrmInError             \t0
XfrmInNoPols            \t65432
XfrmOutStateSeqError    \t18446744073709551615
XfrmAcquireError        \t24532
XfrmInIptfsError        \t7
";

fn tables() -> Tree {
    Tree::new()
        .file("proc/net/stat/nf_conntrack", CONNTRACK)
        .file("proc/net/stat/arp_cache", ARP_CACHE)
        .file("proc/net/xfrm_stat", XFRM)
}

#[test]
fn tables_of_the_network_are_shown_by_cpu() {
    assert_eq!(
        render(&tables(), "lnstat", "{}").unwrap().lines().take(8).collect::<Vec<_>>(),
        [
            r#"node_lnstat_entries_total{subsystem="arp_cache",cpu="0"} 20"#,
            r#"node_lnstat_entries_total{subsystem="arp_cache",cpu="1"} 20"#,
            r#"node_lnstat_entries_total{subsystem="nf_conntrack",cpu="0"} 5"#,
            r#"node_lnstat_entries_total{subsystem="nf_conntrack",cpu="1"} 5"#,
            r#"node_lnstat_allocs_total{subsystem="arp_cache",cpu="0"} 1"#,
            r#"node_lnstat_allocs_total{subsystem="arp_cache",cpu="1"} 13"#,
            r#"node_lnstat_destroys_total{subsystem="arp_cache",cpu="0"} 2"#,
            r#"node_lnstat_destroys_total{subsystem="arp_cache",cpu="1"} 3"#,
        ]
    );
    assert_eq!(render(&Tree::new(), "lnstat", "{}").unwrap(), "");
}

#[test]
fn tables_of_the_network_come_and_go_and_may_be_odd() {
    let tree = Tree::new();
    let mut lnstat = make(&tree, "lnstat", "{}").unwrap();
    let mut shown = |content: &str| {
        tree.write("proc/net/stat/synproxy", content);
        collect(&mut *lnstat, "lnstat").unwrap()
    };
    let line = |name: &str, cpu: u32, value: u32| {
        format!("node_lnstat_{name}_total{{subsystem=\"synproxy\",cpu=\"{cpu}\"}} {value}\n")
    };
    assert_eq!(shown("entries\t\tsyn\n00000001\t0000000f\n"), line("entries", 0, 1) + &line("syn", 0, 15));
    // Another column; a line that is cut, one that is too long, one that is odd.
    assert_eq!(
        shown("entries\n2\n3 4\nx\n5\n"),
        line("entries", 0, 2) + &line("entries", 1, 3) + &line("entries", 3, 5)
    );
    let odd = b"entries s\xff cookies\n1 2 3\n4\n";
    tree.write("proc/net/stat/synproxy", odd);
    let text = collect(&mut *lnstat, "lnstat").unwrap();
    assert_eq!(text, line("entries", 0, 1) + &line("entries", 1, 4) + &line("cookies", 0, 3));
    let told = warnings(&tree, "lnstat", "{}").unwrap();
    assert!(
        told.len() == 1 && told[0].contains("/synproxy: line 1: expected a name of a column"),
        "{told:?}"
    );
    std::fs::remove_file(tree.path().join("proc/net/stat/synproxy")).unwrap();
    assert_eq!(collect(&mut *lnstat, "lnstat").unwrap(), "");
}

#[test]
fn packets_that_could_not_be_transformed_are_counted() {
    assert_eq!(
        render(&tables(), "xfrm", "{}").unwrap(),
        "node_xfrm_acquire_error_packets_total 24532
node_xfrm_in_error_packets_total 0
node_xfrm_in_no_pols_packets_total 65432
node_xfrm_out_state_seq_error_packets_total 18446744073709552000
"
    );
    assert!(warnings(&tables(), "xfrm", "{}").unwrap().is_empty());
    assert_eq!(render(&Tree::new(), "xfrm", "{}").unwrap(), "", "a kernel without it");
    let tree = Tree::new().file("proc/net/xfrm_stat", "XfrmInError -1\nXfrmInNoPols\nXfrmInPolBlock 100\n");
    assert_eq!(render(&tree, "xfrm", "{}").unwrap(), "node_xfrm_in_pol_block_packets_total 100\n");
    assert_eq!(warnings(&tree, "xfrm", "{}").unwrap().len(), 2);
}
