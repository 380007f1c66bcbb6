//! Time, throttling and frequency of CPUs, under the names that node_exporter's dashboards ask for.
//!
//! On Linux all of it comes from `/proc/stat` and `/sys/devices/system/cpu`; elsewhere `sysinfo` gives what it has.
//! The README lists families and options.

mod cpu;
mod cpufreq;
#[cfg(target_os = "linux")]
mod folders;
#[cfg(target_os = "linux")]
mod sysfs;

use relink_core::register;

use cpu::Cpu;
use cpufreq::Cpufreq;

register! {
    plugin: "cpu",
    help: "CPU time per mode, frequency, throttling",
    collectors: [
        {
            name: "cpu",
            help: "CPU time per mode, throttling",
            families: cpu::FAMILIES,
            options: cpu::Settings,
            new: Cpu::new,
        },
        { name: "cpufreq", help: "Frequency of CPUs", families: cpufreq::FAMILIES, new: Cpufreq::new },
    ],
}
