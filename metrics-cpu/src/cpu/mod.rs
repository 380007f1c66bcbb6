//! What the plugin emits.

use relink_core::Family;

pub(crate) const SECONDS: Family = Family::counter(
    "node_cpu_seconds_total",
    "Time that a CPU spent in a mode since boot; guest time is part of user and nice (/proc/stat).",
)
.labels(&["cpu", "mode"]);

pub(crate) const GUEST_SECONDS: Family = Family::counter(
    "node_cpu_guest_seconds_total",
    "Time that a CPU spent running virtual machines since boot, by mode (/proc/stat).",
)
.labels(&["cpu", "mode"]);

pub(crate) const FREQUENCY: Family =
    Family::gauge("node_cpu_scaling_frequency_hertz", "Present frequency of a CPU (cpufreq).")
        .labels(&["cpu"]);

pub(crate) const FREQUENCY_MIN: Family =
    Family::gauge("node_cpu_scaling_frequency_min_hertz", "Lowest frequency that is allowed now (cpufreq).")
        .labels(&["cpu"]);

pub(crate) const FREQUENCY_MAX: Family =
    Family::gauge("node_cpu_scaling_frequency_max_hertz", "Highest frequency that is allowed now (cpufreq).")
        .labels(&["cpu"]);

pub(crate) const GOVERNOR: Family = Family::gauge(
    "node_cpu_scaling_governor",
    "1 for the frequency governor in force, 0 for the others that there are (cpufreq).",
)
.labels(&["cpu", "governor"]);

pub(crate) const CORE_THROTTLES: Family = Family::counter(
    "node_cpu_core_throttles_total",
    "Times that a core was slowed down because of heat (thermal_throttle).",
)
.labels(&["package", "core"]);

pub(crate) const PACKAGE_THROTTLES: Family = Family::counter(
    "node_cpu_package_throttles_total",
    "Times that a package was slowed down because of heat (thermal_throttle).",
)
.labels(&["package"]);

pub(crate) const ISOLATED: Family = Family::gauge(
    "node_cpu_isolated",
    "1 for each CPU that the scheduler leaves alone (/sys/devices/system/cpu/isolated).",
)
.labels(&["cpu"]);

pub(crate) const ONLINE: Family =
    Family::gauge("node_cpu_online", "Whether a CPU is online, of all that are plugged in (sysfs).")
        .labels(&["cpu"]);

pub(crate) const INFO: Family =
    Family::gauge("node_cpu_info", "Always 1; the labels say what kind of CPU it is (/proc/cpuinfo).")
        .labels(&[
            "package",
            "core",
            "cpu",
            "vendor",
            "family",
            "model",
            "model_name",
            "microcode",
            "stepping",
            "cachesize",
        ]);
