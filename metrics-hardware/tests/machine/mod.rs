//! A machine as a tree of files.

use std::os::unix::fs::symlink;

use relink_testing::Tree;

pub(crate) const RELEASE: &str = r#"PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
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
pub(crate) const NIC: &str = "sys/devices/pci0000:00/0000:00:01.1/0000:01:00.0";

/// A server with all of it.
pub(crate) fn machine() -> Tree {
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
