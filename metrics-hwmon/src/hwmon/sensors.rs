//! The files of `/sys/class/hwmon`: which sensor one belongs to, the family it is shown as, and the unit it counts in.
//!
//! The kernel's `Documentation/hwmon/sysfs-interface.rst` says what is common, and drivers have more, so all attributes
//! of a kind of sensor are a pattern. Names and units are those of node_exporter, the odd ones included: an alarm of one
//! limit bears the unit of its sensor, and is 0.001 when raised.

use relink_core::Family;
use relink_sysfs::cleaned;

/// A kind of sensor whose values have a unit.
pub(super) struct Measured {
    /// `temp` of `temp1_max`.
    kind: &'static str,
    /// By how much the number of a file is divided.
    divisor: f64,
    reading: Family,
    attribute: Family,
    /// Those without the unit.
    alarm: Family,
    fault: Family,
    beep: Family,
}

/// A kind of sensor whose attributes have a unit each, or none.
pub(super) struct Plain {
    kind: &'static str,
    reading: Family,
    attribute: Family,
}

macro_rules! measured {
    ($kind:literal, $of:ident, $unit:literal, $divisor:literal, $what:literal) => {
        Measured {
            kind: $kind,
            divisor: $divisor,
            reading: Family::$of(
                concat!("node_hwmon_", $kind, "_", $unit),
                concat!("Reading of ", $what, " (", $kind, "*_input)."),
            )
            .labels(&["chip", "sensor"]),
            attribute: Family::$of(
                concat!("node_hwmon_", $kind, "_{}_", $unit),
                concat!("Attribute {} of ", $what, " (", $kind, "*_{})."),
            )
            .labels(&["chip", "sensor"]),
            alarm: Family::gauge(
                concat!("node_hwmon_", $kind, "_alarm"),
                concat!("Whether there is an alarm of ", $what, " (", $kind, "*_alarm)."),
            )
            .labels(&["chip", "sensor"]),
            fault: Family::gauge(
                concat!("node_hwmon_", $kind, "_fault"),
                concat!("Whether the sensor is faulty, of ", $what, " (", $kind, "*_fault)."),
            )
            .labels(&["chip", "sensor"]),
            beep: Family::gauge(
                concat!("node_hwmon_", $kind, "_beep_enabled"),
                concat!("Whether the chip beeps at an alarm of ", $what, " (", $kind, "*_beep)."),
            )
            .labels(&["chip", "sensor"]),
        }
    };
}

macro_rules! plain {
    ($kind:literal, $what:literal, $help:literal) => {
        Plain {
            kind: $kind,
            reading: Family::gauge(concat!("node_hwmon_", $kind), $help).labels(&["chip", "sensor"]),
            attribute: Family::gauge(
                concat!("node_hwmon_", $kind, "_{}"),
                concat!("Attribute {} of ", $what, " (", $kind, "*)."),
            )
            .labels(&["chip", "sensor"]),
        }
    };
}

const MEASURED: [Measured; 6] = [
    measured!("in", gauge, "volts", 1e3, "a voltage"),
    measured!("cpu", gauge, "volts", 1e3, "a CPU's core voltage"),
    measured!("temp", gauge, "celsius", 1e3, "a temperature"),
    measured!("curr", gauge, "amps", 1e3, "a current"),
    measured!("power", gauge, "watt", 1e6, "a power meter"),
    measured!("energy", counter, "joule_total", 1e6, "an energy meter"),
];

const PLAIN: [Plain; 5] = [
    plain!("fan", "a fan", "What a driver says of a fan without saying what it is (fan*)."),
    plain!(
        "pwm",
        "a fan's pulse-width modulation",
        "Level, 0 to 255, of a fan's pulse-width modulation (pwm*)."
    ),
    plain!("humidity", "a humidity", "Reading of a humidity, as a ratio (humidity*_input)."),
    plain!("intrusion", "a chassis intrusion", "Reading of a chassis intrusion (intrusion*_input)."),
    plain!("freq", "a frequency", "What a driver says of a frequency without saying what it is (freq*)."),
];

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help).labels(&["chip", "sensor"])
}

/// Single files: kind, property, family, divisor. A chip's own file has no number.
const SINGLE: [(&str, &str, Family, f64); 8] = [
    ("temp", "type", gauge("node_hwmon_temp_type", "Type of the sensor of a temperature (temp*_type)."), 1.0),
    (
        "power",
        "accuracy",
        gauge("node_hwmon_power_accuracy", "Accuracy of a power meter, as a ratio (power*_accuracy)."),
        1e6,
    ),
    (
        "power",
        "average_interval",
        gauge(
            "node_hwmon_power_average_interval_seconds",
            "Time over which a power meter takes the average (power*_average_interval).",
        ),
        1e3,
    ),
    (
        "power",
        "average_interval_min",
        gauge(
            "node_hwmon_power_average_interval_min_seconds",
            "Shortest time over which a power meter can take the average (power*_average_interval_min).",
        ),
        1e3,
    ),
    (
        "power",
        "average_interval_max",
        gauge(
            "node_hwmon_power_average_interval_max_seconds",
            "Longest time over which a power meter can take the average (power*_average_interval_max).",
        ),
        1e3,
    ),
    (
        "vrm",
        "",
        gauge("node_hwmon_voltage_regulator_version", "Version of the voltage regulator (vrm)."),
        1.0,
    ),
    (
        "update_interval",
        "",
        gauge("node_hwmon_update_interval_seconds", "How often a chip takes readings (update_interval)."),
        1e3,
    ),
    (
        "beep_enable",
        "",
        gauge("node_hwmon_beep_enabled", "Whether the chip beeps at all (beep_enable)."),
        1.0,
    ),
];

const COUNT: usize = 5 * MEASURED.len() + 2 * PLAIN.len() + SINGLE.len();

/// All of them.
pub(super) const FAMILIES: [Family; COUNT] = {
    let mut all = [MEASURED[0].reading; COUNT];
    let (mut at, mut end) = (0, 0);
    while at < MEASURED.len() {
        let Measured { reading, attribute, alarm, fault, beep, .. } = &MEASURED[at];
        all[end] = *reading;
        all[end + 1] = *attribute;
        all[end + 2] = *alarm;
        all[end + 3] = *fault;
        all[end + 4] = *beep;
        (at, end) = (at + 1, end + 5);
    }
    at = 0;
    while at < PLAIN.len() {
        all[end] = PLAIN[at].reading;
        all[end + 1] = PLAIN[at].attribute;
        (at, end) = (at + 1, end + 2);
    }
    at = 0;
    while at < SINGLE.len() {
        all[end] = SINGLE[at].2;
        (at, end) = (at + 1, end + 1);
    }
    all
};

/// How the number of a file is shown.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shown {
    pub(super) family: Family,
    /// What completes the family's name, if it is a pattern.
    pub(super) hole: Option<String>,
    pub(super) divisor: f64,
}

/// The kind, number and property of a file such as `temp1_max`; nothing if there is no such kind. One without a number,
/// as a chip's own, counts as number 0.
pub(super) fn recognise(file: &str) -> Option<(&'static str, u32, &str)> {
    let kind = file.split(|c: char| c.is_ascii_digit()).next().unwrap_or("");
    let rest = &file[kind.len()..];
    let (digits, rest) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
    let property = match rest {
        "" => "",
        _ => rest.strip_prefix('_').filter(|property| !property.is_empty())?,
    };
    let number = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    let kinds = MEASURED.iter().map(|known| known.kind).chain(PLAIN.iter().map(|known| known.kind));
    let mut kinds = kinds.chain(SINGLE.iter().map(|known| known.0));
    Some((kinds.find(|known| *known == kind)?, number, property))
}

/// How a property of a kind is shown, if it is. `is_bare` says that the sensor has a file without any property as well,
/// which takes the place of `input`.
pub(super) fn shown(kind: &str, property: &str, is_bare: bool) -> Option<Shown> {
    let single = SINGLE.iter().find(|known| (known.0, known.1) == (kind, property));
    if let Some((_, _, family, divisor)) = single {
        return Some(Shown { family: *family, hole: None, divisor: *divisor });
    }
    let is_reading = property.is_empty() || property == "input" && !is_bare;
    if let Some(known) = MEASURED.iter().find(|known| known.kind == kind) {
        let (family, divisor) = match property {
            "alarm" => (known.alarm, 1.0),
            "fault" => (known.fault, 1.0),
            "beep" => (known.beep, 1.0),
            _ if is_reading => (known.reading, known.divisor),
            _ => return attribute(known.attribute, cleaned(property), known.divisor),
        };
        return Some(Shown { family, hole: None, divisor });
    }
    let known = PLAIN.iter().find(|known| known.kind == kind)?;
    let name = if is_reading { String::new() } else { cleaned(property) };
    let with = |unit: &str| if name.is_empty() { unit.to_owned() } else { format!("{name}_{unit}") };
    match (kind, property) {
        ("fan", "input" | "min" | "max" | "target") => attribute(known.attribute, with("rpm"), 1.0),
        ("freq", "input") => attribute(known.attribute, with("freq_mhz"), 1e6),
        (_, "beep") => attribute(known.attribute, "beep_enabled".to_owned(), 1.0),
        ("humidity", property) if !matches!(property, "alarm" | "fault") => match is_reading {
            true => Some(Shown { family: known.reading, hole: None, divisor: 1e6 }),
            false => attribute(known.attribute, name, 1e6),
        },
        _ if is_reading => Some(Shown { family: known.reading, hole: None, divisor: 1.0 }),
        _ => attribute(known.attribute, name, 1.0),
    }
}

fn attribute(family: Family, name: String, divisor: f64) -> Option<Shown> {
    (!name.is_empty()).then_some(Shown { family, hole: Some(name), divisor })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_recognised_by_their_names() {
        assert_eq!(recognise("temp12_crit_alarm"), Some(("temp", 12, "crit_alarm")));
        assert_eq!(recognise("pwm3"), Some(("pwm", 3, "")));
        assert_eq!(recognise("pwm1_auto_point2_temp"), Some(("pwm", 1, "auto_point2_temp")));
        assert_eq!(recognise("update_interval"), Some(("update_interval", 0, "")));
        for other in
            ["name", "device", "uevent", "temp1-input", "temp1_", "tempo1_input", "", "1_input", "in_x"]
        {
            assert_eq!(recognise(other), None, "{other}");
        }
        assert_eq!(recognise("temp99999999999999_input"), None);
    }

    #[test]
    fn a_property_has_the_name_and_unit_that_node_exporter_gives_it() {
        let all = |kind: &str, property: &str, is_bare: bool| {
            let Shown { family, hole, divisor } = shown(kind, property, is_bare)?;
            assert_eq!(family.is_pattern(), hole.is_some());
            assert!(FAMILIES.contains(&family));
            let name = family.name().replace("{}", hole.as_deref().unwrap_or(""));
            Some((name.strip_prefix("node_hwmon_").unwrap().to_owned(), divisor))
        };
        for (file, name, divisor) in [
            ("in0_input", "in_volts", 1e3),
            ("in0_min", "in_min_volts", 1e3),
            ("in0_alarm", "in_alarm", 1.0),
            ("in0_beep", "in_beep_enabled", 1.0),
            ("cpu0_vid", "cpu_vid_volts", 1e3),
            ("temp1_crit_alarm", "temp_crit_alarm_celsius", 1e3),
            ("temp1", "temp_celsius", 1e3),
            ("temp1_type", "temp_type", 1.0),
            ("temp1_fault", "temp_fault", 1.0),
            ("curr1_rated_max", "curr_rated_max_amps", 1e3),
            ("power1_average", "power_average_watt", 1e6),
            ("power1_average_interval", "power_average_interval_seconds", 1e3),
            ("power1_accuracy", "power_accuracy", 1e6),
            ("energy1_input", "energy_joule_total", 1e6),
            ("energy1_Max-Value", "energy_max_value_joule_total", 1e6),
            ("fan1_input", "fan_rpm", 1.0),
            ("fan1_target", "fan_target_rpm", 1.0),
            ("fan1_alarm", "fan_alarm", 1.0),
            ("fan1_beep", "fan_beep_enabled", 1.0),
            ("fan1_pulses", "fan_pulses", 1.0),
            ("fan1", "fan", 1.0),
            ("pwm1", "pwm", 1.0),
            ("pwm1_input", "pwm", 1.0),
            ("pwm1_auto_point2_temp", "pwm_auto_point2_temp", 1.0),
            ("humidity1_input", "humidity", 1e6),
            ("humidity1_min", "humidity_min", 1e6),
            ("humidity1_fault", "humidity_fault", 1.0),
            ("intrusion0_alarm", "intrusion_alarm", 1.0),
            ("intrusion0_beep", "intrusion_beep_enabled", 1.0),
            ("freq1_input", "freq_freq_mhz", 1e6),
            ("freq1_max", "freq_max", 1.0),
            ("vrm", "voltage_regulator_version", 1.0),
            ("update_interval", "update_interval_seconds", 1e3),
            ("beep_enable", "beep_enabled", 1.0),
        ] {
            let (kind, _, property) = recognise(file).unwrap();
            assert_eq!(all(kind, property, false), Some((name.to_owned(), divisor)), "{file}");
        }
        for (kind, name, divisor) in [
            ("temp", "temp_input_celsius", 1e3),
            ("fan", "fan_input_rpm", 1.0),
            ("pwm", "pwm_input", 1.0),
            ("humidity", "humidity_input", 1e6),
            ("freq", "freq_input_freq_mhz", 1e6),
        ] {
            assert_eq!(
                all(kind, "input", true),
                Some((name.to_owned(), divisor)),
                "beside a file without any"
            );
        }
        for (kind, property) in [("vrm", "x"), ("update_interval", "input"), ("temp", "__"), ("fan", "_")] {
            assert_eq!(all(kind, property, false), None, "{kind} {property}");
        }
    }
}
