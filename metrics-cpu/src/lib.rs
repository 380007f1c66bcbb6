//! CPU time per mode, frequency, governor, throttling and topology, under the names that node_exporter's dashboards
//! ask for.
//!
//! On Linux all of it comes from `/proc/stat` and `/sys/devices/system/cpu`; elsewhere `sysinfo` gives what it has.
//! The README lists families and options.

mod facts;
mod families;
mod options;
// The other systems' collector is compiled into the tests too, so that it can't rot unseen.
#[cfg(any(not(target_os = "linux"), test))]
mod portable;

#[cfg(target_os = "linux")]
mod cpufreq;
#[cfg(target_os = "linux")]
mod cpuinfo;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod stat;
#[cfg(target_os = "linux")]
mod sysfs;
#[cfg(target_os = "linux")]
mod throttle;
#[cfg(target_os = "linux")]
mod topology;

use relink_core::{Options, register};

use families::*;
#[cfg(target_os = "linux")]
use linux::Cpu;
#[cfg(not(target_os = "linux"))]
use portable::Cpu;

register! {
    name: "cpu",
    help: "CPU time per mode, frequency, throttling",
    families: [
        SECONDS,
        GUEST_SECONDS,
        FREQUENCY,
        FREQUENCY_MIN,
        FREQUENCY_MAX,
        GOVERNOR,
        CORE_THROTTLES,
        PACKAGE_THROTTLES,
        ISOLATED,
        ONLINE,
        INFO,
    ],
    new: |options: &Options| Cpu::new(options),
}
