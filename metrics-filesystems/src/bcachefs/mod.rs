//! `/sys/fs/bcachefs/<uuid>`: each bcachefs that is mounted, and its devices.
//!
//! bcachefs' `fs/bcachefs/sysfs.c` says what the files mean.

mod counters;
mod device;
mod sizes;

use std::path::{Path, PathBuf};

use relink_core::{Collector, Error, Facts, Family, Paths, Samples, Source, Unread};
use relink_sysfs::{Devices, Reader, existing, odd};

use crate::lines::{count, lines, source, word};
use counters::{COUNTERS, Counter};
use device::Member;
use sizes::{first_size, size};

const INFO: Family =
    Family::gauge("node_bcachefs_info", "Always 1; the label says which file system is mounted.")
        .labels(&["uuid"]);
const CACHE: Family = Family::gauge(
    "node_bcachefs_btree_cache_size_bytes",
    "Memory that caches nodes of trees (btree_cache_size).",
)
.labels(&["uuid"]);
const COMPRESSED: Family = Family::gauge(
    "node_bcachefs_compression_compressed_bytes",
    "Size of what is compressed, as it is stored (compression_stats).",
)
.labels(&["uuid", "algorithm"]);
const UNCOMPRESSED: Family = Family::gauge(
    "node_bcachefs_compression_uncompressed_bytes",
    "Size of what is compressed, as it is read (compression_stats).",
)
.labels(&["uuid", "algorithm"]);
const ERRORS: Family =
    Family::counter("node_bcachefs_errors_total", "Errors that were found in the file system (errors).")
        .labels(&["uuid", "error_type"]);
const WRITES: Family =
    Family::counter("node_bcachefs_btree_writes_total", "Writes of nodes of trees (btree_write_stats).")
        .labels(&["uuid", "type"]);
const WRITE_SIZE: Family = Family::gauge(
    "node_bcachefs_btree_write_average_size_bytes",
    "Size of a write of nodes, on the average (btree_write_stats).",
)
.labels(&["uuid", "type"]);

const OWN: [Family; 13] = [
    INFO,
    CACHE,
    COMPRESSED,
    UNCOMPRESSED,
    ERRORS,
    WRITES,
    WRITE_SIZE,
    device::INFO,
    device::BUCKET,
    device::BUCKETS,
    device::DURABILITY,
    device::DONE,
    device::ERRORS,
];

pub(crate) const FAMILIES: &[Family] = &all::<{ OWN.len() + COUNTERS.len() }>();

/// Both lists as one.
const fn all<const N: usize>() -> [Family; N] {
    let mut all = [INFO; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < OWN.len() { OWN[at] } else { COUNTERS[at - OWN.len()] };
        at += 1;
    }
    all
}

pub(crate) struct Bcachefs {
    folder: Devices,
    mounted: Vec<FileSystem>,
    unread: Unread,
    reader: Reader,
}

struct FileSystem {
    uuid: String,
    cache: Option<PathBuf>,
    compression: Option<Source>,
    errors: Option<Source>,
    writes: Option<Source>,
    counters: Vec<Counter>,
    /// Names of counters that no family is for.
    others: Vec<String>,
    devices: Vec<Member>,
}

impl Bcachefs {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Bcachefs {
            folder: Devices::new(paths.sysfs("fs/bcachefs")),
            mounted: Vec::new(),
            unread: Unread::default(),
            reader: Reader::default(),
        })
    }
}

impl Collector for Bcachefs {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if let Some(entries) = self.folder.due(out) {
            self.unread = Unread::default();
            let folders = entries.iter().filter(|entry| entry.path.is_dir());
            self.mounted =
                folders.map(|entry| FileSystem::find(&entry.name, &entry.path, &mut self.unread)).collect();
        }
        self.unread.tell(out);
        for mounted in &mut self.mounted {
            mounted.push(&mut self.reader, out);
        }
        Ok(())
    }

    /// The counters of a version that is later than this plugin.
    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        for FileSystem { uuid, others, .. } in self.mounted.iter().filter(|one| !one.others.is_empty()) {
            out.push("counters", format!("without a family in {uuid}: {}", others.join(", ")));
        }
        Ok(())
    }
}

impl FileSystem {
    fn find(uuid: &str, folder: &Path, unread: &mut Unread) -> Self {
        let names = unread.list(folder);
        let devices = names.iter().filter_map(|name| Some((name.strip_prefix("dev-")?, folder.join(name))));
        let (counters, others) = Counter::find(&folder.join("counters"), unread);
        FileSystem {
            uuid: uuid.to_owned(),
            cache: existing(folder, "btree_cache_size"),
            compression: source(folder, "compression_stats"),
            errors: source(folder, "errors").map(Source::may_be_empty),
            writes: source(folder, "btree_write_stats"),
            counters,
            others,
            devices: devices
                .filter(|(_, path)| path.is_dir())
                .map(|(name, path)| Member::find(name, &path))
                .collect(),
        }
    }

    fn push(&mut self, reader: &mut Reader, out: &mut Samples) {
        let FileSystem { uuid, cache, compression, errors, writes, counters, others: _, devices } = self;
        out.push(&INFO, [uuid], 1.0);
        if let Some(size) = cache.as_ref().and_then(|path| size_in(path, reader, out)) {
            out.push(&CACHE, [uuid], size);
        }
        below_head(compression.as_mut(), out, |line, out| push_compression(line, uuid, out));
        lines(errors.as_mut(), out, |line, out| push_errors(line, uuid, out));
        below_head(writes.as_mut(), out, |line, out| push_writes(line, uuid, out));
        for counter in counters {
            counter.push(uuid, reader, out);
        }
        for device in devices {
            device.push(uuid, reader, out);
        }
    }
}

/// The size that a file holds. What is none is told.
fn size_in(path: &Path, reader: &mut Reader, out: &mut Samples) -> Option<f64> {
    let text = reader.text(path, out)?;
    size(&text).map_err(|_| odd(path, "a size", &text, out)).ok()
}

/// Reads the lines of a file but for the first, which names the columns.
fn below_head(
    source: Option<&mut Source>,
    out: &mut Samples,
    mut read: impl FnMut(&str, &mut Samples) -> Result<(), Error>,
) {
    let mut is_below = false;
    lines(
        source,
        out,
        |line, out| if std::mem::replace(&mut is_below, true) { read(line, out) } else { Ok(()) },
    );
}

/// A line such as `lz4   1.0G   2.0G   4k`: compressed, uncompressed, and the size of an extent on the average.
fn push_compression(line: &str, uuid: &str, out: &mut Samples) -> Result<(), Error> {
    let (algorithm, sizes) = word(line);
    let algorithm = algorithm.trim_end_matches(':');
    let (compressed, rest) = first_size(sizes)?;
    let (uncompressed, _) = first_size(rest)?;
    out.push(&COMPRESSED, [uuid, algorithm], compressed);
    out.push(&UNCOMPRESSED, [uuid, algorithm], uncompressed);
    Ok(())
}

/// A line such as `btree_node_read_err   5   0`: the third word, or all that are behind it, says when it was the last time.
fn push_errors(line: &str, uuid: &str, out: &mut Samples) -> Result<(), Error> {
    let (kind, rest) = word(line);
    out.push(&ERRORS, [uuid, kind], count(word(rest).0)?);
    Ok(())
}

/// A line such as `initial:   19088   108k`.
fn push_writes(line: &str, uuid: &str, out: &mut Samples) -> Result<(), Error> {
    let (kind, rest) = word(line);
    let kind = kind.trim_end_matches(':');
    let (writes, average) = word(rest);
    let (writes, average) = (count(writes)?, first_size(average)?.0);
    out.push(&WRITES, [uuid, kind], writes);
    out.push(&WRITE_SIZE, [uuid, kind], average);
    Ok(())
}

#[cfg(test)]
mod tests {
    use relink_testing::{Tree, collect};

    use super::*;

    #[test]
    fn counters_and_devices_are_looked_for_again() {
        let tree = Tree::new().file("sys/fs/bcachefs/a-b/counters/fsync", "since filesystem creation: 5\n");
        let mut bcachefs = Bcachefs::new(&tree.paths()).unwrap();
        let first = collect(&mut bcachefs, "bcachefs").unwrap();
        assert_eq!(first, "node_bcachefs_info{uuid=\"a-b\"} 1\nnode_bcachefs_fsync_total{uuid=\"a-b\"} 5\n");
        tree.write("sys/fs/bcachefs/a-b/counters/copygc", "since filesystem creation: 6\n");
        tree.write("sys/fs/bcachefs/a-b/counters/zebra", "since filesystem creation: 7\n");
        tree.write("sys/fs/bcachefs/a-b/dev-0/nbuckets", "8\n");
        assert_eq!(collect(&mut bcachefs, "bcachefs").unwrap(), first, "it is not yet time");
        bcachefs.folder.half_a_minute_passes();
        let text = collect(&mut bcachefs, "bcachefs").unwrap();
        for line in ["node_bcachefs_copygc_total{uuid=\"a-b\"} 6\n", "buckets{uuid=\"a-b\",device=\"0\"} 8\n"]
        {
            assert!(text.contains(line), "{text}");
        }
        let mut facts = Facts::default();
        bcachefs.facts(&mut facts).unwrap();
        let fact = ("counters".to_owned(), "without a family in a-b: zebra".to_owned());
        assert_eq!(facts.rows(), [fact]);
    }
}
