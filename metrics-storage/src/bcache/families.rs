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

/// Which labels it has, the file, what the family is called, and what it means.
macro_rules! measure {
    ($of:ident, $file:literal, $name:literal, $help:literal) => {
        Measure {
            file: $file,
            family: $of(concat!("node_bcache_", $name), concat!($help, " (", $file, ").")),
            factor: 1.0,
            shows_zero: true,
        }
    };
}

/// The same of a line of a report.
macro_rules! field {
    ($of:ident, $file:literal, $key:literal, $name:literal, $help:literal) => {
        ($key, $of(concat!("node_bcache_", $name), concat!($help, " (", $file, ", ", $key, ").")))
    };
}

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help).labels(&["uuid"])
}

const fn total(name: &'static str, help: &'static str) -> Family {
    Family::counter(name, help).labels(&["uuid"])
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
    measure!(gauge, "average_key_size", "average_key_size_sectors", "Mean data of a key of the btree"),
    measure!(gauge, "btree_cache_size", "btree_cache_size_bytes", "Memory that caches the btree"),
    measure!(
        gauge,
        "cache_available_percent",
        "cache_available_percent",
        "Share of the cache that holds no dirty data"
    ),
    measure!(gauge, "congested", "congested", "How congested the cache is"),
    measure!(gauge, "root_usage_percent", "root_usage_percent", "Share of the btree's root that is in use"),
    measure!(gauge, "tree_depth", "tree_depth", "Depth of the btree"),
    measure!(
        gauge,
        "internal/active_journal_entries",
        "active_journal_entries",
        "Entries of the journal that are newer than the index"
    ),
    measure!(gauge, "internal/btree_nodes", "btree_nodes", "Nodes of the btree"),
    // node_exporter takes the file's microseconds for nanoseconds, and so do the dashboards.
    Measure {
        factor: 1e-9,
        ..measure!(
            gauge,
            "internal/btree_read_average_duration_us",
            "btree_read_average_duration_seconds",
            "Mean time of a read of the btree, a thousandth of it"
        )
    },
    measure!(
        total,
        "internal/cache_read_races",
        "cache_read_races_total",
        "Reads during which the bucket was given to other data"
    ),
];

pub(super) const BACKING: &[Measure] = &[
    measure!(backing, "dirty_data", "dirty_data_bytes", "Dirty data of a backing device in the cache"),
    measure!(backing_total, "stats_total/bypassed", "bypassed_bytes_total", "Data that went past the cache"),
    measure!(backing_total, "stats_total/cache_hits", "cache_hits_total", "Requests that the cache answered"),
    measure!(
        backing_total,
        "stats_total/cache_misses",
        "cache_misses_total",
        "Requests that the cache could not answer"
    ),
    measure!(
        backing_total,
        "stats_total/cache_bypass_hits",
        "cache_bypass_hits_total",
        "Requests meant to go past the cache whose data it had"
    ),
    measure!(
        backing_total,
        "stats_total/cache_bypass_misses",
        "cache_bypass_misses_total",
        "Requests meant to go past the cache whose data it did not have"
    ),
    measure!(
        backing_total,
        "stats_total/cache_miss_collisions",
        "cache_miss_collisions_total",
        "Times that data was in the cache already when a miss brought it"
    ),
    // Newer kernels read nothing ahead, and node_exporter leaves a 0 out.
    Measure {
        shows_zero: false,
        ..measure!(
            backing_total,
            "stats_total/cache_readaheads",
            "cache_readaheads_total",
            "Times of reading ahead"
        )
    },
];

pub(super) const WRITEBACK: Report = Report {
    file: "writeback_rate_debug",
    fields: &[
        field!(
            backing,
            "writeback_rate_debug",
            "target",
            "dirty_target_bytes",
            "Dirty data that a backing device is to have"
        ),
        field!(backing, "writeback_rate_debug", "rate", "writeback_rate", "Bytes written back a second"),
        field!(
            backing,
            "writeback_rate_debug",
            "proportional",
            "writeback_rate_proportional_term",
            "The rate's proportional part"
        ),
        field!(
            backing,
            "writeback_rate_debug",
            "integral",
            "writeback_rate_integral_term",
            "The rate's integral part"
        ),
        field!(backing, "writeback_rate_debug", "change", "writeback_change", "The rate's last change"),
    ],
    units: &["/sec"],
};

pub(super) const CACHE: &[Measure] = &[
    measure!(cache, "io_errors", "io_errors", "Errors of a cache device, of which old ones count less"),
    measure!(
        cache_total,
        "metadata_written",
        "metadata_written_bytes_total",
        "Data written to a cache device but for what it caches"
    ),
    measure!(cache_total, "written", "written_bytes_total", "Data written to a cache device"),
];

pub(super) const PRIORITY: Report = Report {
    file: "priority_stats",
    fields: &[
        field!(
            cache,
            "priority_stats",
            "Unused",
            "priority_stats_unused_percent",
            "Share of a cache device that holds nothing"
        ),
        field!(
            cache,
            "priority_stats",
            "Metadata",
            "priority_stats_metadata_percent",
            "Share of a cache device that holds metadata"
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
