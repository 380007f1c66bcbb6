//! Space of file systems and traffic of disks, under the names that node_exporter's dashboards ask for.
//!
//! On Linux this is `/proc/1/mountinfo` with statvfs(3), and `/proc/diskstats`; elsewhere `sysinfo` gives what it has.
//! The README lists families and options.

mod diskstats;
mod facts;
mod filesystem;

use relink_core::register;

use diskstats::Diskstats;
use filesystem::Filesystem;

register! {
    plugin: "disk",
    help: "Space of file systems, traffic of disks",
    collectors: [
        {
            name: "diskstats",
            help: "Traffic of disks",
            families: diskstats::FAMILIES,
            options: diskstats::Settings,
            new: Diskstats::new,
        },
        {
            name: "filesystem",
            help: "Space of file systems",
            families: filesystem::FAMILIES,
            options: filesystem::Settings,
            new: Filesystem::new,
        },
    ],
}
