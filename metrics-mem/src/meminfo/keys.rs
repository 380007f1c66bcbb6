//! The keys of `/proc/meminfo` and their families.

use relink_core::Family;

/// A key, its family, and whether the kernel gives it in kB.
pub(super) struct Key {
    pub(super) key: &'static str,
    pub(super) family: Family,
    pub(super) in_kilobytes: bool,
}

/// A key, what its family is called where that is not as the key, and what it means.
macro_rules! bytes {
    ($key:literal, $help:literal) => {
        bytes!($key, $key, $help)
    };
    ($key:literal, $name:literal, $help:literal) => {
        Key {
            key: $key,
            family: Family::gauge(concat!("node_memory_", $name, "_bytes"), $help),
            in_kilobytes: true,
        }
    };
}

macro_rules! pages {
    ($key:literal, $help:literal) => {
        Key { key: $key, family: Family::gauge(concat!("node_memory_", $key), $help), in_kilobytes: false }
    };
}

/// In the kernel's order, so that a line's key is found where the last one was, or soon after.
pub(super) const KEYS: [Key; COUNT] = [
    bytes!("MemTotal", "Memory that the kernel can use."),
    bytes!("MemFree", "Memory that is used for nothing."),
    bytes!(
        "MemAvailable",
        "Memory that programs can still get without swapping, as the kernel estimates it."
    ),
    bytes!("Buffers", "Cached blocks of block devices."),
    bytes!("Cached", "Cached content of files, swap cache not included."),
    bytes!("SwapCached", "Memory that is also in swap, and can be dropped without writing it again."),
    bytes!("Active", "Memory that was used lately."),
    bytes!("Inactive", "Memory that was not used lately, and goes first."),
    bytes!("Active(anon)", "Active_anon", "Programs' own memory that was used lately."),
    bytes!("Inactive(anon)", "Inactive_anon", "Programs' own memory that was not used lately."),
    bytes!("Active(file)", "Active_file", "Cached files that were used lately."),
    bytes!("Inactive(file)", "Inactive_file", "Cached files that were not used lately."),
    bytes!("Unevictable", "Memory that can't be taken away, such as locked memory."),
    bytes!("Mlocked", "Memory that programs locked."),
    bytes!("HighTotal", "High memory, which 32-bit kernels don't map all the time."),
    bytes!("HighFree", "High memory that is free."),
    bytes!("LowTotal", "Low memory, which the kernel can use for itself."),
    bytes!("LowFree", "Low memory that is free."),
    bytes!("MmapCopy", "Memory in copies that stand for mapped files, on machines without an MMU."),
    bytes!("SwapTotal", "Size of swap."),
    bytes!("SwapFree", "Swap that is free."),
    bytes!("Zswap", "Memory that zswap takes for what it has compressed."),
    bytes!("Zswapped", "What zswap has compressed, at its size before."),
    bytes!("Dirty", "Memory that waits to be written to disk."),
    bytes!("Writeback", "Memory that is being written to disk."),
    bytes!("AnonPages", "Programs' own memory that is mapped into page tables."),
    bytes!("Mapped", "Content of files that is mapped into programs."),
    bytes!("Shmem", "Shared memory and tmpfs."),
    bytes!("KReclaimable", "Memory of the kernel that it tries to give back when memory is short."),
    bytes!("Slab", "The kernel's caches of small objects."),
    bytes!("SReclaimable", "Slab that can be given back."),
    bytes!("SUnreclaim", "Slab that can't be given back."),
    bytes!("KernelStack", "Stacks of all tasks in the kernel."),
    bytes!("ShadowCallStack", "Shadow call stacks of all tasks in the kernel."),
    bytes!("PageTables", "Page tables."),
    bytes!("SecPageTables", "Page tables of virtual machines and of the IOMMU."),
    bytes!(
        "NFS_Unstable",
        "Always 0 on current kernels; before, sent to an NFS server but not yet on its disk."
    ),
    bytes!("Bounce", "Always 0 on current kernels; before, buffers for devices that can't reach all memory."),
    bytes!("WritebackTmp", "Memory that FUSE uses while it writes."),
    bytes!("CommitLimit", "How much memory can be promised to programs where overcommitting is forbidden."),
    bytes!("Committed_AS", "Memory that programs were promised, used or not."),
    bytes!("VmallocTotal", "Address space of vmalloc."),
    bytes!("VmallocUsed", "Memory that vmalloc has given out."),
    bytes!(
        "VmallocChunk",
        "Always 0 on current kernels; before, the largest free part of vmalloc's address space."
    ),
    bytes!("Percpu", "Memory that the kernel keeps for each CPU by itself."),
    bytes!("EarlyMemtestBad", "Memory that the test at boot found to be bad."),
    bytes!("HardwareCorrupted", "Memory that the hardware reported as damaged."),
    bytes!("AnonHugePages", "Programs' own memory in transparent huge pages."),
    bytes!("ShmemHugePages", "Shared memory and tmpfs in huge pages."),
    bytes!("ShmemPmdMapped", "Shared memory that is mapped into programs as huge pages."),
    bytes!("FileHugePages", "Cached files in huge pages."),
    bytes!("FilePmdMapped", "Cached files that are mapped into programs as huge pages."),
    bytes!("CmaTotal", "Memory set aside for devices that need it in one piece."),
    bytes!("CmaFree", "Of the memory set aside for devices, what they don't use."),
    bytes!("Unaccepted", "Memory that a confidential virtual machine has not accepted yet."),
    bytes!("Balloon", "Memory that was given back to the hypervisor."),
    bytes!("GPUActive", "System memory that graphics processors use."),
    bytes!("GPUReclaim", "System memory that graphics drivers keep and can give back."),
    pages!("HugePages_Total", "Huge pages in the pool of the default size."),
    pages!("HugePages_Free", "Huge pages of the pool that are free."),
    pages!("HugePages_Rsvd", "Huge pages that were promised but not yet used."),
    pages!("HugePages_Surp", "Huge pages beyond the size that the pool was given."),
    bytes!("Hugepagesize", "Default size of a huge page."),
    bytes!("Hugetlb", "Memory in the pools of huge pages of all sizes."),
    bytes!("DirectMap4k", "Memory that the kernel maps in pages of 4 kB."),
    bytes!("DirectMap64k", "Memory that the kernel maps in pages of 64 kB."),
    bytes!("DirectMap1M", "Memory that the kernel maps in pages of 1 MB."),
    bytes!("DirectMap2M", "Memory that the kernel maps in pages of 2 MB."),
    bytes!("DirectMap4M", "Memory that the kernel maps in pages of 4 MB."),
    bytes!("DirectMap16M", "Memory that the kernel maps in pages of 16 MB."),
    bytes!("DirectMap1G", "Memory that the kernel maps in pages of 1 GB."),
    bytes!("DirectMap2G", "Memory that the kernel maps in pages of 2 GB."),
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
