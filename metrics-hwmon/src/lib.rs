//! Sensors of the hardware, thermal zones, cooling devices and power supplies: small files of `/sys/class`, under the
//! names that node_exporter's dashboards ask for.
//!
//! The README lists families and options.

mod hwmon;
mod powersupplyclass;
mod thermal_zone;

use relink_core::{Error, register};
use relink_pattern::Pattern;

use hwmon::Hwmon;
use powersupplyclass::Supplies;
use thermal_zone::Thermal;

register! {
    plugin: "hwmon",
    help: "Sensors, thermal zones, power supplies",
    collectors: [
        {
            name: "hwmon",
            help: "Sensors of the hardware",
            families: hwmon::FAMILIES,
            options: hwmon::Settings,
            new: Hwmon::new,
        },
        {
            name: "powersupplyclass",
            help: "Power supplies",
            families: powersupplyclass::FAMILIES,
            options: powersupplyclass::Settings,
            new: Supplies::new,
        },
        {
            name: "thermal_zone",
            help: "Thermal zones and cooling devices",
            families: thermal_zone::FAMILIES,
            new: Thermal::new,
        },
    ],
}

/// The pattern of an option; nothing for an empty one.
fn pattern(option: &str, text: &str) -> Result<Option<Pattern>, Error> {
    (!text.is_empty()).then(|| Pattern::new(option, text)).transpose()
}
