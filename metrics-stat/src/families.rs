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

// The clock's discipline: adjtimex(2), whose manual page explains the fields.
pub(crate) const TIMEX_SYNC_STATUS: Family = Family::gauge(
    "node_timex_sync_status",
    "Whether the clock is synchronised to a reliable server (result of adjtimex).",
);
pub(crate) const TIMEX_OFFSET: Family = Family::gauge(
    "node_timex_offset_seconds",
    "Offset of the clock from its reference, which the kernel is about to correct (adjtimex, offset).",
);
pub(crate) const TIMEX_FREQUENCY: Family = Family::gauge(
    "node_timex_frequency_adjustment_ratio",
    "How fast the clock is made to go against its oscillator (adjtimex, freq).",
);
pub(crate) const TIMEX_MAX_ERROR: Family = Family::gauge(
    "node_timex_maxerror_seconds",
    "The most by which the clock can be wrong (adjtimex, maxerror).",
);
pub(crate) const TIMEX_ESTIMATED_ERROR: Family = Family::gauge(
    "node_timex_estimated_error_seconds",
    "By how much the clock is thought to be wrong (adjtimex, esterror).",
);
pub(crate) const TIMEX_STATUS: Family =
    Family::gauge("node_timex_status", "The clock's STA_ bits as a number (adjtimex, status).");
pub(crate) const TIMEX_LOOP_CONSTANT: Family = Family::gauge(
    "node_timex_loop_time_constant",
    "Time constant of the phase-locked loop (adjtimex, constant).",
);
pub(crate) const TIMEX_TICK: Family =
    Family::gauge("node_timex_tick_seconds", "Time between two ticks of the clock (adjtimex, tick).");
pub(crate) const TIMEX_PPS_FREQUENCY: Family = Family::gauge(
    "node_timex_pps_frequency_hertz",
    "Frequency of the pulse-per-second signal (adjtimex, ppsfreq).",
);
pub(crate) const TIMEX_PPS_JITTER: Family = Family::gauge(
    "node_timex_pps_jitter_seconds",
    "Jitter of the pulse-per-second signal (adjtimex, jitter).",
);
pub(crate) const TIMEX_PPS_SHIFT: Family = Family::gauge(
    "node_timex_pps_shift_seconds",
    "Duration of a calibration interval of the pulse-per-second signal (adjtimex, shift).",
);
pub(crate) const TIMEX_PPS_STABILITY: Family = Family::gauge(
    "node_timex_pps_stability_hertz",
    "How much the pulse-per-second frequency wanders: the mean of recent changes (adjtimex, stabil).",
);
pub(crate) const TIMEX_PPS_JITTERS: Family = Family::counter(
    "node_timex_pps_jitter_total",
    "Times that the jitter of the pulse-per-second signal passed its limit (adjtimex, jitcnt).",
);
pub(crate) const TIMEX_PPS_CALIBRATIONS: Family = Family::counter(
    "node_timex_pps_calibration_total",
    "Calibration intervals of the pulse-per-second signal (adjtimex, calcnt).",
);
pub(crate) const TIMEX_PPS_ERRORS: Family = Family::counter(
    "node_timex_pps_error_total",
    "Calibration errors of the pulse-per-second signal (adjtimex, errcnt).",
);
pub(crate) const TIMEX_PPS_STABILITIES: Family = Family::counter(
    "node_timex_pps_stability_exceeded_total",
    "Times that the pulse-per-second signal passed its stability limit (adjtimex, stbcnt).",
);
pub(crate) const TIMEX_TAI_OFFSET: Family = Family::gauge(
    "node_timex_tai_offset_seconds",
    "By how much International Atomic Time is ahead of UTC (adjtimex, tai).",
);
