//! Memory and swap, as a whole, by node and by zone; the kernel's slabs, and pages that it merged. Under the names that
//! node_exporter's dashboards ask for.
//!
//! The README lists collectors, families and options.

mod buddyinfo;
mod ksmd;
mod meminfo;
mod meminfo_numa;
mod slabinfo;
mod zone;
mod zoneinfo;

use buddyinfo::Buddyinfo;
use ksmd::Ksmd;
use meminfo::Meminfo;
use meminfo_numa::MeminfoNuma;
use slabinfo::Slabinfo;
use zoneinfo::Zoneinfo;

relink_core::register! {
    plugin: "mem",
    help: "Memory and swap, nodes, zones, slabs",
    collectors: [
        {
            name: "buddyinfo",
            help: "Free memory by zone and size of block",
            families: [buddyinfo::BLOCKS],
            new: Buddyinfo::new,
            default: off,
        },
        {
            name: "ksmd",
            help: "Pages that the kernel merged",
            families: ksmd::FAMILIES,
            new: Ksmd::new,
            default: off,
        },
        { name: "meminfo", help: "Memory and swap", families: meminfo::FAMILIES, new: Meminfo::new },
        {
            name: "meminfo_numa",
            help: "Memory by node",
            families: meminfo_numa::FAMILIES,
            new: MeminfoNuma::new,
            default: off,
        },
        {
            name: "slabinfo",
            help: "Memory of the kernel's own objects",
            families: slabinfo::FAMILIES,
            options: slabinfo::Settings,
            new: Slabinfo::new,
            default: off,
        },
        {
            name: "zoneinfo",
            help: "Memory by zone",
            families: zoneinfo::FAMILIES,
            new: Zoneinfo::new,
            default: off,
        },
    ],
}
