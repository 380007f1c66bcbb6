//! What the plugin emits.

use relink_core::Family;

pub(crate) const BOOT_TIME: Family =
    Family::gauge("node_boot_time_seconds", "When the machine started, in Unix time (/proc/stat).");
pub(crate) const TIME: Family =
    Family::gauge("node_time_seconds", "The machine's clock at the collection, in Unix time.");
pub(crate) const CONTEXT_SWITCHES: Family = Family::counter(
    "node_context_switches_total",
    "Times that a CPU went from one task to another since boot (/proc/stat).",
);
pub(crate) const INTERRUPTS: Family =
    Family::counter("node_intr_total", "Interrupts since boot, of all kinds together (/proc/stat).");
pub(crate) const FORKS: Family =
    Family::counter("node_forks_total", "Processes and threads that were started since boot (/proc/stat).");
pub(crate) const PROCS_RUNNING: Family =
    Family::gauge("node_procs_running", "Tasks that run or wait for a CPU (/proc/stat).");
pub(crate) const PROCS_BLOCKED: Family =
    Family::gauge("node_procs_blocked", "Tasks that wait for I/O and can't be interrupted (/proc/stat).");
pub(crate) const FILES_ALLOCATED: Family = Family::gauge(
    "node_filefd_allocated",
    "Open files of the whole machine, as the kernel counts them (/proc/sys/fs/file-nr).",
);
pub(crate) const FILES_MAXIMUM: Family = Family::gauge(
    "node_filefd_maximum",
    "How many open files the kernel allows on the whole machine (/proc/sys/fs/file-nr).",
);
pub(crate) const UNAME: Family =
    Family::gauge("node_uname_info", "Always 1; the labels say which kernel runs and on what (uname).")
        .labels(&["sysname", "release", "version", "machine", "nodename", "domainname"]);

pub(crate) const INTERRUPTS_BY_CPU: Family =
    Family::counter("node_interrupts_total", "Times that an interrupt interrupted a CPU (/proc/interrupts).")
        .labels(&["cpu", "type", "info", "devices"]);
