//! Paging, swapping and out-of-memory kills (`/proc/vmstat`), and how much entropy the kernel has gathered.
//!
//! The README lists collectors, families and options.

mod entropy;
mod vmstat;

use entropy::Entropy;
use vmstat::{Settings, Vmstat};

relink_core::register! {
    plugin: "vmstat",
    help: "Paging, swapping, out-of-memory kills, entropy",
    collectors: [
        { name: "entropy", help: "Entropy of the kernel", families: entropy::FAMILIES, new: Entropy::new },
        {
            name: "vmstat",
            help: "Paging, swapping, out-of-memory kills",
            families: vmstat::FAMILIES,
            options: Settings,
            new: Vmstat::new,
        },
    ],
}
