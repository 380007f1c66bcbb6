//! `/sys/class/dmi/id`: what firmware, board, chassis and product call themselves.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use relink_core::{Collector, Error, Family, Paths, Samples, Unread};
use relink_sysfs::Devices;

const INFO: Family = Family::gauge(
    "node_dmi_info",
    "Always 1; the labels are what the firmware tells of itself and of the machine (/sys/class/dmi/id).",
)
.labels(&[
    "bios_date",
    "bios_release",
    "bios_vendor",
    "bios_version",
    "board_asset_tag",
    "board_name",
    "board_serial",
    "board_vendor",
    "board_version",
    "chassis_asset_tag",
    "chassis_serial",
    "chassis_vendor",
    "chassis_version",
    "product_family",
    "product_name",
    "product_serial",
    "product_sku",
    "product_uuid",
    "product_version",
    "system_vendor",
]);

pub(crate) const FAMILIES: &[Family] = &[INFO];

/// How many labels [`INFO`] has.
const LABELS: usize = INFO.label_names().len();

/// What the kernel lets only root read. That others can't is as it should be, and nothing to tell.
const FOR_ROOT: [&str; 4] = ["board_serial", "chassis_serial", "product_serial", "product_uuid"];

pub(crate) struct Dmi {
    class: Devices,
    /// Nothing on a machine without such a firmware.
    labels: Option<[String; LABELS]>,
    unread: Unread,
}

impl Dmi {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Dmi { class: Devices::new(paths.sysfs("class/dmi")), labels: None, unread: Unread::default() })
    }
}

impl Collector for Dmi {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if let Some(entries) = self.class.due(out) {
            self.unread = Unread::default();
            let id = entries.iter().find(|entry| entry.name == "id");
            self.labels = id.and_then(|id| read(&id.path, &mut self.unread));
        }
        self.unread.tell(out);
        if let Some(labels) = &self.labels {
            out.push(&INFO, labels.each_ref().map(String::as_str), 1.0);
        }
        Ok(())
    }
}

/// The labels, empty where there is no such file; nothing if there is none at all.
fn read(folder: &Path, unread: &mut Unread) -> Option<[String; LABELS]> {
    let mut labels: [String; LABELS] = Default::default();
    let mut is_any = false;
    for (label, name) in labels.iter_mut().zip(INFO.label_names()) {
        let file = if *name == "system_vendor" { "sys_vendor" } else { name };
        let path = folder.join(file);
        if FOR_ROOT.contains(&file) && is_denied(&path) {
            continue;
        }
        if let Some(text) = unread.read(&path) {
            *label = cleaned(&text);
            is_any = true;
        }
    }
    is_any.then_some(labels)
}

fn is_denied(path: &Path) -> bool {
    File::open(path).is_err_and(|why| why.kind() == ErrorKind::PermissionDenied)
}

/// Without space at the ends, and with one U+FFFD for any number of bytes that are no UTF-8: a serial number of nothing but
/// 0xff is common.
fn cleaned(text: &str) -> String {
    let mut clean = String::new();
    for letter in text.trim().chars() {
        if !(letter == char::REPLACEMENT_CHARACTER && clean.ends_with(letter)) {
            clean.push(letter);
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use relink_testing::{Tree, collect};

    use super::*;

    #[test]
    fn a_text_of_the_firmware_is_cleaned() {
        assert_eq!(cleaned(" Not Specified \n"), "Not Specified");
        assert_eq!(cleaned("\u{fffd}\u{fffd}\u{fffd}a\u{fffd}"), "\u{fffd}a\u{fffd}");
        assert_eq!(cleaned("  "), "");
    }

    #[test]
    fn what_could_not_be_read_is_looked_for_again() {
        let tree = Tree::new().file("sys/class/dmi/id/uevent", "MODALIAS=dmi\n");
        let mut dmi = Dmi::new(&tree.paths()).unwrap();
        assert_eq!(collect(&mut dmi, "dmi").unwrap(), "", "no label, no sample");
        tree.write("sys/class/dmi/id/sys_vendor", "QEMU\n");
        assert_eq!(collect(&mut dmi, "dmi").unwrap(), "", "it is not yet time");
        dmi.class.half_a_minute_passes();
        let text = collect(&mut dmi, "dmi").unwrap();
        assert!(text.contains("board_name=\"\"") && text.contains("system_vendor=\"QEMU\""), "{text}");
    }
}
