//! What the plugin emits: the families that stand here, and those of the tables of sensors and supplies.

use relink_core::Family;

use crate::sensors::SENSORS;
use crate::supplies::FIGURES;

pub(crate) const CHIP_NAMES: Family = Family::gauge(
    "node_hwmon_chip_names",
    "Always 1; the label chip_name says what the driver calls a chip.",
)
.labels(&["chip", "chip_name"]);
pub(crate) const SENSOR_LABEL: Family =
    Family::gauge("node_hwmon_sensor_label", "Always 1; the label says what the driver calls a sensor.")
        .labels(&["chip", "sensor", "label"]);
pub(crate) const ZONE_TEMPERATURE: Family =
    Family::gauge("node_thermal_zone_temp", "Temperature of a thermal zone, in degrees Celsius.")
        .labels(&["zone", "type"]);
pub(crate) const COOLING_STATE: Family =
    Family::gauge("node_cooling_device_cur_state", "How hard a cooling device works, in steps of its own.")
        .labels(&["name", "type"]);
pub(crate) const COOLING_LIMIT: Family = Family::gauge(
    "node_cooling_device_max_state",
    "How hard a cooling device can work, in steps of its own.",
)
.labels(&["name", "type"]);
pub(crate) const SUPPLY_INFO: Family = Family::gauge(
    "node_power_supply_info",
    "Always 1; the labels say what kind of supply it is, and its state.",
)
.labels(&[
    "power_supply",
    "type",
    "status",
    "health",
    "technology",
    "manufacturer",
    "model_name",
    "serial_number",
    "capacity_level",
    "charge_type",
    "usb_type",
    "scope",
]);

/// Where the families of [`SENSORS`] begin among all.
pub(crate) const FIRST_SENSOR: usize = 2;
/// Where the families of [`FIGURES`] begin among all.
pub(crate) const FIRST_FIGURE: usize = FIRST_SENSOR + SENSORS.len() + 4;

pub(crate) const FAMILIES: &[Family] = &all();

const fn all() -> [Family; FIRST_FIGURE + FIGURES.len()] {
    let mut all = [CHIP_NAMES; FIRST_FIGURE + FIGURES.len()];
    all[1] = SENSOR_LABEL;
    let mut at = 0;
    while at < SENSORS.len() {
        all[FIRST_SENSOR + at] = SENSORS[at].family;
        at += 1;
    }
    all[FIRST_FIGURE - 4] = ZONE_TEMPERATURE;
    all[FIRST_FIGURE - 3] = COOLING_STATE;
    all[FIRST_FIGURE - 2] = COOLING_LIMIT;
    all[FIRST_FIGURE - 1] = SUPPLY_INFO;
    at = 0;
    while at < FIGURES.len() {
        all[FIRST_FIGURE + at] = FIGURES[at].family;
        at += 1;
    }
    all
}
