//! How the kernel disciplines the clock: adjtimex(2), which changes nothing when it is asked for nothing, and whose manual
//! page explains the fields. Only Linux has it.

#[cfg(target_os = "linux")]
mod adjtimex;

use relink_core::{Collector, Error, Family, Paths, Samples};

pub(crate) const FAMILIES: &[Family] = &[
    Family::gauge(
        "node_timex_sync_status",
        "Whether the clock is synchronised to a reliable server (result of adjtimex).",
    ),
    Family::gauge(
        "node_timex_offset_seconds",
        "Offset of the clock from its reference, which the kernel is about to correct (adjtimex, offset).",
    ),
    Family::gauge(
        "node_timex_frequency_adjustment_ratio",
        "How fast the clock is made to go against its oscillator (adjtimex, freq).",
    ),
    Family::gauge(
        "node_timex_maxerror_seconds",
        "The most by which the clock can be wrong (adjtimex, maxerror).",
    ),
    Family::gauge(
        "node_timex_estimated_error_seconds",
        "By how much the clock is thought to be wrong (adjtimex, esterror).",
    ),
    Family::gauge("node_timex_status", "The clock's STA_ bits as a number (adjtimex, status)."),
    Family::gauge(
        "node_timex_loop_time_constant",
        "Time constant of the phase-locked loop (adjtimex, constant).",
    ),
    Family::gauge("node_timex_tick_seconds", "Time between two ticks of the clock (adjtimex, tick)."),
    Family::gauge(
        "node_timex_pps_frequency_hertz",
        "Frequency of the pulse-per-second signal (adjtimex, ppsfreq).",
    ),
    Family::gauge(
        "node_timex_pps_jitter_seconds",
        "Jitter of the pulse-per-second signal (adjtimex, jitter).",
    ),
    Family::gauge(
        "node_timex_pps_shift_seconds",
        "Duration of a calibration interval of the pulse-per-second signal (adjtimex, shift).",
    ),
    Family::gauge(
        "node_timex_pps_stability_hertz",
        "How much the pulse-per-second frequency wanders: the mean of recent changes (adjtimex, stabil).",
    ),
    Family::counter(
        "node_timex_pps_jitter_total",
        "Times that the jitter of the pulse-per-second signal passed its limit (adjtimex, jitcnt).",
    ),
    Family::counter(
        "node_timex_pps_calibration_total",
        "Calibration intervals of the pulse-per-second signal (adjtimex, calcnt).",
    ),
    Family::counter(
        "node_timex_pps_error_total",
        "Calibration errors of the pulse-per-second signal (adjtimex, errcnt).",
    ),
    Family::counter(
        "node_timex_pps_stability_exceeded_total",
        "Times that the pulse-per-second signal passed its stability limit (adjtimex, stbcnt).",
    ),
    Family::gauge(
        "node_timex_tai_offset_seconds",
        "By how much International Atomic Time is ahead of UTC (adjtimex, tai).",
    ),
];

pub(crate) struct Timex;

impl Timex {
    pub(crate) fn new(_: &Paths) -> Result<Self, Error> {
        Ok(Timex)
    }
}

impl Collector for Timex {
    #[cfg(target_os = "linux")]
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        push(adjtimex::read(), out)
    }

    #[cfg(not(target_os = "linux"))]
    fn collect(&mut self, _: &mut Samples) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(target_os = "linux")]
fn push(clock: std::io::Result<adjtimex::Clock>, out: &mut Samples) -> Result<(), Error> {
    match clock {
        Ok(clock) => {
            for (family, value) in FAMILIES.iter().zip(values(&clock)) {
                out.push(family, [], value);
            }
            Ok(())
        }
        // A kernel without the call, or a sandbox that says so.
        Err(why) if why.raw_os_error() == Some(libc::ENOSYS) => Ok(()),
        Err(why) if why.kind() == std::io::ErrorKind::PermissionDenied => {
            let why = Error::from(why).context("adjtimex");
            let hint = "allow it in the container's seccomp profile, or with ProtectClock=no in the unit";
            out.warn(why.hint(hint).to_string());
            Ok(())
        }
        Err(why) => Err(Error::from(why).context("adjtimex")),
    }
}

/// The values of the families, in their order.
#[cfg(target_os = "linux")]
fn values(clock: &adjtimex::Clock) -> [f64; 17] {
    /// Offset and jitter are in nanoseconds, and in microseconds without this bit of the status.
    const STA_NANO: i32 = 0x2000;
    /// A frequency is in millionths, with 16 bits behind the point.
    const PPM: f64 = 1e6 * 65536.0;
    let fraction = if clock.status & STA_NANO != 0 { 1e9 } else { 1e6 };
    [
        f64::from(u8::from(clock.synchronised)),
        clock.offset as f64 / fraction,
        1.0 + clock.freq as f64 / PPM,
        clock.maxerror as f64 / 1e6,
        clock.esterror as f64 / 1e6,
        f64::from(clock.status),
        clock.constant as f64,
        clock.tick as f64 / 1e6,
        clock.ppsfreq as f64 / PPM,
        clock.jitter as f64 / fraction,
        f64::from(clock.shift),
        clock.stabil as f64 / PPM,
        clock.jitcnt as f64,
        clock.calcnt as f64,
        clock.errcnt as f64,
        clock.stbcnt as f64,
        f64::from(clock.tai),
    ]
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io;

    use super::adjtimex::Clock;
    use super::*;

    /// What is shown, and what is warned of.
    fn pushed(clock: io::Result<Clock>) -> Result<(Vec<f64>, Vec<String>), Error> {
        let mut out = Samples::new(FAMILIES, 100);
        push(clock, &mut out)?;
        assert!(out.fault().is_none());
        Ok((out.values().to_vec(), out.warnings().to_vec()))
    }

    #[test]
    fn units_are_seconds_and_ratios() {
        let clock = |status, synchronised| Clock {
            synchronised,
            offset: 1500,
            freq: 32_768_000,
            maxerror: 16_000_000,
            esterror: 500,
            status,
            constant: 7,
            tick: 10_000,
            ppsfreq: 65536,
            jitter: 2000,
            shift: 4,
            stabil: 0,
            jitcnt: 1,
            calcnt: 2,
            errcnt: 3,
            stbcnt: 4,
            tai: 37,
        };
        let (nano, warnings) = pushed(Ok(clock(0x2001, true))).unwrap();
        assert_eq!(nano[..9], [1.0, 1.5e-6, 1.0005, 16.0, 0.0005, 8193.0, 7.0, 0.01, 1e-6]);
        assert_eq!(nano[9..], [2e-6, 4.0, 0.0, 1.0, 2.0, 3.0, 4.0, 37.0]);
        assert!(warnings.is_empty(), "{warnings:?}");
        let (micro, _) = pushed(Ok(clock(0x40, false))).unwrap();
        assert_eq!((micro[0], micro[1], micro[9]), (0.0, 1.5e-3, 2e-3));
    }

    #[test]
    fn a_kernel_without_the_call_is_nothing_and_a_denial_is_told() {
        let refused = |errno| pushed(Err(io::Error::from_raw_os_error(errno)));
        assert_eq!(refused(libc::ENOSYS).unwrap(), (vec![], vec![]));
        for errno in [libc::EPERM, libc::EACCES] {
            let (values, warnings) = refused(errno).unwrap();
            let [warning] = &warnings[..] else { panic!("{warnings:?}") };
            assert!(values.is_empty() && warning.starts_with("adjtimex: "), "{warning}");
            assert!(warning.contains("ed (os error ") && warning.contains("ProtectClock=no"), "{warning}");
        }
        let error = refused(libc::EINVAL).unwrap_err();
        assert!(error.message().starts_with("adjtimex: Invalid argument"), "{error}");
    }

    #[test]
    fn this_kernel_answers_or_denies() {
        match adjtimex::read() {
            Ok(clock) => assert!((5_000..20_000).contains(&clock.tick), "{}", clock.tick),
            Err(why) => {
                let is_denied = why.kind() == io::ErrorKind::PermissionDenied;
                assert!(is_denied || why.raw_os_error() == Some(libc::ENOSYS), "{why}");
            }
        }
    }
}
