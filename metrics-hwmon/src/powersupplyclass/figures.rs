//! The files of `/sys/class/power_supply/<name>`: the family each is shown as, and the unit it counts in.
//!
//! What they mean is in the kernel's `Documentation/ABI/testing/sysfs-class-power`.

use relink_core::Family;
use relink_sysfs::Figure;

/// A file, what its family is called where that is not as the file, and what makes a unit.
macro_rules! figure {
    ($file:literal, $divisor:literal) => {
        figure!($file, $file, $divisor)
    };
    ($file:literal, $name:literal, $divisor:literal) => {{
        const NAME: &str = concat!("node_power_supply_", $name);
        const HELP: &str = concat!("The file ", $file, " of a power supply.");
        Figure::new($file, Family::gauge(NAME, HELP).labels(&["power_supply"])).over($divisor)
    }};
}

pub(crate) const FIGURES: &[Figure] = &[
    figure!("authentic", 1.0),
    figure!("calibrate", 1.0),
    figure!("capacity", 1.0),
    figure!("capacity_alert_max", 1.0),
    figure!("capacity_alert_min", 1.0),
    figure!("charge_now", "charge_ampere", 1e6),
    figure!("charge_control_limit", 1e6),
    figure!("charge_control_limit_max", 1e6),
    figure!("charge_counter", 1e6),
    figure!("charge_empty", 1e6),
    figure!("charge_empty_design", 1e6),
    figure!("charge_full", 1e6),
    figure!("charge_full_design", 1e6),
    figure!("charge_term_current", 1e6),
    figure!("constant_charge_current", 1e6),
    figure!("constant_charge_current_max", 1e6),
    figure!("constant_charge_voltage", 1e6),
    figure!("constant_charge_voltage_max", 1e6),
    figure!("current_now", "current_ampere", 1e6),
    figure!("current_boot", 1e6),
    figure!("current_max", 1e6),
    figure!("cycle_count", "cyclecount", 1.0),
    figure!("energy_empty", 1e6),
    figure!("energy_empty_design", 1e6),
    figure!("energy_full", 1e6),
    figure!("energy_full_design", 1e6),
    figure!("energy_now", "energy_watthour", 1e6),
    figure!("input_current_limit", 1e6),
    figure!("online", 1.0),
    figure!("power_now", "power_watt", 1e6),
    figure!("precharge_current", 1e6),
    figure!("present", 1.0),
    figure!("temp_alert_max", "temp_alert_max_celsius", 10.0),
    figure!("temp_alert_min", "temp_alert_min_celsius", 10.0),
    figure!("temp_ambient", "temp_ambient_celsius", 10.0),
    figure!("temp_ambient_alert_max", "temp_ambient_max_celsius", 10.0),
    figure!("temp_ambient_alert_min", "temp_ambient_min_celsius", 10.0),
    figure!("temp", "temp_celsius", 10.0),
    figure!("temp_max", "temp_max_celsius", 10.0),
    figure!("temp_min", "temp_min_celsius", 10.0),
    figure!("time_to_empty_now", "time_to_empty_seconds", 1.0),
    figure!("time_to_full_now", "time_to_full_seconds", 1.0),
    figure!("voltage_boot", 1e6),
    figure!("voltage_max", 1e6),
    figure!("voltage_max_design", 1e6),
    figure!("voltage_min", 1e6),
    figure!("voltage_min_design", 1e6),
    figure!("voltage_ocv", 1e6),
    figure!("voltage_now", "voltage_volt", 1e6),
];
