//! Space of file systems and traffic of disks, under the names that node_exporter's dashboards ask for.
//!
//! On Linux this is `/proc/1/mountinfo` with statvfs(3), and `/proc/diskstats`; elsewhere `sysinfo` gives what it has.
//! The README lists families and options.

mod facts;
mod families;
mod options;
// The other systems' collector is compiled into the tests too, so that it can't rot unseen.
#[cfg(any(not(target_os = "linux"), test))]
mod portable;

#[cfg(target_os = "linux")]
mod diskstats;
#[cfg(target_os = "linux")]
mod filesystem;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod mountinfo;
#[cfg(target_os = "linux")]
mod mounts;
#[cfg(target_os = "linux")]
mod statfs;
#[cfg(target_os = "linux")]
mod udev;

use relink_core::{Options, register};

use families::*;
#[cfg(target_os = "linux")]
use linux::Disk;
#[cfg(not(target_os = "linux"))]
use portable::Disk;

register! {
    name: "disk",
    help: "Space of file systems, traffic of disks",
    families: [
        SIZE,
        FREE,
        AVAILABLE,
        FILES,
        FILES_FREE,
        READONLY,
        DEVICE_ERROR,
        MOUNT_INFO,
        READS_COMPLETED,
        READS_MERGED,
        READ_BYTES,
        READ_TIME,
        WRITES_COMPLETED,
        WRITES_MERGED,
        WRITTEN_BYTES,
        WRITE_TIME,
        IO_NOW,
        IO_TIME,
        IO_TIME_WEIGHTED,
        DISCARDS_COMPLETED,
        DISCARDS_MERGED,
        DISCARDED_SECTORS,
        DISCARD_TIME,
        FLUSH_REQUESTS,
        FLUSH_REQUESTS_TIME,
        DISK_INFO,
    ],
    new: |options: &Options| Disk::new(options),
}
