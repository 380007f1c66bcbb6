//! What connects machines in a data centre: InfiniBand, Fibre Channel and the kernel's load balancer (IPVS), under the
//! names that node_exporter's dashboards ask for.
//!
//! The README lists families and options.

mod counts;
mod fibrechannel;
mod infiniband;
mod ipvs;

use relink_core::register;

use fibrechannel::Fibrechannel;
use infiniband::Infiniband;
use ipvs::Ipvs;

register! {
    plugin: "fabric",
    help: "InfiniBand, Fibre Channel, IPVS",
    collectors: [
        {
            name: "fibrechannel",
            help: "Ports of Fibre Channel",
            families: fibrechannel::FAMILIES,
            new: Fibrechannel::new,
        },
        {
            name: "infiniband",
            help: "Ports of InfiniBand",
            families: infiniband::FAMILIES,
            options: infiniband::Settings,
            new: Infiniband::new,
        },
        {
            name: "ipvs",
            help: "The load balancer of the kernel",
            families: ipvs::FAMILIES,
            options: ipvs::Settings,
            new: Ipvs::new,
        },
    ],
}
