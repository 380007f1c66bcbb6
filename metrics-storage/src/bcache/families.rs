//! What is shown of a cache set, its backing devices and its cache devices, and the files where it stands.

use relink_core::Family;

/// A file that holds one number, and its family.
pub(super) struct Measure {
    pub(super) file: &'static str,
    pub(super) family: Family,
    pub(super) factor: f64,
    /// Whether 0 is shown.
    pub(super) shows_zero: bool,
}

/// A file of lines with a key each, such as `rate: 1.1M/sec`.
pub(super) struct Report {
    pub(super) file: &'static str,
    pub(super) fields: &'static [(&'static str, Family)],
    /// What may stand behind a number.
    pub(super) units: &'static [&'static str],
}

const fn measure(file: &'static str, family: Family) -> Measure {
    Measure { file, family, factor: 1.0, shows_zero: true }
}

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help).labels(&["uuid"])
}

const fn backing(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help).labels(&["uuid", "backing_device"])
}

const fn backing_total(name: &'static str, help: &'static str) -> Family {
    Family::counter(name, help).labels(&["uuid", "backing_device"])
}

const fn cache(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help).labels(&["uuid", "cache_device"])
}

const fn cache_total(name: &'static str, help: &'static str) -> Family {
    Family::counter(name, help).labels(&["uuid", "cache_device"])
}

pub(super) const SET: &[Measure] = &[
    measure(
        "average_key_size",
        gauge("node_bcache_average_key_size_sectors", "Mean data of a key of the btree (average_key_size)."),
    ),
    measure(
        "btree_cache_size",
        gauge("node_bcache_btree_cache_size_bytes", "Memory that caches the btree (btree_cache_size)."),
    ),
    measure(
        "cache_available_percent",
        gauge(
            "node_bcache_cache_available_percent",
            "Share of the cache that holds no dirty data (cache_available_percent).",
        ),
    ),
    measure("congested", gauge("node_bcache_congested", "How congested the cache is (congested).")),
    measure(
        "root_usage_percent",
        gauge(
            "node_bcache_root_usage_percent",
            "Share of the btree's root that is in use (root_usage_percent).",
        ),
    ),
    measure("tree_depth", gauge("node_bcache_tree_depth", "Depth of the btree (tree_depth).")),
    measure(
        "internal/active_journal_entries",
        gauge(
            "node_bcache_active_journal_entries",
            "Entries of the journal that are newer than the index (internal/active_journal_entries).",
        ),
    ),
    measure(
        "internal/btree_nodes",
        gauge("node_bcache_btree_nodes", "Nodes of the btree (internal/btree_nodes)."),
    ),
    // node_exporter takes the file's microseconds for nanoseconds, and so do the dashboards.
    Measure {
        factor: 1e-9,
        ..measure(
            "internal/btree_read_average_duration_us",
            gauge(
                "node_bcache_btree_read_average_duration_seconds",
                "Mean time of a read of the btree, a thousandth of it (internal/btree_read_average_duration_us).",
            ),
        )
    },
    measure(
        "internal/cache_read_races",
        Family::counter(
            "node_bcache_cache_read_races_total",
            "Reads during which the bucket was given to other data (internal/cache_read_races).",
        )
        .labels(&["uuid"]),
    ),
];

pub(super) const BACKING: &[Measure] = &[
    measure(
        "dirty_data",
        backing("node_bcache_dirty_data_bytes", "Dirty data of a backing device in the cache (dirty_data)."),
    ),
    measure(
        "stats_total/bypassed",
        backing_total(
            "node_bcache_bypassed_bytes_total",
            "Data that went past the cache (stats_total/bypassed).",
        ),
    ),
    measure(
        "stats_total/cache_hits",
        backing_total(
            "node_bcache_cache_hits_total",
            "Requests that the cache answered (stats_total/cache_hits).",
        ),
    ),
    measure(
        "stats_total/cache_misses",
        backing_total(
            "node_bcache_cache_misses_total",
            "Requests that the cache could not answer (stats_total/cache_misses).",
        ),
    ),
    measure(
        "stats_total/cache_bypass_hits",
        backing_total(
            "node_bcache_cache_bypass_hits_total",
            "Requests meant to go past the cache whose data it had (stats_total/cache_bypass_hits).",
        ),
    ),
    measure(
        "stats_total/cache_bypass_misses",
        backing_total(
            "node_bcache_cache_bypass_misses_total",
            "Requests meant to go past the cache whose data it did not have (stats_total/cache_bypass_misses).",
        ),
    ),
    measure(
        "stats_total/cache_miss_collisions",
        backing_total(
            "node_bcache_cache_miss_collisions_total",
            "Times that data was in the cache already when a miss brought it (stats_total/cache_miss_collisions).",
        ),
    ),
    // Newer kernels read nothing ahead, and node_exporter leaves a 0 out.
    Measure {
        shows_zero: false,
        ..measure(
            "stats_total/cache_readaheads",
            backing_total(
                "node_bcache_cache_readaheads_total",
                "Times of reading ahead (stats_total/cache_readaheads).",
            ),
        )
    },
];

pub(super) const WRITEBACK: Report = Report {
    file: "writeback_rate_debug",
    fields: &[
        (
            "target",
            backing(
                "node_bcache_dirty_target_bytes",
                "Dirty data that a backing device is to have (writeback_rate_debug, target).",
            ),
        ),
        (
            "rate",
            backing(
                "node_bcache_writeback_rate",
                "Bytes written back a second (writeback_rate_debug, rate).",
            ),
        ),
        (
            "proportional",
            backing(
                "node_bcache_writeback_rate_proportional_term",
                "The rate's proportional part (writeback_rate_debug, proportional).",
            ),
        ),
        (
            "integral",
            backing(
                "node_bcache_writeback_rate_integral_term",
                "The rate's integral part (writeback_rate_debug, integral).",
            ),
        ),
        (
            "change",
            backing("node_bcache_writeback_change", "The rate's last change (writeback_rate_debug, change)."),
        ),
    ],
    units: &["/sec"],
};

pub(super) const CACHE: &[Measure] = &[
    measure(
        "io_errors",
        cache("node_bcache_io_errors", "Errors of a cache device, of which old ones count less (io_errors)."),
    ),
    measure(
        "metadata_written",
        cache_total(
            "node_bcache_metadata_written_bytes_total",
            "Data written to a cache device but for what it caches (metadata_written).",
        ),
    ),
    measure(
        "written",
        cache_total("node_bcache_written_bytes_total", "Data written to a cache device (written)."),
    ),
];

pub(super) const PRIORITY: Report = Report {
    file: "priority_stats",
    fields: &[
        (
            "Unused",
            cache(
                "node_bcache_priority_stats_unused_percent",
                "Share of a cache device that holds nothing (priority_stats, Unused).",
            ),
        ),
        (
            "Metadata",
            cache(
                "node_bcache_priority_stats_metadata_percent",
                "Share of a cache device that holds metadata (priority_stats, Metadata).",
            ),
        ),
    ],
    units: &["%"],
};

const COUNT: usize = SET.len() + BACKING.len() + WRITEBACK.fields.len() + CACHE.len() + PRIORITY.fields.len();

/// All of them, in this order.
pub(crate) const FAMILIES: &[Family] = &{
    let mut all = [SET[0].family; COUNT];
    let mut next = 0;
    let measures = [SET, BACKING, CACHE];
    let reports = [&[], WRITEBACK.fields, PRIORITY.fields];
    let mut part = 0;
    while part < measures.len() {
        let mut at = 0;
        while at < measures[part].len() {
            all[next] = measures[part][at].family;
            (next, at) = (next + 1, at + 1);
        }
        at = 0;
        while at < reports[part].len() {
            all[next] = reports[part][at].1;
            (next, at) = (next + 1, at + 1);
        }
        part += 1;
    }
    all
};
