//! `/sys/fs/xfs/<device>/stats/stats`: the counters of each XFS that is mounted.
//!
//! They are in the order of the kernel's `fs/xfs/xfs_stats.h`.

use std::ops::Range;

use relink_core::{Collector, Error, Family, Paths, Samples, Source};
use relink_sysfs::{Devices, is_there};

use crate::lines::{count, lines, word};

/// The line, what the family is called, and what it means.
macro_rules! counter {
    ($line:literal, $name:literal, $help:literal) => {{
        const HELP: &str = concat!($help, " (", $line, ").");
        Family::counter(concat!("node_xfs_", $name, "_total"), HELP).labels(&["device"])
    }};
}

/// Those of each line together, in the order of its numbers.
pub(crate) const FAMILIES: &[Family] = &[
    counter!("extent_alloc", "extent_allocation_extents_allocated", "Extents that were allocated"),
    counter!("extent_alloc", "extent_allocation_blocks_allocated", "Blocks that were allocated"),
    counter!("extent_alloc", "extent_allocation_extents_freed", "Extents that were freed"),
    counter!("extent_alloc", "extent_allocation_blocks_freed", "Blocks that were freed"),
    counter!("abt", "allocation_btree_lookups", "Look-ups in the trees of free space"),
    counter!("abt", "allocation_btree_compares", "Comparisons in the trees of free space"),
    counter!("abt", "allocation_btree_records_inserted", "Records put into the trees of free space"),
    counter!("abt", "allocation_btree_records_deleted", "Records taken out of the trees of free space"),
    counter!("blk_map", "block_mapping_reads", "Block maps read, to find a file's blocks"),
    counter!("blk_map", "block_mapping_writes", "Block maps changed by writing"),
    counter!("blk_map", "block_mapping_unmaps", "Blocks taken out of block maps"),
    counter!("blk_map", "block_mapping_extent_list_insertions", "Extents put into lists of extents"),
    counter!("blk_map", "block_mapping_extent_list_deletions", "Extents taken out of lists of extents"),
    counter!("blk_map", "block_mapping_extent_list_lookups", "Look-ups in lists of extents"),
    counter!("blk_map", "block_mapping_extent_list_compares", "Comparisons in lists of extents"),
    counter!("bmbt", "block_map_btree_lookups", "Look-ups in the trees of block maps"),
    counter!("bmbt", "block_map_btree_compares", "Comparisons in the trees of block maps"),
    counter!("bmbt", "block_map_btree_records_inserted", "Records put into the trees of block maps"),
    counter!("bmbt", "block_map_btree_records_deleted", "Records taken out of the trees of block maps"),
    counter!(
        "dir",
        "directory_operation_lookup",
        "Names looked up in directories because the kernel's cache did not have them"
    ),
    counter!("dir", "directory_operation_create", "Entries of directories that were made"),
    counter!("dir", "directory_operation_remove", "Entries of directories that were removed"),
    counter!("dir", "directory_operation_getdents", "Times that entries of a directory were listed"),
    counter!("ig", "inode_operation_attempts", "Inodes looked for in the cache of inodes"),
    counter!("ig", "inode_operation_found", "Inodes that the cache had"),
    counter!("ig", "inode_operation_recycled", "Inodes that the cache had, but only to throw them away"),
    counter!("ig", "inode_operation_missed", "Inodes that the cache did not have"),
    counter!(
        "ig",
        "inode_operation_duplicates",
        "Inodes that somebody else had put into the cache meanwhile"
    ),
    counter!("ig", "inode_operation_reclaims", "Inodes that the cache gave up for memory"),
    counter!("ig", "inode_operation_attribute_changes", "Changes of an inode's attributes"),
    counter!("rw", "write_calls", "Calls to write a file"),
    counter!("rw", "read_calls", "Calls to read a file"),
    counter!("vnodes", "vnode_active", "Vnodes that are in use; this number goes down as well"),
    counter!("vnodes", "vnode_allocate", "Calls of vn_alloc"),
    counter!("vnodes", "vnode_get", "Calls of vn_get"),
    counter!("vnodes", "vnode_hold", "Calls of vn_hold"),
    counter!("vnodes", "vnode_release", "Calls of vn_rele"),
    counter!("vnodes", "vnode_reclaim", "Calls of vn_reclaim"),
    counter!("vnodes", "vnode_remove", "Calls of vn_remove"),
];

/// The lines that are shown, and how many of each one's numbers are: some have more on later kernels.
const LINES: [(&str, usize); 8] = [
    ("extent_alloc", 4),
    ("abt", 4),
    ("blk_map", 7),
    ("bmbt", 4),
    ("dir", 4),
    ("ig", 7),
    ("rw", 2),
    ("vnodes", 7),
];

pub(crate) struct Xfs {
    folder: Devices,
    /// The mounted ones: the device's name, and its counters.
    mounted: Vec<(String, Source)>,
}

impl Xfs {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Xfs { folder: Devices::new(paths.sysfs("fs/xfs")), mounted: Vec::new() })
    }
}

impl Collector for Xfs {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if let Some(entries) = self.folder.due(out) {
            let stats = entries.iter().map(|entry| (entry.name.clone(), entry.path.join("stats/stats")));
            // The entry `stats`, which is the sum over all, has no such file.
            let there = stats.filter(|(_, path)| is_there(path));
            self.mounted = there.map(|(name, path)| (name, Source::new(path))).collect();
        }
        for (device, stats) in &mut self.mounted {
            lines(stats, out, |line, out| push(line, device, out));
        }
        Ok(())
    }
}

/// A line such as `rw 107739 94045`, which are writes and reads. Numbers before one that is odd are shown.
fn push(line: &str, device: &str, out: &mut Samples) -> Result<(), Error> {
    let (name, numbers) = word(line);
    let mut numbers = numbers.split_ascii_whitespace();
    match places(name) {
        Some(places) => {
            for place in places {
                let number = numbers.next().ok_or_else(|| Error::expected("more numbers", line))?;
                out.push_index(place, &[device], count(number)?);
            }
        }
        // One of the lines that no family is for.
        None => {
            let first = numbers.next().ok_or_else(|| Error::expected("a name and numbers", line))?;
            count(first)?;
        }
    }
    Ok(())
}

/// The places of the families of a line.
fn places(name: &str) -> Option<Range<usize>> {
    let mut start = 0;
    for (known, count) in LINES {
        if known == name {
            return Some(start..start + count);
        }
        start += count;
    }
    None
}

#[cfg(test)]
mod tests {
    use relink_testing::{Tree, collect};

    use super::*;

    #[test]
    fn each_family_is_of_one_line() {
        assert_eq!(LINES.iter().map(|(_, count)| count).sum::<usize>(), FAMILIES.len());
        assert!(FAMILIES[places("rw").unwrap()].iter().all(|family| family.name().ends_with("_calls_total")));
        assert!(FAMILIES[places("vnodes").unwrap()].iter().all(|family| family.name().contains("_vnode_")));
        assert_eq!(places("xpc"), None);
    }

    #[test]
    fn the_stats_of_a_device_are_looked_for_again() {
        let tree = Tree::new().file("sys/fs/xfs/stats/stats", "rw 5 6\n").file("sys/fs/xfs/sda1/error/x", "");
        let mut xfs = Xfs::new(&tree.paths()).unwrap();
        assert_eq!(collect(&mut xfs, "xfs").unwrap(), "");
        tree.write("sys/fs/xfs/sda1/stats/stats", "rw 1 2\n");
        assert_eq!(collect(&mut xfs, "xfs").unwrap(), "", "it is not yet time");
        xfs.folder.half_a_minute_passes();
        let text = collect(&mut xfs, "xfs").unwrap();
        let expected =
            "node_xfs_write_calls_total{device=\"sda1\"} 1\nnode_xfs_read_calls_total{device=\"sda1\"} 2\n";
        assert_eq!(text, expected);
    }
}
