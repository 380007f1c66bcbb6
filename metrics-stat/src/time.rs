//! The machine's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use relink_core::{Collector, Error, Family, Paths, Samples};

pub(crate) const TIME: Family =
    Family::gauge("node_time_seconds", "The machine's clock at the collection, in Unix time.");

pub(crate) struct Time;

impl Time {
    pub(crate) fn new(_: &Paths) -> Result<Self, Error> {
        Ok(Time)
    }
}

impl Collector for Time {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        out.push(&TIME, [], now());
        Ok(())
    }
}

/// Seconds since 1970. A clock that is set to an earlier time is shown so.
pub(crate) fn now() -> f64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}
