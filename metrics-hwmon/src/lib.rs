//! Sensors of the hardware, thermal zones, cooling devices and power supplies: small files of `/sys/class`, under the
//! names that node_exporter's dashboards ask for.
//!
//! The README lists families and options.

mod chips;
mod families;
mod files;
mod power;
mod sensors;
mod supplies;
mod thermal;

use relink_core::{Collector, Error, Options, Samples, register};
use relink_pattern::Pattern;
use serde::Deserialize;

use chips::Chips;
use families::FAMILIES;
use power::Supplies;
use thermal::Thermal;

register! {
    name: "hwmon",
    help: "Sensors, thermal zones, power supplies",
    families: FAMILIES,
    new: |options: &Options| Hwmon::new(options),
}

/// What the operator may set.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Whether sensors are shown.
    hwmon: bool,
    /// Whether thermal zones and cooling devices are shown.
    thermal_zone: bool,
    /// Whether power supplies are shown.
    powersupplyclass: bool,
    /// Chips to leave out.
    chips_exclude: String,
    /// Power supplies to leave out.
    supplies_exclude: String,
}

impl Default for Settings {
    fn default() -> Self {
        let (chips_exclude, supplies_exclude) = (String::new(), String::new());
        Settings { hwmon: true, thermal_zone: true, powersupplyclass: true, chips_exclude, supplies_exclude }
    }
}

struct Hwmon {
    chips: Option<Chips>,
    thermal: Option<Thermal>,
    supplies: Option<Supplies>,
}

impl Hwmon {
    fn new(options: &Options) -> Result<Self, Error> {
        let settings: Settings = options.parse()?;
        let class = options.sysfs("class");
        let chips_exclude = pattern("chips_exclude", &settings.chips_exclude)?;
        let supplies_exclude = pattern("supplies_exclude", &settings.supplies_exclude)?;
        Ok(Hwmon {
            chips: settings.hwmon.then(|| Chips::new(class.join("hwmon"), chips_exclude)),
            thermal: settings.thermal_zone.then(|| Thermal::new(class.join("thermal"))),
            supplies: settings
                .powersupplyclass
                .then(|| Supplies::new(class.join("power_supply"), supplies_exclude)),
        })
    }
}

impl Collector for Hwmon {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.chips.iter_mut().for_each(|part| part.collect(out));
        self.thermal.iter_mut().for_each(|part| part.collect(out));
        self.supplies.iter_mut().for_each(|part| part.collect(out));
        Ok(())
    }
}

/// The pattern of an option; nothing for an empty one.
fn pattern(option: &str, text: &str) -> Result<Option<Pattern>, Error> {
    (!text.is_empty()).then(|| Pattern::new(&format!("[plugins.hwmon]: {option}"), text)).transpose()
}

#[cfg(test)]
mod tests {
    use relink_testing::{Tree, collect};

    use super::*;

    #[test]
    fn the_files_of_a_device_are_looked_for_again() {
        let tree = Tree::new()
            .file("sys/class/hwmon/hwmon0/temp1_input", "45000\n")
            .file("sys/class/thermal/thermal_zone0/temp", "20000\n")
            .file("sys/class/power_supply/BAT0/capacity", "50\n");
        let mut hwmon = Hwmon::new(&Options::new("hwmon", tree.paths(), Default::default())).unwrap();
        let first = collect(&mut hwmon, "hwmon").unwrap();
        assert_eq!(first.lines().count(), 3, "{first}");
        for (file, content) in [
            ("hwmon/hwmon0/temp2_input", "51000\n"),
            ("hwmon/hwmon0/temp1_label", "Core 0\n"),
            ("hwmon/hwmon0/name", "coretemp\n"),
            ("thermal/thermal_zone0/type", "acpitz\n"),
            ("power_supply/BAT0/voltage_now", "12000000\n"),
            ("power_supply/BAT0/status", "Full\n"),
        ] {
            tree.write(&format!("sys/class/{file}"), content);
        }
        assert_eq!(collect(&mut hwmon, "hwmon").unwrap(), first, "it is not yet time");
        // As if half a minute had passed.
        hwmon.chips.as_mut().unwrap().class.looked = None;
        hwmon.thermal.as_mut().unwrap().class.looked = None;
        hwmon.supplies.as_mut().unwrap().class.looked = None;
        let text = collect(&mut hwmon, "hwmon").unwrap();
        for line in [
            r#"node_hwmon_temp_celsius{chip="coretemp",sensor="temp1"} 45"#,
            r#"node_hwmon_temp_celsius{chip="coretemp",sensor="temp2"} 51"#,
            r#"node_hwmon_sensor_label{chip="coretemp",sensor="temp1",label="Core 0"} 1"#,
            r#"node_hwmon_chip_names{chip="coretemp",chip_name="coretemp"} 1"#,
            r#"node_thermal_zone_temp{zone="0",type="acpitz"} 20"#,
            r#"node_power_supply_voltage_volt{power_supply="BAT0"} 12"#,
            r#"status="Full""#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
