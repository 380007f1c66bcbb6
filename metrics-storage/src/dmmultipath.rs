//! Disks with several paths: the maps of device-mapper's multipath below `/sys/block`, and the disks that are their paths.

use std::path::{Path, PathBuf};

use relink_core::{Collector, Error, Family, Paths, Samples, Unread};
use relink_sysfs::{Device, Devices, Reader, odd};

use crate::count;

const INFO: Family = Family::gauge(
    "node_dmmultipath_device_info",
    "Always 1; the labels name a disk with several paths (dm/name and dm/uuid).",
)
.labels(&["device", "sysfs_name", "uuid"]);
const ACTIVE: Family = Family::gauge(
    "node_dmmultipath_device_active",
    "Whether a disk with several paths works: 1, or 0 if it is suspended (dm/suspended).",
)
.labels(&["device", "sysfs_name"]);
const SIZE: Family =
    Family::gauge("node_dmmultipath_device_size_bytes", "Size of a disk with several paths (size).")
        .labels(&["device", "sysfs_name"]);
const PATHS: Family = Family::gauge("node_dmmultipath_device_paths", "Paths of a disk (slaves).")
    .labels(&["device", "sysfs_name"]);
const PATHS_ACTIVE: Family = Family::gauge(
    "node_dmmultipath_device_paths_active",
    "Paths of a disk that are in the state running or live (device/state of each path).",
)
.labels(&["device", "sysfs_name"]);
const PATHS_FAILED: Family = Family::gauge(
    "node_dmmultipath_device_paths_failed",
    "Paths of a disk that are in another state (device/state of each path).",
)
.labels(&["device", "sysfs_name"]);
const PATH_STATE: Family = Family::gauge(
    "node_dmmultipath_path_state",
    "Always 1; the state of a path of a disk (device/state of it).",
)
.labels(&["device", "path", "state"]);

pub(crate) const FAMILIES: &[Family] = &[INFO, ACTIVE, SIZE, PATHS, PATHS_ACTIVE, PATHS_FAILED, PATH_STATE];

/// What the UUID of a map of multipath begins with. Other maps are volumes, encrypted disks and more.
const MULTIPATH: &str = "mpath-";
/// The kernel counts in sectors of this many bytes, whatever the disk's are.
const SECTOR: f64 = 512.0;
/// The state of a disk that does not tell it.
const UNKNOWN: &str = "unknown";

pub(crate) struct Multipath {
    block: Devices,
    maps: Vec<Map>,
    unread: Unread,
    reader: Reader,
}

struct Map {
    sysfs_name: String,
    uuid: PathBuf,
    name: PathBuf,
    suspended: PathBuf,
    size: PathBuf,
    slaves: PathBuf,
}

impl Multipath {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Multipath {
            block: Devices::new(paths.sysfs("block")).starting_with("dm-"),
            maps: Vec::new(),
            unread: Unread::default(),
            reader: Reader::default(),
        })
    }
}

impl Collector for Multipath {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if let Some(devices) = self.block.due(out) {
            self.unread = Unread::default();
            self.maps = devices.iter().filter_map(|device| Map::find(device, &mut self.unread)).collect();
        }
        self.unread.tell(out);
        let mut names = Vec::with_capacity(self.maps.len());
        for map in &self.maps {
            map.push(self.block.folder(), &mut names, &mut self.reader, out);
        }
        Ok(())
    }
}

impl Map {
    fn find(device: &Device, unread: &mut Unread) -> Option<Self> {
        let file = |name: &str| device.path.join(name);
        let uuid = file("dm/uuid");
        unread.read(&uuid)?.starts_with(MULTIPATH).then(|| Map {
            sysfs_name: device.name.clone(),
            uuid,
            name: file("dm/name"),
            suspended: file("dm/suspended"),
            size: file("size"),
            slaves: file("slaves"),
        })
    }

    fn push(&self, block: &Path, names: &mut Vec<String>, reader: &mut Reader, out: &mut Samples) {
        let uuid = reader.word(&self.uuid, out);
        let name = reader.word(&self.name, out);
        // The number of a map that has gone may be another's by now.
        if !uuid.starts_with(MULTIPATH) || name.is_empty() {
            return;
        }
        if names.contains(&name) {
            odd(&self.name, "a name that no other map has", &name, out);
            return;
        }
        let labels = [&*name, &*self.sysfs_name];
        out.push(&INFO, [&name, &self.sysfs_name, &uuid], 1.0);
        if let Some(suspended) = count(&self.suspended, reader, out) {
            out.push(&ACTIVE, labels, f64::from(suspended != 1.0));
        }
        if let Some(sectors) = count(&self.size, reader, out) {
            out.push(&SIZE, labels, sectors * SECTOR);
        }
        self.push_paths(&name, block, reader, out);
        names.push(name);
    }

    /// The paths are listed each time: that one is gone is what there is to know.
    fn push_paths(&self, name: &str, block: &Path, reader: &mut Reader, out: &mut Samples) {
        let mut unread = Unread::default();
        let paths = unread.list(&self.slaves);
        unread.tell(out);
        let mut active = 0;
        for path in &paths {
            let state = reader.text(&block.join(path).join("device/state"), out);
            let state = state.as_deref().filter(|state| !state.is_empty()).unwrap_or(UNKNOWN);
            active += usize::from(matches!(state, "running" | "live"));
            out.push(&PATH_STATE, [name, path, state], 1.0);
        }
        for (family, count) in
            [(PATHS, paths.len()), (PATHS_ACTIVE, active), (PATHS_FAILED, paths.len() - active)]
        {
            out.push(&family, [name, &self.sysfs_name], count as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use relink_testing::{Tree, collect};

    use super::*;

    #[test]
    fn a_map_that_becomes_another_is_noticed() {
        let tree = Tree::new()
            .file("sys/block/dm-0/dm/uuid", "LVM-x\n")
            .file("sys/block/dm-0/dm/name", "a\n")
            .file("sys/block/sda/size", "1\n");
        let mut multipath = Multipath::new(&tree.paths()).unwrap();
        assert_eq!(collect(&mut multipath, "dmmultipath").unwrap(), "");
        tree.write("sys/block/dm-0/dm/uuid", "mpath-x\n");
        assert_eq!(collect(&mut multipath, "dmmultipath").unwrap(), "", "it is not yet time");
        multipath.block.half_a_minute_passes();
        let text = collect(&mut multipath, "dmmultipath").unwrap();
        assert!(text.contains(r#"device_info{device="a",sysfs_name="dm-0",uuid="mpath-x"} 1"#), "{text}");
        tree.write("sys/block/dm-0/dm/uuid", "CRYPT-x\n");
        assert_eq!(collect(&mut multipath, "dmmultipath").unwrap(), "");
    }
}
