//! The collector on systems other than Linux: what `sysinfo` gives.

use std::collections::HashSet;

use relink_core::{Collector, Error, Facts, Options, Samples};
use sysinfo::Disks;

use crate::facts::{space, traffic};
use crate::families::{AVAILABLE, DEVICE_ERROR, READ_BYTES, READONLY, SIZE, WRITTEN_BYTES};
use crate::options::Settings;

pub(crate) struct Disk {
    disks: Disks,
    settings: Settings,
}

/// What is shown of one disk.
struct Row {
    device: String,
    mount_point: String,
    fstype: String,
    size: f64,
    available: f64,
    readonly: bool,
    read: f64,
    written: f64,
    kind: String,
}

impl Disk {
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        Ok(Disk { settings: Settings::new(options)?, disks: Disks::new()? })
    }

    /// The disks that pass the filters, each device and mount point once.
    fn rows(&mut self) -> Vec<Row> {
        self.disks.refresh(true);
        let mut seen = HashSet::new();
        let mut rows = Vec::new();
        for disk in &self.disks {
            let device = disk.name().to_string_lossy().into_owned();
            let mount_point = disk.mount_point().to_string_lossy().into_owned();
            let fstype = disk.file_system().to_string_lossy().into_owned();
            if self.settings.mount_points.ignores(&mount_point)
                || self.settings.fs_types.ignores(&fstype)
                || !seen.insert((device.clone(), mount_point.clone()))
            {
                continue;
            }
            let usage = disk.usage();
            rows.push(Row {
                device,
                mount_point,
                fstype,
                size: disk.total_space() as f64,
                available: disk.available_space() as f64,
                readonly: disk.is_read_only(),
                read: usage.total_read_bytes as f64,
                written: usage.total_written_bytes as f64,
                kind: disk.kind().to_string(),
            });
        }
        rows
    }
}

impl Collector for Disk {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let rows = self.rows();
        let mut devices = HashSet::new();
        for row in &rows {
            let labels = [row.device.as_str(), &row.mount_point, &row.fstype, ""];
            if self.settings.filesystem {
                out.push(&SIZE, labels, row.size);
                out.push(&AVAILABLE, labels, row.available);
                out.push(&READONLY, labels, f64::from(u8::from(row.readonly)));
                out.push(&DEVICE_ERROR, labels, 0.0);
            }
            if self.settings.diskstats
                && !self.settings.devices.ignores(&row.device)
                && devices.insert(&row.device)
            {
                out.push(&READ_BYTES, [&row.device], row.read);
                out.push(&WRITTEN_BYTES, [&row.device], row.written);
            }
        }
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        for row in self.rows() {
            let space = space(row.size - row.available, row.size);
            out.push(row.mount_point, format!("{} on {}, {space}", row.fstype, row.device));
            out.push(row.device, traffic(row.read, row.written, &row.kind));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_disk_is_shown_once() {
        let table = ["mount_points_exclude", "fs_types_exclude"].map(|key| (key.to_owned(), "".into()));
        let options = Options::new("disk", Default::default(), table.into_iter().collect());
        let mut disk = Disk::new(&options).unwrap();
        let mut out = Samples::new(relink_testing::plugin("disk").families, 10_000);
        disk.collect(&mut out).unwrap();
        assert_eq!(out.fault(), None);
        let set = out.series_set().unwrap();
        let sizes = set.places().filter(|&at| set.family_of(at).1 == &SIZE).count();
        assert_eq!(sizes, disk.rows().len());
        let mut facts = Facts::default();
        disk.facts(&mut facts).unwrap();
        assert_eq!(facts.rows().len(), 2 * sizes);
    }
}
