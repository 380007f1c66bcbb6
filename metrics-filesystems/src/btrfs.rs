//! `/sys/fs/btrfs/<uuid>`: space, commits and devices of each Btrfs that is mounted.
//!
//! The kernel's `fs/btrfs/sysfs.c` says what the files mean.

use std::path::{Path, PathBuf};

use relink_core::{Collector, Error, Family, Paths, Samples, Source, Unread};
use relink_sysfs::{Device, Devices, Figure, Figures, Reader};

use crate::lines::{count, lines, source, word};

const INFO: Family =
    Family::gauge("node_btrfs_info", "Always 1; the label says how the file system is called (label).")
        .labels(&["uuid", "label"]);
const RESERVE: Family = Family::gauge(
    "node_btrfs_global_rsv_size_bytes",
    "Size of the global reserve (allocation/global_rsv_size).",
)
.labels(&["uuid"]);
const COMMITS: Family =
    Family::counter("node_btrfs_commits_total", "Commits since the mount (commit_stats).").labels(&["uuid"]);
const LAST: Family =
    Family::gauge("node_btrfs_last_commit_seconds", "How long the last commit took (commit_stats).")
        .labels(&["uuid"]);
const LONGEST: Family =
    Family::gauge("node_btrfs_max_commit_seconds", "How long the longest commit took (commit_stats).")
        .labels(&["uuid"]);
const COMMITTING: Family =
    Family::counter("node_btrfs_commit_seconds_total", "How long all commits took (commit_stats).")
        .labels(&["uuid"]);
const RESERVED: Family =
    Family::gauge("node_btrfs_reserved_bytes", "Space that is reserved (allocation/*/bytes_reserved).")
        .labels(&["uuid", "block_group_type"]);
const USED: Family =
    Family::gauge("node_btrfs_used_bytes", "Space that is used (allocation/*/*/used_bytes).").labels(&[
        "uuid",
        "block_group_type",
        "mode",
    ]);
const SIZE: Family =
    Family::gauge("node_btrfs_size_bytes", "Space that is allocated (allocation/*/*/total_bytes).")
        .labels(&["uuid", "block_group_type", "mode"]);
const RATIO: Family = Family::gauge(
    "node_btrfs_allocation_ratio",
    "How many bytes of the devices hold a byte, by mode and number of devices.",
)
.labels(&["uuid", "block_group_type", "mode"]);
const DEVICE: Family = Family::gauge("node_btrfs_device_size_bytes", "Size of a device (devices/*/size).")
    .labels(&["uuid", "device"]);

pub(crate) const FAMILIES: &[Family] =
    &[INFO, RESERVE, COMMITS, LAST, LONGEST, COMMITTING, RESERVED, USED, SIZE, RATIO, DEVICE];

const OF_ALL: &[Figure] = &[Figure::new("allocation/global_rsv_size", RESERVE)];
const OF_A_TYPE: &[Figure] = &[Figure::new("bytes_reserved", RESERVED)];
const OF_A_MODE: &[Figure] = &[Figure::new("used_bytes", USED), Figure::new("total_bytes", SIZE)];
/// Linux counts sectors of 512 bytes, whatever the device has.
const OF_A_DEVICE: &[Figure] = &[Figure::new("size", DEVICE).times(512.0)];

/// The types of block groups. A small file system has data and metadata mixed.
const TYPES: [&str; 4] = ["data", "metadata", "system", "mixed"];

pub(crate) struct Btrfs {
    folder: Devices,
    mounted: Vec<FileSystem>,
    unread: Unread,
    reader: Reader,
}

struct FileSystem {
    uuid: String,
    label: PathBuf,
    commits: Option<Source>,
    parts: Vec<Part>,
    ratios: Vec<([String; 3], f64)>,
}

/// Files of one folder, and the label values of what they show.
struct Part {
    labels: Vec<String>,
    figures: Figures,
}

impl Btrfs {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Btrfs {
            folder: Devices::new(paths.sysfs("fs/btrfs")),
            mounted: Vec::new(),
            unread: Unread::default(),
            reader: Reader::default(),
        })
    }
}

impl Collector for Btrfs {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if let Some(entries) = self.folder.due(out) {
            self.unread = Unread::default();
            // Beside the file systems, which go by their UUID, stands `features`.
            let folders = entries.iter().filter(|entry| entry.name.contains('-') && entry.path.is_dir());
            let found: Vec<_> = folders.map(|entry| (uuid(entry, &mut self.unread), entry)).collect();
            let unread = &mut self.unread;
            self.mounted = (0..found.len())
                .filter_map(|at| Some(FileSystem::find(name(&found, at)?, &found.get(at)?.1.path, unread)))
                .collect();
        }
        self.unread.tell(out);
        for mounted in &mut self.mounted {
            mounted.push(&mut self.reader, out);
        }
        Ok(())
    }
}

/// The file system's own, which can be another than the one it is mounted by. Kernels before 5.0 do not tell it.
fn uuid(entry: &Device, unread: &mut Unread) -> String {
    let found = unread.read(&entry.path.join("metadata_uuid")).filter(|uuid| !uuid.is_empty());
    found.unwrap_or_else(|| entry.name.clone())
}

/// What one of these is called: by its UUID, unless another has the same. A copy that is mounted beside its original has the
/// original's, and a folder with a name of its own.
fn name(found: &[(String, &Device)], at: usize) -> Option<String> {
    let (uuid, entry) = found.get(at)?;
    let is_another = |(other, (known, folder)): (usize, &(String, &Device))| {
        other != at && (known == uuid || folder.name == *uuid)
    };
    let is_taken = found.iter().enumerate().any(is_another);
    Some(if is_taken { entry.name.clone() } else { uuid.clone() })
}

impl FileSystem {
    fn find(uuid: String, folder: &Path, unread: &mut Unread) -> Self {
        let mut found = FileSystem {
            label: folder.join("label"),
            commits: source(folder, "commit_stats"),
            parts: Vec::new(),
            ratios: Vec::new(),
            uuid,
        };
        found.add(OF_ALL, folder, &[]);
        let devices = folder.join("devices");
        let names = unread.list(&devices);
        for name in &names {
            found.add(OF_A_DEVICE, &devices.join(name), &[name]);
        }
        for kind in TYPES {
            let folder = folder.join("allocation").join(kind);
            found.add(OF_A_TYPE, &folder, &[kind]);
            let modes = unread.list(&folder);
            for mode in modes.iter().filter(|mode| folder.join(mode).is_dir()) {
                found.add(OF_A_MODE, &folder.join(mode), &[kind, mode]);
                if let Some(ratio) = ratio(mode, names.len()) {
                    found.ratios.push(([found.uuid.clone(), kind.to_owned(), mode.clone()], ratio));
                }
            }
        }
        found
    }

    fn add(&mut self, figures: &'static [Figure], folder: &Path, labels: &[&str]) {
        let figures = Figures::find(figures, folder);
        let labels = std::iter::once(self.uuid.as_str()).chain(labels.iter().copied());
        self.parts.push(Part { labels: labels.map(str::to_owned).collect(), figures });
    }

    fn push(&mut self, reader: &mut Reader, out: &mut Samples) {
        let FileSystem { uuid, label, commits, parts, ratios } = self;
        let label = reader.word(label, out);
        out.push(&INFO, [uuid, &label], 1.0);
        for Part { labels, figures } in parts {
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            figures.push(&labels, reader, out);
        }
        for (labels, ratio) in ratios {
            out.push(&RATIO, labels.each_ref().map(String::as_str), *ratio);
        }
        lines(commits.as_mut(), out, |line, out| commit(line, uuid, out));
    }
}

/// A line of `commit_stats`, such as `last_commit_ms 1000`. Kernels before 6.0 have none.
fn commit(line: &str, uuid: &str, out: &mut Samples) -> Result<(), Error> {
    let (name, number) = word(line);
    let number = count(number)?;
    match name {
        "commits" => out.push(&COMMITS, [uuid], number),
        "last_commit_ms" => out.push(&LAST, [uuid], number / 1e3),
        "max_commit_ms" => out.push(&LONGEST, [uuid], number / 1e3),
        "total_commit_ms" => out.push(&COMMITTING, [uuid], number / 1e3),
        _ => {}
    }
    Ok(())
}

/// How many bytes of the devices hold a byte of a mode; nothing for a mode that is not known, or for fewer devices than it
/// works with, as while one of them is looked for.
fn ratio(mode: &str, devices: usize) -> Option<f64> {
    let with_parity = |parity: usize| {
        let data = devices.checked_sub(parity).filter(|data| *data > 0)?;
        Some(devices as f64 / data as f64)
    };
    match mode {
        "single" | "raid0" => Some(1.0),
        "dup" | "raid1" | "raid10" => Some(2.0),
        "raid1c3" => Some(3.0),
        "raid1c4" => Some(4.0),
        "raid5" => with_parity(1),
        "raid6" => with_parity(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use relink_testing::{Tree, collect};

    use super::*;

    #[test]
    fn the_ratio_is_by_mode_and_devices() {
        let ratios =
            |devices| ["single", "dup", "raid1c4", "raid5", "raid6"].map(|mode| ratio(mode, devices));
        assert_eq!(ratios(4), [Some(1.0), Some(2.0), Some(4.0), Some(4.0 / 3.0), Some(2.0)]);
        assert_eq!(ratios(2), [Some(1.0), Some(2.0), Some(4.0), Some(2.0), None]);
        assert_eq!(ratios(0), [Some(1.0), Some(2.0), Some(4.0), None, None]);
        assert_eq!(ratio("raid7", 4), None);
    }

    #[test]
    fn the_parts_of_a_file_system_are_looked_for_again() {
        let tree =
            Tree::new().file("sys/fs/btrfs/a-b/label", "\n").file("sys/fs/btrfs/features/raid56", "0\n");
        let mut btrfs = Btrfs::new(&tree.paths()).unwrap();
        let first = collect(&mut btrfs, "btrfs").unwrap();
        assert_eq!(first, "node_btrfs_info{uuid=\"a-b\",label=\"\"} 1\n");
        tree.write("sys/fs/btrfs/a-b/devices/sda/size", "2\n");
        assert_eq!(collect(&mut btrfs, "btrfs").unwrap(), first, "it is not yet time");
        btrfs.folder.half_a_minute_passes();
        let text = collect(&mut btrfs, "btrfs").unwrap();
        assert!(text.ends_with("node_btrfs_device_size_bytes{uuid=\"a-b\",device=\"sda\"} 1024\n"), "{text}");
    }
}
