//! `/sys/class/hwmon`: the chips and their sensors.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use relink_core::{Samples, Unread};
use relink_pattern::Pattern;

use crate::families::{CHIP_NAMES, FIRST_SENSOR, SENSOR_LABEL};
use crate::files::{Class, Page, read_number};
use crate::sensors::SENSORS;

pub(crate) struct Chips {
    pub(crate) class: Class,
    exclude: Option<Pattern>,
    chips: Vec<Chip>,
    page: Box<Page>,
}

struct Chip {
    label: String,
    /// What the driver calls it.
    name: Option<String>,
    /// Sensors and what the driver calls them.
    labels: Vec<(String, String)>,
    readings: Vec<Reading>,
    unread: Unread,
}

/// A file that holds a number.
struct Reading {
    sensor: String,
    path: PathBuf,
    /// Its place in [`SENSORS`].
    described: usize,
}

impl Chips {
    pub(crate) fn new(folder: PathBuf, exclude: Option<Pattern>) -> Self {
        Chips { class: Class::new(folder), exclude, chips: Vec::new(), page: Box::new([0; 4096]) }
    }

    pub(crate) fn collect(&mut self, out: &mut Samples) {
        if let Some(entries) = self.class.due(out) {
            let chips = entries.iter().map(|entry| Chip::find(&entry.path, &entry.name));
            let shown = chips
                .filter(|chip| self.exclude.as_ref().is_none_or(|pattern| !pattern.is_match(&chip.label)));
            self.chips = each_once(shown);
        }
        for chip in &self.chips {
            chip.push(&mut self.page, out);
        }
    }
}

impl Chip {
    fn find(folder: &Path, entry: &str) -> Self {
        let mut unread = Unread::default();
        let name =
            unread.read(&folder.join("name")).map(|name| cleaned(&name)).filter(|name| !name.is_empty());
        let label =
            device_label(folder, &mut unread).or_else(|| name.clone()).unwrap_or_else(|| cleaned(entry));
        // Drivers before Linux 3.13 put their files into the folder of the device.
        let mut files = BTreeMap::new();
        for folder in [folder, &folder.join("device")] {
            for file in unread.list(folder) {
                if let Some((sensor, described)) = recognise(&file) {
                    files.insert((sensor, described), folder.join(file));
                }
            }
        }
        let (mut labels, mut readings) = (Vec::new(), Vec::new());
        for ((sensor, described), path) in files {
            match described {
                Some(described) => readings.push(Reading { sensor, path, described }),
                None => labels.extend(unread.read(&path).map(|label| (sensor, label))),
            }
        }
        Chip { label, name, labels, readings, unread }
    }

    fn push(&self, page: &mut Page, out: &mut Samples) {
        self.unread.tell(out);
        if let Some(name) = &self.name {
            out.push(&CHIP_NAMES, [&self.label, name], 1.0);
        }
        for (sensor, label) in &self.labels {
            out.push(&SENSOR_LABEL, [&self.label, sensor, label], 1.0);
        }
        for reading in &self.readings {
            let described = &SENSORS[reading.described];
            let value = read_number(&reading.path, page, out).and_then(|number| described.value(number));
            if let Some(value) = value {
                out.push_index(FIRST_SENSOR + reading.described, &[&self.label, &reading.sensor], value);
            }
        }
    }
}

/// Drops what an earlier chip of the same label has already: some devices have two chips.
fn each_once(chips: impl Iterator<Item = Chip>) -> Vec<Chip> {
    let mut seen = HashSet::new();
    let mut once = Vec::new();
    for mut chip in chips {
        let Chip { label, name, labels, readings, .. } = &mut chip;
        let mut is_new = |sensor: &str, what: String| seen.insert((label.clone(), sensor.to_owned(), what));
        if name.as_ref().is_some_and(|name| !is_new("", name.clone())) {
            *name = None;
        }
        labels.retain(|(sensor, _)| is_new(sensor, "label".to_owned()));
        readings.retain(|reading| is_new(&reading.sensor, reading.described.to_string()));
        once.push(chip);
    }
    once
}

/// The sensor and the place in [`SENSORS`] of a file such as `temp1_max`; no place for its label.
fn recognise(file: &str) -> Option<(String, Option<usize>)> {
    let kind = file.split(|c: char| c.is_ascii_digit()).next().unwrap_or("");
    let digits = &file[kind.len()..];
    let digits = &digits[..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())];
    let property = match &file[kind.len() + digits.len()..] {
        "" => "",
        rest => rest.strip_prefix('_')?,
    };
    // A chip's own file, such as update_interval, has no number, and counts as sensor 0.
    let number: u32 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    let sensor = format!("{kind}{number}");
    if property == "label" {
        return SENSORS.iter().any(|sensor| sensor.kind == kind).then_some((sensor, None));
    }
    let is_it = |sensor: &crate::sensors::Sensor| sensor.kind == kind && sensor.property == property;
    Some((sensor, Some(SENSORS.iter().position(is_it)?)))
}

/// A label of the device behind the chip: its folder and the one above, as in `platform_coretemp_0`.
fn device_label(folder: &Path, unread: &mut Unread) -> Option<String> {
    let device = folder.join("device");
    let device = unread.unless(&device, device.canonicalize())?;
    let name =
        |path: &Path| path.file_name().map(|name| cleaned(&name.to_string_lossy())).unwrap_or_default();
    match (device.parent().map(name).unwrap_or_default(), name(&device)) {
        (_, device) if device.is_empty() => None,
        (bus, device) if bus.is_empty() => Some(device),
        (bus, device) => Some(format!("{bus}_{device}")),
    }
}

/// In small letters, with _ in place of what is no letter of a-z, digit or colon, and none at the ends.
fn cleaned(name: &str) -> String {
    let kept = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() || c == ':' { c } else { '_' };
    let clean: String = name.to_lowercase().chars().map(kept).collect();
    clean.trim_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_recognised_by_their_names() {
        let name_of = |file: &str| {
            let (sensor, described) = recognise(file)?;
            Some((sensor, described.map_or("label", |at| SENSORS[at].family.name())))
        };
        let is = |sensor: &str, family: &'static str| Some((sensor.to_owned(), family));
        assert_eq!(name_of("temp1_input"), is("temp1", "node_hwmon_temp_celsius"));
        assert_eq!(name_of("temp12_crit_alarm"), is("temp12", "node_hwmon_temp_crit_alarm_celsius"));
        assert_eq!(name_of("temp1_label"), is("temp1", "label"));
        assert_eq!(name_of("pwm3"), is("pwm3", "node_hwmon_pwm"));
        assert_eq!(name_of("cpu0_vid"), is("cpu0", "node_hwmon_cpu_vid_volts"));
        assert_eq!(name_of("update_interval"), is("update_interval0", "node_hwmon_update_interval_seconds"));
        assert_eq!(
            name_of("power1_average_interval"),
            is("power1", "node_hwmon_power_average_interval_seconds")
        );
        for other in ["name", "device", "uevent", "temp1", "temp1-input", "tempo1_input", "", "1_input"] {
            assert_eq!(name_of(other), None, "{other}");
        }
        assert_eq!(recognise("temp99999999999999_input"), None);
    }

    #[test]
    fn a_name_is_cleaned_for_a_label() {
        assert_eq!(cleaned("0000:00:18.3"), "0000:00:18_3");
        assert_eq!(cleaned("_AppleSMC.768 \n"), "applesmc_768");
        assert_eq!(cleaned("\u{e9}"), "");
    }
}
