//! The plugin on trees of files such as the kernel would show.

use metrics_mem as _;
use relink_testing::{Tree, make, plugin, render};

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

fn machine() -> Tree {
    Tree::new().file("proc/meminfo", MEMINFO)
}

relink_testing::conforms!("mem", machine(), reads: 2, allocations: 0);

#[test]
fn a_whole_machine() {
    assert_eq!(
        render(&machine(), "mem", "{}").unwrap(),
        "\
node_memory_MemTotal_bytes 25276502016
node_memory_MemFree_bytes 23146024960
node_memory_MemAvailable_bytes 18957376512
node_memory_Active_anon_bytes 1626112
node_memory_Inactive_file_bytes 1097879552
node_memory_SwapTotal_bytes 0
node_memory_SwapFree_bytes 0
node_memory_NFS_Unstable_bytes 0
node_memory_Committed_AS_bytes 282611712
node_memory_VmallocTotal_bytes 35184372087808
node_memory_HugePages_Total 4
node_memory_HugePages_Free 3
node_memory_Hugepagesize_bytes 2097152
node_memory_DirectMap1G_bytes 25769803776
"
    );
}

#[test]
fn bad_sources_are_errors_that_name_file_and_line() {
    let fails =
        |text: &str| render(&Tree::new().file("proc/meminfo", text), "mem", "{}").unwrap_err().to_string();
    let missing = render(&Tree::new(), "mem", "{}").unwrap_err().to_string();
    assert!(missing.contains("/proc/meminfo: No such file"), "{missing}");
    let empty = fails("");
    assert!(empty.contains("/proc/meminfo: the file is empty"), "{empty}");
    let garbage = fails("MemTotal: 1 kB\ngarbage\n");
    assert!(garbage.contains("/proc/meminfo: line 2: expected a line such as"), "{garbage}");
}

#[cfg(target_os = "linux")]
#[test]
fn every_key_of_this_machine_is_known() {
    let paths = relink_core::Paths::default();
    let options = relink_core::Options::new("mem", paths, Default::default());
    let mut collector = (plugin("mem").new)(&options).unwrap();
    let shown = relink_testing::collect(&mut *collector, "mem").unwrap().lines().count();
    assert_eq!(shown, std::fs::read_to_string("/proc/meminfo").unwrap().lines().count());
}

#[test]
fn facts_are_for_people() {
    let mut facts = relink_core::Facts::default();
    make(&machine(), "mem", "{}").unwrap().facts(&mut facts).unwrap();
    let row = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(facts.rows(), [row("memory", "5.9 of 23.5 GiB used (25 %)"), row("swap", "none")]);
}
