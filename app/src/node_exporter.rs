//! node_exporter's flags: which plugin or option each stands for, so that the command line of its unit file works
//! unchanged.
//!
//! Collectors and flags are those of node_exporter 1.9 on Linux, and the older spellings that still are in use. A
//! collector that is only on other systems is none here.

use relink_host::flags::{Collector, DropIn, Flag, Flags, Folder, Takes};

/// What `relink` understands.
pub(crate) static FLAGS: Flags =
    Flags { agent: "node_exporter", collectors: COLLECTORS, flags: OPTIONS, drop_in: Some(DROP_IN) };

/// What it does without a flag; the folder is that of Debian's package, and compiled into its executable.
const DROP_IN: DropIn = DropIn {
    names: &["node_exporter", "prometheus-node-exporter"],
    port: 9100,
    folders: &[Folder { plugin: "textfile", option: "directory", path: "/var/lib/prometheus/node-exporter" }],
};

const COLLECTORS: &[Collector] = &[
    Collector::part("arp", "netstat", "arp"),
    Collector::part("conntrack", "netstat", "conntrack"),
    Collector::part("cpu", "cpu", "cpu"),
    Collector::part("cpufreq", "cpu", "cpufreq"),
    Collector::part("diskstats", "disk", "diskstats"),
    Collector::part("entropy", "vmstat", "entropy"),
    Collector::part("filefd", "stat", "filefd"),
    Collector::part("filesystem", "disk", "filesystem"),
    Collector::part("hwmon", "hwmon", "hwmon"),
    Collector::extra("interrupts", "stat", "interrupts"),
    Collector::plugin("loadavg", "load"),
    Collector::plugin("meminfo", "mem"),
    Collector::part("netclass", "net", "netclass"),
    Collector::part("netdev", "net", "netdev"),
    Collector::part("netstat", "netstat", "netstat"),
    Collector::part("powersupplyclass", "hwmon", "powersupplyclass"),
    Collector::plugin("pressure", "pressure"),
    Collector::extra("processes", "processes", "states"),
    Collector::part("schedstat", "processes", "schedstat"),
    Collector::part("sockstat", "netstat", "sockstat"),
    Collector::part("softnet", "netstat", "softnet"),
    Collector::part("stat", "stat", "stat"),
    Collector::extra("tcpstat", "netstat", "tcp_states"),
    Collector::plugin("textfile", "textfile"),
    Collector::part("thermal_zone", "hwmon", "thermal_zone"),
    Collector::part("time", "stat", "time"),
    Collector::part("timex", "stat", "timex"),
    Collector::part("udp_queues", "netstat", "udp_queues"),
    Collector::part("uname", "stat", "uname"),
    Collector::part("vmstat", "vmstat", "vmstat"),
    // Those that it has on by default, which a unit file may switch off.
    Collector::absent("bcache"),
    Collector::absent("bonding"),
    Collector::absent("btrfs"),
    Collector::absent("dmi"),
    Collector::absent("edac"),
    Collector::absent("fibrechannel"),
    Collector::absent("infiniband"),
    Collector::absent("ipvs"),
    Collector::absent("kernel_hung"),
    Collector::absent("mdadm"),
    Collector::absent("nfs"),
    Collector::absent("nfsd"),
    Collector::absent("nvme"),
    Collector::absent("os"),
    Collector::absent("rapl"),
    Collector::absent("selinux"),
    Collector::absent("tapestats"),
    Collector::absent("watchdog"),
    Collector::absent("xfs"),
    Collector::absent("zfs"),
    // Those that it has off by default, or had in an older version.
    Collector::absent("bcachefs"),
    Collector::absent("buddyinfo"),
    Collector::absent("cgroups"),
    Collector::absent("cpu_vulnerabilities"),
    Collector::absent("drbd"),
    Collector::absent("drm"),
    Collector::absent("ethtool"),
    Collector::absent("ksmd"),
    Collector::absent("lnstat"),
    Collector::absent("logind"),
    Collector::absent("meminfo_numa"),
    Collector::absent("mountstats"),
    Collector::absent("network_route"),
    Collector::absent("ntp"),
    Collector::absent("pcidevice"),
    Collector::absent("perf"),
    Collector::absent("qdisc"),
    // Its flags in some versions.
    Collector::absent("qdisk"),
    Collector::absent("runit"),
    Collector::absent("slabinfo"),
    Collector::absent("softirqs"),
    Collector::absent("supervisord"),
    Collector::absent("swap"),
    Collector::absent("sysctl"),
    Collector::absent("systemd"),
    Collector::absent("wifi"),
    Collector::absent("xfrm"),
    Collector::absent("zoneinfo"),
];

/// A text that is an option of a plugin.
const fn text(name: &'static str, plugin: &'static str, option: &'static str) -> Flag {
    Flag::option(name, Takes::Text, plugin, option)
}

const OPTIONS: &[Flag] = &[
    Flag::option("collector.cpu.info", Takes::Nothing, "cpu", "info"),
    Flag::option("collector.cpu.guest", Takes::Nothing, "cpu", "guest"),
    text("collector.diskstats.device-exclude", "disk", "devices_exclude"),
    text("collector.diskstats.device-include", "disk", "devices_include"),
    text("collector.diskstats.ignored-devices", "disk", "devices_exclude"),
    text("collector.filesystem.mount-points-exclude", "disk", "mount_points_exclude"),
    text("collector.filesystem.mount-points-include", "disk", "mount_points_include"),
    text("collector.filesystem.ignored-mount-points", "disk", "mount_points_exclude"),
    text("collector.filesystem.fs-types-exclude", "disk", "fs_types_exclude"),
    text("collector.filesystem.fs-types-include", "disk", "fs_types_include"),
    text("collector.filesystem.ignored-fs-types", "disk", "fs_types_exclude"),
    Flag::option("collector.filesystem.mount-timeout", Takes::Time, "disk", "mount_timeout"),
    text("collector.hwmon.chip-exclude", "hwmon", "chips_exclude"),
    text("collector.netclass.ignored-devices", "net", "netclass_exclude"),
    text("collector.netdev.device-exclude", "net", "netdev_exclude"),
    text("collector.netdev.device-include", "net", "netdev_include"),
    text("collector.netdev.device-blacklist", "net", "netdev_exclude"),
    text("collector.netdev.device-whitelist", "net", "netdev_include"),
    text("collector.netdev.ignored-devices", "net", "netdev_exclude"),
    text("collector.netdev.accept-devices", "net", "netdev_include"),
    text("collector.netstat.fields", "netstat", "fields"),
    text("collector.powersupply.ignored-supplies", "hwmon", "supplies_exclude"),
    Flag::option("collector.textfile.directory", Takes::Texts, "textfile", "directory"),
    text("collector.vmstat.fields", "vmstat", "fields"),
    text("path.udev.data", "disk", "udev_data"),
    // How node_exporter reads, not what it shows.
    Flag::idle("collector.arp.netlink", Takes::Nothing),
    Flag::idle("collector.filesystem.stat-workers", Takes::Text),
    Flag::idle("collector.netclass.netlink", Takes::Nothing),
    Flag::idle("collector.netdev.netlink", Takes::Nothing),
    Flag::idle("runtime.gomaxprocs", Takes::Text),
    // Scrapes that overlap share one collection, so they need no limit.
    Flag::idle("web.max-requests", Takes::Text),
    // A socket that systemd passes is taken without being told.
    Flag::idle("web.systemd-socket", Takes::Nothing),
    Flag::refused(
        "collector.arp.device-exclude",
        Takes::Text,
        "relink counts the neighbours of every device; select in the query, or --no-collector.arp",
    ),
    Flag::refused(
        "collector.arp.device-include",
        Takes::Text,
        "relink counts the neighbours of every device; select in the query, or --no-collector.arp",
    ),
    Flag::refused(
        "collector.cpu.info.flags-include",
        Takes::Text,
        "relink's node_cpu_info has no series for single flags",
    ),
    Flag::refused(
        "collector.cpu.info.bugs-include",
        Takes::Text,
        "relink's node_cpu_info has no series for single bugs",
    ),
    Flag::refused(
        "collector.hwmon.chip-include",
        Takes::Text,
        "relink can only leave chips out: --collector.hwmon.chip-exclude",
    ),
    Flag::refused(
        "collector.hwmon.sensor-exclude",
        Takes::Text,
        "relink can only leave whole chips out: --collector.hwmon.chip-exclude",
    ),
    Flag::refused(
        "collector.hwmon.sensor-include",
        Takes::Text,
        "relink can only leave whole chips out: --collector.hwmon.chip-exclude",
    ),
    Flag::refused("collector.interrupts.name-exclude", Takes::Text, "relink shows all interrupts or none"),
    Flag::refused("collector.interrupts.name-include", Takes::Text, "relink shows all interrupts or none"),
    Flag::refused_off("collector.interrupts.include-zeros", "relink always shows those at 0"),
    Flag::refused(
        "collector.netclass.ignore-invalid-speed",
        Takes::Nothing,
        "relink shows what the driver says; a speed below 0 is an unknown one",
    ),
    Flag::refused(
        "collector.netclass_rtnl.with-stats",
        Takes::Nothing,
        "relink shows the traffic under the names of collector netdev alone",
    ),
    Flag::refused(
        "collector.netdev.address-info",
        Takes::Nothing,
        "relink does not show the addresses of interfaces",
    ),
    Flag::refused(
        "collector.netdev.enable-detailed-metrics",
        Takes::Nothing,
        "relink has node_exporter's default names for traffic only",
    ),
    Flag::refused(
        "collector.netdev.label-ifalias",
        Takes::Nothing,
        "relink has the alias as label ifalias of node_network_info only",
    ),
    Flag::refused("collector.stat.softirq", Takes::Nothing, "relink does not show soft interrupts by vector"),
];
