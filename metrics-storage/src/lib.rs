//! Software RAID, NVMe, multipath, bcache, tapes and DRBD: what the drivers of storage show beside the block layer, under
//! the names that node_exporter's dashboards ask for.
//!
//! The README lists families and options.

mod bcache;
mod dmmultipath;
mod drbd;
mod mdadm;
mod nvme;
mod tapestats;

use std::path::Path;

use relink_core::{Samples, register};
use relink_sysfs::{Reader, odd};

use bcache::Bcache;
use dmmultipath::Multipath;
use drbd::Drbd;
use mdadm::Mdadm;
use nvme::Nvme;
use tapestats::Tapes;

register! {
    plugin: "storage",
    help: "Software RAID, NVMe, multipath, bcache, tapes, DRBD",
    collectors: [
        {
            name: "bcache",
            help: "Disks that are cached by others",
            families: bcache::FAMILIES,
            options: bcache::Settings,
            new: Bcache::new,
        },
        {
            name: "dmmultipath",
            help: "Disks with several paths, and the paths",
            families: dmmultipath::FAMILIES,
            new: Multipath::new,
        },
        {
            name: "drbd",
            help: "Disks that are mirrored to another machine",
            families: drbd::FAMILIES,
            new: Drbd::new,
            default: off,
        },
        { name: "mdadm", help: "Arrays of software RAID", families: mdadm::FAMILIES, new: Mdadm::new },
        { name: "nvme", help: "NVMe controllers and namespaces", families: nvme::FAMILIES, new: Nvme::new },
        {
            name: "tapestats",
            help: "Traffic of tape drives",
            families: tapestats::FAMILIES,
            options: tapestats::Settings,
            new: Tapes::new,
        },
    ],
}

/// The whole number that a file holds; what is none is told. Behind it another word may stand: an array that is reshaped
/// has `4 (3)` disks.
fn count(path: &Path, reader: &mut Reader, out: &mut Samples) -> Option<f64> {
    let text = reader.text(path, out)?;
    let word = text.split_ascii_whitespace().next().unwrap_or_default();
    let number = word.parse::<u64>().ok();
    if number.is_none() {
        odd(path, "a count", &text, out);
    }
    number.map(|number| number as f64)
}
