//! Processes and threads by state, how many there may be, how long each CPU ran tasks and let them wait, and control
//! groups, under the names that node_exporter's dashboards ask for.
//!
//! The README lists collectors and families.

mod cgroups;
mod processes;
mod schedstat;

use cgroups::Cgroups;
use processes::Processes;
use schedstat::Schedstat;

relink_core::register! {
    plugin: "processes",
    help: "Processes and threads by state, scheduling, control groups",
    collectors: [
        {
            name: "cgroups",
            help: "Controllers of control groups",
            families: cgroups::FAMILIES,
            new: Cgroups::new,
            default: off,
        },
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
