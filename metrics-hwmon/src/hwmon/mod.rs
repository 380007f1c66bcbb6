//! `/sys/class/hwmon`: the chips and their sensors.

mod chip;
mod sensors;

use relink_core::{Collector, Error, Family, Paths, Samples};
use relink_pattern::Pattern;
use relink_sysfs::{Devices, Reader};

use crate::pattern;
use chip::{Chip, tell_apart};

const CHIP_NAMES: Family = Family::gauge(
    "node_hwmon_chip_names",
    "Always 1; the label chip_name says what the driver calls a chip.",
)
.labels(&["chip", "chip_name"]);
const SENSOR_LABEL: Family =
    Family::gauge("node_hwmon_sensor_label", "Always 1; the label says what the driver calls a sensor.")
        .labels(&["chip", "sensor", "label"]);

pub(crate) const FAMILIES: &[Family] = &{
    const BEFORE: usize = 2;
    let mut all = [CHIP_NAMES; BEFORE + sensors::FAMILIES.len()];
    all[1] = SENSOR_LABEL;
    let mut at = 0;
    while at < sensors::FAMILIES.len() {
        all[BEFORE + at] = sensors::FAMILIES[at];
        at += 1;
    }
    all
};

relink_core::options! {
    pub(crate) struct Settings {
        /// Chips to leave out, as a pattern over the label chip.
        chip_exclude: String = String::new(),
        /// The only chips to show, as a pattern over the label chip.
        chip_include: String = String::new(),
        /// Sensors to leave out, as a pattern over CHIP;SENSOR.
        sensor_exclude: String = String::new(),
        /// The only sensors to show, as a pattern over CHIP;SENSOR.
        sensor_include: String = String::new(),
    }
}

pub(crate) struct Hwmon {
    class: Devices,
    meant: Filter,
    meant_sensors: Filter,
    chips: Vec<Chip>,
    reader: Reader,
}

/// What is left out, and the only ones that are shown; nothing for all.
struct Filter {
    exclude: Option<Pattern>,
    include: Option<Pattern>,
}

impl Hwmon {
    pub(crate) fn new(paths: &Paths, settings: Settings) -> Result<Self, Error> {
        Ok(Hwmon {
            class: Devices::new(paths.sysfs("class/hwmon")),
            meant: Filter::new("chip", &settings.chip_exclude, &settings.chip_include)?,
            meant_sensors: Filter::new("sensor", &settings.sensor_exclude, &settings.sensor_include)?,
            chips: Vec::new(),
            reader: Reader::default(),
        })
    }
}

impl Filter {
    fn new(what: &str, exclude: &str, include: &str) -> Result<Self, Error> {
        let compile = |key: &str, text: &str| pattern(&format!("[collectors.hwmon]: {what}_{key}"), text);
        Ok(Filter { exclude: compile("exclude", exclude)?, include: compile("include", include)? })
    }

    fn lets_in(&self, name: &str) -> bool {
        let matches = |pattern: &Pattern| pattern.is_match(name);
        !self.exclude.as_ref().is_some_and(matches) && self.include.as_ref().is_none_or(matches)
    }
}

impl Collector for Hwmon {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if let Some(entries) = self.class.due(out) {
            self.chips = entries.iter().map(Chip::find).collect();
            tell_apart(&mut self.chips);
            self.chips.retain(|chip| self.meant.lets_in(&chip.label));
            self.chips.iter_mut().for_each(|chip| chip.retain(|sensor| self.meant_sensors.lets_in(sensor)));
        }
        for chip in &self.chips {
            chip.push(&mut self.reader, out);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use relink_testing::{Tree, collect};

    use super::*;

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
}
