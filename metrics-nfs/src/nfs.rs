//! `/proc/net/rpc/nfs`: what this machine has asked of NFS servers.

use relink_core::{Collector, Error, Family, Paths, Samples, Source};

use crate::rpc::{self, Content, Line, Number, Procedures, V2, V3};

const CONNECTIONS: Family =
    Family::counter("node_nfs_connections_total", "TCP connections of the NFS client (/proc/net/rpc/nfs).");
const PACKETS: Family =
    Family::counter("node_nfs_packets_total", "Packets of the NFS client by protocol (/proc/net/rpc/nfs).")
        .labels(&["protocol"]);
const REQUESTS: Family = Family::counter(
    "node_nfs_requests_total",
    "Calls of each procedure by the NFS client, by version of the protocol (/proc/net/rpc/nfs).",
)
.labels(&["proto", "method"]);
const REFRESHES: Family = Family::counter(
    "node_nfs_rpc_authentication_refreshes_total",
    "Times that the RPC client renewed its credentials (/proc/net/rpc/nfs).",
);
const RETRANSMISSIONS: Family = Family::counter(
    "node_nfs_rpc_retransmissions_total",
    "RPC calls that the NFS client sent again (/proc/net/rpc/nfs).",
);
const RPCS: Family =
    Family::counter("node_nfs_rpcs_total", "RPC calls of the NFS client (/proc/net/rpc/nfs).");

pub(crate) const FAMILIES: &[Family] = &[CONNECTIONS, PACKETS, REQUESTS, REFRESHES, RETRANSMISSIONS, RPCS];

/// The calls of version 4 as the kernel's client numbers them, but for two: the kernel has LAYOUTGET before GETDEVICEINFO, and
/// node_exporter gives these names to each other's numbers since 1.10. Dashboards show the same of both agents.
const V4: [&str; 59] = [
    "Null",
    "Read",
    "Write",
    "Commit",
    "Open",
    "OpenConfirm",
    "OpenNoattr",
    "OpenDowngrade",
    "Close",
    "Setattr",
    "FsInfo",
    "Renew",
    "SetClientID",
    "SetClientIDConfirm",
    "Lock",
    "Lockt",
    "Locku",
    "Access",
    "Getattr",
    "Lookup",
    "LookupRoot",
    "Remove",
    "Rename",
    "Link",
    "Symlink",
    "Create",
    "Pathconf",
    "StatFs",
    "ReadLink",
    "ReadDir",
    "ServerCaps",
    "DelegReturn",
    "GetACL",
    "SetACL",
    "FsLocations",
    "ReleaseLockowner",
    "Secinfo",
    "FsidPresent",
    "ExchangeID",
    "CreateSession",
    "DestroySession",
    "Sequence",
    "GetLeaseTime",
    "ReclaimComplete",
    "GetDeviceInfo",
    "LayoutGet",
    "LayoutCommit",
    "LayoutReturn",
    "SecinfoNoName",
    "TestStateID",
    "FreeStateID",
    "GetDeviceList",
    "BindConnToSession",
    "DestroyClientID",
    "Seek",
    "Allocate",
    "DeAllocate",
    "LayoutStats",
    "Clone",
];

const LINES: &[Line] = &[
    Line {
        word: "net",
        content: Content::Numbers(
            4,
            &[
                Number { at: 1, family: PACKETS, labels: &["udp"] },
                Number { at: 2, family: PACKETS, labels: &["tcp"] },
                Number { at: 3, family: CONNECTIONS, labels: &[] },
            ],
        ),
    },
    Line {
        word: "rpc",
        content: Content::Numbers(
            3,
            &[
                Number { at: 0, family: RPCS, labels: &[] },
                Number { at: 1, family: RETRANSMISSIONS, labels: &[] },
                Number { at: 2, family: REFRESHES, labels: &[] },
            ],
        ),
    },
    requests("proc2", "2", &rpc::names::<{ V2.len() + 1 }>("Null", &V2)),
    requests("proc3", "3", &rpc::names::<{ V3.len() + 1 }>("Null", &V3)),
    requests("proc4", "4", &V4),
];

const fn requests(word: &'static str, version: &'static str, names: &'static [&'static str]) -> Line {
    Line { word, content: Content::Procedures(Procedures { family: REQUESTS, version, names }) }
}

pub(crate) struct Nfs(Source);

impl Nfs {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Nfs(Source::new(paths.procfs("net/rpc/nfs"))))
    }
}

impl Collector for Nfs {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.0.lines(out, |line, out| rpc::push(line, LINES, out))
    }
}
