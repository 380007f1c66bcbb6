//! The plugin on trees of files such as the kernel would show.
#![cfg(unix)]

use std::os::unix::fs::symlink;

use metrics_hardware as _;
use relink_testing::{Tree, collect, make, plugin, render, warnings};

const RELEASE: &str = r#"PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
SUPPORT_END=2026-06-10
"#;

const MC: &str = "sys/devices/system/edac/mc";
const CPU: &str = "sys/devices/system/cpu/vulnerabilities";
const BRIDGE: &str = "sys/devices/pci0000:00/0000:00:01.1";
const NIC: &str = "sys/devices/pci0000:00/0000:00:01.1/0000:01:00.0";

/// A server with all of it.
fn machine() -> Tree {
    let tree = Tree::new()
        .file("root/etc/os-release", RELEASE)
        .file("root/etc/selinux/config", "# Modes.\nSELINUX=enforcing\nSELINUXTYPE=targeted\n")
        .file(
            "root/usr/share/misc/pci.ids",
            "15b3  Mellanox Technologies\n\t1017  MT27800 Family [ConnectX-5]\n",
        )
        .file("sys/fs/selinux/enforce", "0")
        .file("proc/sys/kernel/hung_task_detect_count", "3\n")
        .file("proc/self/attr/current", "system_u:system_r:unconfined_service_t:s0\0")
        .file(&format!("{CPU}/meltdown"), "Not affected\n")
        .file(&format!("{CPU}/spec_rstack_overflow"), "Vulnerable: Safe RET, no microcode\n")
        .file(&format!("{CPU}/spectre_v2"), "Mitigation: Retpolines; STIBP: disabled\n")
        .file(&format!("{MC}/mc0/ce_count"), "4\n")
        .file(&format!("{MC}/mc0/ce_noinfo_count"), "1\n")
        .file(&format!("{MC}/mc0/ue_count"), "0\n")
        .file(&format!("{MC}/mc0/ue_noinfo_count"), "0\n")
        .file(&format!("{MC}/mc0/mc_name"), "Skylake Socket#0 IMC#0\n")
        .file(&format!("{MC}/mc0/csrow0/ce_count"), "3\n")
        .file(&format!("{MC}/mc0/csrow0/ue_count"), "0\n")
        .file(&format!("{MC}/mc0/csrow0/ch0_ce_count"), "2\n")
        .file(&format!("{MC}/mc0/csrow0/ch0_ue_count"), "0\n")
        .file(&format!("{MC}/mc0/csrow0/ch0_dimm_label"), "mc#0csrow#0channel#0\n")
        .file(&format!("{MC}/mc0/csrow0/ch1_ce_count"), "1\n")
        .file("sys/class/dmi/id/bios_vendor", "American Megatrends Inc.\n")
        .file("sys/class/dmi/id/product_name", " X11DPH-T \n")
        .file("sys/class/dmi/id/product_serial", "0123\n")
        .file("sys/class/dmi/id/sys_vendor", "Supermicro\n")
        .file("sys/class/dmi/id/chassis_type", "17\n")
        .file("sys/class/powercap/intel-rapl/enabled", "1\n")
        .file("sys/class/powercap/intel-rapl:0/name", "package-0\n")
        .file("sys/class/powercap/intel-rapl:0/energy_uj", "240422366267\n")
        .file("sys/class/powercap/intel-rapl:0:0/name", "dram\n")
        .file("sys/class/powercap/intel-rapl:0:0/energy_uj", "118821284256\n")
        .file("sys/class/powercap/intel-rapl:1:0/name", "dram\n")
        .file("sys/class/powercap/intel-rapl:1:0/energy_uj", "500000\n")
        .file("sys/class/watchdog/watchdog0/identity", "Software Watchdog\n")
        .file("sys/class/watchdog/watchdog0/state", "active\n")
        .file("sys/class/watchdog/watchdog0/status", "0x8000\n")
        .file("sys/class/watchdog/watchdog0/options", "0x8380\n")
        .file("sys/class/watchdog/watchdog0/pretimeout_governor", "noop\n")
        .file("sys/class/watchdog/watchdog0/bootstatus", "1\n")
        .file("sys/class/watchdog/watchdog0/nowayout", "0\n")
        .file("sys/class/watchdog/watchdog0/timeleft", "300\n")
        .file("sys/class/watchdog/watchdog0/timeout", "60\n");
    devices(&tree);
    tree
}

/// A bridge, a network card with virtual functions behind it, and a graphics card.
fn devices(tree: &Tree) {
    for (folder, file, content) in [
        (BRIDGE, "class", "0x060400\n"),
        (BRIDGE, "vendor", "0x1022\n"),
        (BRIDGE, "device", "0x1634\n"),
        (BRIDGE, "subsystem_vendor", "0x17aa\n"),
        (BRIDGE, "subsystem_device", "0x5095\n"),
        (BRIDGE, "revision", "0x00\n"),
        (BRIDGE, "numa_node", "-1\n"),
        (NIC, "class", "0x020000\n"),
        (NIC, "vendor", "0x15b3\n"),
        (NIC, "device", "0x1017\n"),
        (NIC, "subsystem_vendor", "0x15b3\n"),
        (NIC, "subsystem_device", "0x0007\n"),
        (NIC, "revision", "0x01\n"),
        (NIC, "numa_node", "1\n"),
        (NIC, "max_link_speed", "8.0 GT/s PCIe\n"),
        (NIC, "max_link_width", "16\n"),
        (NIC, "current_link_speed", "2.5 GT/s PCIe\n"),
        (NIC, "current_link_width", "8\n"),
        (NIC, "d3cold_allowed", "1\n"),
        (NIC, "power_state", "D0\n"),
        (NIC, "sriov_drivers_autoprobe", "1\n"),
        (NIC, "sriov_numvfs", "4\n"),
        (NIC, "sriov_totalvfs", "8\n"),
        (NIC, "sriov_vf_total_msix", "16\n"),
    ] {
        tree.write(&format!("{folder}/{file}"), content);
    }
    let sys = tree.path().join("sys");
    std::fs::create_dir_all(sys.join("bus/pci/devices")).unwrap();
    for target in ["0000:00:01.1", "0000:00:01.1/0000:01:00.0"] {
        let name = target.rsplit('/').next().unwrap();
        let target = format!("../../../devices/pci0000:00/{target}");
        symlink(target, sys.join("bus/pci/devices").join(name)).unwrap();
    }
    for (file, content) in [
        ("uevent", "DRIVER=amdgpu\nPCI_CLASS=30000\n"),
        ("gpu_busy_percent", "4\n"),
        ("mem_info_gtt_total", "8573157376\n"),
        ("mem_info_gtt_used", "144560128\n"),
        ("mem_info_vis_vram_total", "8573157376\n"),
        ("mem_info_vis_vram_used", "1490378752\n"),
        ("mem_info_vram_total", "8573157376\n"),
        ("mem_info_vram_vendor", "samsung\n"),
        ("power_dpm_force_performance_level", "manual\n"),
        ("unique_id", "0123456789abcdef\n"),
    ] {
        tree.write(&format!("sys/devices/pci0000:00/0000:03:00.0/{file}"), content);
    }
    std::fs::create_dir_all(sys.join("class/drm/card0")).unwrap();
    std::fs::create_dir_all(sys.join("class/drm/card0-DP-1")).unwrap();
    symlink("../../../devices/pci0000:00/0000:03:00.0", sys.join("class/drm/card0/device")).unwrap();
}

// Looking whether devices came or went costs allocations: a few an entry of each folder.
relink_testing::conforms! {
    "hardware", machine(),
    "cpu_vulnerabilities" => { reads: 3, allocations: 22 },
    "dmi" => { reads: 0, allocations: 10 },
    "drm" => { reads: 9, allocations: 16 },
    "edac" => { reads: 9, allocations: 8 },
    "kernel_hung" => { reads: 2, allocations: 0 },
    "os" => { reads: 2, allocations: 0 },
    "pcidevice" => { options: r#"{"names": true}"#, reads: 12, allocations: 16 },
    "rapl" => { reads: 3, allocations: 22 },
    "selinux" => { reads: 6, allocations: 0 },
    "watchdog" => { reads: 9, allocations: 8 },
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
node_edac_csrow_correctable_errors_total{controller="0",csrow="0"} 3
node_edac_csrow_correctable_errors_total{controller="0",csrow="unknown"} 1
node_edac_csrow_uncorrectable_errors_total{controller="0",csrow="0"} 0
node_edac_csrow_uncorrectable_errors_total{controller="0",csrow="unknown"} 0
node_edac_channel_correctable_errors_total{controller="0",csrow="0",channel="0",dimm_label="mc0_csrow0_channel0"} 2
node_edac_channel_correctable_errors_total{controller="0",csrow="0",channel="1",dimm_label="unknown"} 1
node_edac_channel_uncorrectable_errors_total{controller="0",csrow="0",channel="0",dimm_label="mc0_csrow0_channel0"} 0
node_rapl_dram_joules_total{index="0",path="/sys/class/powercap/intel-rapl:0:0"} 118821.284256
node_rapl_dram_joules_total{index="1",path="/sys/class/powercap/intel-rapl:1:0"} 0.5
node_rapl_package_joules_total{index="0",path="/sys/class/powercap/intel-rapl:0"} 240422.366267
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
