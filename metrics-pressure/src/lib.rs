//! How long tasks waited for CPU, memory and I/O: the kernel's pressure stall information, `/proc/pressure/*`.
//!
//! The README lists the families.

mod pressure;

use pressure::Pressure;

relink_core::register! {
    plugin: "pressure",
    collector: "pressure",
    help: "Waiting for CPU, memory and I/O",
    families: pressure::FAMILIES,
    new: Pressure::new,
}
