//! `counters/*`: what bcachefs counts, a file each. The files are others in each version.

use std::path::{Path, PathBuf};

use relink_core::{Error, Family, Samples, Unread};
use relink_sysfs::Reader;

use super::sizes::size;

const BEGIN: &str = "node_bcachefs_";
const END: &str = "_total";

macro_rules! counters {
    ($($name:literal)*) => {
        &[$(
            Family::counter(
                concat!("node_bcachefs_", $name, "_total"),
                concat!("Counter ", $name, " since the file system was made (counters)."),
            )
            .labels(&["uuid"])
        ),*]
    };
}

/// By their first words, as other families of this collector begin and end as these do. The list is of all versions up to
/// that of 2026, by `fs/bcachefs/sb-counters_format.h`.
pub(super) const COUNTERS: &[Family] = counters! {
    "accounting_{}" "bkey_{}" "btree_cache_{}" "btree_key_{}" "btree_node_{}" "btree_path_{}" "btree_reserve_{}"
    "bucket_{}" "cached_{}" "copygc" "copygc_{}" "data_{}" "error_{}" "evacuate_{}" "fsync" "gc_{}" "io_{}" "journal_{}"
    "move_{}" "open_{}" "rebalance_{}" "reconcile_{}" "sectors_{}" "stripe_{}" "sync_{}" "trans_{}" "transaction_{}"
    "write_{}"
};

/// A counter of a file system.
pub(super) struct Counter {
    family: Family,
    /// What completes the family's name, if it is a pattern.
    hole: Option<String>,
    path: PathBuf,
}

impl Counter {
    /// The counters of a folder, and the names of those that no family is for.
    pub(super) fn find(folder: &Path, unread: &mut Unread) -> (Vec<Self>, Vec<String>) {
        let (mut found, mut others) = (Vec::new(), Vec::new());
        for name in unread.list(folder) {
            match family_of(&name) {
                Some((family, hole)) => found.push(Counter { family, hole, path: folder.join(name) }),
                None => others.push(name),
            }
        }
        (found, others)
    }

    /// Pushes its value. A file that makes no sense is told.
    pub(super) fn push(&self, uuid: &str, reader: &mut Reader, out: &mut Samples) {
        let Some(text) = reader.text(&self.path, out) else { return };
        match since_creation(&text) {
            Ok(count) => match &self.hole {
                Some(hole) => out.push(&self.family, [hole, uuid], count),
                None => out.push(&self.family, [uuid], count),
            },
            Err(why) => out.warn(why.context(self.path.display()).to_string()),
        }
    }
}

/// The family of a counter, and what completes its name.
fn family_of(counter: &str) -> Option<(Family, Option<String>)> {
    if !counter.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return None;
    }
    let name = format!("{BEGIN}{counter}{END}");
    let family = COUNTERS.iter().find(|family| family.name() == name || family.stands_for(&name))?;
    let words = family.name().strip_prefix(BEGIN)?.split_once("{}");
    let hole = words.and_then(|(words, _)| Some(counter.strip_prefix(words)?.to_owned()));
    Some((*family, hole))
}

/// The second of the two numbers, `since mount` and `since filesystem creation`.
fn since_creation(text: &str) -> Result<f64, Error> {
    let number = text.lines().find_map(|line| line.strip_prefix("since filesystem creation:"));
    size(number.ok_or_else(|| Error::expected("a line \"since filesystem creation:\"", text))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_of_all_versions() {
        let hole = |name| family_of(name).map(|(family, hole)| (family.name(), hole));
        for (name, family, rest) in [
            ("copygc", "node_bcachefs_copygc_total", None),
            ("copygc_wait_obsolete", "node_bcachefs_copygc_{}_total", Some("wait_obsolete")),
            ("btree_node_read", "node_bcachefs_btree_node_{}_total", Some("read")),
            ("write_super", "node_bcachefs_write_{}_total", Some("super")),
            ("write_buffer_flush", "node_bcachefs_write_{}_total", Some("buffer_flush")),
            ("transaction_commit", "node_bcachefs_transaction_{}_total", Some("commit")),
            ("io_move", "node_bcachefs_io_{}_total", Some("move")),
        ] {
            assert_eq!(hole(name), Some((family, rest.map(str::to_owned))), "{name}");
        }
        // Two that would be other families, one of another kind, and what the kernel does not write.
        for name in ["btree_writes", "errors", "device_io_errors", "zebra", "data_", "data_a.b", ""] {
            assert_eq!(hole(name), None, "{name}");
        }
    }

    #[test]
    fn a_counter_is_since_the_file_system_was_made() {
        let text = "since mount:                   1.32 TiB\nsince filesystem creation:     2.00 TiB";
        assert_eq!(since_creation(text).unwrap(), 2_199_023_255_552.0);
        assert_eq!(since_creation("since mount:\t5\nsince filesystem creation:\t551").unwrap(), 551.0);
        for odd in ["", "since mount: 5", "since filesystem creation:", "since filesystem creation: -1", "5"]
        {
            assert!(since_creation(odd).is_err(), "{odd}");
        }
    }
}
