//! The plugin on trees of files such as the kernel would show.
#![cfg(unix)]

use std::os::unix::fs::symlink;

use metrics_hwmon as _;
use relink_testing::{Tree, collect, make, plugin, render, warnings};

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
        .file(&format!("{cpu}/freq1_input"), "214500000\n")
        .file(&format!("{cpu}/freq1_label"), "SCLK\n")
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
relink_testing::conforms! {
    "hwmon", machine(),
    "hwmon" => { reads: 13, allocations: 15 },
    "powersupplyclass" => { reads: 10, allocations: 14 },
    "thermal_zone" => { reads: 3, allocations: 14 },
}

/// What all collectors show.
fn all(tree: &Tree) -> String {
    plugin("hwmon").collectors.iter().map(|one| render(tree, one.name, "{}").unwrap()).collect()
}

#[test]
fn a_whole_machine() {
    assert_eq!(
        all(&machine()),
        r#"node_hwmon_chip_names{chip="platform_coretemp_0",chip_name="coretemp"} 1
node_hwmon_chip_names{chip="virtual_chip",chip_name="virtual_chip"} 1
node_hwmon_sensor_label{chip="platform_coretemp_0",sensor="freq1",label="SCLK"} 1
node_hwmon_sensor_label{chip="platform_coretemp_0",sensor="temp1",label="Package id 0"} 1
node_hwmon_in_volts{chip="platform_coretemp_0",sensor="in0"} 1.25
node_hwmon_temp_celsius{chip="platform_coretemp_0",sensor="temp1"} 55
node_hwmon_temp_celsius{chip="virtual_chip",sensor="temp1"} -40
node_hwmon_energy_joule_total{chip="platform_coretemp_0",sensor="energy1"} 3.5
node_hwmon_pwm{chip="platform_coretemp_0",sensor="pwm1"} 128
node_hwmon_update_interval_seconds{chip="platform_coretemp_0",sensor="update_interval0"} 1
node_hwmon_fan_alarm{chip="platform_coretemp_0",sensor="fan1"} 0
node_hwmon_fan_rpm{chip="platform_coretemp_0",sensor="fan1"} 1200
node_hwmon_freq_freq_mhz{chip="platform_coretemp_0",sensor="sclk"} 214.5
node_hwmon_power_average_watt{chip="platform_coretemp_0",sensor="power1"} 15
node_hwmon_temp_colour_celsius{chip="platform_coretemp_0",sensor="temp1"} 0.005
node_hwmon_temp_crit_celsius{chip="platform_coretemp_0",sensor="temp1"} 100
node_hwmon_temp_crit_alarm_celsius{chip="platform_coretemp_0",sensor="temp1"} 0.001
node_power_supply_info{power_supply="AC",type="Mains",status="",health="",technology="",manufacturer="",model_name="",serial_number="",capacity_level="",charge_type="",usb_type="",scope=""} 1
node_power_supply_info{power_supply="BAT0",type="Battery",status="Discharging",health="",technology="",manufacturer="",model_name="",serial_number="",capacity_level="",charge_type="",usb_type="",scope=""} 1
node_power_supply_capacity{power_supply="BAT0"} 81
node_power_supply_cyclecount{power_supply="BAT0"} 0
node_power_supply_online{power_supply="AC"} 0
node_power_supply_temp_celsius{power_supply="BAT0"} 30.1
node_power_supply_voltage_volt{power_supply="BAT0"} 12.229
node_thermal_zone_temp{zone="0",type="acpitz"} 27.8
node_cooling_device_cur_state{name="0",type="Fan"} 1
node_cooling_device_max_state{name="0",type="Fan"} 10
"#
    );
}

#[test]
fn a_machine_without_sensors_has_no_families() {
    assert_eq!(all(&Tree::new()), "");
    for collector in plugin("hwmon").collectors {
        assert!(warnings(&Tree::new(), collector.name, "{}").unwrap().is_empty());
    }
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
fn what_is_no_number_is_told() {
    let tree = machine();
    let energy = "sys/class/hwmon/hwmon0/energy1_input";
    for (bad, said) in [
        ("", Some("a number, found \"\"")),
        ("NaN\n", Some("a number, found \"NaN\"")),
        ("-5\n", Some("a count, found \"-5\"")),
    ] {
        tree.write(energy, bad);
        let warnings = warnings(&tree, "hwmon", "{}").unwrap();
        let told: Vec<_> =
            warnings.iter().map(|warning| warning.split_once(": expected ").unwrap()).collect();
        assert_eq!(told.iter().map(|(_, said)| *said).collect::<Vec<_>>(), Vec::from_iter(said), "{bad:?}");
        assert!(told.iter().all(|(file, _)| file.ends_with("/hwmon0/energy1_input")), "{told:?}");
    }
    let tree = tree
        .file("sys/class/thermal/thermal_zone0/temp", b"\xff\n")
        .file("sys/class/power_supply/BAT0/capacity", "full\n")
        .file("sys/class/power_supply/BAT0/model_name", b"Accu \xe9\n");
    for (collector, said) in [
        ("thermal_zone", "/temp: expected a number, found \"\u{fffd}\""),
        ("powersupplyclass", "/capacity: expected"),
    ] {
        let warnings = warnings(&tree, collector, "{}").unwrap();
        let [warning] = &warnings[..] else { panic!("{warnings:?}") };
        assert!(warning.contains(said), "{warning}");
    }
    let text = render(&tree, "powersupplyclass", "{}").unwrap();
    assert!(text.contains("model_name=\"Accu \u{fffd}\"") && text.contains("cyclecount"), "{text}");
}

#[test]
fn a_folder_that_may_not_be_read_is_told() {
    for (collector, class) in
        [("hwmon", "hwmon"), ("thermal_zone", "thermal"), ("powersupplyclass", "power_supply")]
    {
        let tree = Tree::new().file("sys/class/net", "");
        let folder = tree.path().join("sys/class").join(class);
        // Nobody can open a link to itself, root no more than others.
        symlink(&folder, &folder).unwrap();
        let warnings = warnings(&tree, collector, "{}").unwrap();
        let [warning] = &warnings[..] else { panic!("{warnings:?}") };
        assert!(warning.starts_with(&format!("reading {}: ", folder.display())), "{warning}");
    }
}

#[test]
fn devices_come_and_go() {
    let tree = machine();
    let mut supplies = make(&tree, "powersupplyclass", "{}").unwrap();
    let good = collect(&mut *supplies, "powersupplyclass").unwrap();
    std::fs::remove_dir_all(tree.path().join("sys/class/power_supply/BAT0")).unwrap();
    let text = collect(&mut *supplies, "powersupplyclass").unwrap();
    let without_battery: Vec<&str> = good.lines().filter(|line| !line.contains("BAT0")).collect();
    assert_eq!(text.lines().collect::<Vec<_>>(), without_battery);

    let mut hwmon = make(&tree, "hwmon", "{}").unwrap();
    let good = collect(&mut *hwmon, "hwmon").unwrap();
    let chip = tree.path().join("sys/class/hwmon/hwmon0");
    let target = std::fs::read_link(&chip).unwrap();
    std::fs::remove_file(&chip).unwrap();
    let text = collect(&mut *hwmon, "hwmon").unwrap();
    assert!(!text.contains("coretemp") && text.contains("virtual_chip"), "{text}");
    // Another chip takes the name.
    let other = tree.path().join("sys/devices/pci0/0000:00:18.3/hwmon/hwmon0");
    tree.write("sys/devices/pci0/0000:00:18.3/hwmon/hwmon0/temp1_input", "1000");
    symlink("../..", other.join("device")).unwrap();
    symlink(&other, &chip).unwrap();
    let text = collect(&mut *hwmon, "hwmon").unwrap();
    assert!(text.contains(r#"node_hwmon_temp_celsius{chip="pci0_0000:00:18_3",sensor="temp1"} 1"#), "{text}");
    std::fs::remove_file(&chip).unwrap();
    symlink(target, &chip).unwrap();
    assert_eq!(collect(&mut *hwmon, "hwmon").unwrap(), good);
}

/// A device with these chips: folder and name.
fn chips_of_one_device(chips: &[(&str, &str)]) -> Tree {
    let tree = Tree::new().file("sys/devices/platform/asus-nb-wmi/uevent", "");
    std::fs::create_dir_all(tree.path().join("sys/class/hwmon")).unwrap();
    for (at, (entry, name)) in chips.iter().enumerate() {
        let folder = format!("sys/devices/platform/asus-nb-wmi/hwmon/{entry}");
        tree.write(&format!("{folder}/name"), format!("{name}\n"));
        tree.write(&format!("{folder}/fan1_input"), format!("{}\n", 1000 * (at + 1)));
        symlink("../../../asus-nb-wmi", tree.path().join(&folder).join("device")).unwrap();
        symlink(tree.path().join(&folder), tree.path().join("sys/class/hwmon").join(entry)).unwrap();
    }
    tree
}

#[test]
fn chips_of_one_device_are_told_apart() {
    let fans = |chips: &[(&str, &str)], options: &str| {
        let text = render(&chips_of_one_device(chips), "hwmon", options).unwrap();
        let fans = text
            .lines()
            .filter_map(|line| line.strip_prefix("node_hwmon_fan_rpm{chip=\"platform_asus_nb_wmi"));
        fans.map(|fan| fan.replace("\",sensor=\"fan1\"}", "")).collect::<Vec<_>>()
    };
    assert_eq!(fans(&[("hwmon1", "asus1")], "{}"), [" 1000"]);
    let two = [("hwmon1", "asus1"), ("hwmon2", "asus2")];
    assert_eq!(fans(&two, "{}"), ["_asus1 1000", "_asus2 2000"]);
    assert_eq!(fans(&two, r#"{"chip_exclude": "_asus1$"}"#), ["_asus2 2000"], "by the label that is shown");
    let three = [("hwmon1", "asus"), ("hwmon2", "asus"), ("hwmon3", "other")];
    assert_eq!(fans(&three, "{}"), ["_hwmon1 1000", "_hwmon2 2000", "_other 3000"]);
    assert_eq!(fans(&[("hwmon1", "asus"), ("hwmon2", "")], "{}"), ["_asus 1000", "_hwmon2 2000"]);
}

/// The lines of a chip without a device, without what they have in common.
fn chip(files: &[(&str, &str)], options: &str) -> Vec<String> {
    let mut tree = Tree::new();
    for (file, content) in files {
        tree = tree.file(&format!("sys/class/hwmon/hwmon3/{file}"), content);
    }
    let text = render(&tree, "hwmon", options).unwrap();
    let lines = text.lines().map(|line| line.replace("chip=\"hwmon3\",", "").replace("node_hwmon_", ""));
    lines.collect()
}

#[test]
fn what_only_a_driver_knows_is_shown() {
    let files = [
        ("fan1_manual", "0\n"),
        ("fan1_output", "1200\n"),
        ("pwm1", "77\n"),
        ("pwm1_auto_point1_temp", "30000\n"),
        ("pwm1_Weight-Temp", "1\n"),
        ("pwm1_weight_temp", "2\n"),
        ("temp1", "45000\n"),
        ("temp1_input", "46000\n"),
        ("temp1_beep", "1\n"),
        // These folders are no sensors; what is in them is no matter of the chip.
        ("power/control", "auto\n"),
        ("device/power/control", "auto\n"),
        ("device/in2_input", "900\n"),
        ("subsystem", ""),
        ("intrusion0_alarm", "1\n"),
        ("intrusion0_label", "\n"),
    ];
    assert_eq!(
        chip(&files, "{}").iter().map(|line| line.replace("chip=\"hwmon3_device\",", "")).collect::<Vec<_>>(),
        [
            r#"sensor_label{sensor="intrusion0",label=""} 1"#,
            r#"in_volts{sensor="in2"} 0.9"#,
            r#"temp_celsius{sensor="temp1"} 45"#,
            r#"temp_beep_enabled{sensor="temp1"} 1"#,
            r#"pwm{sensor="pwm1"} 77"#,
            r#"fan_manual{sensor="fan1"} 0"#,
            r#"fan_output{sensor="fan1"} 1200"#,
            r#"intrusion_alarm{sensor="intrusion0"} 1"#,
            r#"pwm_weight_temp{sensor="pwm1"} 1"#,
            r#"pwm_auto_point1_temp{sensor="pwm1"} 30000"#,
            r#"temp_input_celsius{sensor="temp1"} 46"#,
        ]
    );
}

#[test]
fn a_label_is_shown_to_the_letter() {
    let tree = Tree::new()
        .file("sys/class/hwmon/hwmon3/fan1_label", "Left side  \n")
        .file("sys/class/hwmon/hwmon3/fan2_label", b"\xffa\xff\xfeb\n");
    assert_eq!(
        render(&tree, "hwmon", "{}").unwrap(),
        "node_hwmon_sensor_label{chip=\"hwmon3\",sensor=\"fan1\",label=\"Left side  \"} 1\n\
         node_hwmon_sensor_label{chip=\"hwmon3\",sensor=\"fan2\",label=\"\u{fffd}a\u{fffd}b\"} 1\n"
    );
}

#[test]
fn a_frequency_goes_by_its_label() {
    let files = [
        ("freq1_input", "1500000000\n"),
        ("freq1_label", "sclk\n"),
        ("freq2_input", "96000000\n"),
        ("freq3_input", "1000000\n"),
        ("freq3_label", "SCLK\n"),
        ("freq3_max", "7\n"),
    ];
    assert_eq!(
        chip(&files, "{}"),
        [
            r#"sensor_label{sensor="freq1",label="sclk"} 1"#,
            r#"sensor_label{sensor="freq3",label="SCLK"} 1"#,
            r#"freq_freq_mhz{sensor="sclk"} 1500"#,
            r#"freq_freq_mhz{sensor="freq3"} 1"#,
            r#"freq_max{sensor="freq3"} 7"#,
        ]
    );
}

#[test]
fn sensors_can_be_left_out() {
    let files =
        [("temp1_input", "1000\n"), ("temp2_input", "2000\n"), ("temp2_label", "x\n"), ("fan1_input", "9\n")];
    let [one, two] = [1, 2].map(|n| format!("temp_celsius{{sensor=\"temp{n}\"}} {n}"));
    assert_eq!(chip(&files, r#"{"sensor_exclude": "^hwmon3;(temp2|fan.)$"}"#), [one.as_str()]);
    let label = r#"sensor_label{sensor="temp2",label="x"} 1"#;
    assert_eq!(chip(&files, r#"{"sensor_include": ";temp2"}"#), [label, two.as_str()]);
    // Both may be set.
    let both = r#"{"sensor_include": ";temp", "sensor_exclude": "2"}"#;
    assert_eq!(chip(&files, both), [one.as_str()]);
    assert!(chip(&files, r#"{"chip_include": "^coretemp$"}"#).is_empty());
    assert_eq!(chip(&files, r#"{"chip_include": "^hwmon3$"}"#).len(), 4);
    for option in ["chip_exclude", "chip_include", "sensor_exclude", "sensor_include"] {
        let error = make(&machine(), "hwmon", &format!("{{\"{option}\": \"(\"}}")).err().unwrap();
        let said = format!("[collectors.hwmon]: {option} is \"(\", expected a regular");
        assert!(error.to_string().starts_with(&said), "{error}");
    }
}

#[test]
fn chips_and_supplies_can_be_left_out() {
    let text = render(&machine(), "hwmon", r#"{"chip_exclude": "^platform_"}"#).unwrap();
    assert!(!text.contains("coretemp") && text.contains("virtual_chip"), "{text}");
    let text = render(&machine(), "powersupplyclass", r#"{"ignored_supplies": "^BAT"}"#).unwrap();
    assert!(!text.contains("BAT0") && text.contains("\"AC\""), "{text}");
    let refused =
        |collector: &str, options: &str| make(&machine(), collector, options).err().unwrap().to_string();
    let error = refused("powersupplyclass", r#"{"ignored_supplies": "("}"#);
    assert!(
        error.starts_with("[collectors.powersupplyclass]: ignored_supplies is \"(\", expected"),
        "{error}"
    );
    let error = refused("hwmon", r#"{"chips_exclude": ""}"#);
    assert_eq!(
        error,
        "[collectors.hwmon]: unknown option chips_exclude, expected chip_exclude, chip_include, sensor_exclude, sensor_include"
    );
}
