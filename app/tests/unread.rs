//! What is there and may not be read is told, and leaves the rest alone; what is not there is nothing.
#![cfg(target_os = "linux")]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;

use relink_testkit::{Agent, command};
use support::{Folder, RELINK};

/// Who has no rights here.
const NOBODY: u32 = 65_534;

/// The agent on this tree, as somebody who is not root.
fn start(folder: &Folder) -> Agent {
    let at = |name: &str| folder.path(name).display().to_string();
    let mut agent = command(RELINK);
    if fs::metadata(folder.root()).unwrap().uid() == 0 {
        // Where the executable is nobody else may be let in.
        fs::copy(RELINK, folder.path("agent")).unwrap();
        fs::set_permissions(folder.root(), Permissions::from_mode(0o755)).unwrap();
        agent = command(&at("agent"));
        agent.uid(NOBODY).gid(NOBODY);
    }
    agent.current_dir(folder.root()).args(["--listen", "127.0.0.1:0"]);
    agent.args(["--path.procfs", &at("proc"), "--path.sysfs", &at("sys")]);
    Agent::from(agent)
}

fn tree(files: &[(&str, &str)]) -> Folder {
    let enabled = "[\"cpu\", \"hwmon\", \"net\", \"pressure\"]";
    let folder =
        Folder::new(&format!("print = \"none\"\n[history]\ninterval = 0\n[plugins]\nenabled = {enabled}\n"));
    for (file, content) in files {
        fs::create_dir_all(folder.path(file).parent().unwrap()).unwrap();
        folder.write(file, content);
    }
    folder
}

const PLUGINS: [&str; 4] = ["cpu", "hwmon", "net", "pressure"];
const ALWAYS: [(&str, &str); 2] =
    [("proc/stat", "cpu 1 2 3 4\ncpu0 1 2 3 4\n"), ("sys/class/net/eth0/mtu", "1500\n")];

#[test]
fn what_may_not_be_read_is_told_and_the_rest_is_shown() {
    let denied = [
        ("cpu", "sys/devices/system/cpu", "sys/devices/system/cpu"),
        ("hwmon", "sys/class/thermal", "sys/class/thermal"),
        ("hwmon", "sys/class/hwmon/hwmon1", "sys/class/hwmon/hwmon1"),
        ("hwmon", "sys/class/hwmon/hwmon0/fan1_input", "sys/class/hwmon/hwmon0/fan1_input"),
        ("net", "sys/class/net/eth0/speed", "sys/class/net/eth0/speed"),
        ("pressure", "proc/pressure/cpu", "proc/pressure/cpu"),
    ];
    let files = [
        ("sys/devices/system/cpu/cpu0/online", "1\n"),
        ("sys/class/thermal/thermal_zone0/type", "acpitz\n"),
        ("sys/class/hwmon/hwmon1/temp1_input", "1\n"),
        ("sys/class/hwmon/hwmon0/temp1_input", "45000\n"),
        ("sys/class/hwmon/hwmon0/fan1_input", "1\n"),
        ("sys/class/net/eth0/speed", "1000\n"),
        ("proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"),
        ("proc/pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=2000000\n"),
    ];
    let folder = tree(&[&ALWAYS[..], &files].concat());
    let allow = |mode: u32| {
        for (_, path, _) in denied {
            fs::set_permissions(folder.path(path), Permissions::from_mode(mode)).unwrap();
        }
    };
    allow(0);
    let agent = start(&folder);
    agent.get("/metrics");
    for (plugin, _, told) in denied {
        let seen = agent.plugin(plugin);
        let warnings = seen["collectors"].to_string();
        let expected = format!("reading {}: Permission denied", folder.path(told).display());
        assert!(warnings.contains(&expected), "{plugin}: {seen}");
    }
    assert_eq!(agent.get("/-/ready").status, 200);
    for (series, value) in [
        ("node_hwmon_temp_celsius{chip=\"hwmon0\",sensor=\"temp1\"}", 45.0),
        ("node_network_mtu_bytes{device=\"eth0\"}", 1500.0),
        ("node_pressure_io_waiting_seconds_total", 2.0),
        ("node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"}", 0.04),
    ] {
        assert_eq!(agent.sample(series), Some(value), "{series}");
    }
    let text = agent.get("/metrics").text();
    let success =
        text.lines().filter_map(|line| line.strip_prefix("node_scrape_collector_success{collector="));
    let failed: Vec<_> = success.filter_map(|line| line.strip_suffix("} 0")).collect();
    assert_eq!(failed, ["\"cpufreq\"", "\"thermal_zone\""], "they may read nothing of theirs");
    allow(0o755);
}

#[test]
fn a_collector_that_may_read_nothing_has_failed() {
    let files = [("proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n")];
    let folder = tree(&[&ALWAYS[..], &files].concat());
    let allow =
        |mode: u32| fs::set_permissions(folder.path("proc/pressure"), Permissions::from_mode(mode)).unwrap();
    allow(0);
    let agent = start(&folder);
    for (collector, success) in [("pressure", 0.0), ("cpu", 1.0), ("netclass", 1.0)] {
        let series = format!("node_scrape_collector_success{{collector={collector:?}}}");
        assert_eq!(agent.sample(&series), Some(success), "{series}");
    }
    let told = format!("reading {}: Permission denied", folder.path("proc/pressure/cpu").display());
    let seen = agent.plugin("pressure");
    assert!(seen["error"].as_str().is_some_and(|error| error.contains(&told)), "{seen}");
    allow(0o755);
}

#[test]
fn what_is_not_there_is_nothing() {
    let folder = tree(&ALWAYS);
    let agent = start(&folder);
    agent.get("/metrics");
    for plugin in PLUGINS {
        let seen = agent.plugin(plugin);
        assert_eq!(
            (seen["state"].as_str(), &seen["error"]),
            (Some("active"), &serde_json::Value::Null),
            "{seen}"
        );
    }
}
