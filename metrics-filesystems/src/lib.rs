//! What file systems count for themselves: XFS, Btrfs, ZFS and bcachefs, under the names that node_exporter's dashboards
//! ask for.
//!
//! The README lists families.

mod bcachefs;
mod btrfs;
mod lines;
mod xfs;
mod zfs;

use relink_core::register;

use bcachefs::Bcachefs;
use btrfs::Btrfs;
use xfs::Xfs;
use zfs::Zfs;

register! {
    plugin: "filesystems",
    help: "What XFS, Btrfs, ZFS and bcachefs count",
    collectors: [
        { name: "bcachefs", help: "File systems of bcachefs", families: bcachefs::FAMILIES, new: Bcachefs::new },
        { name: "btrfs", help: "File systems of Btrfs", families: btrfs::FAMILIES, new: Btrfs::new },
        { name: "xfs", help: "File systems of XFS", families: xfs::FAMILIES, new: Xfs::new },
        { name: "zfs", help: "ZFS, its pools and datasets", families: zfs::FAMILIES, new: Zfs::new },
    ],
}
