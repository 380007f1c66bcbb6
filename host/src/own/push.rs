//! The families of the push.

use relink_core::Family;

pub(crate) const SENT: Family =
    Family::counter("relink_push_samples_sent_total", "Samples that a target has taken.").labels(&["target"]);
pub(crate) const DROPPED: Family = Family::counter(
    "relink_push_samples_dropped_total",
    "Samples that a target will not get: queue_full, too_old, damaged on disk, refused with their request, or rejected out \
     of one.",
)
.labels(&["target", "reason"]);
pub(crate) const FAILED: Family = Family::counter(
    "relink_push_requests_failed_total",
    "Requests that a target did not take, each attempt.",
)
.labels(&["target"]);
pub(crate) const RETRIED: Family =
    Family::counter("relink_push_requests_retried_total", "Requests that were sent again.")
        .labels(&["target"]);
pub(crate) const QUEUE_LENGTH: Family = Family::gauge(
    "relink_push_queue_length",
    "Requests that wait for a target, the one on its way included.",
)
.labels(&["target"]);
pub(crate) const QUEUE_BYTES: Family =
    Family::gauge("relink_push_queue_bytes", "Size of the requests that wait for a target.")
        .labels(&["target"]);
pub(crate) const QUEUE_SAMPLES: Family =
    Family::gauge("relink_push_queue_samples", "Samples in the requests that wait for a target.")
        .labels(&["target"]);
pub(crate) const QUEUE_AGE: Family = Family::gauge(
    "relink_push_queue_age_seconds",
    "How long ago the oldest samples that wait for a target were due; 0 when none wait.",
)
.labels(&["target"]);
pub(crate) const QUEUE_ON_DISK: Family = Family::gauge(
    "relink_push_queue_on_disk",
    "Whether what waits for a target is kept on disk; 0 where it is in memory only, by choice or for want of a disk.",
)
.labels(&["target"]);
pub(crate) const DAMAGED: Family = Family::counter(
    "relink_push_queue_damaged_bytes_total",
    "Bytes of the requests on disk that could not be read.",
)
.labels(&["target"]);
pub(crate) const LAST_SUCCESS: Family = Family::gauge(
    "relink_push_last_success_timestamp_seconds",
    "When a target last took a request, in seconds since 1970; 0 before the first.",
)
.labels(&["target"]);
pub(crate) const LOST: Family = Family::counter(
    "relink_push_lost_total",
    "How often an image started with empty queues because those handed over could not be read.",
);
