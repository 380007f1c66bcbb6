//! The plugin on trees of files such as the kernel would show.
#![cfg(unix)]

use std::os::unix::fs::symlink;

use metrics_hwmon as _;
use relink_testing::{Tree, assert_switch, collect, make, render};

/// A chip of the CPU, one without a device, a zone, a fan that cools, and a laptop's battery.
fn machine() -> Tree {
    let cpu = "sys/devices/platform/coretemp.0/hwmon/hwmon0";
    let tree = Tree::new()
        .file(&format!("{cpu}/name"), "coretemp\n")
        .file(&format!("{cpu}/temp1_input"), "55000\n")
        .file(&format!("{cpu}/temp1_label"), "Package id 0\n")
        .file(&format!("{cpu}/temp1_crit"), "100000\n")
        .file(&format!("{cpu}/temp1_crit_alarm"), "1\n")
        .file(&format!("{cpu}/temp1_colour"), "5\n")
        .file(&format!("{cpu}/fan1_input"), "1200\n")
        .file(&format!("{cpu}/fan1_alarm"), "0\n")
        .file(&format!("{cpu}/power1_average"), "15000000\n")
        .file(&format!("{cpu}/energy1_input"), "3500000\n")
        .file(&format!("{cpu}/in0_input"), "1250\n")
        .file(&format!("{cpu}/pwm1"), "128\n")
        .file(&format!("{cpu}/update_interval"), "1000\n")
        .file("sys/class/hwmon/hwmon1/name", "Virtual Chip\n")
        .file("sys/class/hwmon/hwmon1/temp1_input", "-40000\n")
        .file("sys/class/thermal/thermal_zone0/type", "acpitz\n")
        .file("sys/class/thermal/thermal_zone0/temp", "27800\n")
        .file("sys/class/thermal/cooling_device0/type", "Fan\n")
        .file("sys/class/thermal/cooling_device0/cur_state", "1\n")
        .file("sys/class/thermal/cooling_device0/max_state", "10\n")
        .file("sys/class/power_supply/BAT0/type", "Battery\n")
        .file("sys/class/power_supply/BAT0/status", "Discharging\n")
        .file("sys/class/power_supply/BAT0/capacity", "81\n")
        .file("sys/class/power_supply/BAT0/cycle_count", "0\n")
        .file("sys/class/power_supply/BAT0/voltage_now", "12229000\n")
        .file("sys/class/power_supply/BAT0/temp", "301\n")
        .file("sys/class/power_supply/AC/type", "Mains\n")
        .file("sys/class/power_supply/AC/online", "0\n");
    let sys = tree.path().join("sys");
    symlink(sys.join("devices/platform/coretemp.0"), tree.path().join(cpu).join("device")).unwrap();
    symlink(tree.path().join(cpu), sys.join("class/hwmon/hwmon0")).unwrap();
    tree
}

// Looking whether devices came or went costs allocations: a few an entry of the three folders.
relink_testing::conforms!("hwmon", machine(), reads: 24, allocations: 44);

#[test]
fn a_whole_machine() {
    assert_eq!(
        render(&machine(), "hwmon", "{}").unwrap(),
        r#"node_hwmon_chip_names{chip="platform_coretemp_0",chip_name="coretemp"} 1
node_hwmon_chip_names{chip="virtual_chip",chip_name="virtual_chip"} 1
node_hwmon_sensor_label{chip="platform_coretemp_0",sensor="temp1",label="Package id 0"} 1
node_hwmon_in_volts{chip="platform_coretemp_0",sensor="in0"} 1.25
node_hwmon_fan_rpm{chip="platform_coretemp_0",sensor="fan1"} 1200
node_hwmon_fan_alarm{chip="platform_coretemp_0",sensor="fan1"} 0
node_hwmon_pwm{chip="platform_coretemp_0",sensor="pwm1"} 128
node_hwmon_temp_celsius{chip="platform_coretemp_0",sensor="temp1"} 55
node_hwmon_temp_celsius{chip="virtual_chip",sensor="temp1"} -40
node_hwmon_temp_crit_celsius{chip="platform_coretemp_0",sensor="temp1"} 100
node_hwmon_temp_crit_alarm_celsius{chip="platform_coretemp_0",sensor="temp1"} 0.001
node_hwmon_power_average_watt{chip="platform_coretemp_0",sensor="power1"} 15
node_hwmon_energy_joule_total{chip="platform_coretemp_0",sensor="energy1"} 3.5
node_hwmon_update_interval_seconds{chip="platform_coretemp_0",sensor="update_interval0"} 1
node_thermal_zone_temp{zone="0",type="acpitz"} 27.8
node_cooling_device_cur_state{name="0",type="Fan"} 1
node_cooling_device_max_state{name="0",type="Fan"} 10
node_power_supply_info{power_supply="AC",type="Mains",status="",health="",technology="",manufacturer="",model_name="",serial_number="",capacity_level="",charge_type="",usb_type="",scope=""} 1
node_power_supply_info{power_supply="BAT0",type="Battery",status="Discharging",health="",technology="",manufacturer="",model_name="",serial_number="",capacity_level="",charge_type="",usb_type="",scope=""} 1
node_power_supply_capacity{power_supply="BAT0"} 81
node_power_supply_cyclecount{power_supply="BAT0"} 0
node_power_supply_online{power_supply="AC"} 0
node_power_supply_temp_celsius{power_supply="BAT0"} 30.1
node_power_supply_voltage_volt{power_supply="BAT0"} 12.229
"#
    );
}

#[test]
fn a_machine_without_sensors_has_no_families() {
    assert_eq!(render(&Tree::new(), "hwmon", "{}").unwrap(), "");
}

#[test]
fn a_sensor_without_a_value_is_left_out_and_comes_back() {
    let tree = machine();
    let mut collector = make(&tree, "hwmon", "{}").unwrap();
    let good = collect(&mut *collector, "hwmon").unwrap();
    let energy = "sys/class/hwmon/hwmon0/energy1_input";
    for bad in ["", "\u{0}junk\n", "NaN\n", "inf\n", "-5\n"] {
        tree.write(energy, bad);
        let text = collect(&mut *collector, "hwmon").unwrap();
        assert_eq!(text.lines().count(), good.lines().count() - 1, "{bad:?}: {text}");
        assert!(!text.contains("energy"), "{bad:?}: {text}");
    }
    std::fs::remove_file(tree.path().join(energy)).unwrap();
    assert!(!collect(&mut *collector, "hwmon").unwrap().contains("energy"));
    tree.write(energy, "3500000\n");
    assert_eq!(collect(&mut *collector, "hwmon").unwrap(), good);
}

#[test]
fn devices_come_and_go() {
    let tree = machine();
    let mut collector = make(&tree, "hwmon", "{}").unwrap();
    let good = collect(&mut *collector, "hwmon").unwrap();
    let (chip, battery) = (tree.path().join("sys/class/hwmon/hwmon0"), "sys/class/power_supply/BAT0");
    let target = std::fs::read_link(&chip).unwrap();
    std::fs::remove_file(&chip).unwrap();
    std::fs::remove_dir_all(tree.path().join(battery)).unwrap();
    let text = collect(&mut *collector, "hwmon").unwrap();
    assert!(!text.contains("coretemp") && !text.contains("BAT0") && text.contains("virtual_chip"), "{text}");
    // Another chip takes the name.
    let other = tree.path().join("sys/devices/pci0/0000:00:18.3/hwmon/hwmon0");
    tree.write("sys/devices/pci0/0000:00:18.3/hwmon/hwmon0/temp1_input", "1000");
    symlink("../..", other.join("device")).unwrap();
    symlink(&other, &chip).unwrap();
    let text = collect(&mut *collector, "hwmon").unwrap();
    assert!(text.contains(r#"node_hwmon_temp_celsius{chip="pci0_0000:00:18_3",sensor="temp1"} 1"#), "{text}");
    std::fs::remove_file(&chip).unwrap();
    symlink(target, &chip).unwrap();
    let text = collect(&mut *collector, "hwmon").unwrap();
    let without_battery: Vec<&str> = good.lines().filter(|line| !line.contains("BAT0")).collect();
    assert_eq!(text.lines().collect::<Vec<_>>(), without_battery);
}

#[test]
fn two_chips_of_one_device_are_shown_as_one() {
    let tree = machine();
    let second = tree.path().join("sys/devices/platform/coretemp.0/hwmon/hwmon2");
    tree.write("sys/devices/platform/coretemp.0/hwmon/hwmon2/name", "coretemp\n");
    tree.write("sys/devices/platform/coretemp.0/hwmon/hwmon2/temp1_input", "1\n");
    tree.write("sys/devices/platform/coretemp.0/hwmon/hwmon2/temp2_input", "2000\n");
    symlink("../..", second.join("device")).unwrap();
    symlink(&second, tree.path().join("sys/class/hwmon/hwmon2")).unwrap();
    let text = render(&tree, "hwmon", "{}").unwrap();
    let of_cpu = text.lines().filter(|line| line.starts_with("node_hwmon_temp_celsius{chip=\"platform"));
    assert_eq!(
        of_cpu.collect::<Vec<_>>(),
        [
            r#"node_hwmon_temp_celsius{chip="platform_coretemp_0",sensor="temp1"} 55"#,
            r#"node_hwmon_temp_celsius{chip="platform_coretemp_0",sensor="temp2"} 2"#,
        ]
    );
}

#[test]
fn chips_and_supplies_can_be_left_out() {
    let options = r#"{"chips_exclude": "^platform_", "supplies_exclude": "^BAT"}"#;
    let text = render(&machine(), "hwmon", options).unwrap();
    assert!(!text.contains("coretemp") && !text.contains("BAT0"), "{text}");
    assert!(text.contains("virtual_chip") && text.contains("\"AC\""), "{text}");
    let error = make(&machine(), "hwmon", r#"{"chips_exclude": "("}"#).err().unwrap().to_string();
    assert!(error.starts_with("[plugins.hwmon]: chips_exclude is \"(\", expected a regular"), "{error}");
    let error = make(&machine(), "hwmon", r#"{"chip_exclude": ""}"#).err().unwrap().to_string();
    assert!(error.contains("unknown field `chip_exclude`"), "{error}");
}

#[test]
fn each_part_can_be_switched_off() {
    let parts: &[(&str, &[&str])] = &[
        ("hwmon", &["node_hwmon_"]),
        ("thermal_zone", &["node_thermal_", "node_cooling_"]),
        ("powersupplyclass", &["node_power_"]),
    ];
    for (part, prefixes) in parts {
        assert_switch(&machine(), "hwmon", part, prefixes);
    }
}
