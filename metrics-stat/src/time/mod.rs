//! The machine's clock, what it counts with, and the time zone.

mod clocksource;
mod zone;

use std::time::{SystemTime, UNIX_EPOCH};

use relink_core::{Collector, Error, Family, Paths, Samples};

use clocksource::ClockSources;
use zone::Zone;

const TIME: Family =
    Family::gauge("node_time_seconds", "The machine's clock at the collection, in Unix time.");

const AVAILABLE: Family = Family::gauge(
    "node_time_clocksource_available_info",
    "Always 1; one for each source that the clock can count with (available_clocksource).",
)
.labels(&["device", "clocksource"]);

const CURRENT: Family = Family::gauge(
    "node_time_clocksource_current_info",
    "Always 1; the source that the clock counts with (current_clocksource).",
)
.labels(&["device", "clocksource"]);

const OFFSET: Family = Family::gauge(
    "node_time_zone_offset_seconds",
    "How far the time zone is ahead of UTC now, summer time included (TZ, /etc/localtime).",
)
.labels(&["time_zone"]);

pub(crate) const FAMILIES: &[Family] = &[AVAILABLE, CURRENT, TIME, OFFSET];

pub(crate) struct Time {
    sources: ClockSources,
    zone: Zone,
}

impl Time {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Time { sources: ClockSources::new(paths), zone: Zone::new(paths, std::env::var("TZ").ok()) })
    }
}

impl Collector for Time {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let now = now();
        self.sources.push(out);
        out.push(&TIME, [], now);
        self.zone.push(now, out);
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
