//! What the plugin emits.

use relink_core::Family;

const FILESYSTEM: &[&str] = &["device", "mountpoint", "fstype", "device_error"];

const fn filesystem(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help).labels(FILESYSTEM)
}

const fn disk(name: &'static str, help: &'static str) -> Family {
    Family::counter(name, help).labels(&["device"])
}

pub(crate) const SIZE: Family = filesystem("node_filesystem_size_bytes", "Size of a file system.");
pub(crate) const FREE: Family =
    filesystem("node_filesystem_free_bytes", "Free space, with what is reserved for the superuser.");
pub(crate) const AVAILABLE: Family =
    filesystem("node_filesystem_avail_bytes", "Free space for users other than the superuser.");
pub(crate) const FILES: Family =
    filesystem("node_filesystem_files", "Number of inodes that a file system has in all.");
pub(crate) const FILES_FREE: Family =
    filesystem("node_filesystem_files_free", "Number of inodes that are free.");
pub(crate) const READONLY: Family =
    filesystem("node_filesystem_readonly", "Whether a file system can't be written to.");
pub(crate) const DEVICE_ERROR: Family = filesystem(
    "node_filesystem_device_error",
    "Whether a file system did not tell its size; the label device_error says why.",
);
pub(crate) const MOUNT_INFO: Family =
    Family::gauge("node_filesystem_mount_info", "Always 1; the labels say which device is mounted where.")
        .labels(&["device", "major", "minor", "mountpoint"]);

pub(crate) const READS_COMPLETED: Family =
    disk("node_disk_reads_completed_total", "Reads that a disk completed.");
pub(crate) const READS_MERGED: Family =
    disk("node_disk_reads_merged_total", "Reads that were merged with a neighbour before the disk saw them.");
pub(crate) const READ_BYTES: Family = disk("node_disk_read_bytes_total", "Bytes read from a disk.");
pub(crate) const READ_TIME: Family =
    disk("node_disk_read_time_seconds_total", "Time that reads took, added up over all reads.");
pub(crate) const WRITES_COMPLETED: Family =
    disk("node_disk_writes_completed_total", "Writes that a disk completed.");
pub(crate) const WRITES_MERGED: Family = disk(
    "node_disk_writes_merged_total",
    "Writes that were merged with a neighbour before the disk saw them.",
);
pub(crate) const WRITTEN_BYTES: Family = disk("node_disk_written_bytes_total", "Bytes written to a disk.");
pub(crate) const WRITE_TIME: Family =
    disk("node_disk_write_time_seconds_total", "Time that writes took, added up over all writes.");
pub(crate) const IO_NOW: Family =
    Family::gauge("node_disk_io_now", "Requests that a disk is working on.").labels(&["device"]);
pub(crate) const IO_TIME: Family =
    disk("node_disk_io_time_seconds_total", "Time in which a disk had at least one request.");
pub(crate) const IO_TIME_WEIGHTED: Family = disk(
    "node_disk_io_time_weighted_seconds_total",
    "Time that all requests spent on a disk or waiting for it, added up.",
);
pub(crate) const DISCARDS_COMPLETED: Family =
    disk("node_disk_discards_completed_total", "Discards that a disk completed.");
pub(crate) const DISCARDS_MERGED: Family = disk(
    "node_disk_discards_merged_total",
    "Discards that were merged with a neighbour before the disk saw them.",
);
pub(crate) const DISCARDED_SECTORS: Family =
    disk("node_disk_discarded_sectors_total", "Sectors of 512 bytes that were discarded.");
pub(crate) const DISCARD_TIME: Family =
    disk("node_disk_discard_time_seconds_total", "Time that discards took, added up over all discards.");
pub(crate) const FLUSH_REQUESTS: Family =
    disk("node_disk_flush_requests_total", "Flushes that a disk completed.");
pub(crate) const FLUSH_REQUESTS_TIME: Family =
    disk("node_disk_flush_requests_time_seconds_total", "Time that flushes took, added up over all flushes.");
pub(crate) const DISK_INFO: Family =
    Family::gauge("node_disk_info", "Always 1; the labels say what udev and sysfs know of a disk.")
        .labels(&["device", "major", "minor", "path", "wwn", "model", "serial", "revision", "rotational"]);
