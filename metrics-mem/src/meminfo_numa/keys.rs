//! The fields of a node's `meminfo` and `numastat`, and their families. Patterns would not do: a gauge of any name would
//! take those of the counters as well.

use relink_core::Family;

const fn gauge(key: &'static str, name: &'static str, help: &'static str) -> (&'static str, Family) {
    (key, Family::gauge(name, help).labels(&["node"]))
}

const fn counter(key: &'static str, name: &'static str, help: &'static str) -> (&'static str, Family) {
    (key, Family::counter(name, help).labels(&["node"]))
}

/// In the kernel's order, so that a line's key is found where the last one was, or soon after.
pub(super) const GAUGES: &[(&str, Family)] = &[
    gauge("MemTotal", "node_memory_numa_MemTotal", "Memory of a node that the kernel can use (meminfo)."),
    gauge("MemFree", "node_memory_numa_MemFree", "Memory of a node that is used for nothing (meminfo)."),
    gauge("MemUsed", "node_memory_numa_MemUsed", "Memory of a node that is used for something (meminfo)."),
    gauge(
        "SwapCached",
        "node_memory_numa_SwapCached",
        "Memory of a node that is also in swap, and can be dropped without writing it again (meminfo).",
    ),
    gauge("Active", "node_memory_numa_Active", "Memory of a node that was used lately (meminfo)."),
    gauge(
        "Inactive",
        "node_memory_numa_Inactive",
        "Memory of a node that was not used lately, and goes first (meminfo).",
    ),
    gauge(
        "Active(anon)",
        "node_memory_numa_Active_anon",
        "Programs' own memory on a node that was used lately (meminfo).",
    ),
    gauge(
        "Inactive(anon)",
        "node_memory_numa_Inactive_anon",
        "Programs' own memory on a node that was not used lately (meminfo).",
    ),
    gauge(
        "Active(file)",
        "node_memory_numa_Active_file",
        "Cached files on a node that were used lately (meminfo).",
    ),
    gauge(
        "Inactive(file)",
        "node_memory_numa_Inactive_file",
        "Cached files on a node that were not used lately (meminfo).",
    ),
    gauge(
        "Unevictable",
        "node_memory_numa_Unevictable",
        "Memory of a node that can't be taken away, such as locked memory (meminfo).",
    ),
    gauge("Mlocked", "node_memory_numa_Mlocked", "Memory of a node that programs locked (meminfo)."),
    gauge(
        "HighTotal",
        "node_memory_numa_HighTotal",
        "High memory of a node, which 32-bit kernels don't map all the time (meminfo).",
    ),
    gauge("HighFree", "node_memory_numa_HighFree", "High memory of a node that is free (meminfo)."),
    gauge(
        "LowTotal",
        "node_memory_numa_LowTotal",
        "Low memory of a node, which the kernel can use for itself (meminfo).",
    ),
    gauge("LowFree", "node_memory_numa_LowFree", "Low memory of a node that is free (meminfo)."),
    gauge("Dirty", "node_memory_numa_Dirty", "Memory of a node that waits to be written to disk (meminfo)."),
    gauge(
        "Writeback",
        "node_memory_numa_Writeback",
        "Memory of a node that is being written to disk (meminfo).",
    ),
    gauge(
        "FilePages",
        "node_memory_numa_FilePages",
        "Cached content of files and of block devices on a node (meminfo).",
    ),
    gauge("Mapped", "node_memory_numa_Mapped", "Files on a node that programs have mapped (meminfo)."),
    gauge(
        "AnonPages",
        "node_memory_numa_AnonPages",
        "Programs' own memory on a node that is mapped (meminfo).",
    ),
    gauge(
        "Shmem",
        "node_memory_numa_Shmem",
        "Memory of a node in tmpfs, and shared between programs (meminfo).",
    ),
    gauge(
        "KernelStack",
        "node_memory_numa_KernelStack",
        "Memory of a node for the kernel's stacks (meminfo).",
    ),
    gauge(
        "ShadowCallStack",
        "node_memory_numa_ShadowCallStack",
        "Memory of a node for the kernel's shadow stacks (meminfo).",
    ),
    gauge("PageTables", "node_memory_numa_PageTables", "Memory of a node for page tables (meminfo)."),
    gauge(
        "SecPageTables",
        "node_memory_numa_SecPageTables",
        "Memory of a node for page tables of virtual machines and of the IOMMU (meminfo).",
    ),
    gauge(
        "NFS_Unstable",
        "node_memory_numa_NFS_Unstable",
        "Memory of a node that was sent to an NFS server and is not yet on its disk (meminfo).",
    ),
    gauge(
        "Bounce",
        "node_memory_numa_Bounce",
        "Memory of a node for devices that reach only a part of it (meminfo).",
    ),
    gauge(
        "WritebackTmp",
        "node_memory_numa_WritebackTmp",
        "Memory of a node in which FUSE keeps what it writes (meminfo).",
    ),
    gauge(
        "KReclaimable",
        "node_memory_numa_KReclaimable",
        "Memory of the kernel's own on a node that can be taken away (meminfo).",
    ),
    gauge("Slab", "node_memory_numa_Slab", "Memory of the kernel's own objects on a node (meminfo)."),
    gauge(
        "SReclaimable",
        "node_memory_numa_SReclaimable",
        "Memory of the kernel's own objects on a node that can be taken away (meminfo).",
    ),
    gauge(
        "SUnreclaim",
        "node_memory_numa_SUnreclaim",
        "Memory of the kernel's own objects on a node that can't be taken away (meminfo).",
    ),
    gauge(
        "AnonHugePages",
        "node_memory_numa_AnonHugePages",
        "Programs' own memory on a node in huge pages (meminfo).",
    ),
    gauge(
        "ShmemHugePages",
        "node_memory_numa_ShmemHugePages",
        "Memory of a node in tmpfs and shared memory that is in huge pages (meminfo).",
    ),
    gauge(
        "ShmemPmdMapped",
        "node_memory_numa_ShmemPmdMapped",
        "Memory of a node in tmpfs and shared memory that is mapped as huge pages (meminfo).",
    ),
    gauge(
        "FileHugePages",
        "node_memory_numa_FileHugePages",
        "Cached files on a node in huge pages (meminfo).",
    ),
    gauge(
        "FilePmdMapped",
        "node_memory_numa_FilePmdMapped",
        "Cached files on a node that are mapped as huge pages (meminfo).",
    ),
    gauge(
        "Unaccepted",
        "node_memory_numa_Unaccepted",
        "Memory of a node that this virtual machine has not accepted yet (meminfo).",
    ),
    gauge(
        "Balloon",
        "node_memory_numa_Balloon",
        "Memory of a node that was given back to the host of this virtual machine (meminfo).",
    ),
    gauge(
        "GPUActive",
        "node_memory_numa_GPUActive",
        "Memory of a node that objects of the GPU use (meminfo).",
    ),
    gauge(
        "GPUReclaim",
        "node_memory_numa_GPUReclaim",
        "Memory of a node that drivers of the GPU keep for the next object (meminfo).",
    ),
    gauge("HugePages_Total", "node_memory_numa_HugePages_Total", "Huge pages of a node's pool (meminfo)."),
    gauge(
        "HugePages_Free",
        "node_memory_numa_HugePages_Free",
        "Huge pages of a node's pool that are not used (meminfo).",
    ),
    gauge(
        "HugePages_Surp",
        "node_memory_numa_HugePages_Surp",
        "Huge pages of a node beyond the size of its pool (meminfo).",
    ),
];

pub(super) const COUNTERS: &[(&str, Family)] = &[
    counter(
        "numa_hit",
        "node_memory_numa_numa_hit_total",
        "Pages that were wanted from a node and taken from it (numastat).",
    ),
    counter(
        "numa_miss",
        "node_memory_numa_numa_miss_total",
        "Pages that were taken from a node because another one had none (numastat).",
    ),
    counter(
        "numa_foreign",
        "node_memory_numa_numa_foreign_total",
        "Pages that were wanted from a node and taken from another one (numastat).",
    ),
    counter(
        "interleave_hit",
        "node_memory_numa_interleave_hit_total",
        "Pages that were taken from a node in turn, as was wanted (numastat).",
    ),
    counter(
        "local_node",
        "node_memory_numa_local_node_total",
        "Pages that were taken from a node by its own CPUs (numastat).",
    ),
    counter(
        "other_node",
        "node_memory_numa_other_node_total",
        "Pages that were taken from a node by CPUs of another one (numastat).",
    ),
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
