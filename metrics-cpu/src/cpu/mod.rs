//! The collector `cpu`: what CPUs spend their time on, and whether they are online or throttled.

mod facts;
// The other systems' collector is compiled into the tests too, so that it can't rot unseen.
#[cfg(any(not(target_os = "linux"), test))]
mod portable;

#[cfg(target_os = "linux")]
mod cpuinfo;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod online;
#[cfg(target_os = "linux")]
mod stat;
#[cfg(target_os = "linux")]
mod throttle;

use relink_core::{Family, options};

#[cfg(target_os = "linux")]
pub(crate) use linux::Cpu;
#[cfg(not(target_os = "linux"))]
pub(crate) use portable::Cpu;

options! {
    /// What the operator may set.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    pub(crate) struct Settings {
        /// Whether the time spent on virtual machines is shown.
        pub(crate) guest: bool = true,
        /// Whether it is shown what kind of CPU each one is.
        pub(crate) info: bool = false,
        /// What CPUs can do that is shown, as a pattern; switches info on.
        info_flags_include: String = String::new(),
        /// Faults of the CPUs that are shown, as a pattern; switches info on.
        info_bugs_include: String = String::new(),
    }
}

/// What it emits.
pub(crate) const FAMILIES: &[Family] =
    &[SECONDS, GUEST_SECONDS, CORE_THROTTLES, PACKAGE_THROTTLES, ISOLATED, ONLINE, INFO, HERTZ, FLAG, BUG];

const SECONDS: Family = Family::counter(
    "node_cpu_seconds_total",
    "Time that a CPU spent in a mode since boot; guest time is part of user and nice (/proc/stat).",
)
.labels(&["cpu", "mode"]);

const GUEST_SECONDS: Family = Family::counter(
    "node_cpu_guest_seconds_total",
    "Time that a CPU spent running virtual machines since boot, by mode (/proc/stat).",
)
.labels(&["cpu", "mode"]);

const CORE_THROTTLES: Family = Family::counter(
    "node_cpu_core_throttles_total",
    "Times that a core was slowed down because of heat (thermal_throttle).",
)
.labels(&["package", "core"]);

const PACKAGE_THROTTLES: Family = Family::counter(
    "node_cpu_package_throttles_total",
    "Times that a package was slowed down because of heat (thermal_throttle).",
)
.labels(&["package"]);

const ISOLATED: Family = Family::gauge(
    "node_cpu_isolated",
    "1 for each CPU that the scheduler leaves alone (/sys/devices/system/cpu/isolated).",
)
.labels(&["cpu"]);

const ONLINE: Family =
    Family::gauge("node_cpu_online", "Whether a CPU is online, of all that are plugged in (sysfs).")
        .labels(&["cpu"]);

const INFO: Family =
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

const HERTZ: Family =
    Family::gauge("node_cpu_frequency_hertz", "Frequency of a CPU as the kernel tells it (/proc/cpuinfo).")
        .labels(&["package", "core", "cpu"]);

const FLAG: Family = Family::gauge(
    "node_cpu_flag_info",
    "Always 1; one for each thing that the first CPU can do (/proc/cpuinfo).",
)
.labels(&["flag"]);

const BUG: Family = Family::gauge(
    "node_cpu_bug_info",
    "Always 1; one for each known fault of the first CPU (/proc/cpuinfo).",
)
.labels(&["bug"]);
