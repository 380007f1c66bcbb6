//! How the kernel disciplines the clock: adjtimex(2), which changes nothing when it is asked for nothing.

mod adjtimex;

use relink_core::{Context, Error, Samples};

use self::adjtimex::Clock;
use crate::families::*;

/// Offset and jitter are in nanoseconds, and in microseconds without this bit of the status.
const STA_NANO: i32 = 0x2000;
/// A frequency is in millionths, with 16 bits behind the point.
const PPM: f64 = 1e6 * 65536.0;

/// A container may have been denied the call; then there is nothing to show.
pub(crate) fn collect(out: &mut Samples) -> Result<(), Error> {
    if let Some(clock) = adjtimex::read().context("adjtimex")? {
        push(&clock, out);
    }
    Ok(())
}

fn push(clock: &Clock, out: &mut Samples) {
    let fraction = if clock.status & STA_NANO != 0 { 1e9 } else { 1e6 };
    for (family, value) in [
        (&TIMEX_SYNC_STATUS, f64::from(u8::from(clock.synchronised))),
        (&TIMEX_OFFSET, clock.offset as f64 / fraction),
        (&TIMEX_FREQUENCY, 1.0 + clock.freq as f64 / PPM),
        (&TIMEX_MAX_ERROR, clock.maxerror as f64 / 1e6),
        (&TIMEX_ESTIMATED_ERROR, clock.esterror as f64 / 1e6),
        (&TIMEX_STATUS, f64::from(clock.status)),
        (&TIMEX_LOOP_CONSTANT, clock.constant as f64),
        (&TIMEX_TICK, clock.tick as f64 / 1e6),
        (&TIMEX_PPS_FREQUENCY, clock.ppsfreq as f64 / PPM),
        (&TIMEX_PPS_JITTER, clock.jitter as f64 / fraction),
        (&TIMEX_PPS_SHIFT, f64::from(clock.shift)),
        (&TIMEX_PPS_STABILITY, clock.stabil as f64 / PPM),
        (&TIMEX_PPS_JITTERS, clock.jitcnt as f64),
        (&TIMEX_PPS_CALIBRATIONS, clock.calcnt as f64),
        (&TIMEX_PPS_ERRORS, clock.errcnt as f64),
        (&TIMEX_PPS_STABILITIES, clock.stbcnt as f64),
        (&TIMEX_TAI_OFFSET, f64::from(clock.tai)),
    ] {
        out.push(family, [], value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use relink_core::registry;

    fn pushed(clock: &Clock) -> Vec<f64> {
        let mut out = Samples::new(registry::plugins()[0].families, 100);
        push(clock, &mut out);
        assert!(out.fault().is_none());
        out.values().to_vec()
    }

    #[test]
    fn units_are_seconds_and_ratios() {
        let mut clock = Clock {
            synchronised: true,
            offset: 1500,
            freq: 32_768_000,
            maxerror: 16_000_000,
            esterror: 500,
            status: 0x2001,
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
        let nano = pushed(&clock);
        assert_eq!(nano[..9], [1.0, 1.5e-6, 1.0005, 16.0, 0.0005, 8193.0, 7.0, 0.01, 1e-6]);
        assert_eq!(nano[9..], [2e-6, 4.0, 0.0, 1.0, 2.0, 3.0, 4.0, 37.0]);
        clock.status = 0x40;
        clock.synchronised = false;
        let micro = pushed(&clock);
        assert_eq!((micro[0], micro[1], micro[9]), (0.0, 1.5e-3, 2e-3));
    }

    #[test]
    fn this_kernel_answers_or_denies() {
        if let Some(clock) = adjtimex::read().expect("an answer or a denial") {
            assert!((5_000..20_000).contains(&clock.tick), "{}", clock.tick);
        }
    }
}
