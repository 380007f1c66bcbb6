//! `/sys/class/hwmon`: the chips and their sensors.

mod sensors;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use relink_core::{Collector, Error, Family, Paths, Samples, Unread};
use relink_pattern::Pattern;
use relink_sysfs::{Device, Devices, Reader, odd};

use crate::pattern;
use sensors::SENSORS;

const CHIP_NAMES: Family = Family::gauge(
    "node_hwmon_chip_names",
    "Always 1; the label chip_name says what the driver calls a chip.",
)
.labels(&["chip", "chip_name"]);
const SENSOR_LABEL: Family =
    Family::gauge("node_hwmon_sensor_label", "Always 1; the label says what the driver calls a sensor.")
        .labels(&["chip", "sensor", "label"]);

/// Where the families of [`SENSORS`] begin among all.
const FIRST_SENSOR: usize = 2;

pub(crate) const FAMILIES: &[Family] = &{
    let mut all = [CHIP_NAMES; FIRST_SENSOR + SENSORS.len()];
    all[1] = SENSOR_LABEL;
    let mut at = 0;
    while at < SENSORS.len() {
        all[FIRST_SENSOR + at] = SENSORS[at].family;
        at += 1;
    }
    all
};

relink_core::options! {
    pub(crate) struct Settings {
        /// Chips to leave out, as a pattern over the label chip.
        chip_exclude: String = String::new(),
    }
}

pub(crate) struct Hwmon {
    class: Devices,
    exclude: Option<Pattern>,
    chips: Vec<Chip>,
    reader: Reader,
}

struct Chip {
    /// The folder's name, as in `hwmon0`.
    entry: String,
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

impl Hwmon {
    pub(crate) fn new(paths: &Paths, settings: Settings) -> Result<Self, Error> {
        Ok(Hwmon {
            class: Devices::new(paths.sysfs("class/hwmon")),
            exclude: pattern("[collectors.hwmon]: chip_exclude", &settings.chip_exclude)?,
            chips: Vec::new(),
            reader: Reader::default(),
        })
    }
}

impl Collector for Hwmon {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if let Some(entries) = self.class.due(out) {
            self.chips = entries.iter().map(Chip::find).collect();
            tell_apart(&mut self.chips);
            let exclude = self.exclude.as_ref();
            self.chips.retain(|chip| exclude.is_none_or(|pattern| !pattern.is_match(&chip.label)));
        }
        for chip in &self.chips {
            chip.push(&mut self.reader, out);
        }
        Ok(())
    }
}

impl Chip {
    fn find(entry: &Device) -> Self {
        let folder = entry.path.as_path();
        let mut unread = Unread::default();
        let name =
            unread.read(&folder.join("name")).map(|name| cleaned(&name)).filter(|name| !name.is_empty());
        let label = device_label(folder, &mut unread)
            .or_else(|| name.clone())
            .unwrap_or_else(|| cleaned(&entry.name));
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
        Chip { entry: entry.name.clone(), label, name, labels, readings, unread }
    }

    fn push(&self, reader: &mut Reader, out: &mut Samples) {
        self.unread.tell(out);
        if let Some(name) = &self.name {
            out.push(&CHIP_NAMES, [&self.label, name], 1.0);
        }
        for (sensor, label) in &self.labels {
            out.push(&SENSOR_LABEL, [&self.label, sensor, label], 1.0);
        }
        for reading in &self.readings {
            let described = &SENSORS[reading.described];
            let Some(number) = reader.number(&reading.path, out) else { continue };
            match described.value(number) {
                Some(value) => {
                    out.push_index(FIRST_SENSOR + reading.described, &[&self.label, &reading.sensor], value);
                }
                None => odd(&reading.path, "a count", &number.to_string(), out),
            }
        }
    }
}

/// Chips whose device is the same get longer labels: with what the driver calls them, and where that is the same as well,
/// with their folder's name.
fn tell_apart(chips: &mut [Chip]) {
    let labels: Vec<String> = chips.iter().map(|chip| chip.label.clone()).collect();
    let longer: [fn(&Chip) -> &str; 2] =
        [|chip| chip.name.as_ref().unwrap_or(&chip.entry), |chip| &chip.entry];
    for longer in longer {
        let mut counts = HashMap::new();
        chips.iter().for_each(|chip| *counts.entry(chip.label.clone()).or_insert(0) += 1);
        for (chip, label) in chips.iter_mut().zip(&labels).filter(|(chip, _)| counts[&chip.label] > 1) {
            chip.label = format!("{label}_{}", longer(chip));
        }
    }
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
    let is_it = |sensor: &sensors::Sensor| sensor.kind == kind && sensor.property == property;
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
    use relink_testing::{Tree, collect};

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
    fn the_files_of_a_chip_are_looked_for_again() {
        let tree = Tree::new().file("sys/class/hwmon/hwmon0/temp1_input", "45000\n");
        let mut hwmon = Hwmon::new(&tree.paths(), Settings::default()).unwrap();
        let first = collect(&mut hwmon, "hwmon").unwrap();
        for (file, content) in
            [("temp2_input", "51000\n"), ("temp1_label", "Core 0\n"), ("name", "coretemp\n")]
        {
            tree.write(&format!("sys/class/hwmon/hwmon0/{file}"), content);
        }
        assert_eq!(collect(&mut hwmon, "hwmon").unwrap(), first, "it is not yet time");
        hwmon.class.half_a_minute_passes();
        assert_eq!(
            collect(&mut hwmon, "hwmon").unwrap(),
            r#"node_hwmon_chip_names{chip="coretemp",chip_name="coretemp"} 1
node_hwmon_sensor_label{chip="coretemp",sensor="temp1",label="Core 0"} 1
node_hwmon_temp_celsius{chip="coretemp",sensor="temp1"} 45
node_hwmon_temp_celsius{chip="coretemp",sensor="temp2"} 51
"#
        );
    }

    #[test]
    fn a_name_is_cleaned_for_a_label() {
        assert_eq!(cleaned("0000:00:18.3"), "0000:00:18_3");
        assert_eq!(cleaned("_AppleSMC.768 \n"), "applesmc_768");
        assert_eq!(cleaned("\u{e9}"), "");
    }
}
