//! The sensors of `/sys/class/hwmon`: a file's type and property, the family it is shown as, and the unit it counts in.
//!
//! What the properties mean is in the kernel's `Documentation/hwmon/sysfs-interface.rst`. Names and units are those of
//! node_exporter, the odd ones included: an alarm of one limit bears the unit of its sensor, and is 0.001 when raised.

use relink_core::{Family, Kind};

/// One kind of file.
pub(crate) struct Sensor {
    /// `temp` of `temp1_max`.
    pub(crate) kind: &'static str,
    /// `max` of `temp1_max`, and nothing for `pwm1`.
    pub(crate) property: &'static str,
    pub(crate) family: Family,
    /// By how much the file's number is divided.
    pub(crate) divisor: f64,
}

impl Sensor {
    /// The family's number as a value. A counter does not go below zero, whatever a driver says.
    pub(crate) fn value(&self, number: f64) -> Option<f64> {
        (self.family.kind() != Kind::Counter || number >= 0.0).then_some(number / self.divisor)
    }
}

/// A line a family: what the file's name says, the end of the family's name, the divisor, what it means.
macro_rules! sensors {
    ($($kind:literal $property:literal $of:ident $name:literal $divisor:literal $help:literal)*) => {
        pub(crate) const SENSORS: &[Sensor] = &[$(Sensor {
            kind: $kind,
            property: $property,
            family: Family::$of(concat!("node_hwmon_", $name), $help).labels(&["chip", "sensor"]),
            divisor: $divisor,
        }),*];
    };
}

sensors! {
    "in" "input" gauge "in_volts" 1e3 "Reading of a voltage."
    "in" "min" gauge "in_min_volts" 1e3 "Lower limit of a voltage."
    "in" "max" gauge "in_max_volts" 1e3 "Upper limit of a voltage."
    "in" "lcrit" gauge "in_lcrit_volts" 1e3 "Critical lower limit of a voltage."
    "in" "crit" gauge "in_crit_volts" 1e3 "Critical upper limit of a voltage."
    "in" "average" gauge "in_average_volts" 1e3 "Average of a voltage."
    "in" "lowest" gauge "in_lowest_volts" 1e3 "Lowest reading so far of a voltage."
    "in" "highest" gauge "in_highest_volts" 1e3 "Highest reading so far of a voltage."
    "in" "alarm" gauge "in_alarm" 1.0 "Alarm of a voltage."
    "in" "min_alarm" gauge "in_min_alarm_volts" 1e3 "Alarm of the lower limit of a voltage."
    "in" "max_alarm" gauge "in_max_alarm_volts" 1e3 "Alarm of the upper limit of a voltage."
    "in" "lcrit_alarm" gauge "in_lcrit_alarm_volts" 1e3 "Alarm of the critical lower limit of a voltage."
    "in" "crit_alarm" gauge "in_crit_alarm_volts" 1e3 "Alarm of the critical upper limit of a voltage."
    "in" "fault" gauge "in_fault" 1.0 "Fault of the sensor of a voltage."
    "in" "beep" gauge "in_beep_enabled" 1.0 "Whether an alarm beeps, for a voltage."
    "in" "enable" gauge "in_enable_volts" 1e3 "Whether the chip watches a voltage."
    "in" "rated_min" gauge "in_rated_min_volts" 1e3 "Rated lower limit of a voltage."
    "in" "rated_max" gauge "in_rated_max_volts" 1e3 "Rated upper limit of a voltage."
    "cpu" "vid" gauge "cpu_vid_volts" 1e3 "Voltage asked for by its pins of a CPU's core voltage."
    "fan" "input" gauge "fan_rpm" 1.0 "Reading of a fan."
    "fan" "min" gauge "fan_min_rpm" 1.0 "Lower limit of a fan."
    "fan" "max" gauge "fan_max_rpm" 1.0 "Upper limit of a fan."
    "fan" "target" gauge "fan_target_rpm" 1.0 "Speed asked for of a fan."
    "fan" "div" gauge "fan_div" 1.0 "Divisor of a fan."
    "fan" "pulses" gauge "fan_pulses" 1.0 "Tachometer pulses a turn of a fan."
    "fan" "alarm" gauge "fan_alarm" 1.0 "Alarm of a fan."
    "fan" "min_alarm" gauge "fan_min_alarm" 1.0 "Alarm of the lower limit of a fan."
    "fan" "max_alarm" gauge "fan_max_alarm" 1.0 "Alarm of the upper limit of a fan."
    "fan" "fault" gauge "fan_fault" 1.0 "Fault of the sensor of a fan."
    "fan" "beep" gauge "fan_beep_enabled" 1.0 "Whether an alarm beeps, for a fan."
    "fan" "enable" gauge "fan_enable" 1.0 "Whether the chip watches a fan."
    "pwm" "" gauge "pwm" 1.0 "Level, 0 to 255, of a fan's pulse-width modulation."
    "pwm" "enable" gauge "pwm_enable" 1.0 "How the chip steers a fan: 0 for full speed, 1 by hand, more for by itself."
    "pwm" "mode" gauge "pwm_mode" 1.0 "Mode, 0 for direct current and 1 for pulses, of a fan's pulse-width modulation."
    "pwm" "freq" gauge "pwm_freq" 1.0 "Base frequency, in Hz, of a fan's pulse-width modulation."
    "pwm" "auto_channels_temp" gauge "pwm_auto_channels_temp" 1.0 "Temperature channels that steer a fan's pulse-width modulation."
    "pwm" "auto_pwm" gauge "pwm_auto_pwm" 1.0 "Whether the chip steers a fan's pulse-width modulation."
    "temp" "input" gauge "temp_celsius" 1e3 "Reading of a temperature."
    "temp" "type" gauge "temp_type" 1.0 "Type of the sensor of a temperature."
    "temp" "min" gauge "temp_min_celsius" 1e3 "Lower limit of a temperature."
    "temp" "min_hyst" gauge "temp_min_hyst_celsius" 1e3 "Hysteresis of the lower limit of a temperature."
    "temp" "max" gauge "temp_max_celsius" 1e3 "Upper limit of a temperature."
    "temp" "max_hyst" gauge "temp_max_hyst_celsius" 1e3 "Hysteresis of the upper limit of a temperature."
    "temp" "crit" gauge "temp_crit_celsius" 1e3 "Critical upper limit of a temperature."
    "temp" "crit_hyst" gauge "temp_crit_hyst_celsius" 1e3 "Hysteresis of the critical upper limit of a temperature."
    "temp" "emergency" gauge "temp_emergency_celsius" 1e3 "Emergency limit of a temperature."
    "temp" "emergency_hyst" gauge "temp_emergency_hyst_celsius" 1e3 "Hysteresis of the emergency limit of a temperature."
    "temp" "lcrit" gauge "temp_lcrit_celsius" 1e3 "Critical lower limit of a temperature."
    "temp" "lcrit_hyst" gauge "temp_lcrit_hyst_celsius" 1e3 "Hysteresis of the critical lower limit of a temperature."
    "temp" "offset" gauge "temp_offset_celsius" 1e3 "Offset added to the reading of a temperature."
    "temp" "lowest" gauge "temp_lowest_celsius" 1e3 "Lowest reading so far of a temperature."
    "temp" "highest" gauge "temp_highest_celsius" 1e3 "Highest reading so far of a temperature."
    "temp" "average" gauge "temp_average_celsius" 1e3 "Average of a temperature."
    "temp" "rated_min" gauge "temp_rated_min_celsius" 1e3 "Rated lower limit of a temperature."
    "temp" "rated_max" gauge "temp_rated_max_celsius" 1e3 "Rated upper limit of a temperature."
    "temp" "alarm" gauge "temp_alarm" 1.0 "Alarm of a temperature."
    "temp" "min_alarm" gauge "temp_min_alarm_celsius" 1e3 "Alarm of the lower limit of a temperature."
    "temp" "max_alarm" gauge "temp_max_alarm_celsius" 1e3 "Alarm of the upper limit of a temperature."
    "temp" "crit_alarm" gauge "temp_crit_alarm_celsius" 1e3 "Alarm of the critical upper limit of a temperature."
    "temp" "lcrit_alarm" gauge "temp_lcrit_alarm_celsius" 1e3 "Alarm of the critical lower limit of a temperature."
    "temp" "emergency_alarm" gauge "temp_emergency_alarm_celsius" 1e3 "Alarm of the emergency limit of a temperature."
    "temp" "fault" gauge "temp_fault" 1.0 "Fault of the sensor of a temperature."
    "temp" "beep" gauge "temp_beep_enabled" 1.0 "Whether an alarm beeps, for a temperature."
    "temp" "enable" gauge "temp_enable_celsius" 1e3 "Whether the chip watches a temperature."
    "curr" "input" gauge "curr_amps" 1e3 "Reading of a current."
    "curr" "min" gauge "curr_min_amps" 1e3 "Lower limit of a current."
    "curr" "max" gauge "curr_max_amps" 1e3 "Upper limit of a current."
    "curr" "lcrit" gauge "curr_lcrit_amps" 1e3 "Critical lower limit of a current."
    "curr" "crit" gauge "curr_crit_amps" 1e3 "Critical upper limit of a current."
    "curr" "average" gauge "curr_average_amps" 1e3 "Average of a current."
    "curr" "lowest" gauge "curr_lowest_amps" 1e3 "Lowest reading so far of a current."
    "curr" "highest" gauge "curr_highest_amps" 1e3 "Highest reading so far of a current."
    "curr" "alarm" gauge "curr_alarm" 1.0 "Alarm of a current."
    "curr" "min_alarm" gauge "curr_min_alarm_amps" 1e3 "Alarm of the lower limit of a current."
    "curr" "max_alarm" gauge "curr_max_alarm_amps" 1e3 "Alarm of the upper limit of a current."
    "curr" "lcrit_alarm" gauge "curr_lcrit_alarm_amps" 1e3 "Alarm of the critical lower limit of a current."
    "curr" "crit_alarm" gauge "curr_crit_alarm_amps" 1e3 "Alarm of the critical upper limit of a current."
    "curr" "fault" gauge "curr_fault" 1.0 "Fault of the sensor of a current."
    "curr" "beep" gauge "curr_beep_enabled" 1.0 "Whether an alarm beeps, for a current."
    "curr" "enable" gauge "curr_enable_amps" 1e3 "Whether the chip watches a current."
    "curr" "rated_min" gauge "curr_rated_min_amps" 1e3 "Rated lower limit of a current."
    "curr" "rated_max" gauge "curr_rated_max_amps" 1e3 "Rated upper limit of a current."
    "power" "input" gauge "power_watt" 1e6 "Reading of a power meter."
    "power" "input_lowest" gauge "power_input_lowest_watt" 1e6 "Lowest reading so far of a power meter."
    "power" "input_highest" gauge "power_input_highest_watt" 1e6 "Highest reading so far of a power meter."
    "power" "average" gauge "power_average_watt" 1e6 "Average of a power meter."
    "power" "average_interval" gauge "power_average_interval_seconds" 1e3 "Averaging interval of a power meter."
    "power" "average_interval_min" gauge "power_average_interval_min_seconds" 1e3 "Lower limit of the averaging interval of a power meter."
    "power" "average_interval_max" gauge "power_average_interval_max_seconds" 1e3 "Upper limit of the averaging interval of a power meter."
    "power" "average_lowest" gauge "power_average_lowest_watt" 1e6 "Lowest average so far of a power meter."
    "power" "average_highest" gauge "power_average_highest_watt" 1e6 "Highest average so far of a power meter."
    "power" "average_min" gauge "power_average_min_watt" 1e6 "Lower limit of the average of a power meter."
    "power" "average_max" gauge "power_average_max_watt" 1e6 "Upper limit of the average of a power meter."
    "power" "accuracy" gauge "power_accuracy" 1e6 "Accuracy, as a ratio, of a power meter."
    "power" "cap" gauge "power_cap_watt" 1e6 "Cap of a power meter."
    "power" "cap_min" gauge "power_cap_min_watt" 1e6 "Lower limit of the cap of a power meter."
    "power" "cap_max" gauge "power_cap_max_watt" 1e6 "Upper limit of the cap of a power meter."
    "power" "cap_hyst" gauge "power_cap_hyst_watt" 1e6 "Hysteresis of the cap of a power meter."
    "power" "min" gauge "power_min_watt" 1e6 "Lower limit of a power meter."
    "power" "max" gauge "power_max_watt" 1e6 "Upper limit of a power meter."
    "power" "lcrit" gauge "power_lcrit_watt" 1e6 "Critical lower limit of a power meter."
    "power" "crit" gauge "power_crit_watt" 1e6 "Critical upper limit of a power meter."
    "power" "rated_min" gauge "power_rated_min_watt" 1e6 "Rated lower limit of a power meter."
    "power" "rated_max" gauge "power_rated_max_watt" 1e6 "Rated upper limit of a power meter."
    "power" "alarm" gauge "power_alarm" 1.0 "Alarm of a power meter."
    "power" "cap_alarm" gauge "power_cap_alarm_watt" 1e6 "Alarm of the cap of a power meter."
    "power" "min_alarm" gauge "power_min_alarm_watt" 1e6 "Alarm of the lower limit of a power meter."
    "power" "max_alarm" gauge "power_max_alarm_watt" 1e6 "Alarm of the upper limit of a power meter."
    "power" "lcrit_alarm" gauge "power_lcrit_alarm_watt" 1e6 "Alarm of the critical lower limit of a power meter."
    "power" "crit_alarm" gauge "power_crit_alarm_watt" 1e6 "Alarm of the critical upper limit of a power meter."
    "power" "enable" gauge "power_enable_watt" 1e6 "Whether the chip watches a power meter."
    "energy" "input" counter "energy_joule_total" 1e6 "Reading of an energy meter."
    "humidity" "input" gauge "humidity" 1e6 "Reading of a humidity."
    "humidity" "min" gauge "humidity_min" 1e6 "Lower limit of a humidity."
    "humidity" "max" gauge "humidity_max" 1e6 "Upper limit of a humidity."
    "humidity" "min_hyst" gauge "humidity_min_hyst" 1e6 "Hysteresis of the lower limit of a humidity."
    "humidity" "max_hyst" gauge "humidity_max_hyst" 1e6 "Hysteresis of the upper limit of a humidity."
    "humidity" "rated_min" gauge "humidity_rated_min" 1e6 "Rated lower limit of a humidity."
    "humidity" "rated_max" gauge "humidity_rated_max" 1e6 "Rated upper limit of a humidity."
    "humidity" "alarm" gauge "humidity_alarm" 1.0 "Alarm of a humidity."
    "humidity" "fault" gauge "humidity_fault" 1.0 "Fault of the sensor of a humidity."
    "humidity" "enable" gauge "humidity_enable" 1e6 "Whether the chip watches a humidity."
    "intrusion" "alarm" gauge "intrusion_alarm" 1.0 "Alarm of a chassis intrusion."
    "intrusion" "beep" gauge "intrusion_beep_enabled" 1.0 "Whether an alarm beeps, for a chassis intrusion."
    "vrm" "" gauge "voltage_regulator_version" 1.0 "Version of the voltage regulator."
    "update_interval" "" gauge "update_interval_seconds" 1e3 "How often a chip takes readings."
    "beep_enable" "" gauge "beep_enabled" 1.0 "Whether the chip beeps at all."
}
