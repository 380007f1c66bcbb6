//! What a collection over netlink costs: the interfaces are this machine's, the rest of what is read is the tree's.
#![cfg(target_os = "linux")]

use metrics_net as _;
use relink_testing::Tree;

relink_testing::conforms!(
    "net",
    Tree::new().file("sys/class/net/lo/dev_id", "0x0\n"),
    options: r#"{"source": "netlink"}"#,
    reads: 0,
    allocations: 0,
);
