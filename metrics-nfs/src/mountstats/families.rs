//! The families of the collector, by the lines of `/proc/self/mountstats` that they are from.

use relink_core::Family;

pub(super) const AGE: Family = mount("node_mountstats_nfs_age_seconds_total", "Age of the mount (age).");
pub(super) const INFO: Family = Family::gauge(
    "node_mountstats_nfs_mountpoint_info",
    "Always 1; the labels say where something is mounted (device).",
)
.labels(&["export", "protocol", "mountaddr", "mountpoint"]);

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
    Some(mount(
        "node_mountstats_nfs_event_inode_revalidate_total",
        "Attributes of a file that were asked of the server again (events).",
    )),
    Some(mount(
        "node_mountstats_nfs_event_dnode_revalidate_total",
        "Names in a folder that were asked of the server again (events).",
    )),
    Some(mount(
        "node_mountstats_nfs_event_data_invalidate_total",
        "Times that the cached content of a file was thrown away (events).",
    )),
    Some(mount(
        "node_mountstats_nfs_event_attribute_invalidate_total",
        "Times that the cached attributes of a file were thrown away (events).",
    )),
    Some(mount(
        "node_mountstats_nfs_event_vfs_open_total",
        "Times that a file or folder was opened (events).",
    )),
    Some(mount(
        "node_mountstats_nfs_event_vfs_lookup_total",
        "Names that were looked up in a folder (events).",
    )),
    Some(mount(
        "node_mountstats_nfs_event_vfs_access_total",
        "Times that a permission was checked (events).",
    )),
    Some(mount(
        "node_mountstats_nfs_event_vfs_update_page_total",
        "Pages that were changed, of which some are written (events).",
    )),
    Some(mount("node_mountstats_nfs_event_vfs_read_page_total", "Pages that were read one by one (events).")),
    Some(mount(
        "node_mountstats_nfs_event_vfs_read_pages_total",
        "Times that several pages were read at once (events).",
    )),
    Some(mount(
        "node_mountstats_nfs_event_vfs_write_page_total",
        "Pages that were written one by one (events).",
    )),
    Some(mount(
        "node_mountstats_nfs_event_vfs_write_pages_total",
        "Times that several pages were written at once (events).",
    )),
    Some(mount("node_mountstats_nfs_event_vfs_getdents_total", "Times that a folder was listed (events).")),
    Some(mount("node_mountstats_nfs_event_vfs_setattr_total", "Times that attributes were set (events).")),
    Some(mount(
        "node_mountstats_nfs_event_vfs_flush_total",
        "Times that all of a file that waited was written (events).",
    )),
    Some(mount(
        "node_mountstats_nfs_event_vfs_fsync_total",
        "Times that a file or folder was synchronised (events).",
    )),
    Some(mount("node_mountstats_nfs_event_vfs_lock_total", "Times that a lock was asked for (events).")),
    Some(mount(
        "node_mountstats_nfs_event_vfs_file_release_total",
        "Times that a file was closed for good (events).",
    )),
    // Waiting because of congestion, which kernels do not count any more.
    None,
    Some(mount("node_mountstats_nfs_event_truncation_total", "Times that a file was cut (events).")),
    Some(mount(
        "node_mountstats_nfs_event_write_extension_total",
        "Times that a file grew because it was written beyond its end (events).",
    )),
    Some(mount(
        "node_mountstats_nfs_event_silly_rename_total",
        "Files that were deleted while they were open, and so got another name (events).",
    )),
    Some(mount(
        "node_mountstats_nfs_event_short_read_total",
        "Times that the server sent less than was asked for (events).",
    )),
    Some(mount(
        "node_mountstats_nfs_event_short_write_total",
        "Times that the server wrote less than was sent (events).",
    )),
    Some(mount(
        "node_mountstats_nfs_event_jukebox_delay_total",
        "Times that the server asked to wait, as for content that is offline (events).",
    )),
    Some(mount(
        "node_mountstats_nfs_event_pnfs_read_total",
        "Times that content was read from a server of data (pNFS) (events).",
    )),
    Some(mount(
        "node_mountstats_nfs_event_pnfs_write_total",
        "Times that content was written to a server of data (pNFS) (events).",
    )),
];

/// In the order of [`Transport`](super::mount::Transport)'s numbers.
pub(super) const TRANSPORT: [Family; 10] = [
    transport(Family::counter(
        "node_mountstats_nfs_transport_bind_total",
        "Local ports that the transport took (xprt).",
    )),
    transport(Family::counter(
        "node_mountstats_nfs_transport_connect_total",
        "Connections that the transport made (xprt).",
    )),
    transport(Family::gauge(
        "node_mountstats_nfs_transport_idle_time_seconds",
        "Time since the transport was last used (xprt).",
    )),
    transport(Family::counter(
        "node_mountstats_nfs_transport_sends_total",
        "Requests that the transport sent (xprt).",
    )),
    transport(Family::counter(
        "node_mountstats_nfs_transport_receives_total",
        "Answers that the transport received (xprt).",
    )),
    transport(Family::counter(
        "node_mountstats_nfs_transport_bad_transaction_ids_total",
        "Answers that belong to no request (xprt).",
    )),
    transport(Family::counter(
        "node_mountstats_nfs_transport_backlog_queue_total",
        "Length of the queue for a slot, summed up at each request (xprt).",
    )),
    transport(Family::gauge(
        "node_mountstats_nfs_transport_maximum_rpc_slots",
        "Most requests that were under way at one time (xprt).",
    )),
    transport(Family::counter(
        "node_mountstats_nfs_transport_sending_queue_total",
        "Length of the queue for sending, summed up at each request (xprt).",
    )),
    transport(Family::counter(
        "node_mountstats_nfs_transport_pending_queue_total",
        "Length of the queue for answers, summed up at each request (xprt).",
    )),
];

/// In the order of the line's numbers.
pub(super) const OPERATIONS: [Family; 8] = [
    operation("node_mountstats_nfs_operations_requests_total", "Requests (per-op statistics)."),
    operation(
        "node_mountstats_nfs_operations_transmissions_total",
        "Requests that were sent, those sent again included (per-op statistics).",
    ),
    operation(
        "node_mountstats_nfs_operations_major_timeouts_total",
        "Requests that had no answer after all attempts (per-op statistics).",
    ),
    operation(
        "node_mountstats_nfs_operations_sent_bytes_total",
        "Bytes of requests, with the headers of RPC (per-op statistics).",
    ),
    operation(
        "node_mountstats_nfs_operations_received_bytes_total",
        "Bytes of answers, with the headers of RPC (per-op statistics).",
    ),
    operation(
        "node_mountstats_nfs_operations_queue_time_seconds_total",
        "Time that requests waited until they were sent (per-op statistics).",
    ),
    operation(
        "node_mountstats_nfs_operations_response_time_seconds_total",
        "Time from the sending of requests to their answers (per-op statistics).",
    ),
    operation(
        "node_mountstats_nfs_operations_request_time_seconds_total",
        "Time from the making of requests to their end (per-op statistics).",
    ),
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

const fn transport(family: Family) -> Family {
    family.labels(&["export", "protocol", "mountaddr", "transport"])
}

const fn operation(name: &'static str, help: &'static str) -> Family {
    Family::counter(name, help).labels(&["export", "protocol", "mountaddr", "operation"])
}
