//! The keys of `/proc/meminfo` and their families.

use relink_core::Family;

/// A key, its family, and whether the kernel gives it in kB.
pub(super) struct Key {
    pub(super) key: &'static str,
    pub(super) family: Family,
    pub(super) in_kilobytes: bool,
}

const fn bytes(key: &'static str, name: &'static str, help: &'static str) -> Key {
    Key { key, family: Family::gauge(name, help), in_kilobytes: true }
}

const fn pages(key: &'static str, name: &'static str, help: &'static str) -> Key {
    Key { key, family: Family::gauge(name, help), in_kilobytes: false }
}

/// In the kernel's order, so that a line's key is found where the last one was, or soon after.
pub(super) const KEYS: [Key; COUNT] = [
    bytes("MemTotal", "node_memory_MemTotal_bytes", "Memory that the kernel can use."),
    bytes("MemFree", "node_memory_MemFree_bytes", "Memory that is used for nothing."),
    bytes(
        "MemAvailable",
        "node_memory_MemAvailable_bytes",
        "Memory that programs can still get without swapping, as the kernel estimates it.",
    ),
    bytes("Buffers", "node_memory_Buffers_bytes", "Cached blocks of block devices."),
    bytes("Cached", "node_memory_Cached_bytes", "Cached content of files, swap cache not included."),
    bytes(
        "SwapCached",
        "node_memory_SwapCached_bytes",
        "Memory that is also in swap, and can be dropped without writing it again.",
    ),
    bytes("Active", "node_memory_Active_bytes", "Memory that was used lately."),
    bytes("Inactive", "node_memory_Inactive_bytes", "Memory that was not used lately, and goes first."),
    bytes("Active(anon)", "node_memory_Active_anon_bytes", "Programs' own memory that was used lately."),
    bytes(
        "Inactive(anon)",
        "node_memory_Inactive_anon_bytes",
        "Programs' own memory that was not used lately.",
    ),
    bytes("Active(file)", "node_memory_Active_file_bytes", "Cached files that were used lately."),
    bytes("Inactive(file)", "node_memory_Inactive_file_bytes", "Cached files that were not used lately."),
    bytes(
        "Unevictable",
        "node_memory_Unevictable_bytes",
        "Memory that can't be taken away, such as locked memory.",
    ),
    bytes("Mlocked", "node_memory_Mlocked_bytes", "Memory that programs locked."),
    bytes(
        "HighTotal",
        "node_memory_HighTotal_bytes",
        "High memory, which 32-bit kernels don't map all the time.",
    ),
    bytes("HighFree", "node_memory_HighFree_bytes", "High memory that is free."),
    bytes("LowTotal", "node_memory_LowTotal_bytes", "Low memory, which the kernel can use for itself."),
    bytes("LowFree", "node_memory_LowFree_bytes", "Low memory that is free."),
    bytes(
        "MmapCopy",
        "node_memory_MmapCopy_bytes",
        "Memory in copies that stand for mapped files, on machines without an MMU.",
    ),
    bytes("SwapTotal", "node_memory_SwapTotal_bytes", "Size of swap."),
    bytes("SwapFree", "node_memory_SwapFree_bytes", "Swap that is free."),
    bytes("Zswap", "node_memory_Zswap_bytes", "Memory that zswap takes for what it has compressed."),
    bytes("Zswapped", "node_memory_Zswapped_bytes", "What zswap has compressed, at its size before."),
    bytes("Dirty", "node_memory_Dirty_bytes", "Memory that waits to be written to disk."),
    bytes("Writeback", "node_memory_Writeback_bytes", "Memory that is being written to disk."),
    bytes(
        "AnonPages",
        "node_memory_AnonPages_bytes",
        "Programs' own memory that is mapped into page tables.",
    ),
    bytes("Mapped", "node_memory_Mapped_bytes", "Content of files that is mapped into programs."),
    bytes("Shmem", "node_memory_Shmem_bytes", "Shared memory and tmpfs."),
    bytes(
        "KReclaimable",
        "node_memory_KReclaimable_bytes",
        "Memory of the kernel that it tries to give back when memory is short.",
    ),
    bytes("Slab", "node_memory_Slab_bytes", "The kernel's caches of small objects."),
    bytes("SReclaimable", "node_memory_SReclaimable_bytes", "Slab that can be given back."),
    bytes("SUnreclaim", "node_memory_SUnreclaim_bytes", "Slab that can't be given back."),
    bytes("KernelStack", "node_memory_KernelStack_bytes", "Stacks of all tasks in the kernel."),
    bytes(
        "ShadowCallStack",
        "node_memory_ShadowCallStack_bytes",
        "Shadow call stacks of all tasks in the kernel.",
    ),
    bytes("PageTables", "node_memory_PageTables_bytes", "Page tables."),
    bytes(
        "SecPageTables",
        "node_memory_SecPageTables_bytes",
        "Page tables of virtual machines and of the IOMMU.",
    ),
    bytes(
        "NFS_Unstable",
        "node_memory_NFS_Unstable_bytes",
        "Always 0 on current kernels; before, sent to an NFS server but not yet on its disk.",
    ),
    bytes(
        "Bounce",
        "node_memory_Bounce_bytes",
        "Always 0 on current kernels; before, buffers for devices that can't reach all memory.",
    ),
    bytes("WritebackTmp", "node_memory_WritebackTmp_bytes", "Memory that FUSE uses while it writes."),
    bytes(
        "CommitLimit",
        "node_memory_CommitLimit_bytes",
        "How much memory can be promised to programs where overcommitting is forbidden.",
    ),
    bytes(
        "Committed_AS",
        "node_memory_Committed_AS_bytes",
        "Memory that programs were promised, used or not.",
    ),
    bytes("VmallocTotal", "node_memory_VmallocTotal_bytes", "Address space of vmalloc."),
    bytes("VmallocUsed", "node_memory_VmallocUsed_bytes", "Memory that vmalloc has given out."),
    bytes(
        "VmallocChunk",
        "node_memory_VmallocChunk_bytes",
        "Always 0 on current kernels; before, the largest free part of vmalloc's address space.",
    ),
    bytes("Percpu", "node_memory_Percpu_bytes", "Memory that the kernel keeps for each CPU by itself."),
    bytes(
        "EarlyMemtestBad",
        "node_memory_EarlyMemtestBad_bytes",
        "Memory that the test at boot found to be bad.",
    ),
    bytes(
        "HardwareCorrupted",
        "node_memory_HardwareCorrupted_bytes",
        "Memory that the hardware reported as damaged.",
    ),
    bytes(
        "AnonHugePages",
        "node_memory_AnonHugePages_bytes",
        "Programs' own memory in transparent huge pages.",
    ),
    bytes("ShmemHugePages", "node_memory_ShmemHugePages_bytes", "Shared memory and tmpfs in huge pages."),
    bytes(
        "ShmemPmdMapped",
        "node_memory_ShmemPmdMapped_bytes",
        "Shared memory that is mapped into programs as huge pages.",
    ),
    bytes("FileHugePages", "node_memory_FileHugePages_bytes", "Cached files in huge pages."),
    bytes(
        "FilePmdMapped",
        "node_memory_FilePmdMapped_bytes",
        "Cached files that are mapped into programs as huge pages.",
    ),
    bytes(
        "CmaTotal",
        "node_memory_CmaTotal_bytes",
        "Memory set aside for devices that need it in one piece.",
    ),
    bytes(
        "CmaFree",
        "node_memory_CmaFree_bytes",
        "Of the memory set aside for devices, what they don't use.",
    ),
    bytes(
        "Unaccepted",
        "node_memory_Unaccepted_bytes",
        "Memory that a confidential virtual machine has not accepted yet.",
    ),
    bytes("Balloon", "node_memory_Balloon_bytes", "Memory that was given back to the hypervisor."),
    bytes("GPUActive", "node_memory_GPUActive_bytes", "System memory that graphics processors use."),
    bytes(
        "GPUReclaim",
        "node_memory_GPUReclaim_bytes",
        "System memory that graphics drivers keep and can give back.",
    ),
    pages("HugePages_Total", "node_memory_HugePages_Total", "Huge pages in the pool of the default size."),
    pages("HugePages_Free", "node_memory_HugePages_Free", "Huge pages of the pool that are free."),
    pages("HugePages_Rsvd", "node_memory_HugePages_Rsvd", "Huge pages that were promised but not yet used."),
    pages(
        "HugePages_Surp",
        "node_memory_HugePages_Surp",
        "Huge pages beyond the size that the pool was given.",
    ),
    bytes("Hugepagesize", "node_memory_Hugepagesize_bytes", "Default size of a huge page."),
    bytes("Hugetlb", "node_memory_Hugetlb_bytes", "Memory in the pools of huge pages of all sizes."),
    bytes("DirectMap4k", "node_memory_DirectMap4k_bytes", "Memory that the kernel maps in pages of 4 kB."),
    bytes("DirectMap64k", "node_memory_DirectMap64k_bytes", "Memory that the kernel maps in pages of 64 kB."),
    bytes("DirectMap1M", "node_memory_DirectMap1M_bytes", "Memory that the kernel maps in pages of 1 MB."),
    bytes("DirectMap2M", "node_memory_DirectMap2M_bytes", "Memory that the kernel maps in pages of 2 MB."),
    bytes("DirectMap4M", "node_memory_DirectMap4M_bytes", "Memory that the kernel maps in pages of 4 MB."),
    bytes("DirectMap16M", "node_memory_DirectMap16M_bytes", "Memory that the kernel maps in pages of 16 MB."),
    bytes("DirectMap1G", "node_memory_DirectMap1G_bytes", "Memory that the kernel maps in pages of 1 GB."),
    bytes("DirectMap2G", "node_memory_DirectMap2G_bytes", "Memory that the kernel maps in pages of 2 GB."),
];

const COUNT: usize = 72;

pub(crate) const FAMILIES: &[Family] = &{
    let mut families = [KEYS[0].family; COUNT];
    let mut at = 0;
    while at < COUNT {
        families[at] = KEYS[at].family;
        at += 1;
    }
    families
};
