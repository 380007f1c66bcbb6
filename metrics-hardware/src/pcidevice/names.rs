//! The file pci.ids: what vendors, devices and classes are called.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use relink_core::{Paths, Unread};
use relink_order::gathered;

use super::device::PciDevice;

/// Where systems have the file.
const PLACES: [&str; 2] = ["usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids"];

pub(super) struct Names {
    /// The first one that is there counts.
    files: Vec<PathBuf>,
    /// What was asked for already. The file is long, and read only when a device comes that was not asked for.
    known: BTreeMap<String, Option<String>>,
}

impl Names {
    pub(super) fn new(paths: &Paths, file: &str) -> Self {
        let files = match file {
            "" => PLACES.iter().map(|place| paths.rootfs.join(place)).collect(),
            file => vec![file.into()],
        };
        Names { files, known: BTreeMap::new() }
    }

    /// Names the devices; what the file does not know has its number as a name.
    pub(super) fn give<'a>(
        &mut self,
        devices: impl Iterator<Item = &'a mut PciDevice>,
        unread: &mut Unread,
        odd: &mut Vec<String>,
    ) {
        let devices: Vec<_> = devices.collect();
        let wanted: BTreeSet<String> = gathered(devices.iter().flat_map(|device| keys(device.ids)).flatten());
        if wanted.iter().any(|key| !self.known.contains_key(key)) {
            match self.files.iter().find_map(|file| unread.read(file)) {
                Some(text) => self.known = look_up(&text, wanted),
                None => odd.push(format!(
                    "{}: nothing to read, so PCI devices have numbers for names",
                    self.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
                )),
            }
        }
        for device in devices {
            device.names = self.names(device.ids);
        }
    }

    fn names(&self, ids: [Option<u32>; 6]) -> [String; 5] {
        let [vendor, device, maker, model, classes @ ..] = keys(ids);
        let [class, .., subsystem_vendor, subsystem_device, _] = ids;
        let [_, vendor_id, device_id, ..] = ids;
        let known = |key: &Option<String>| self.known.get(key.as_ref()?)?.clone();
        let or_number = |key, id: Option<u32>| {
            known(&key).unwrap_or_else(|| id.map(|id| format!("{id:04x}")).unwrap_or_default())
        };
        let unknown = || class.map(|class| format!("Unknown class ({class:06x})")).unwrap_or_default();
        [
            or_number(vendor, vendor_id),
            or_number(device, device_id),
            or_number(maker, subsystem_vendor),
            or_number(model, subsystem_device),
            classes.iter().find_map(known).unwrap_or_else(unknown),
        ]
    }
}

/// How [`look_up`] calls a device's vendor, itself, the subsystem's vendor, the subsystem, and the classes it is of, the
/// narrowest first.
fn keys(ids: [Option<u32>; 6]) -> [Option<String>; 7] {
    let [class, vendor, device, maker, model, _] = ids;
    let vendor = vendor.map(|id| format!("{id:04x}"));
    let device = vendor.as_ref().zip(device).map(|(vendor, id)| format!("{vendor} {id:04x}"));
    let maker = maker.map(|id| format!("{id:04x}"));
    let model = device.as_ref().zip(maker.as_ref()).zip(model);
    let model = model.map(|((device, maker), id)| format!("{device} {maker} {id:04x}"));
    let class_key = |depth: u32| {
        let class = class?;
        let bytes = [class >> 16 & 0xff, class >> 8 & 0xff, class & 0xff];
        let bytes = bytes.iter().take(depth as usize).map(|byte| format!(" {byte:02x}"));
        Some(format!("C{}", bytes.collect::<String>()))
    };
    [vendor, device, maker, model, class_key(3), class_key(2), class_key(1)]
}

/// The names of these keys. In the file a tab at the beginning says that a line belongs to the one above; a key is the
/// numbers of a line and of those it belongs to.
fn look_up(text: &str, wanted: BTreeSet<String>) -> BTreeMap<String, Option<String>> {
    let mut found: BTreeMap<String, Option<String>> = gathered(wanted.into_iter().map(|key| (key, None)));
    let mut above: Vec<&str> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let rest = line.trim_start_matches('\t');
        let depth = line.len() - rest.len();
        let Some((id, name)) = rest.split_once("  ") else { continue };
        above.truncate(depth);
        above.push(id.trim());
        if let Some(known) = found.get_mut(&above.join(" ")) {
            *known = Some(name.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: &str = "\
# List of PCI ID's
8086  Intel Corporation
\t1237  440FX - 82441FX PMC [Natoma]
\t\t1af4 1100  Qemu virtual machine
\t0a54  NVMe Datacenter SSD [3DNAND, Beta Rock Controller]
1af4  Red Hat, Inc.

C 01  Mass storage controller
\t08  Non-Volatile memory controller
\t\t02  NVM Express
C 06  Bridge
\t00  Host bridge
";

    fn names(ids: [Option<u32>; 6]) -> [String; 5] {
        let mut names = Names { files: Vec::new(), known: BTreeMap::new() };
        names.known = look_up(IDS, keys(ids).into_iter().flatten().collect());
        names.names(ids)
    }

    #[test]
    fn names_are_those_of_the_file_or_numbers() {
        let some = |ids: [u32; 6]| ids.map(Some);
        assert_eq!(
            names(some([0x06_0000, 0x8086, 0x1237, 0x1af4, 0x1100, 2])),
            [
                "Intel Corporation",
                "440FX - 82441FX PMC [Natoma]",
                "Red Hat, Inc.",
                "Qemu virtual machine",
                "Host bridge"
            ]
        );
        assert_eq!(
            names(some([0x01_0802, 0x8086, 0xa54, 0x8086, 0x1, 0])),
            [
                "Intel Corporation",
                "NVMe Datacenter SSD [3DNAND, Beta Rock Controller]",
                "Intel Corporation",
                "0001",
                "NVM Express"
            ]
        );
        assert_eq!(
            names(some([0x02_0000, 0x15b3, 0x1237, 0x1, 0x2, 0])),
            ["15b3", "1237", "0001", "0002", "Unknown class (020000)"]
        );
        assert_eq!(names(some([0x01_0899, 1, 1, 1, 1, 0]))[4], "Non-Volatile memory controller");
        assert_eq!(names([None; 6]), [""; 5]);
    }
}
