//! The collector on systems other than Linux: what `sysinfo` gives.

use std::collections::HashSet;

use relink_core::{Collector, Error, Facts, Paths, Samples};
use relink_pattern::Filter;
use sysinfo::Disks;

use super::{AVAILABLE, DEVICE_ERROR, READONLY, SIZE, Settings};
use crate::facts::space;

pub(crate) struct Filesystem {
    disks: Disks,
    mount_points: Filter,
    fs_types: Filter,
}

/// What is shown of one file system.
struct Row {
    device: String,
    mount_point: String,
    fstype: String,
    size: f64,
    available: f64,
    readonly: bool,
}

impl Filesystem {
    pub(crate) fn new(_: &Paths, settings: Settings) -> Result<Self, Error> {
        let (mount_points, fs_types) = (settings.mount_points()?, settings.fs_types()?);
        Ok(Filesystem { mount_points, fs_types, disks: Disks::new()? })
    }

    /// The file systems that pass the filters, each device and mount point once.
    fn rows(&mut self) -> Vec<Row> {
        self.disks.refresh(true);
        let mut seen = HashSet::new();
        let mut rows = Vec::new();
        for disk in &self.disks {
            let device = disk.name().to_string_lossy().into_owned();
            let mount_point = disk.mount_point().to_string_lossy().into_owned();
            let fstype = disk.file_system().to_string_lossy().into_owned();
            if self.mount_points.ignores(&mount_point)
                || self.fs_types.ignores(&fstype)
                || !seen.insert((device.clone(), mount_point.clone()))
            {
                continue;
            }
            rows.push(Row {
                device,
                mount_point,
                fstype,
                size: disk.total_space() as f64,
                available: disk.available_space() as f64,
                readonly: disk.is_read_only(),
            });
        }
        rows
    }
}

impl Collector for Filesystem {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        for row in self.rows() {
            let labels = [row.device.as_str(), &row.mount_point, &row.fstype, ""];
            out.push(&SIZE, labels, row.size);
            out.push(&AVAILABLE, labels, row.available);
            out.push(&READONLY, labels, f64::from(u8::from(row.readonly)));
            out.push(&DEVICE_ERROR, labels, 0.0);
        }
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        for row in self.rows() {
            let space = space(row.size - row.available, row.size);
            out.push(row.mount_point, format!("{} on {}, {space}", row.fstype, row.device));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_system_is_shown_once() {
        let settings = Settings {
            mount_points_exclude: String::new(),
            fs_types_exclude: String::new(),
            ..Settings::default()
        };
        let mut filesystem = Filesystem::new(&Paths::default(), settings).unwrap();
        let mut out = Samples::new(relink_testing::collector("filesystem").families, 10_000);
        filesystem.collect(&mut out).unwrap();
        assert_eq!(out.fault(), None);
        assert_eq!(out.series_set().unwrap().len(), 4 * filesystem.rows().len());
        let mut facts = Facts::default();
        filesystem.facts(&mut facts).unwrap();
        assert_eq!(facts.rows().len(), filesystem.rows().len());
    }
}
