//! The families of the collector, by the lines of `/proc/self/mountstats` that they are from.

use relink_core::Family;

pub(super) const AGE: Family = mount("node_mountstats_nfs_age_seconds_total", "Age of the mount (age).");
pub(super) const INFO: Family = Family::gauge(
    "node_mountstats_nfs_mountpoint_info",
    "Always 1; the labels say where something is mounted (device).",
)
.labels(&["export", "protocol", "mountaddr", "mountpoint"]);

/// A counter of the line `events`: what it is called, and what it means.
macro_rules! event {
    ($name:literal, $help:literal) => {{
        const NAME: &str = concat!("node_mountstats_nfs_event_", $name, "_total");
        Some(mount(NAME, concat!($help, " (events).")))
    }};
}

macro_rules! transport {
    ($kind:ident, $name:literal, $help:literal) => {{
        const NAME: &str = concat!("node_mountstats_nfs_transport_", $name);
        const LABELS: &[&str] = &["export", "protocol", "mountaddr", "transport"];
        Family::$kind(NAME, concat!($help, " (xprt).")).labels(LABELS)
    }};
}

macro_rules! operation {
    ($name:literal, $help:literal) => {{
        const NAME: &str = concat!("node_mountstats_nfs_operations_", $name, "_total");
        const LABELS: &[&str] = &["export", "protocol", "mountaddr", "operation"];
        Family::counter(NAME, concat!($help, " (per-op statistics).")).labels(LABELS)
    }};
}

/// In the order of the line's numbers.
pub(super) const BYTES: [Family; 8] = [
    mount("node_mountstats_nfs_read_bytes_total", "Bytes that processes read (bytes)."),
    mount("node_mountstats_nfs_write_bytes_total", "Bytes that processes wrote (bytes)."),
    mount(
        "node_mountstats_nfs_direct_read_bytes_total",
        "Bytes that processes read past the cache (O_DIRECT) (bytes).",
    ),
    mount(
        "node_mountstats_nfs_direct_write_bytes_total",
        "Bytes that processes wrote past the cache (O_DIRECT) (bytes).",
    ),
    mount("node_mountstats_nfs_total_read_bytes_total", "Bytes that were read from the server (bytes)."),
    mount("node_mountstats_nfs_total_write_bytes_total", "Bytes that were written to the server (bytes)."),
    mount("node_mountstats_nfs_read_pages_total", "Pages that were read from the server (bytes)."),
    mount("node_mountstats_nfs_write_pages_total", "Pages that were written to the server (bytes)."),
];

/// In the order of the line's numbers.
pub(super) const EVENTS: [Option<Family>; 27] = [
    event!("inode_revalidate", "Attributes of a file that were asked of the server again"),
    event!("dnode_revalidate", "Names in a folder that were asked of the server again"),
    event!("data_invalidate", "Times that the cached content of a file was thrown away"),
    event!("attribute_invalidate", "Times that the cached attributes of a file were thrown away"),
    event!("vfs_open", "Times that a file or folder was opened"),
    event!("vfs_lookup", "Names that were looked up in a folder"),
    event!("vfs_access", "Times that a permission was checked"),
    event!("vfs_update_page", "Pages that were changed, of which some are written"),
    event!("vfs_read_page", "Pages that were read one by one"),
    event!("vfs_read_pages", "Times that several pages were read at once"),
    event!("vfs_write_page", "Pages that were written one by one"),
    event!("vfs_write_pages", "Times that several pages were written at once"),
    event!("vfs_getdents", "Times that a folder was listed"),
    event!("vfs_setattr", "Times that attributes were set"),
    event!("vfs_flush", "Times that all of a file that waited was written"),
    event!("vfs_fsync", "Times that a file or folder was synchronised"),
    event!("vfs_lock", "Times that a lock was asked for"),
    event!("vfs_file_release", "Times that a file was closed for good"),
    // Waiting because of congestion, which kernels do not count any more.
    None,
    event!("truncation", "Times that a file was cut"),
    event!("write_extension", "Times that a file grew because it was written beyond its end"),
    event!("silly_rename", "Files that were deleted while they were open, and so got another name"),
    event!("short_read", "Times that the server sent less than was asked for"),
    event!("short_write", "Times that the server wrote less than was sent"),
    event!("jukebox_delay", "Times that the server asked to wait, as for content that is offline"),
    event!("pnfs_read", "Times that content was read from a server of data (pNFS)"),
    event!("pnfs_write", "Times that content was written to a server of data (pNFS)"),
];

/// In the order of [`Transport`](super::mount::Transport)'s numbers.
pub(super) const TRANSPORT: [Family; 10] = [
    transport!(counter, "bind_total", "Local ports that the transport took"),
    transport!(counter, "connect_total", "Connections that the transport made"),
    transport!(gauge, "idle_time_seconds", "Time since the transport was last used"),
    transport!(counter, "sends_total", "Requests that the transport sent"),
    transport!(counter, "receives_total", "Answers that the transport received"),
    transport!(counter, "bad_transaction_ids_total", "Answers that belong to no request"),
    transport!(counter, "backlog_queue_total", "Length of the queue for a slot, summed up at each request"),
    transport!(gauge, "maximum_rpc_slots", "Most requests that were under way at one time"),
    transport!(counter, "sending_queue_total", "Length of the queue for sending, summed up at each request"),
    transport!(counter, "pending_queue_total", "Length of the queue for answers, summed up at each request"),
];

/// In the order of the line's numbers.
pub(super) const OPERATIONS: [Family; 8] = [
    operation!("requests", "Requests"),
    operation!("transmissions", "Requests that were sent, those sent again included"),
    operation!("major_timeouts", "Requests that had no answer after all attempts"),
    operation!("sent_bytes", "Bytes of requests, with the headers of RPC"),
    operation!("received_bytes", "Bytes of answers, with the headers of RPC"),
    operation!("queue_time_seconds", "Time that requests waited until they were sent"),
    operation!("response_time_seconds", "Time from the sending of requests to their answers"),
    operation!("request_time_seconds", "Time from the making of requests to their end"),
];

/// How many events have a family.
const SHOWN: usize = EVENTS.len() - 1;

pub(crate) const FAMILIES: &[Family] = &{
    let mut all = [AGE; 2 + BYTES.len() + SHOWN + TRANSPORT.len() + OPERATIONS.len()];
    let mut end = 1;
    (all, end) = append(all, end, &[INFO]);
    (all, end) = append(all, end, &BYTES);
    let mut at = 0;
    while at < EVENTS.len() {
        if let Some(event) = EVENTS[at] {
            (all, end) = append(all, end, &[event]);
        }
        at += 1;
    }
    (all, end) = append(all, end, &TRANSPORT);
    (all, end) = append(all, end, &OPERATIONS);
    assert!(end == all.len());
    all
};

const fn append<const N: usize>(mut all: [Family; N], end: usize, more: &[Family]) -> ([Family; N], usize) {
    let mut at = 0;
    while at < more.len() {
        all[end + at] = more[at];
        at += 1;
    }
    (all, end + more.len())
}

const fn mount(name: &'static str, help: &'static str) -> Family {
    Family::counter(name, help).labels(&["export", "protocol", "mountaddr"])
}
