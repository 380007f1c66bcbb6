//! The collector `diskstats`: the traffic of each disk.

// The other systems' collector is compiled into the tests too, so that it can't rot unseen.
#[cfg(any(not(target_os = "linux"), test))]
mod portable;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod udev;

use relink_core::{Error, Family, options};
use relink_pattern::Filter;

#[cfg(target_os = "linux")]
pub(crate) use linux::Diskstats;
#[cfg(not(target_os = "linux"))]
pub(crate) use portable::Diskstats;

const DEVICES: &str = r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$";

options! {
    /// What the operator may set.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    pub(crate) struct Settings {
        /// Disks to leave out, as a pattern.
        device_exclude: String = DEVICES.to_owned(),
        /// The only disks to show, as a pattern; in place of the exclude.
        device_include: String = String::new(),
        /// The folder in which udev keeps what it knows; if empty, run/udev/data below the root.
        udev_data: String = String::new(),
    }
}

impl Settings {
    fn devices(&self) -> Result<Filter, Error> {
        Filter::new("diskstats", "device", &self.device_exclude, &self.device_include, DEVICES)
    }
}

/// The kernel counts in sectors of this size, whatever the disk's own are.
const SECTOR: f64 = 512.0;
const MILLISECOND: f64 = 1e-3;

/// A family, and what one count of it is worth.
const fn counter(name: &'static str, help: &'static str, worth: f64) -> (Family, f64) {
    (Family::counter(name, help).labels(&["device"]), worth)
}

/// The columns of `/proc/diskstats` after the device's name, each with what one count of it is worth.
const COLUMNS: [(Family, f64); 17] = [
    counter("node_disk_reads_completed_total", "Reads that a disk completed.", 1.0),
    counter(
        "node_disk_reads_merged_total",
        "Reads that were merged with a neighbour before the disk saw them.",
        1.0,
    ),
    counter("node_disk_read_bytes_total", "Bytes read from a disk.", SECTOR),
    counter(
        "node_disk_read_time_seconds_total",
        "Time that reads took, added up over all reads.",
        MILLISECOND,
    ),
    counter("node_disk_writes_completed_total", "Writes that a disk completed.", 1.0),
    counter(
        "node_disk_writes_merged_total",
        "Writes that were merged with a neighbour before the disk saw them.",
        1.0,
    ),
    counter("node_disk_written_bytes_total", "Bytes written to a disk.", SECTOR),
    counter(
        "node_disk_write_time_seconds_total",
        "Time that writes took, added up over all writes.",
        MILLISECOND,
    ),
    (Family::gauge("node_disk_io_now", "Requests that a disk is working on.").labels(&["device"]), 1.0),
    counter("node_disk_io_time_seconds_total", "Time in which a disk had at least one request.", MILLISECOND),
    counter(
        "node_disk_io_time_weighted_seconds_total",
        "Time that all requests spent on a disk or waiting for it, added up.",
        MILLISECOND,
    ),
    counter("node_disk_discards_completed_total", "Discards that a disk completed.", 1.0),
    counter(
        "node_disk_discards_merged_total",
        "Discards that were merged with a neighbour before the disk saw them.",
        1.0,
    ),
    counter("node_disk_discarded_sectors_total", "Sectors of 512 bytes that were discarded.", 1.0),
    counter(
        "node_disk_discard_time_seconds_total",
        "Time that discards took, added up over all discards.",
        MILLISECOND,
    ),
    counter("node_disk_flush_requests_total", "Flushes that a disk completed.", 1.0),
    counter(
        "node_disk_flush_requests_time_seconds_total",
        "Time that flushes took, added up over all flushes.",
        MILLISECOND,
    ),
];
const READ: usize = 2;
const WRITTEN: usize = 6;

const INFO: Family =
    Family::gauge("node_disk_info", "Always 1; the labels say what udev and sysfs know of a disk.")
        .labels(&["device", "major", "minor", "path", "wwn", "model", "serial", "revision", "rotational"]);

const FILE_SYSTEM: Family = Family::gauge(
    "node_disk_filesystem_info",
    "Always 1; the labels say what udev knows of the file system on a disk.",
)
.labels(&["device", "type", "usage", "uuid", "version"]);

const MAPPER: Family = Family::gauge(
    "node_disk_device_mapper_info",
    "Always 1; the labels say what udev knows of a disk that the device mapper makes, such as a logical volume.",
)
.labels(&["device", "name", "uuid", "vg_name", "lv_name", "lv_layer"]);

/// What udev has asked an ATA disk for: its property, and the family that shows it.
const ATA: [(&str, Family); 3] = [
    (
        "ID_ATA_WRITE_CACHE",
        Family::gauge("node_disk_ata_write_cache", "Whether an ATA disk has a write cache (udev).")
            .labels(&["device"]),
    ),
    (
        "ID_ATA_WRITE_CACHE_ENABLED",
        Family::gauge("node_disk_ata_write_cache_enabled", "Whether an ATA disk's write cache is on (udev).")
            .labels(&["device"]),
    ),
    (
        "ID_ATA_ROTATION_RATE_RPM",
        Family::gauge(
            "node_disk_ata_rotation_rate_rpm",
            "Turns a minute of an ATA disk, 0 for one without moving parts (udev).",
        )
        .labels(&["device"]),
    ),
];

/// What it emits.
pub(crate) const FAMILIES: &[Family] = &{
    let mut families = [INFO; COLUMNS.len() + 3 + ATA.len()];
    let mut at = 0;
    while at < COLUMNS.len() {
        families[at] = COLUMNS[at].0;
        at += 1;
    }
    families[at + 1] = FILE_SYSTEM;
    families[at + 2] = MAPPER;
    at = 0;
    while at < ATA.len() {
        families[COLUMNS.len() + 3 + at] = ATA[at].1;
        at += 1;
    }
    families
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_leave_out_what_is_no_disk() {
        let devices = Settings::default().devices().unwrap();
        for ignored in ["ram0", "zram1", "loop7", "sda1", "nvme0n1p2", "xvdb3", "fd0"] {
            assert!(devices.ignores(ignored), "{ignored}");
        }
        for shown in ["sda", "nvme0n1", "vda", "dm-0", "md127", "mmcblk0p1", "sr0"] {
            assert!(!devices.ignores(shown), "{shown}");
        }
    }
}
