//! A chip: its folder, what it is called, its sensors.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use relink_core::{Kind, Samples, Unread};
use relink_sysfs::{Device, Reader, chip, cleaned, odd};

use super::sensors::{Shown, recognise, shown};
use super::{CHIP_NAMES, SENSOR_LABEL};

pub(super) struct Chip {
    /// The folder's name, as in `hwmon0`.
    entry: String,
    pub(super) label: String,
    /// What the driver calls it.
    name: Option<String>,
    sensors: Vec<Sensor>,
    unread: Unread,
}

struct Sensor {
    /// As in `temp1`.
    name: String,
    /// What the driver calls it.
    label: Option<String>,
    readings: Vec<Reading>,
}

/// A file that holds a number.
struct Reading {
    path: PathBuf,
    shown: Shown,
    /// A frequency's label takes the place of the sensor's name.
    called: Option<String>,
}

/// The files of a sensor, by their properties.
type Files = BTreeMap<String, PathBuf>;

impl Chip {
    pub(super) fn find(entry: &Device) -> Self {
        let folder = entry.path.as_path();
        let mut unread = Unread::default();
        let name =
            unread.read(&folder.join("name")).map(|name| cleaned(&name)).filter(|name| !name.is_empty());
        let label = device_label(folder, &mut unread)
            .or_else(|| name.clone())
            .unwrap_or_else(|| cleaned(&entry.name));
        let mut files: BTreeMap<(&'static str, u32), Files> = BTreeMap::new();
        // Drivers before Linux 3.13 put their files into the folder of the device.
        for folder in [folder, &folder.join("device")] {
            for file in unread.list(folder) {
                let Some((kind, number, property)) = recognise(&file) else { continue };
                let path = folder.join(&file);
                // Each device has a folder called power.
                if !property.is_empty() || !path.is_dir() {
                    files.entry((kind, number)).or_default().insert(property.to_owned(), path);
                }
            }
        }
        let sensors = files.into_iter().map(|((kind, number), files)| {
            let label = files.get("label").and_then(|path| read_label(path, &mut unread));
            Sensor::new(kind, number, label, files)
        });
        let mut sensors: Vec<Sensor> = sensors.collect();
        tell_frequencies_apart(&mut sensors);
        Chip { entry: entry.name.clone(), label, name, sensors, unread }
    }

    /// Leaves out the sensors that are not meant, of names such as `platform_coretemp_0;temp3`.
    pub(super) fn retain(&mut self, is_meant: impl Fn(&str) -> bool) {
        let Chip { label, sensors, .. } = self;
        sensors.retain(|sensor| is_meant(&format!("{label};{}", sensor.name)));
    }

    pub(super) fn push(&self, reader: &mut Reader, out: &mut Samples) {
        self.unread.tell(out);
        let chip = self.label.as_str();
        if let Some(name) = &self.name {
            out.push(&CHIP_NAMES, [chip, name], 1.0);
        }
        for Sensor { name, label, readings } in &self.sensors {
            if let Some(label) = label {
                out.push(&SENSOR_LABEL, [chip, name, label], 1.0);
            }
            for Reading { path, shown, called } in readings {
                let Some(number) = reader.number(path, out) else { continue };
                // A counter does not go below zero, whatever a driver says.
                if shown.family.kind() == Kind::Counter && number < 0.0 {
                    odd(path, "a count", &number.to_string(), out);
                    continue;
                }
                let sensor = called.as_ref().unwrap_or(name);
                let value = number / shown.divisor;
                match &shown.hole {
                    Some(hole) => out.push(&shown.family, [hole, chip, sensor], value),
                    None => out.push(&shown.family, [chip, sensor], value),
                }
            }
        }
    }
}

impl Sensor {
    fn new(kind: &str, number: u32, label: Option<String>, files: Files) -> Self {
        let is_bare = files.contains_key("");
        let mut readings: Vec<Reading> = Vec::new();
        for (property, path) in files.into_iter().filter(|(property, _)| property != "label") {
            let Some(shown) = shown(kind, &property, is_bare) else { continue };
            let mut called = None;
            if kind == "freq" && property == "input" {
                let Some(label) = &label else { continue };
                called = Some(cleaned(label));
            }
            // Names that differ in a sign alone are the same in a family's name.
            if !readings.iter().any(|known| known.shown == shown) {
                readings.push(Reading { path, shown, called });
            }
        }
        Sensor { name: format!("{kind}{number}"), label, readings }
    }
}

/// What the driver calls a sensor, to the letter: some drivers end it with spaces. Bytes that are no text are one U+FFFD.
fn read_label(path: &Path, unread: &mut Unread) -> Option<String> {
    let bytes = unread.bytes(path)?;
    let mut label = String::new();
    for chunk in bytes.utf8_chunks() {
        label += chunk.valid();
        if !chunk.invalid().is_empty() && !label.ends_with(char::REPLACEMENT_CHARACTER) {
            label.push(char::REPLACEMENT_CHARACTER);
        }
    }
    Some(label.trim_matches('\n').to_owned())
}

/// Of two frequencies with the same label the second goes by its sensor's name.
fn tell_frequencies_apart(sensors: &mut [Sensor]) {
    let mut known = Vec::new();
    for reading in sensors.iter_mut().flat_map(|sensor| &mut sensor.readings) {
        let key = reading.called.clone().map(|label| (reading.shown.hole.clone(), label));
        match key {
            Some(key) if known.contains(&key) => reading.called = None,
            key => known.extend(key),
        }
    }
}

/// Chips whose device is the same get longer labels: with what the driver calls them, and where that is the same as well,
/// with their folder's name.
pub(super) fn tell_apart(chips: &mut [Chip]) {
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

/// A label of the device behind the chip.
fn device_label(folder: &Path, unread: &mut Unread) -> Option<String> {
    let device = folder.join("device");
    let device = unread.unless(&device, device.canonicalize())?;
    Some(chip(&device)).filter(|label| !label.is_empty())
}
