//! The fields of `/proc/zoneinfo` and their families.

use relink_core::Family;

const fn gauge(key: &'static str, name: &'static str, help: &'static str) -> (&'static str, Family) {
    (key, Family::gauge(name, help).labels(&["node", "zone"]))
}

const fn counter(key: &'static str, name: &'static str, help: &'static str) -> (&'static str, Family) {
    (key, Family::counter(name, help).labels(&["node", "zone"]))
}

pub(super) const FIELDS: &[(&str, Family)] = &[
    gauge("nr_free_pages", "node_zoneinfo_nr_free_pages", "Free pages (nr_free_pages)."),
    gauge(
        "min",
        "node_zoneinfo_min_pages",
        "Free pages below which only the kernel's own urgent needs are met (min).",
    ),
    gauge("low", "node_zoneinfo_low_pages", "Free pages below which the kernel begins to free others (low)."),
    gauge("high", "node_zoneinfo_high_pages", "Free pages at which the kernel stops to free others (high)."),
    gauge(
        "scanned",
        "node_zoneinfo_scanned_pages",
        "Pages that were looked at since some were last freed, in old kernels (scanned).",
    ),
    gauge(
        "spanned",
        "node_zoneinfo_spanned_pages",
        "Pages from the first to the last, holes included (spanned).",
    ),
    gauge("present", "node_zoneinfo_present_pages", "Pages that there are, holes not included (present)."),
    gauge("managed", "node_zoneinfo_managed_pages", "Pages that the kernel gives out (managed)."),
    gauge(
        "nr_active_anon",
        "node_zoneinfo_nr_active_anon_pages",
        "Pages of programs' own memory that were used lately (nr_active_anon).",
    ),
    gauge(
        "nr_inactive_anon",
        "node_zoneinfo_nr_inactive_anon_pages",
        "Pages of programs' own memory that were not used lately (nr_inactive_anon).",
    ),
    gauge(
        "nr_isolated_anon",
        "node_zoneinfo_nr_isolated_anon_pages",
        "Pages of programs' own memory that are being looked at, to be freed or moved (nr_isolated_anon).",
    ),
    gauge(
        "nr_anon_pages",
        "node_zoneinfo_nr_anon_pages",
        "Pages of programs' own memory that are mapped (nr_anon_pages).",
    ),
    gauge(
        "nr_anon_transparent_hugepages",
        "node_zoneinfo_nr_anon_transparent_hugepages",
        "Huge pages of programs' own memory (nr_anon_transparent_hugepages).",
    ),
    gauge(
        "nr_active_file",
        "node_zoneinfo_nr_active_file_pages",
        "Pages of cached files that were used lately (nr_active_file).",
    ),
    gauge(
        "nr_inactive_file",
        "node_zoneinfo_nr_inactive_file_pages",
        "Pages of cached files that were not used lately (nr_inactive_file).",
    ),
    gauge(
        "nr_isolated_file",
        "node_zoneinfo_nr_isolated_file_pages",
        "Pages of cached files that are being looked at, to be freed or moved (nr_isolated_file).",
    ),
    gauge(
        "nr_file_pages",
        "node_zoneinfo_nr_file_pages",
        "Pages of cached files and block devices (nr_file_pages).",
    ),
    gauge(
        "nr_slab_reclaimable",
        "node_zoneinfo_nr_slab_reclaimable_pages",
        "Pages of the kernel's own objects that can be taken away (nr_slab_reclaimable).",
    ),
    gauge(
        "nr_slab_unreclaimable",
        "node_zoneinfo_nr_slab_unreclaimable_pages",
        "Pages of the kernel's own objects that can't be taken away (nr_slab_unreclaimable).",
    ),
    gauge(
        "nr_mlock_stack",
        "node_zoneinfo_nr_mlock_stack_pages",
        "Locked pages that were found among others and put aside, in some old kernels (nr_mlock_stack).",
    ),
    gauge(
        "nr_kernel_stack",
        "node_zoneinfo_nr_kernel_stacks",
        "Stacks of the kernel's, or their KiB in later kernels (nr_kernel_stack).",
    ),
    gauge(
        "nr_mapped",
        "node_zoneinfo_nr_mapped_pages",
        "Pages of files that programs have mapped (nr_mapped).",
    ),
    gauge("nr_dirty", "node_zoneinfo_nr_dirty_pages", "Pages that wait to be written to disk (nr_dirty)."),
    gauge(
        "nr_writeback",
        "node_zoneinfo_nr_writeback_pages",
        "Pages that are being written to disk (nr_writeback).",
    ),
    gauge(
        "nr_unevictable",
        "node_zoneinfo_nr_unevictable_pages",
        "Pages that can't be taken away, such as locked ones (nr_unevictable).",
    ),
    gauge(
        "nr_shmem",
        "node_zoneinfo_nr_shmem_pages",
        "Pages in tmpfs, and shared between programs (nr_shmem).",
    ),
    counter(
        "nr_dirtied",
        "node_zoneinfo_nr_dirtied_total",
        "Pages that had to be written to disk since boot (nr_dirtied).",
    ),
    counter(
        "nr_written",
        "node_zoneinfo_nr_written_total",
        "Pages that were written to disk since boot (nr_written).",
    ),
    counter(
        "numa_hit",
        "node_zoneinfo_numa_hit_total",
        "Pages that were wanted from this node and taken from it (numa_hit).",
    ),
    counter(
        "numa_miss",
        "node_zoneinfo_numa_miss_total",
        "Pages that were taken from this node because another one had none (numa_miss).",
    ),
    counter(
        "numa_foreign",
        "node_zoneinfo_numa_foreign_total",
        "Pages that were wanted from this node and taken from another one (numa_foreign).",
    ),
    counter(
        "numa_interleave",
        "node_zoneinfo_numa_interleave_total",
        "Pages that were taken from this node in turn, as was wanted (numa_interleave).",
    ),
    counter(
        "numa_local",
        "node_zoneinfo_numa_local_total",
        "Pages that were taken from this node by its own CPUs (numa_local).",
    ),
    counter(
        "numa_other",
        "node_zoneinfo_numa_other_total",
        "Pages that were taken from this node by CPUs of another one (numa_other).",
    ),
];

/// The places are those of the zones in the kernel's order, from 0 on.
pub(super) const PROTECTION: Family = Family::gauge(
    "node_zoneinfo_protection_{}",
    "Free pages that are kept from what could as well have a page of zone {} of the node (protection).",
)
.labels(&["node", "zone"]);

pub(crate) const FAMILIES: &[Family] = &{
    let mut all = [PROTECTION; FIELDS.len() + 1];
    let mut at = 0;
    while at < FIELDS.len() {
        all[at] = FIELDS[at].1;
        at += 1;
    }
    all
};
