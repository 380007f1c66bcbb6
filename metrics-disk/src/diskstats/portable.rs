//! The collector on systems other than Linux: what `sysinfo` gives.

use std::collections::HashSet;

use relink_core::{Collector, Error, Facts, Paths, Samples};
use relink_pattern::Filter;
use sysinfo::Disks;

use super::{COLUMNS, READ, Settings, WRITTEN};
use crate::facts::traffic;

pub(crate) struct Diskstats {
    disks: Disks,
    devices: Filter,
}

/// What is shown of one disk.
struct Row {
    device: String,
    read: f64,
    written: f64,
    kind: String,
}

impl Diskstats {
    pub(crate) fn new(_: &Paths, settings: Settings) -> Result<Self, Error> {
        Ok(Diskstats { devices: settings.devices()?, disks: Disks::new()? })
    }

    /// The disks that pass the filter, each once however often it is mounted.
    fn rows(&mut self) -> Vec<Row> {
        self.disks.refresh(true);
        let mut seen = HashSet::new();
        let mut rows = Vec::new();
        for disk in &self.disks {
            let device = disk.name().to_string_lossy().into_owned();
            if self.devices.ignores(&device) || !seen.insert(device.clone()) {
                continue;
            }
            let usage = disk.usage();
            rows.push(Row {
                device,
                read: usage.total_read_bytes as f64,
                written: usage.total_written_bytes as f64,
                kind: disk.kind().to_string(),
            });
        }
        rows
    }
}

impl Collector for Diskstats {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        for Row { device, read, written, .. } in self.rows() {
            out.push(&COLUMNS[READ].0, [&device], read);
            out.push(&COLUMNS[WRITTEN].0, [&device], written);
        }
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        for Row { device, read, written, kind } in self.rows() {
            out.push(device, traffic(read, written, &kind));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_disk_is_shown_once() {
        let settings = Settings { device_exclude: String::new(), ..Settings::default() };
        let mut disks = Diskstats::new(&Paths::default(), settings).unwrap();
        let mut out = Samples::new(relink_testing::collector("diskstats").families, 10_000);
        disks.collect(&mut out).unwrap();
        assert_eq!(out.fault(), None);
        assert_eq!(out.series_set().unwrap().len(), 2 * disks.rows().len());
        let mut facts = Facts::default();
        disks.facts(&mut facts).unwrap();
        assert_eq!(facts.rows().len(), disks.rows().len());
    }
}
