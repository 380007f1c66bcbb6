//! `/proc/spl/kstat/zfs`: the caches of ZFS, and its pools and their datasets.

mod kstat;

use std::path::PathBuf;

use relink_core::{Collector, Error, Family, Paths, Samples, Source, Unread};
use relink_sysfs::{Device, Devices, Reader};

use crate::lines::count;
use kstat::{fields, number, part_of_name, table};

const DATASET: Family =
    Family::unknown("node_zfs_zpool_dataset_{}", "Field {} of a dataset since its mount (objset-*).")
        .labels(&["zpool", "dataset"]);
const STATE: Family =
    Family::gauge("node_zfs_zpool_state", "1 for the state that a pool is in, 0 for the others (state).")
        .labels(&["zpool", "state"]);

const fn of_io(name: &'static str, help: &'static str) -> Family {
    Family::unknown(name, help).labels(&["zpool"])
}

/// First one for each of [`FILES`], then one for each column of [`IO`]. Only ZFS knows its fields, and which of them count.
pub(crate) const FAMILIES: &[Family] = &[
    Family::unknown("node_zfs_abd_{}", "Field {} of the buffers (abdstats)."),
    Family::unknown("node_zfs_arc_{}", "Field {} of the cache ARC (arcstats)."),
    Family::unknown("node_zfs_dbuf_{}", "Field {} of the cache of data buffers (dbufstats)."),
    Family::unknown("node_zfs_dmu_tx_{}", "Field {} of transactions (dmu_tx)."),
    Family::unknown("node_zfs_dnode_{}", "Field {} of dnodes (dnodestats)."),
    Family::unknown("node_zfs_fm_{}", "Field {} of the reports of faults (fm)."),
    Family::unknown("node_zfs_vdev_cache_{}", "Field {} of the devices' cache (vdev_cache_stats)."),
    Family::unknown("node_zfs_vdev_mirror_{}", "Field {} of mirrors (vdev_mirror_stats)."),
    Family::unknown("node_zfs_xuio_{}", "Field {} of lent buffers (xuio_stats)."),
    Family::unknown("node_zfs_zfetch_{}", "Field {} of reading ahead (zfetchstats)."),
    Family::unknown("node_zfs_zil_{}", "Field {} of the intent log (zil)."),
    of_io("node_zfs_zpool_nread", "Bytes read from a pool (io)."),
    of_io("node_zfs_zpool_nwritten", "Bytes written to a pool (io)."),
    of_io("node_zfs_zpool_reads", "Reads from a pool (io)."),
    of_io("node_zfs_zpool_writes", "Writes to a pool (io)."),
    of_io("node_zfs_zpool_wtime", "Nanoseconds in which something waited (io)."),
    of_io("node_zfs_zpool_wlentime", "Nanoseconds of waiting, times the length of the queue (io)."),
    of_io("node_zfs_zpool_wupdate", "When the queue of what waits changed, in nanoseconds (io)."),
    of_io("node_zfs_zpool_rtime", "Nanoseconds in which something was worked on (io)."),
    of_io("node_zfs_zpool_rlentime", "Nanoseconds of work, times the length of the queue (io)."),
    of_io("node_zfs_zpool_rupdate", "When the queue of what is worked on changed, in nanoseconds (io)."),
    of_io("node_zfs_zpool_wcnt", "How much waits (io)."),
    of_io("node_zfs_zpool_rcnt", "How much is worked on (io)."),
    DATASET,
    STATE,
];

/// The files of all of ZFS. Which there are depends on its version.
const FILES: [&str; 11] = [
    "abdstats",
    "arcstats",
    "dbufstats",
    "dmu_tx",
    "dnodestats",
    "fm",
    "vdev_cache_stats",
    "vdev_mirror_stats",
    "xuio_stats",
    "zfetchstats",
    "zil",
];

/// The columns of a pool's file `io`, which later versions do not have any more.
const IO: &str = "nread nwritten reads writes wtime wlentime wupdate rtime rlentime rupdate wcnt rcnt";

const STATES: [&str; 7] = ["online", "degraded", "faulted", "offline", "removed", "unavail", "suspended"];

pub(crate) struct Zfs {
    folder: Devices,
    /// The files that there are, and the places of their families.
    files: Vec<(usize, Source)>,
    pools: Vec<Pool>,
    unread: Unread,
    reader: Reader,
}

/// A pool that is imported.
struct Pool {
    name: String,
    io: Option<Source>,
    state: Option<PathBuf>,
    datasets: Vec<Source>,
}

impl Zfs {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Zfs {
            folder: Devices::new(paths.procfs("spl/kstat/zfs")),
            files: Vec::new(),
            pools: Vec::new(),
            unread: Unread::default(),
            reader: Reader::default(),
        })
    }

    fn find(&mut self, out: &mut Samples) {
        let Some(entries) = self.folder.due(out) else { return };
        self.unread = Unread::default();
        self.files.clear();
        self.pools.clear();
        for entry in entries {
            match FILES.iter().position(|file| *file == entry.name) {
                Some(place) => self.files.push((place, Source::new(&entry.path))),
                None => self.pools.extend(Pool::find(entry, &mut self.unread)),
            }
        }
    }
}

impl Collector for Zfs {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.find(out);
        self.unread.tell(out);
        for (place, source) in &mut self.files {
            fields(source, out, |name, kind, value, out| {
                if let Some(number) = number(kind, value) {
                    out.push_index(*place, &[&part_of_name(name)?], number?);
                }
                Ok(())
            });
        }
        for pool in &mut self.pools {
            pool.push(&mut self.reader, out);
        }
        Ok(())
    }
}

impl Pool {
    /// The pool of a folder; nothing for one of the other files.
    fn find(entry: &Device, unread: &mut Unread) -> Option<Self> {
        let files = unread.list(&entry.path);
        let path = |name: &str| entry.path.join(name);
        let has = |name: &str| files.iter().any(|file| file == name);
        let datasets = files.iter().filter(|file| file.starts_with("objset-"));
        (!files.is_empty()).then(|| Pool {
            name: entry.name.clone(),
            io: has("io").then(|| Source::new(path("io"))),
            state: has("state").then(|| path("state")),
            datasets: datasets.map(|file| Source::new(path(file))).collect(),
        })
    }

    fn push(&mut self, reader: &mut Reader, out: &mut Samples) {
        let Pool { name, io, state, datasets } = self;
        if let Some(io) = io {
            table(io, IO, out, |line, out| push_io(line, name, out));
        }
        for source in datasets {
            push_dataset(source, name, out);
        }
        if let Some(path) = state
            && let Some(text) = reader.text(path, out)
        {
            let found = text.to_ascii_lowercase();
            for state in STATES {
                out.push(&STATE, [name, state], f64::from(u8::from(found == state)));
            }
            if !STATES.contains(&found.as_str()) {
                relink_sysfs::odd(path, "the state of a pool", &text, out);
            }
        }
    }
}

/// The numbers below the columns of [`IO`].
fn push_io(line: &str, pool: &str, out: &mut Samples) -> Result<(), Error> {
    let mut numbers = line.split_ascii_whitespace();
    for place in FILES.len()..FILES.len() + IO.split(' ').count() {
        let number = numbers.next().ok_or_else(|| Error::expected("12 numbers", line))?;
        out.push_index(place, &[pool], count(number)?);
    }
    Ok(())
}

/// The fields of a dataset, of which the first is its name.
fn push_dataset(source: &mut Source, pool: &str, out: &mut Samples) {
    let mut dataset = String::new();
    fields(source, out, |name, kind, value, out| {
        if name == "dataset_name" {
            // There may be spaces in it.
            value.clone_into(&mut dataset);
        } else if let Some(number) = number(kind, value) {
            if dataset.is_empty() {
                return Err(Error::expected("the dataset's name", name));
            }
            out.push(&DATASET, [&part_of_name(name)?, pool, &dataset], number?);
        }
        Ok(())
    });
}

#[cfg(test)]
mod tests {
    use relink_testing::{Tree, collect};

    use super::*;

    #[test]
    fn each_file_and_column_has_its_family() {
        for (family, file) in FAMILIES.iter().zip(FILES) {
            assert!(family.help().ends_with(&format!("({file}).")), "{family:?}");
        }
        for (family, column) in FAMILIES.iter().skip(FILES.len()).zip(IO.split(' ')) {
            assert_eq!(family.name(), format!("node_zfs_zpool_{column}"));
        }
    }

    #[test]
    fn a_new_pool_is_shown_at_once_and_a_new_dataset_soon() {
        let dataset = "1 1 0x01 2 2160 5 6\nname type data\ndataset_name 7 tank\nreads 4 5\n";
        let tree = Tree::new().file("proc/spl/kstat/zfs/dbgmsg", "timestamp message\n");
        let mut zfs = Zfs::new(&tree.paths()).unwrap();
        assert_eq!(collect(&mut zfs, "zfs").unwrap(), "");
        tree.write("proc/spl/kstat/zfs/tank/objset-0x36", dataset);
        let first = collect(&mut zfs, "zfs").unwrap();
        assert_eq!(first, "node_zfs_zpool_dataset_reads{zpool=\"tank\",dataset=\"tank\"} 5\n");
        tree.write("proc/spl/kstat/zfs/tank/objset-0x40", dataset.replace("7 tank", "7 tank/my data"));
        assert_eq!(collect(&mut zfs, "zfs").unwrap(), first, "it is not yet time");
        zfs.folder.half_a_minute_passes();
        let text = collect(&mut zfs, "zfs").unwrap();
        assert!(text.ends_with("{zpool=\"tank\",dataset=\"tank/my data\"} 5\n"), "{text}");
    }
}
