//! One device: the files of its folder.

use std::path::{Path, PathBuf};

use relink_core::{Error, Family, Samples, Unread};
use relink_sysfs::{Device, Reader, existing, odd};

const INFO: Family = Family::gauge(
    "node_pcidevice_info",
    "Always 1; the labels say what a PCI device is, and what it is behind (/sys/bus/pci/devices/*).",
)
.labels(&[
    "segment",
    "bus",
    "device",
    "function",
    "parent_segment",
    "parent_bus",
    "parent_device",
    "parent_function",
    "class_id",
    "vendor_id",
    "device_id",
    "subsystem_vendor_id",
    "subsystem_device_id",
    "revision",
    "vendor_name",
    "device_name",
    "subsystem_vendor_name",
    "subsystem_device_name",
    "class_name",
]);

const fn figure(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help).labels(&["segment", "bus", "device", "function"])
}

const NODE: Family =
    figure("node_pcidevice_numa_node", "NUMA node that a device is near to, where there is one (numa_node).");
const POWER: Family = Family::gauge(
    "node_pcidevice_power_state",
    "1 for the state of its power that a device is in, 0 for the others (power_state).",
)
.labels(&["segment", "bus", "device", "function", "state"]);

/// A file, its family, what node_exporter shows where there is none, and how it is read.
type Figure = (&'static str, Family, f64, fn(&str) -> Result<f64, Error>);

macro_rules! figure {
    ($file:literal, $name:literal, $help:literal, $none:literal, $read:ident) => {{
        const NAME: &str = concat!("node_pcidevice_", $name);
        ($file, figure(NAME, concat!($help, " (", $file, ").")), $none, $read)
    }};
}

const FIGURES: [Figure; 9] = [
    figure!(
        "max_link_speed",
        "max_link_transfers_per_second",
        "Transfers per second that a link can do at most, -1 if it is none of PCIe",
        -1.0,
        speed
    ),
    figure!(
        "max_link_width",
        "max_link_width",
        "Lanes that a link can have at most, -1 if it is none of PCIe",
        -1.0,
        count
    ),
    figure!(
        "current_link_speed",
        "current_link_transfers_per_second",
        "Transfers per second that a link is set to, -1 if it is none of PCIe",
        -1.0,
        speed
    ),
    figure!(
        "current_link_width",
        "current_link_width",
        "Lanes that a link uses, -1 if it is none of PCIe",
        -1.0,
        count
    ),
    figure!(
        "d3cold_allowed",
        "d3cold_allowed",
        "1 if a device may be without any power, else 0",
        0.0,
        switch
    ),
    figure!(
        "sriov_drivers_autoprobe",
        "sriov_drivers_autoprobe",
        "1 if virtual functions get a driver by themselves, else 0",
        0.0,
        switch
    ),
    figure!("sriov_numvfs", "sriov_numvfs", "Virtual functions that a device shows now", 0.0, count),
    figure!("sriov_totalvfs", "sriov_totalvfs", "Virtual functions that a device can have", 0.0, count),
    figure!(
        "sriov_vf_total_msix",
        "sriov_vf_total_msix",
        "Interrupts that a device has for its virtual functions",
        0.0,
        count
    ),
];

pub(crate) const FAMILIES: &[Family] = &{
    let mut all = [INFO; 3 + FIGURES.len()];
    let mut at = 0;
    while at < FIGURES.len() {
        all[1 + at] = FIGURES[at].1;
        at += 1;
    }
    all[1 + at] = NODE;
    all[2 + at] = POWER;
    all
};

const STATES: [&str; 7] = ["D0", "D1", "D2", "D3hot", "D3cold", "unknown", "error"];

/// Segment, bus, device and function, in hexadecimal digits.
pub(crate) type Location = [String; 4];

pub(crate) struct PciDevice {
    parent: Location,
    /// [`PciDevice::ids`] as they are shown.
    shown: [String; 6],
    /// Class, vendor, device, vendor and device of the subsystem, revision; none for a file that is not there.
    pub(super) ids: [Option<u32>; 6],
    /// In the order of the last labels of [`INFO`]; empty where names are not wanted.
    pub(super) names: [String; 5],
    /// By the place in [`FIGURES`].
    figures: [Option<PathBuf>; FIGURES.len()],
    node: PathBuf,
    power: PathBuf,
}

/// The files of [`PciDevice::ids`], and how many digits are shown.
const IDS: [(&str, usize); 6] = [
    ("class", 6),
    ("vendor", 4),
    ("device", 4),
    ("subsystem_vendor", 4),
    ("subsystem_device", 4),
    ("revision", 2),
];

impl PciDevice {
    pub(super) fn find(
        entry: &Device,
        unread: &mut Unread,
        odd: &mut Vec<String>,
    ) -> Option<(Location, PciDevice)> {
        let folder = entry.path.as_path();
        // The link ends in the device's place, and before it that of the bridge it is behind.
        let target = std::fs::read_link(folder).unwrap_or_else(|_| folder.to_owned());
        let place = |path: Option<&Path>| location(&path?.file_name()?.to_string_lossy());
        let Some(location) = place(Some(&target)) else {
            let expected = Error::expected("a place such as 0000:00:1f.3", &target.to_string_lossy());
            odd.push(expected.context(folder.display()).to_string());
            return None;
        };
        let parent = place(target.parent()).unwrap_or_else(|| ["*"; 4].map(str::to_owned));
        let ids = IDS.map(|(file, _)| {
            let path = folder.join(file);
            let text = unread.read(&path)?;
            let id = id(text.trim());
            if id.is_none() {
                odd.push(
                    Error::expected("a number such as 0x8086", &text).context(path.display()).to_string(),
                );
            }
            id
        });
        let figures = FIGURES.map(|(file, ..)| existing(folder, file));
        let mut shown: [String; IDS.len()] = Default::default();
        for ((shown, id), (_, digits)) in shown.iter_mut().zip(ids).zip(IDS) {
            *shown = id.map(|id| format!("0x{id:0digits$x}")).unwrap_or_default();
        }
        let (node, power) = (folder.join("numa_node"), folder.join("power_state"));
        let names = Default::default();
        Some((location, PciDevice { parent, shown, ids, names, figures, node, power }))
    }

    pub(super) fn push(&self, location: &Location, reader: &mut Reader, out: &mut Samples) {
        self.push_info(location, out);
        let at = location.each_ref().map(String::as_str);
        for ((_, family, absent, read), file) in FIGURES.iter().zip(&self.figures) {
            let value = match file {
                None => Some(*absent),
                Some(file) => value(file, *absent, *read, reader, out),
            };
            if let Some(value) = value {
                out.push(family, at, value);
            }
        }
        let read_node = |text: &str| text.parse::<i64>().map(|node| node as f64).map_err(Error::from);
        if let Some(node) = value(&self.node, -1.0, read_node, reader, out).filter(|node| *node != -1.0) {
            out.push(&NODE, at, node);
        }
        let state = reader.text(&self.power, out).unwrap_or_default();
        let state = state.trim();
        let [segment, bus, device, function] = at;
        for known in STATES.iter().filter(|_| !state.is_empty()) {
            out.push(&POWER, [segment, bus, device, function, known], f64::from(u8::from(*known == state)));
        }
    }

    fn push_info(&self, location: &Location, out: &mut Samples) {
        let mut labels = [""; INFO.label_names().len()];
        let texts = location.iter().chain(&self.parent).chain(&self.shown).chain(&self.names);
        labels.iter_mut().zip(texts).for_each(|(label, text)| *label = text);
        out.push(&INFO, labels, 1.0);
    }
}

/// What a file says; `absent` for one that says nothing. What makes no sense is told.
fn value(
    file: &Path,
    absent: f64,
    read: impl Fn(&str) -> Result<f64, Error>,
    reader: &mut Reader,
    out: &mut Samples,
) -> Option<f64> {
    let text = reader.text(file, out)?;
    let text = text.trim();
    // Links that are down, or faster than the kernel knows.
    if text.is_empty() || text.starts_with("Unknown") {
        return Some(absent);
    }
    read(text).map_err(|_| odd(file, "a number", text, out)).ok()
}

/// A speed such as `8.0 GT/s PCIe`; older kernels leave out the last word.
fn speed(text: &str) -> Result<f64, Error> {
    let (number, unit) = text.split_once(' ').ok_or_else(|| Error::expected("a speed", text))?;
    let number: f64 = number.parse()?;
    if !unit.starts_with("GT/s") || !number.is_finite() {
        return Err(Error::expected("a speed in GT/s", text));
    }
    Ok(number * 1e9)
}

fn count(text: &str) -> Result<f64, Error> {
    Ok(text.parse::<u64>()? as f64)
}

fn switch(text: &str) -> Result<f64, Error> {
    Ok(f64::from(u8::from(text.parse::<i64>()? != 0)))
}

/// A number, in hexadecimal digits behind `0x`.
fn id(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// A place such as `0000:00:1f.3`.
fn location(text: &str) -> Option<Location> {
    let (rest, function) = text.rsplit_once('.')?;
    let mut parts = rest.split(':').chain([function]);
    let mut part = |digits: usize| {
        let number = u32::from_str_radix(parts.next()?, 16).ok()?;
        Some(format!("{number:0digits$x}"))
    };
    let location = [part(4)?, part(2)?, part(2)?, part(1)?];
    parts.next().is_none().then_some(location)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_four_numbers() {
        assert_eq!(location("0000:00:1f.3").unwrap(), ["0000", "00", "1f", "3"]);
        assert_eq!(location("10000:e1:00.0").unwrap(), ["10000", "e1", "00", "0"]);
        for text in
            ["pci0000:00", "0000:00:1f", "00:1f.3", "0000:00:00:1f.3", "0000:0g:1f.3", "", "..", "0.1:2:3:4"]
        {
            assert_eq!(location(text), None, "{text}");
        }
    }

    #[test]
    fn speeds_are_in_thousand_million_transfers() {
        for (text, expected) in
            [("2.5 GT/s PCIe", 2.5e9), ("8 GT/s", 8e9), ("8.0 GT/s PCIe", 8e9), ("64.0 GT/s PCIe", 64e9)]
        {
            assert_eq!(speed(text).unwrap(), expected, "{text}");
        }
        for text in ["8", "8.0 MB/s", "fast GT/s", "inf GT/s"] {
            assert!(speed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_hexadecimal_or_not() {
        assert_eq!((id("0x8086"), id("0x010802"), id("7")), (Some(0x8086), Some(0x01_0802), Some(7)));
        assert_eq!((id("0x"), id("0x100000000"), id("-1"), id("")), (None, None, None, None));
        assert_eq!((switch("2").unwrap(), switch("0").unwrap()), (1.0, 0.0));
        assert!(count("-1").is_err() && switch("yes").is_err());
        assert_eq!(count("18446744073709551615").unwrap(), 18_446_744_073_709_551_615.0);
    }
}
