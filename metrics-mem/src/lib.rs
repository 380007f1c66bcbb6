//! Memory and swap, from `/proc/meminfo`, under the names that node_exporter's dashboards ask for.
//!
//! The README lists the families.

mod meminfo;

use meminfo::Meminfo;

relink_core::register! {
    plugin: "mem",
    collector: "meminfo",
    help: "Memory and swap",
    families: meminfo::FAMILIES,
    new: Meminfo::new,
}
