//! The collector `cpufreq`: frequency and governor of the CPUs.

mod facts;
// The other systems' collector is compiled into the tests too, so that it can't rot unseen.
#[cfg(any(not(target_os = "linux"), test))]
mod portable;

#[cfg(target_os = "linux")]
mod linux;

use relink_core::Family;

#[cfg(target_os = "linux")]
pub(crate) use linux::Cpufreq;
#[cfg(not(target_os = "linux"))]
pub(crate) use portable::Cpufreq;

/// What it emits.
pub(crate) const FAMILIES: &[Family] = &[FREQUENCY, FREQUENCY_MIN, FREQUENCY_MAX, GOVERNOR];

const FREQUENCY: Family =
    Family::gauge("node_cpu_scaling_frequency_hertz", "Present frequency of a CPU (cpufreq).")
        .labels(&["cpu"]);

const FREQUENCY_MIN: Family =
    Family::gauge("node_cpu_scaling_frequency_min_hertz", "Lowest frequency that is allowed now (cpufreq).")
        .labels(&["cpu"]);

const FREQUENCY_MAX: Family =
    Family::gauge("node_cpu_scaling_frequency_max_hertz", "Highest frequency that is allowed now (cpufreq).")
        .labels(&["cpu"]);

const GOVERNOR: Family = Family::gauge(
    "node_cpu_scaling_governor",
    "1 for the frequency governor in force, 0 for the others that there are (cpufreq).",
)
.labels(&["cpu", "governor"]);
