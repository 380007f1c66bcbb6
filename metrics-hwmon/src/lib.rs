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

use regex_lite::Regex;
use relink_core::{Collector, Error, Options, Samples, register};
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
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Chips to leave out.
    chips_exclude: String,
    /// Power supplies to leave out.
    supplies_exclude: String,
}

struct Hwmon {
    chips: Chips,
    thermal: Thermal,
    supplies: Supplies,
}

impl Hwmon {
    fn new(options: &Options) -> Result<Self, Error> {
        let settings: Settings = options.parse()?;
        let class = options.sysfs("class");
        Ok(Hwmon {
            chips: Chips::new(class.join("hwmon"), pattern("chips_exclude", &settings.chips_exclude)?),
            thermal: Thermal::new(class.join("thermal")),
            supplies: Supplies::new(
                class.join("power_supply"),
                pattern("supplies_exclude", &settings.supplies_exclude)?,
            ),
        })
    }
}

impl Collector for Hwmon {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.chips.collect(out);
        self.thermal.collect(out);
        self.supplies.collect(out);
        Ok(())
    }
}

/// The pattern of an option; nothing for an empty one.
fn pattern(option: &str, text: &str) -> Result<Option<Regex>, Error> {
    let compiled = (!text.is_empty()).then(|| Regex::new(text)).transpose();
    compiled.map_err(|why| {
        Error::new(format!("[plugins.hwmon]: {option} is {text:?}, expected a regular expression: {why}"))
    })
}
