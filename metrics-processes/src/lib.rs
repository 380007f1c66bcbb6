//! Processes and threads by state, how many there may be, and how long each CPU ran tasks and let them wait, under the
//! names that node_exporter's dashboards ask for.
//!
//! The README lists collectors and families.

mod processes;
mod schedstat;

use processes::Processes;
use schedstat::Schedstat;

relink_core::register! {
    plugin: "processes",
    help: "Processes and threads by state, scheduling",
    collectors: [
        {
            name: "processes",
            help: "Processes and threads by state, and their limits",
            families: processes::FAMILIES,
            new: Processes::new,
            default: off,
        },
        {
            name: "schedstat",
            help: "How long each CPU ran tasks and let them wait",
            families: schedstat::FAMILIES,
            new: Schedstat::new,
        },
    ],
}
