//! The fields of a node's `meminfo` and `numastat`, and their families. Patterns would not do: a gauge of any name would
//! take those of the counters as well.

use relink_core::Family;

/// A key, what its family is called where that is not as the key, and what it means.
macro_rules! gauge {
    ($key:literal, $help:literal) => {
        gauge!($key, $key, $help)
    };
    ($key:literal, $name:literal, $help:literal) => {{
        const NAME: &str = concat!("node_memory_numa_", $name);
        ($key, Family::gauge(NAME, concat!($help, " (meminfo).")).labels(&["node"]))
    }};
}

macro_rules! counter {
    ($key:literal, $help:literal) => {{
        const NAME: &str = concat!("node_memory_numa_", $key, "_total");
        ($key, Family::counter(NAME, concat!($help, " (numastat).")).labels(&["node"]))
    }};
}

/// In the kernel's order, so that a line's key is found where the last one was, or soon after.
pub(super) const GAUGES: &[(&str, Family)] = &[
    gauge!("MemTotal", "Memory of a node that the kernel can use"),
    gauge!("MemFree", "Memory of a node that is used for nothing"),
    gauge!("MemUsed", "Memory of a node that is used for something"),
    gauge!(
        "SwapCached",
        "Memory of a node that is also in swap, and can be dropped without writing it again"
    ),
    gauge!("Active", "Memory of a node that was used lately"),
    gauge!("Inactive", "Memory of a node that was not used lately, and goes first"),
    gauge!("Active(anon)", "Active_anon", "Programs' own memory on a node that was used lately"),
    gauge!("Inactive(anon)", "Inactive_anon", "Programs' own memory on a node that was not used lately"),
    gauge!("Active(file)", "Active_file", "Cached files on a node that were used lately"),
    gauge!("Inactive(file)", "Inactive_file", "Cached files on a node that were not used lately"),
    gauge!("Unevictable", "Memory of a node that can't be taken away, such as locked memory"),
    gauge!("Mlocked", "Memory of a node that programs locked"),
    gauge!("HighTotal", "High memory of a node, which 32-bit kernels don't map all the time"),
    gauge!("HighFree", "High memory of a node that is free"),
    gauge!("LowTotal", "Low memory of a node, which the kernel can use for itself"),
    gauge!("LowFree", "Low memory of a node that is free"),
    gauge!("Dirty", "Memory of a node that waits to be written to disk"),
    gauge!("Writeback", "Memory of a node that is being written to disk"),
    gauge!("FilePages", "Cached content of files and of block devices on a node"),
    gauge!("Mapped", "Files on a node that programs have mapped"),
    gauge!("AnonPages", "Programs' own memory on a node that is mapped"),
    gauge!("Shmem", "Memory of a node in tmpfs, and shared between programs"),
    gauge!("KernelStack", "Memory of a node for the kernel's stacks"),
    gauge!("ShadowCallStack", "Memory of a node for the kernel's shadow stacks"),
    gauge!("PageTables", "Memory of a node for page tables"),
    gauge!("SecPageTables", "Memory of a node for page tables of virtual machines and of the IOMMU"),
    gauge!("NFS_Unstable", "Memory of a node that was sent to an NFS server and is not yet on its disk"),
    gauge!("Bounce", "Memory of a node for devices that reach only a part of it"),
    gauge!("WritebackTmp", "Memory of a node in which FUSE keeps what it writes"),
    gauge!("KReclaimable", "Memory of the kernel's own on a node that can be taken away"),
    gauge!("Slab", "Memory of the kernel's own objects on a node"),
    gauge!("SReclaimable", "Memory of the kernel's own objects on a node that can be taken away"),
    gauge!("SUnreclaim", "Memory of the kernel's own objects on a node that can't be taken away"),
    gauge!("AnonHugePages", "Programs' own memory on a node in huge pages"),
    gauge!("ShmemHugePages", "Memory of a node in tmpfs and shared memory that is in huge pages"),
    gauge!("ShmemPmdMapped", "Memory of a node in tmpfs and shared memory that is mapped as huge pages"),
    gauge!("FileHugePages", "Cached files on a node in huge pages"),
    gauge!("FilePmdMapped", "Cached files on a node that are mapped as huge pages"),
    gauge!("Unaccepted", "Memory of a node that this virtual machine has not accepted yet"),
    gauge!("Balloon", "Memory of a node that was given back to the host of this virtual machine"),
    gauge!("GPUActive", "Memory of a node that objects of the GPU use"),
    gauge!("GPUReclaim", "Memory of a node that drivers of the GPU keep for the next object"),
    gauge!("HugePages_Total", "Huge pages of a node's pool"),
    gauge!("HugePages_Free", "Huge pages of a node's pool that are not used"),
    gauge!("HugePages_Surp", "Huge pages of a node beyond the size of its pool"),
];

pub(super) const COUNTERS: &[(&str, Family)] = &[
    counter!("numa_hit", "Pages that were wanted from a node and taken from it"),
    counter!("numa_miss", "Pages that were taken from a node because another one had none"),
    counter!("numa_foreign", "Pages that were wanted from a node and taken from another one"),
    counter!("interleave_hit", "Pages that were taken from a node in turn, as was wanted"),
    counter!("local_node", "Pages that were taken from a node by its own CPUs"),
    counter!("other_node", "Pages that were taken from a node by CPUs of another one"),
];

pub(crate) const FAMILIES: &[Family] = &{
    let mut all = [GAUGES[0].1; GAUGES.len() + COUNTERS.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < GAUGES.len() { GAUGES[at].1 } else { COUNTERS[at - GAUGES.len()].1 };
        at += 1;
    }
    all
};
