//! The plugin on trees of files such as the kernel would show.
#![cfg(unix)]

mod machine;

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};

use machine::{NIC, RELEASE, machine};
use metrics_hardware as _;
use relink_testing::{Tree, collect, make, plugin, render, warnings};

// Looking whether devices came or went costs allocations: a few an entry of each folder.
relink_testing::conforms! {
    "hardware", machine(),
    "cpu_vulnerabilities" => { reads: 3, allocations: 22 },
    "dmi" => { reads: 0, allocations: 10 },
    "drm" => { reads: 9, allocations: 17 },
    "edac" => { reads: 9, allocations: 9 },
    "kernel_hung" => { reads: 2, allocations: 0 },
    "os" => { reads: 2, allocations: 0 },
    "pcidevice" => { options: r#"{"names": true}"#, reads: 12, allocations: 16 },
    "rapl" => { reads: 3, allocations: 24 },
    "selinux" => { reads: 6, allocations: 0 },
    "watchdog" => { reads: 9, allocations: 9 },
}

/// What the collector shows, without where the tree is.
fn shown(tree: &Tree, collector: &str, options: &str) -> String {
    render(tree, collector, options).unwrap().replace(tree.path().to_str().unwrap(), "")
}

#[test]
fn the_machine_and_its_system() {
    let tree = machine();
    let all: String = ["cpu_vulnerabilities", "dmi", "kernel_hung", "os", "selinux"]
        .map(|one| shown(&tree, one, "{}"))
        .concat();
    assert_eq!(
        all,
        r#"node_cpu_vulnerabilities_info{codename="meltdown",state="not affected",mitigation=""} 1
node_cpu_vulnerabilities_info{codename="spec_rstack_overflow",state="vulnerable",mitigation="Safe RET, no microcode"} 1
node_cpu_vulnerabilities_info{codename="spectre_v2",state="mitigation",mitigation="Retpolines; STIBP: disabled"} 1
node_dmi_info{bios_date="",bios_release="",bios_vendor="American Megatrends Inc.",bios_version="",board_asset_tag="",board_name="",board_serial="",board_vendor="",board_version="",chassis_asset_tag="",chassis_serial="",chassis_vendor="",chassis_version="",product_family="",product_name="X11DPH-T",product_serial="0123",product_sku="",product_uuid="",product_version="",system_vendor="Supermicro"} 1
node_kernel_hung_tasks_total 3
node_os_info{build_id="",id="debian",id_like="",image_id="",image_version="",name="Debian GNU/Linux",pretty_name="Debian GNU/Linux 12 (bookworm)",variant="",variant_id="",version="12 (bookworm)",version_codename="bookworm",version_id="12"} 1
node_os_version{id="debian",id_like="",name="Debian GNU/Linux"} 12
node_os_support_end_timestamp_seconds 1781049600
node_selinux_enabled 1
node_selinux_config_mode 1
node_selinux_current_mode 0
"#
    );
}

#[test]
fn errors_energy_and_timers() {
    let tree = machine();
    let all: String = ["edac", "rapl", "watchdog"].map(|one| shown(&tree, one, "{}")).concat();
    assert_eq!(
        all,
        r#"node_edac_correctable_errors_total{controller="0"} 4
node_edac_uncorrectable_errors_total{controller="0"} 0
node_edac_csrow_correctable_errors_total{controller="0",csrow="unknown"} 1
node_edac_csrow_correctable_errors_total{controller="0",csrow="0"} 3
node_edac_csrow_uncorrectable_errors_total{controller="0",csrow="unknown"} 0
node_edac_csrow_uncorrectable_errors_total{controller="0",csrow="0"} 0
node_edac_channel_correctable_errors_total{controller="0",csrow="0",channel="0",dimm_label="mc0_csrow0_channel0"} 2
node_edac_channel_correctable_errors_total{controller="0",csrow="0",channel="1",dimm_label="unknown"} 1
node_edac_channel_uncorrectable_errors_total{controller="0",csrow="0",channel="0",dimm_label="mc0_csrow0_channel0"} 0
node_rapl_package_joules_total{index="0",path="/sys/class/powercap/intel-rapl:0"} 240422.366267
node_rapl_dram_joules_total{index="0",path="/sys/class/powercap/intel-rapl:0:0"} 118821.284256
node_rapl_dram_joules_total{index="1",path="/sys/class/powercap/intel-rapl:1:0"} 0.5
node_watchdog_info{name="watchdog0",options="0x8380",identity="Software Watchdog",state="active",status="0x8000",pretimeout_governor="noop"} 1
node_watchdog_bootstatus{name="watchdog0"} 1
node_watchdog_nowayout{name="watchdog0"} 0
node_watchdog_timeleft_seconds{name="watchdog0"} 300
node_watchdog_timeout_seconds{name="watchdog0"} 60
"#
    );
    assert_eq!(
        shown(&tree, "rapl", r#"{"enable_zone_label": true}"#),
        r#"node_rapl_joules_total{index="0",path="/sys/class/powercap/intel-rapl:0",rapl_zone="package"} 240422.366267
node_rapl_joules_total{index="0",path="/sys/class/powercap/intel-rapl:0:0",rapl_zone="dram"} 118821.284256
node_rapl_joules_total{index="1",path="/sys/class/powercap/intel-rapl:1:0",rapl_zone="dram"} 0.5
"#
    );
}

#[test]
fn what_is_on_the_bus() {
    let tree = machine();
    assert_eq!(
        shown(&tree, "pcidevice", r#"{"names": true}"#),
        r#"node_pcidevice_info{segment="0000",bus="00",device="01",function="1",parent_segment="*",parent_bus="*",parent_device="*",parent_function="*",class_id="0x060400",vendor_id="0x1022",device_id="0x1634",subsystem_vendor_id="0x17aa",subsystem_device_id="0x5095",revision="0x00",vendor_name="1022",device_name="1634",subsystem_vendor_name="17aa",subsystem_device_name="5095",class_name="Unknown class (060400)"} 1
node_pcidevice_info{segment="0000",bus="01",device="00",function="0",parent_segment="0000",parent_bus="00",parent_device="01",parent_function="1",class_id="0x020000",vendor_id="0x15b3",device_id="0x1017",subsystem_vendor_id="0x15b3",subsystem_device_id="0x0007",revision="0x01",vendor_name="Mellanox Technologies",device_name="MT27800 Family [ConnectX-5]",subsystem_vendor_name="Mellanox Technologies",subsystem_device_name="0007",class_name="Unknown class (020000)"} 1
node_pcidevice_max_link_transfers_per_second{segment="0000",bus="00",device="01",function="1"} -1
node_pcidevice_max_link_transfers_per_second{segment="0000",bus="01",device="00",function="0"} 8000000000
node_pcidevice_max_link_width{segment="0000",bus="00",device="01",function="1"} -1
node_pcidevice_max_link_width{segment="0000",bus="01",device="00",function="0"} 16
node_pcidevice_current_link_transfers_per_second{segment="0000",bus="00",device="01",function="1"} -1
node_pcidevice_current_link_transfers_per_second{segment="0000",bus="01",device="00",function="0"} 2500000000
node_pcidevice_current_link_width{segment="0000",bus="00",device="01",function="1"} -1
node_pcidevice_current_link_width{segment="0000",bus="01",device="00",function="0"} 8
node_pcidevice_d3cold_allowed{segment="0000",bus="00",device="01",function="1"} 0
node_pcidevice_d3cold_allowed{segment="0000",bus="01",device="00",function="0"} 1
node_pcidevice_sriov_drivers_autoprobe{segment="0000",bus="00",device="01",function="1"} 0
node_pcidevice_sriov_drivers_autoprobe{segment="0000",bus="01",device="00",function="0"} 1
node_pcidevice_sriov_numvfs{segment="0000",bus="00",device="01",function="1"} 0
node_pcidevice_sriov_numvfs{segment="0000",bus="01",device="00",function="0"} 4
node_pcidevice_sriov_totalvfs{segment="0000",bus="00",device="01",function="1"} 0
node_pcidevice_sriov_totalvfs{segment="0000",bus="01",device="00",function="0"} 8
node_pcidevice_sriov_vf_total_msix{segment="0000",bus="00",device="01",function="1"} 0
node_pcidevice_sriov_vf_total_msix{segment="0000",bus="01",device="00",function="0"} 16
node_pcidevice_numa_node{segment="0000",bus="01",device="00",function="0"} 1
node_pcidevice_power_state{segment="0000",bus="01",device="00",function="0",state="D0"} 1
node_pcidevice_power_state{segment="0000",bus="01",device="00",function="0",state="D1"} 0
node_pcidevice_power_state{segment="0000",bus="01",device="00",function="0",state="D2"} 0
node_pcidevice_power_state{segment="0000",bus="01",device="00",function="0",state="D3hot"} 0
node_pcidevice_power_state{segment="0000",bus="01",device="00",function="0",state="D3cold"} 0
node_pcidevice_power_state{segment="0000",bus="01",device="00",function="0",state="unknown"} 0
node_pcidevice_power_state{segment="0000",bus="01",device="00",function="0",state="error"} 0
"#
    );
    assert_eq!(
        shown(&tree, "drm", "{}"),
        r#"node_drm_card_info{card="card0",chip="pci0000:00_0000:03:00_0",memory_vendor="samsung",power_performance_level="manual",unique_id="0123456789abcdef",vendor="amd"} 1
node_drm_gpu_busy_percent{card="card0"} 4
node_drm_memory_gtt_size_bytes{card="card0"} 8573157376
node_drm_memory_gtt_used_bytes{card="card0"} 144560128
node_drm_memory_vis_vram_size_bytes{card="card0"} 8573157376
node_drm_memory_vis_vram_used_bytes{card="card0"} 1490378752
node_drm_memory_vram_size_bytes{card="card0"} 8573157376
node_drm_memory_vram_used_bytes{card="card0"} 0
"#
    );
}

#[test]
fn a_machine_without_any_of_it_says_that_selinux_is_off() {
    let tree = Tree::new();
    for collector in plugin("hardware").collectors {
        let expected = if collector.name == "selinux" { "node_selinux_enabled 0\n" } else { "" };
        assert_eq!(shown(&tree, collector.name, "{}"), expected);
        assert_eq!(warnings(&tree, collector.name, "{}").unwrap(), [""; 0], "{}", collector.name);
    }
}

#[test]
fn what_makes_no_sense_is_told_and_the_rest_is_shown() {
    let uncounted = "expected a number, found";
    for (collector, file, content, lines, said) in [
        (
            "edac",
            "sys/devices/system/edac/mc/mc0/ce_count",
            "-1\n",
            8,
            "mc0/ce_count: expected a count, found \"-1\"",
        ),
        ("edac", "sys/devices/system/edac/mc/mc0/csrow0/ch0_ce_count", "x\n", 8, uncounted),
        ("rapl", "sys/class/powercap/intel-rapl:0/energy_uj", "many\n", 2, uncounted),
        ("rapl", "sys/class/powercap/intel-rapl:0/energy_uj", "-5\n", 2, "expected a count, found \"-5\""),
        ("watchdog", "sys/class/watchdog/watchdog0/timeout", "soon\n", 4, uncounted),
        (
            "os",
            "root/etc/os-release",
            "ID=a\nVERSION_ID=1\nNAME=\"a\n",
            2,
            "os-release: line 3: expected a \" at the end",
        ),
        (
            "selinux",
            "root/etc/selinux/config",
            "SELINUX=maybe\n",
            2,
            "config: line 1: expected enforcing, permissive",
        ),
        ("selinux", "sys/fs/selinux/enforce", "yes", 2, "enforce: expected 0 or 1, found \"yes\""),
        (
            "pcidevice",
            "sys/devices/pci0000:00/0000:00:01.1/vendor",
            "AMD\n",
            28,
            "vendor: expected a number such as 0x8086",
        ),
        ("pcidevice", "sys/devices/pci0000:00/0000:00:01.1/max_link_width", "wide\n", 27, uncounted),
        ("pcidevice", "sys/devices/pci0000:00/0000:00:01.1/max_link_speed", "5 MHz\n", 27, uncounted),
        ("drm", "sys/devices/pci0000:00/0000:03:00.0/gpu_busy_percent", "busy\n", 7, uncounted),
    ] {
        let tree = machine().file(file, content);
        let text = render(&tree, collector, "{}").unwrap();
        assert_eq!(text.lines().count(), lines, "{file}: {text}");
        let warnings = warnings(&tree, collector, "{}").unwrap();
        let [warning] = &warnings[..] else { panic!("{file}: {warnings:?}") };
        assert!(warning.contains(said), "{warning}");
    }
    for (collector, file) in
        [("kernel_hung", "proc/sys/kernel/hung_task_detect_count"), ("os", "root/etc/os-release")]
    {
        let tree = machine().file(file, "nonsense\n");
        let why = render(&tree, collector, "{}").unwrap_err().to_string();
        assert!(why.contains(file) && why.contains("found \"nonsense\""), "{why}");
    }
}

#[test]
fn links_that_are_down_or_of_no_known_speed_have_none() {
    let tree = machine()
        .file(&format!("{NIC}/current_link_speed"), "Unknown\n")
        .file(&format!("{NIC}/max_link_speed"), "Unknown speed\n")
        .file(&format!("{NIC}/power_state"), "\n");
    let text = render(&tree, "pcidevice", "{}").unwrap();
    assert_eq!(text.matches("transfers_per_second").count(), 4, "{text}");
    assert_eq!(text.lines().filter(|line| line.contains("transfers") && line.ends_with(" -1")).count(), 4);
    assert!(!text.contains("power_state") && text.contains("vendor_name=\"\""), "{text}");
    assert_eq!(warnings(&tree, "pcidevice", "{}").unwrap(), [""; 0]);
}

#[test]
fn names_of_devices_need_their_file() {
    let tree =
        machine().file("ids", "1022  Advanced Micro Devices, Inc. [AMD]\nC 06  Bridge\n\t04  PCI bridge\n");
    let own = |name: &str| format!(r#"{{"names": true, "idsfile": {:?}}}"#, tree.path().join(name));
    let text = render(&tree, "pcidevice", &own("ids")).unwrap();
    assert!(
        text.contains("vendor_name=\"Advanced Micro Devices, Inc. [AMD]\"")
            && text.contains("\"PCI bridge\"")
    );
    let text = render(&tree, "pcidevice", &own("none")).unwrap();
    assert!(text.contains("vendor_name=\"15b3\"") && text.contains("device_name=\"1017\""), "{text}");
    let warnings = warnings(&tree, "pcidevice", &own("none")).unwrap();
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(warning.ends_with("/none: nothing to read, so PCI devices have numbers for names"), "{warning}");
}

#[test]
fn only_the_second_file_of_a_release_is_there() {
    let tree = Tree::new().file("root/usr/lib/os-release", "ID=own\n");
    let text = render(&tree, "os", "{}").unwrap();
    assert!(text.contains("id=\"own\"") && !text.contains("node_os_version"), "{text}");
    let mut os = make(&tree, "os", "{}").unwrap();
    assert_eq!(collect(&mut *os, "os").unwrap(), text);
    tree.write("root/etc/os-release", RELEASE);
    assert!(collect(&mut *os, "os").unwrap().contains("node_os_version{id=\"debian\""));
    tree.write("root/etc/os-release", "");
    assert_eq!(collect(&mut *os, "os").unwrap(), "", "an empty file says nothing");
}

#[test]
fn selinux_decides_nothing_without_a_policy() {
    let tree = machine().file("proc/self/attr/current", "kernel\0");
    assert_eq!(shown(&tree, "selinux", "{}"), "node_selinux_enabled 0\n");
    let tree = machine();
    std::fs::remove_file(tree.path().join("root/etc/selinux/config")).unwrap();
    std::fs::remove_file(tree.path().join("proc/self/attr/current")).unwrap();
    let expected = "node_selinux_enabled 1\nnode_selinux_config_mode -1\nnode_selinux_current_mode 0\n";
    assert_eq!(shown(&tree, "selinux", "{}"), expected);
}

#[test]
fn a_folder_that_may_not_be_read_is_told() {
    for (collector, folder) in [
        ("cpu_vulnerabilities", "devices/system/cpu/vulnerabilities"),
        ("dmi", "class/dmi"),
        ("drm", "class/drm"),
        ("edac", "devices/system/edac/mc"),
        ("pcidevice", "bus/pci/devices"),
        ("rapl", "class/powercap"),
        ("watchdog", "class/watchdog"),
    ] {
        let tree = Tree::new().file(&format!("sys/{folder}/file"), "");
        let folder = tree.path().join("sys").join(folder);
        std::fs::remove_dir_all(&folder).unwrap();
        // Nobody can open a link to itself, root no more than others.
        symlink(&folder, &folder).unwrap();
        let warnings = warnings(&tree, collector, "{}").unwrap();
        let [warning] = &warnings[..] else { panic!("{warnings:?}") };
        assert!(warning.starts_with(&format!("reading {}: ", folder.display())), "{warning}");
    }
}

#[test]
fn serial_numbers_that_only_root_may_read_are_nothing_to_tell() {
    let tree = machine().file("sys/class/dmi/id/product_uuid", "83340ca8-cb49-4474-8c29-d2088ca84dd9\n");
    let close = |name: &str| {
        let file = tree.path().join("sys/class/dmi/id").join(name);
        std::fs::set_permissions(&file, Permissions::from_mode(0o000)).unwrap();
        std::fs::File::open(file).is_err()
    };
    if !(close("product_serial") && close("product_uuid")) {
        return eprintln!("skipped: root may read everything");
    }
    let text = render(&tree, "dmi", "{}").unwrap();
    assert!(text.contains("product_serial=\"\"") && text.contains("product_name=\"X11DPH-T\""), "{text}");
    assert_eq!(warnings(&tree, "dmi", "{}").unwrap(), [""; 0]);
    assert!(close("product_name"));
    let warnings = warnings(&tree, "dmi", "{}").unwrap();
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(warning.contains("product_name: Permission denied"), "{warning}");
}

#[test]
fn hardware_comes_and_goes() {
    for (collector, entry) in [
        ("drm", "sys/class/drm/card0"),
        ("edac", "sys/devices/system/edac/mc/mc0"),
        ("pcidevice", "sys/bus/pci/devices/0000:01:00.0"),
        ("rapl", "sys/class/powercap/intel-rapl:0"),
        ("watchdog", "sys/class/watchdog/watchdog0"),
        ("cpu_vulnerabilities", "sys/devices/system/cpu/vulnerabilities/meltdown"),
    ] {
        let tree = machine();
        let mut code = make(&tree, collector, "{}").unwrap();
        let good = collect(&mut *code, collector).unwrap();
        let (entry, aside) = (tree.path().join(entry), tree.path().join("aside"));
        std::fs::rename(&entry, &aside).unwrap();
        let fewer = collect(&mut *code, collector).unwrap();
        assert!(fewer.lines().count() < good.lines().count(), "{collector}: {fewer}");
        std::fs::rename(&aside, &entry).unwrap();
        assert_eq!(collect(&mut *code, collector).unwrap(), good, "{collector}");
    }
}
