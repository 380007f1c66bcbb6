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

use relink_core::{Collector, Error, Options, Pattern, Samples, register};
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
