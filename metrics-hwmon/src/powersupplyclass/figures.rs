//! The files of `/sys/class/power_supply/<name>`: the family each is shown as, and the unit it counts in.
//!
//! What they mean is in the kernel's `Documentation/ABI/testing/sysfs-class-power`.

use relink_core::Family;
use relink_sysfs::Figure;

const fn figure(file: &'static str, name: &'static str, divisor: f64, help: &'static str) -> Figure {
    Figure::new(file, Family::gauge(name, help).labels(&["power_supply"])).over(divisor)
}

pub(crate) const FIGURES: &[Figure] = &[
    figure("authentic", "node_power_supply_authentic", 1.0, "The file authentic of a power supply."),
    figure("calibrate", "node_power_supply_calibrate", 1.0, "The file calibrate of a power supply."),
    figure("capacity", "node_power_supply_capacity", 1.0, "The file capacity of a power supply."),
    figure(
        "capacity_alert_max",
        "node_power_supply_capacity_alert_max",
        1.0,
        "The file capacity_alert_max of a power supply.",
    ),
    figure(
        "capacity_alert_min",
        "node_power_supply_capacity_alert_min",
        1.0,
        "The file capacity_alert_min of a power supply.",
    ),
    figure("charge_now", "node_power_supply_charge_ampere", 1e6, "The file charge_now of a power supply."),
    figure(
        "charge_control_limit",
        "node_power_supply_charge_control_limit",
        1e6,
        "The file charge_control_limit of a power supply.",
    ),
    figure(
        "charge_control_limit_max",
        "node_power_supply_charge_control_limit_max",
        1e6,
        "The file charge_control_limit_max of a power supply.",
    ),
    figure(
        "charge_counter",
        "node_power_supply_charge_counter",
        1e6,
        "The file charge_counter of a power supply.",
    ),
    figure("charge_empty", "node_power_supply_charge_empty", 1e6, "The file charge_empty of a power supply."),
    figure(
        "charge_empty_design",
        "node_power_supply_charge_empty_design",
        1e6,
        "The file charge_empty_design of a power supply.",
    ),
    figure("charge_full", "node_power_supply_charge_full", 1e6, "The file charge_full of a power supply."),
    figure(
        "charge_full_design",
        "node_power_supply_charge_full_design",
        1e6,
        "The file charge_full_design of a power supply.",
    ),
    figure(
        "charge_term_current",
        "node_power_supply_charge_term_current",
        1e6,
        "The file charge_term_current of a power supply.",
    ),
    figure(
        "constant_charge_current",
        "node_power_supply_constant_charge_current",
        1e6,
        "The file constant_charge_current of a power supply.",
    ),
    figure(
        "constant_charge_current_max",
        "node_power_supply_constant_charge_current_max",
        1e6,
        "The file constant_charge_current_max of a power supply.",
    ),
    figure(
        "constant_charge_voltage",
        "node_power_supply_constant_charge_voltage",
        1e6,
        "The file constant_charge_voltage of a power supply.",
    ),
    figure(
        "constant_charge_voltage_max",
        "node_power_supply_constant_charge_voltage_max",
        1e6,
        "The file constant_charge_voltage_max of a power supply.",
    ),
    figure("current_now", "node_power_supply_current_ampere", 1e6, "The file current_now of a power supply."),
    figure("current_boot", "node_power_supply_current_boot", 1e6, "The file current_boot of a power supply."),
    figure("current_max", "node_power_supply_current_max", 1e6, "The file current_max of a power supply."),
    figure("cycle_count", "node_power_supply_cyclecount", 1.0, "The file cycle_count of a power supply."),
    figure("energy_empty", "node_power_supply_energy_empty", 1e6, "The file energy_empty of a power supply."),
    figure(
        "energy_empty_design",
        "node_power_supply_energy_empty_design",
        1e6,
        "The file energy_empty_design of a power supply.",
    ),
    figure("energy_full", "node_power_supply_energy_full", 1e6, "The file energy_full of a power supply."),
    figure(
        "energy_full_design",
        "node_power_supply_energy_full_design",
        1e6,
        "The file energy_full_design of a power supply.",
    ),
    figure("energy_now", "node_power_supply_energy_watthour", 1e6, "The file energy_now of a power supply."),
    figure(
        "input_current_limit",
        "node_power_supply_input_current_limit",
        1e6,
        "The file input_current_limit of a power supply.",
    ),
    figure("online", "node_power_supply_online", 1.0, "The file online of a power supply."),
    figure("power_now", "node_power_supply_power_watt", 1e6, "The file power_now of a power supply."),
    figure(
        "precharge_current",
        "node_power_supply_precharge_current",
        1e6,
        "The file precharge_current of a power supply.",
    ),
    figure("present", "node_power_supply_present", 1.0, "The file present of a power supply."),
    figure(
        "temp_alert_max",
        "node_power_supply_temp_alert_max_celsius",
        10.0,
        "The file temp_alert_max of a power supply.",
    ),
    figure(
        "temp_alert_min",
        "node_power_supply_temp_alert_min_celsius",
        10.0,
        "The file temp_alert_min of a power supply.",
    ),
    figure(
        "temp_ambient",
        "node_power_supply_temp_ambient_celsius",
        10.0,
        "The file temp_ambient of a power supply.",
    ),
    figure(
        "temp_ambient_alert_max",
        "node_power_supply_temp_ambient_max_celsius",
        10.0,
        "The file temp_ambient_alert_max of a power supply.",
    ),
    figure(
        "temp_ambient_alert_min",
        "node_power_supply_temp_ambient_min_celsius",
        10.0,
        "The file temp_ambient_alert_min of a power supply.",
    ),
    figure("temp", "node_power_supply_temp_celsius", 10.0, "The file temp of a power supply."),
    figure("temp_max", "node_power_supply_temp_max_celsius", 10.0, "The file temp_max of a power supply."),
    figure("temp_min", "node_power_supply_temp_min_celsius", 10.0, "The file temp_min of a power supply."),
    figure(
        "time_to_empty_now",
        "node_power_supply_time_to_empty_seconds",
        1.0,
        "The file time_to_empty_now of a power supply.",
    ),
    figure(
        "time_to_full_now",
        "node_power_supply_time_to_full_seconds",
        1.0,
        "The file time_to_full_now of a power supply.",
    ),
    figure("voltage_boot", "node_power_supply_voltage_boot", 1e6, "The file voltage_boot of a power supply."),
    figure("voltage_max", "node_power_supply_voltage_max", 1e6, "The file voltage_max of a power supply."),
    figure(
        "voltage_max_design",
        "node_power_supply_voltage_max_design",
        1e6,
        "The file voltage_max_design of a power supply.",
    ),
    figure("voltage_min", "node_power_supply_voltage_min", 1e6, "The file voltage_min of a power supply."),
    figure(
        "voltage_min_design",
        "node_power_supply_voltage_min_design",
        1e6,
        "The file voltage_min_design of a power supply.",
    ),
    figure("voltage_ocv", "node_power_supply_voltage_ocv", 1e6, "The file voltage_ocv of a power supply."),
    figure("voltage_now", "node_power_supply_voltage_volt", 1e6, "The file voltage_now of a power supply."),
];
