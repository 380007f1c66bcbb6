//! `/proc/net/rpc/nfsd`: what others have asked of this machine's NFS server.

use relink_core::{Collector, Error, Family, Paths, Samples, Source};

use crate::rpc::{self, Content, Line, Number, Procedures, V2, V3};

const CONNECTIONS: Family = Family::counter(
    "node_nfsd_connections_total",
    "TCP connections that the NFS server accepted (/proc/net/rpc/nfsd).",
);
const READ: Family = Family::counter(
    "node_nfsd_disk_bytes_read_total",
    "Bytes that the NFS server read for its clients (/proc/net/rpc/nfsd).",
);
const WRITTEN: Family = Family::counter(
    "node_nfsd_disk_bytes_written_total",
    "Bytes that the NFS server wrote for its clients (/proc/net/rpc/nfsd).",
);
const STALE: Family = Family::counter(
    "node_nfsd_file_handles_stale_total",
    "File handles of clients that the NFS server did not know any more (/proc/net/rpc/nfsd).",
);
const PACKETS: Family =
    Family::counter("node_nfsd_packets_total", "Packets of the NFS server by protocol (/proc/net/rpc/nfsd).")
        .labels(&["proto"]);
const NOT_FOUND: Family = Family::counter(
    "node_nfsd_read_ahead_cache_not_found_total",
    "Look-ups that the read-ahead cache did not answer (/proc/net/rpc/nfsd), which newer kernels do not have.",
);
const CACHE_SIZE: Family = Family::gauge(
    "node_nfsd_read_ahead_cache_size_blocks",
    "Size of the read-ahead cache (/proc/net/rpc/nfsd), which newer kernels do not have.",
);
const HITS: Family = Family::counter(
    "node_nfsd_reply_cache_hits_total",
    "Requests that came again and were answered out of the reply cache (/proc/net/rpc/nfsd).",
);
const MISSES: Family = Family::counter(
    "node_nfsd_reply_cache_misses_total",
    "Requests that were put into the reply cache (/proc/net/rpc/nfsd).",
);
const NO_CACHE: Family = Family::counter(
    "node_nfsd_reply_cache_nocache_total",
    "Requests that need no place in the reply cache (/proc/net/rpc/nfsd).",
);
const REQUESTS: Family = Family::counter(
    "node_nfsd_requests_total",
    "Calls of each procedure of the NFS server, by version of the protocol (/proc/net/rpc/nfsd).",
)
.labels(&["proto", "method"]);
const ERRORS: Family = Family::counter(
    "node_nfsd_rpc_errors_total",
    "RPC calls that the NFS server refused, by reason (/proc/net/rpc/nfsd).",
)
.labels(&["error"]);
const RPCS: Family =
    Family::counter("node_nfsd_server_rpcs_total", "RPC calls to the NFS server (/proc/net/rpc/nfsd).");
const THREADS: Family =
    Family::gauge("node_nfsd_server_threads", "Threads of the NFS server (/proc/net/rpc/nfsd).");

pub(crate) const FAMILIES: &[Family] = &[
    CONNECTIONS,
    READ,
    WRITTEN,
    STALE,
    PACKETS,
    NOT_FOUND,
    CACHE_SIZE,
    HITS,
    MISSES,
    NO_CACHE,
    REQUESTS,
    ERRORS,
    RPCS,
    THREADS,
];

/// The operations of version 4 by their numbers in RFC 7530, which begin with 3. PUTPUBFH and PUTROOTFH are not shown, as
/// they are not by node_exporter.
const V4: [&str; 40] = [
    "",
    "",
    "",
    "Access",
    "Close",
    "Commit",
    "Create",
    "DelegPurge",
    "DelegReturn",
    "GetAttr",
    "GetFH",
    "Link",
    "Lock",
    "Lockt",
    "Locku",
    "Lookup",
    "LookupRoot",
    "Nverify",
    "Open",
    "OpenAttr",
    "OpenConfirm",
    "OpenDgrd",
    "PutFH",
    "",
    "",
    "Read",
    "ReadDir",
    "ReadLink",
    "Remove",
    "Rename",
    "Renew",
    "RestoreFH",
    "SaveFH",
    "SecInfo",
    "SetAttr",
    "SetClientID",
    "SetClientIDConfirm",
    "Verify",
    "Write",
    "RelLockOwner",
];

const LINES: &[Line] = &[
    numbers("rc", 3, &[one(0, HITS), one(1, MISSES), one(2, NO_CACHE)]),
    numbers("fh", 1, &[one(0, STALE)]),
    numbers("io", 2, &[one(0, READ), one(1, WRITTEN)]),
    // Behind it, how busy the threads were: fractions, which newer kernels do not count.
    numbers("th", 1, &[one(0, THREADS)]),
    // Between the two, how deep in the cache something was found.
    numbers("ra", 12, &[one(0, CACHE_SIZE), one(11, NOT_FOUND)]),
    numbers("net", 4, &[labelled(1, PACKETS, &["udp"]), labelled(2, PACKETS, &["tcp"]), one(3, CONNECTIONS)]),
    // The second number is the sum of the three behind it.
    numbers(
        "rpc",
        5,
        &[
            one(0, RPCS),
            labelled(2, ERRORS, &["fmt"]),
            labelled(3, ERRORS, &["auth"]),
            labelled(4, ERRORS, &["cInt"]),
        ],
    ),
    requests("proc2", "2", &rpc::names::<{ V2.len() + 1 }>("", &V2)),
    requests("proc3", "3", &rpc::names::<{ V3.len() + 1 }>("", &V3)),
    requests("proc4ops", "4", &V4),
    // Since Linux 6.6.
    numbers("wdeleg_getattr", 1, &[labelled(0, REQUESTS, &["4", "WdelegGetattr"])]),
];

const fn numbers(word: &'static str, fewest: usize, shown: &'static [Number]) -> Line {
    Line { word, content: Content::Numbers(fewest, shown) }
}

const fn one(at: usize, family: Family) -> Number {
    labelled(at, family, &[])
}

const fn labelled(at: usize, family: Family, labels: &'static [&'static str]) -> Number {
    Number { at, family, labels }
}

const fn requests(word: &'static str, version: &'static str, names: &'static [&'static str]) -> Line {
    Line { word, content: Content::Procedures(Procedures { family: REQUESTS, version, names }) }
}

pub(crate) struct Nfsd(Source);

impl Nfsd {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Nfsd(Source::new(paths.procfs("net/rpc/nfsd"))))
    }
}

impl Collector for Nfsd {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.0.lines(out, |line, out| rpc::push(line, LINES, out))
    }
}
