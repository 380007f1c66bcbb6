//! What the kernel counts for the machine as a whole: boot time, switches, interrupts, processes, open files; and the
//! clock, the kernel's name and settings. Under the names that node_exporter's dashboards ask for.
//!
//! The README lists collectors and families.

mod columns;
mod filefd;
mod interrupts;
mod softirqs;
mod stat;
mod sysctl;
mod time;
mod timex;
mod uname;

use filefd::Filefd;
use interrupts::Interrupts;
use softirqs::Softirqs;
use stat::Stat;
use sysctl::Sysctl;
use time::Time;
use timex::Timex;
use uname::Uname;

relink_core::register! {
    plugin: "stat",
    help: "Clock, its discipline, boot time, interrupts, processes, open files, kernel and its settings",
    collectors: [
        { name: "filefd", help: "Open files", families: filefd::FAMILIES, new: Filefd::new },
        {
            name: "interrupts",
            help: "Interrupts one by one",
            families: [interrupts::INTERRUPTS],
            new: Interrupts::new,
            default: off,
        },
        {
            name: "softirqs",
            help: "Soft interrupts by CPU and type",
            families: [softirqs::SOFTIRQS],
            new: Softirqs::new,
            default: off,
        },
        {
            name: "stat",
            help: "Boot time, switches, interrupts, processes",
            families: stat::FAMILIES,
            options: stat::Settings,
            new: Stat::new,
        },
        {
            name: "sysctl",
            help: "Settings of the kernel, as named",
            families: [sysctl::INFO],
            options: sysctl::Settings,
            new: Sysctl::new,
            default: off,
        },
        { name: "time", help: "The clock, its source, the time zone", families: time::FAMILIES, new: Time::new },
        { name: "timex", help: "How the clock is disciplined", families: timex::FAMILIES, new: Timex::new },
        { name: "uname", help: "The kernel's name", families: [uname::UNAME], new: Uname::new },
    ],
}
