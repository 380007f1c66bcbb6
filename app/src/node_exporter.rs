//! node_exporter's flags, as far as they are not by rule those of a collector here, so that the command line of its unit file
//! works unchanged.
//!
//! Collectors and flags are those of node_exporter 1.12 on Linux, and the older spellings that still are in use. A
//! collector that is only on other systems is none here.

use relink_host::flags::{DropIn, Flag, Flags, Folder, Takes};

/// What `relink` understands.
pub(crate) static FLAGS: Flags =
    Flags { agent: "node_exporter", absent: ABSENT, flags: FLAGS_BEYOND, drop_in: Some(DROP_IN) };

/// What it does without a flag; the folder is that of Debian's package, and compiled into its executable.
const DROP_IN: DropIn = DropIn {
    names: &["node_exporter", "prometheus-node-exporter"],
    port: 9100,
    folders: &[Folder {
        collector: "textfile",
        option: "directory",
        path: "/var/lib/prometheus/node-exporter",
    }],
};

/// Its collectors that nothing here stands for.
const ABSENT: &[&str] = &[
    // It has all of these off by default.
    "ethtool",
    "logind",
    "network_route",
    "ntp",
    "nvmesubsystem",
    "perf",
    "runit",
    "supervisord",
    "swap",
];

const FLAGS_BEYOND: &[Flag] = &[
    // Older spellings, and flags that are named for another collector or for none.
    Flag::option("collector.diskstats.ignored-devices", "diskstats", "device_exclude"),
    Flag::option("collector.filesystem.ignored-mount-points", "filesystem", "mount_points_exclude"),
    Flag::option("collector.filesystem.ignored-fs-types", "filesystem", "fs_types_exclude"),
    Flag::option("collector.netdev.device-blacklist", "netdev", "device_exclude"),
    Flag::option("collector.netdev.device-whitelist", "netdev", "device_include"),
    Flag::option("collector.netdev.ignored-devices", "netdev", "device_exclude"),
    Flag::option("collector.netdev.accept-devices", "netdev", "device_include"),
    Flag::option("collector.powersupply.ignored-supplies", "powersupplyclass", "ignored_supplies"),
    Flag::option("collector.cpu.info.flags-include", "cpu", "info_flags_include"),
    Flag::option("collector.cpu.info.bugs-include", "cpu", "info_bugs_include"),
    Flag::option("collector.bcache.priorityStats", "bcache", "priority_stats"),
    Flag::option("collector.qdisk.device-exclude", "qdisc", "device_exclude"),
    Flag::option("collector.qdisk.device-include", "qdisc", "device_include"),
    Flag::option("collector.systemd.unit-blacklist", "systemd", "unit_exclude"),
    Flag::option("collector.systemd.unit-whitelist", "systemd", "unit_include"),
    Flag::option("path.udev.data", "diskstats", "udev_data"),
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
    Flag::refused("collector.qdisc.fixtures", Takes::Text, "relink asks the kernel alone"),
    Flag::refused("collector.wifi.fixtures", Takes::Text, "relink asks the kernel alone"),
    // They tune collectors that are not here.
    Flag::absent("collector.ethtool.device-include", Takes::Text, "ethtool"),
    Flag::absent("collector.ethtool.device-exclude", Takes::Text, "ethtool"),
    Flag::absent("collector.ethtool.metrics-include", Takes::Text, "ethtool"),
    Flag::absent("collector.ntp.server", Takes::Text, "ntp"),
    Flag::absent("collector.ntp.server-port", Takes::Text, "ntp"),
    Flag::absent("collector.ntp.protocol-version", Takes::Text, "ntp"),
    Flag::absent("collector.ntp.ip-ttl", Takes::Text, "ntp"),
    Flag::absent("collector.ntp.max-distance", Takes::Text, "ntp"),
    Flag::absent("collector.ntp.local-offset-tolerance", Takes::Text, "ntp"),
    Flag::absent("collector.ntp.server-is-local", Takes::Nothing, "ntp"),
    Flag::absent("collector.perf.cpus", Takes::Text, "perf"),
    Flag::absent("collector.perf.tracepoint", Takes::Text, "perf"),
    Flag::absent("collector.perf.hardware-profilers", Takes::Text, "perf"),
    Flag::absent("collector.perf.software-profilers", Takes::Text, "perf"),
    Flag::absent("collector.perf.cache-profilers", Takes::Text, "perf"),
    Flag::absent("collector.perf.disable-hardware-profilers", Takes::Nothing, "perf"),
    Flag::absent("collector.perf.disable-software-profilers", Takes::Nothing, "perf"),
    Flag::absent("collector.perf.disable-cache-profilers", Takes::Nothing, "perf"),
    Flag::absent("collector.runit.servicedir", Takes::Text, "runit"),
    Flag::absent("collector.supervisord.url", Takes::Text, "supervisord"),
];
