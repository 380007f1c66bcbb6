//! Units of systemd and their states, asked of systemd over D-Bus, as node_exporter's systemd collector.
//!
//! The README lists families and options.
#![cfg(target_os = "linux")]

mod address;
mod bus;
mod call;
mod systemd;
mod units;
mod wire;

relink_core::register! {
    plugin: "systemd",
    help: "Units of systemd and their states",
    collectors: [
        {
            name: "systemd",
            help: "Units of systemd and their states",
            families: systemd::FAMILIES,
            options: systemd::Settings,
            new: systemd::Systemd::new,
            default: off,
        },
    ],
}
