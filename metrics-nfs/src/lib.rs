//! NFS: what this machine asks of others, what others ask of it, and its mounts, under the names that node_exporter's
//! dashboards ask for.
//!
//! The README lists families.

mod mountstats;
mod nfs;
mod nfsd;
mod rpc;

use relink_core::register;

use mountstats::Mountstats;
use nfs::Nfs;
use nfsd::Nfsd;

register! {
    plugin: "nfs",
    help: "NFS clients, servers and mounts",
    collectors: [
        {
            name: "mountstats",
            help: "Mounts of NFS, each for itself",
            families: mountstats::FAMILIES,
            new: Mountstats::new,
            default: off,
        },
        { name: "nfs", help: "Requests of this machine's NFS client", families: nfs::FAMILIES, new: Nfs::new },
        { name: "nfsd", help: "Requests to this machine's NFS server", families: nfsd::FAMILIES, new: Nfsd::new },
    ],
}
