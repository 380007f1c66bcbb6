//! What a collection over netlink costs. The interfaces are this machine's.
#![cfg(target_os = "linux")]

use metrics_net as _;
use relink_testing::Tree;

fn own() -> Tree {
    let tree = Tree::new();
    let sysfs = tree.path().join("sys");
    std::fs::remove_dir(&sysfs).unwrap();
    std::os::unix::fs::symlink("/sys", sysfs).unwrap();
    tree
}

relink_testing::conforms! {
    "net", own(),
    "bonding" => nothing,
    "netclass" => { reads: 0, allocations: 0 },
    "netdev" => { reads: 0, allocations: 0 },
    "qdisc" => { reads: 0, allocations: 0 },
    "wifi" => nothing,
}
