//! What the machine and its system are: firmware, memory errors, energy, watchdogs, PCI devices, graphics cards, flaws of
//! the CPU, the release. Mostly small files of `/sys`, under the names that node_exporter's dashboards ask for.
//!
//! The README lists families and options.

mod cpu_vulnerabilities;
mod dmi;
mod drm;
mod edac;
mod kernel_hung;
mod os;
mod pcidevice;
mod rapl;
mod selinux;
mod watchdog;

use std::path::Path;

use relink_core::{Samples, register};
use relink_sysfs::{Reader, odd};

use cpu_vulnerabilities::Vulnerabilities;
use dmi::Dmi;
use drm::Drm;
use edac::Edac;
use kernel_hung::KernelHung;
use os::Os;
use pcidevice::PciDevices;
use rapl::Rapl;
use selinux::Selinux;
use watchdog::Watchdogs;

register! {
    plugin: "hardware",
    help: "Firmware, memory errors, energy, watchdogs, PCI, GPUs, flaws of the CPU, release of the system",
    collectors: [
        {
            name: "cpu_vulnerabilities",
            help: "Flaws of the CPU and what the kernel does about them",
            families: cpu_vulnerabilities::FAMILIES,
            new: Vulnerabilities::new,
            default: off,
        },
        { name: "dmi", help: "What the firmware tells of the machine", families: dmi::FAMILIES, new: Dmi::new },
        {
            name: "drm",
            help: "Graphics cards of AMD",
            families: drm::FAMILIES,
            new: Drm::new,
            default: off,
        },
        { name: "edac", help: "Errors of the memory", families: edac::FAMILIES, new: Edac::new },
        {
            name: "kernel_hung",
            help: "Tasks that have hung",
            families: kernel_hung::FAMILIES,
            new: KernelHung::new,
        },
        { name: "os", help: "Release of the system", families: os::FAMILIES, new: Os::new },
        {
            name: "pcidevice",
            help: "PCI devices, their links and functions",
            families: pcidevice::FAMILIES,
            options: pcidevice::Settings,
            new: PciDevices::new,
            default: off,
        },
        {
            name: "rapl",
            help: "Energy that CPUs and memory use",
            families: rapl::FAMILIES,
            options: rapl::Settings,
            new: Rapl::new,
        },
        { name: "selinux", help: "Mode of SELinux", families: selinux::FAMILIES, new: Selinux::new },
        {
            name: "watchdog",
            help: "Timers that restart a machine which hangs",
            families: watchdog::FAMILIES,
            new: Watchdogs::new,
        },
    ],
}

/// The count that a file holds. What is none is told.
fn count(path: &Path, reader: &mut Reader, out: &mut Samples) -> Option<f64> {
    let count = reader.number(path, out)?;
    if count < 0.0 {
        odd(path, "a count", &count.to_string(), out);
        return None;
    }
    Some(count)
}
