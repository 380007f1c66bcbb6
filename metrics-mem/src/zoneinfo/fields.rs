//! The fields of `/proc/zoneinfo` and their families.

use relink_core::Family;

/// The kind, the key, what the family is called behind the collector's name, and what it means.
macro_rules! field {
    ($kind:ident, $key:literal, $name:expr, $help:literal) => {{
        const HELP: &str = concat!($help, " (", $key, ").");
        ($key, Family::$kind(concat!("node_zoneinfo_", $name), HELP).labels(&["node", "zone"]))
    }};
}

macro_rules! pages {
    ($key:literal, $help:literal) => {
        field!(gauge, $key, concat!($key, "_pages"), $help)
    };
}

macro_rules! counter {
    ($key:literal, $help:literal) => {
        field!(counter, $key, concat!($key, "_total"), $help)
    };
}

pub(super) const FIELDS: &[(&str, Family)] = &[
    field!(gauge, "nr_free_pages", "nr_free_pages", "Free pages"),
    pages!("min", "Free pages below which only the kernel's own urgent needs are met"),
    pages!("low", "Free pages below which the kernel begins to free others"),
    pages!("high", "Free pages at which the kernel stops to free others"),
    pages!("scanned", "Pages that were looked at since some were last freed, in old kernels"),
    pages!("spanned", "Pages from the first to the last, holes included"),
    pages!("present", "Pages that there are, holes not included"),
    pages!("managed", "Pages that the kernel gives out"),
    pages!("nr_active_anon", "Pages of programs' own memory that were used lately"),
    pages!("nr_inactive_anon", "Pages of programs' own memory that were not used lately"),
    pages!(
        "nr_isolated_anon",
        "Pages of programs' own memory that are being looked at, to be freed or moved"
    ),
    field!(gauge, "nr_anon_pages", "nr_anon_pages", "Pages of programs' own memory that are mapped"),
    field!(
        gauge,
        "nr_anon_transparent_hugepages",
        "nr_anon_transparent_hugepages",
        "Huge pages of programs' own memory"
    ),
    pages!("nr_active_file", "Pages of cached files that were used lately"),
    pages!("nr_inactive_file", "Pages of cached files that were not used lately"),
    pages!("nr_isolated_file", "Pages of cached files that are being looked at, to be freed or moved"),
    field!(gauge, "nr_file_pages", "nr_file_pages", "Pages of cached files and block devices"),
    pages!("nr_slab_reclaimable", "Pages of the kernel's own objects that can be taken away"),
    pages!("nr_slab_unreclaimable", "Pages of the kernel's own objects that can't be taken away"),
    pages!("nr_mlock_stack", "Locked pages that were found among others and put aside, in some old kernels"),
    field!(
        gauge,
        "nr_kernel_stack",
        "nr_kernel_stacks",
        "Stacks of the kernel's, or their KiB in later kernels"
    ),
    pages!("nr_mapped", "Pages of files that programs have mapped"),
    pages!("nr_dirty", "Pages that wait to be written to disk"),
    pages!("nr_writeback", "Pages that are being written to disk"),
    pages!("nr_unevictable", "Pages that can't be taken away, such as locked ones"),
    pages!("nr_shmem", "Pages in tmpfs, and shared between programs"),
    counter!("nr_dirtied", "Pages that had to be written to disk since boot"),
    counter!("nr_written", "Pages that were written to disk since boot"),
    counter!("numa_hit", "Pages that were wanted from this node and taken from it"),
    counter!("numa_miss", "Pages that were taken from this node because another one had none"),
    counter!("numa_foreign", "Pages that were wanted from this node and taken from another one"),
    counter!("numa_interleave", "Pages that were taken from this node in turn, as was wanted"),
    counter!("numa_local", "Pages that were taken from this node by its own CPUs"),
    counter!("numa_other", "Pages that were taken from this node by CPUs of another one"),
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
