//! Arrays of software RAID: what `/proc/mdstat` says of them, and files of `/sys/block/md*/md`.

mod mdstat;

use std::path::{Path, PathBuf};

use relink_core::{Collector, Error, Family, Paths, Samples, Source};
use relink_sysfs::{Device, Devices, Reader, is_there};

use crate::count;
use mdstat::Array;

const BLOCKS: Family =
    Family::gauge("node_md_blocks", "Size of an array, in blocks of 1 KiB (/proc/mdstat).")
        .labels(&["device"]);
const SYNCED: Family = Family::gauge(
    "node_md_blocks_synced",
    "Blocks that the resynchronisation of an array has done; all of them if none is under way (/proc/mdstat).",
)
.labels(&["device"]);
const DEGRADED: Family =
    Family::gauge("node_md_degraded", "Disks that an array lacks (/sys/block/md*/md/degraded).")
        .labels(&["device"]);
const DISKS: Family = Family::gauge("node_md_disks", "Disks of an array by their state (/proc/mdstat).")
    .labels(&["device", "state"]);
const REQUIRED: Family =
    Family::gauge("node_md_disks_required", "Disks that an array should have at work (/proc/mdstat).")
        .labels(&["device"]);
const RAID_DISKS: Family =
    Family::gauge("node_md_raid_disks", "Disks that an array is made for (/sys/block/md*/md/raid_disks).")
        .labels(&["device"]);
const STATE: Family =
    Family::gauge("node_md_state", "Whether an array is in this state: 1 or 0 (/proc/mdstat).")
        .labels(&["device", "state"]);

pub(crate) const FAMILIES: &[Family] = &[BLOCKS, SYNCED, DEGRADED, DISKS, REQUIRED, RAID_DISKS, STATE];

const STATES: [&str; 5] = ["active", "inactive", "recovering", "resync", "check"];

/// The levels that can lack a disk. Others have no file for it.
const REDUNDANT: [&str; 5] = ["raid1", "raid4", "raid5", "raid6", "raid10"];

pub(crate) struct Mdadm {
    path: PathBuf,
    mdstat: Source,
    block: Devices,
    folders: Vec<Folder>,
    reader: Reader,
}

/// The folder of an array.
struct Folder {
    device: String,
    level: PathBuf,
    raid_disks: PathBuf,
    degraded: PathBuf,
}

impl Mdadm {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        let path = paths.procfs("mdstat");
        Ok(Mdadm {
            mdstat: Source::new(&path),
            path,
            block: Devices::new(paths.sysfs("block")).starting_with("md"),
            folders: Vec::new(),
            reader: Reader::default(),
        })
    }
}

impl Collector for Mdadm {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let outcome = match self.mdstat.text() {
            // Without the driver there are no arrays to look for.
            Ok(None) => return Ok(()),
            Ok(Some(text)) => push_arrays(&text, &self.path, out),
            Err(why) => Err(why),
        };
        if let Some(devices) = self.block.due(out) {
            self.folders = devices.iter().filter_map(Folder::find).collect();
        }
        let before = out.len();
        for folder in &self.folders {
            folder.push(&mut self.reader, out);
        }
        match outcome {
            // The other source is shown.
            Err(why) if out.len() > before => out.warn(why.to_string()),
            outcome => return outcome,
        }
        Ok(())
    }
}

/// Pushes what the text says of each array; an error if nothing of it makes sense.
fn push_arrays(text: &str, path: &Path, out: &mut Samples) -> Result<(), Error> {
    let (mut shown, mut first) = (Vec::new(), None);
    mdstat::arrays(text, |line, array, odd| {
        let told = |why: Error| why.context(format_args!("{}: line {line}", path.display()));
        if let Some(why) = odd {
            out.warn(told(why).to_string());
        }
        match array {
            Ok(array) if shown.contains(&array.name) => {
                out.warn(told(Error::new(format!("{} stands there twice", array.name))).to_string());
            }
            Ok(array) => {
                push(&array, out);
                shown.push(array.name);
            }
            Err(why) => {
                let why = told(why);
                out.warn(why.to_string());
                first.get_or_insert(why);
            }
        }
    });
    first.filter(|_| shown.is_empty()).map_or(Ok(()), Err)
}

fn push(array: &Array<'_>, out: &mut Samples) {
    let name = array.name;
    out.push(&BLOCKS, [name], array.blocks);
    if let Some(synced) = array.synced {
        out.push(&SYNCED, [name], synced);
    }
    if let Some(disks) = &array.disks {
        out.push(&DISKS, [name, "active"], disks.active);
        out.push(&REQUIRED, [name], disks.required);
    }
    out.push(&DISKS, [name, "failed"], array.failed as f64);
    out.push(&DISKS, [name, "spare"], array.spare as f64);
    for state in STATES {
        out.push(&STATE, [name, state], f64::from(state == array.state));
    }
}

impl Folder {
    fn find(device: &Device) -> Option<Self> {
        let folder = device.path.join("md");
        is_there(&folder).then(|| Folder {
            device: device.name.clone(),
            level: folder.join("level"),
            raid_disks: folder.join("raid_disks"),
            degraded: folder.join("degraded"),
        })
    }

    fn push(&self, reader: &mut Reader, out: &mut Samples) {
        if let Some(disks) = count(&self.raid_disks, reader, out) {
            out.push(&RAID_DISKS, [&self.device], disks);
        }
        let can_lack = match reader.text(&self.level, out) {
            Some(level) => level.is_empty() || REDUNDANT.contains(&&*level),
            None => true,
        };
        let degraded = if can_lack { count(&self.degraded, reader, out) } else { Some(0.0) };
        if let Some(degraded) = degraded {
            out.push(&DEGRADED, [&self.device], degraded);
        }
    }
}
