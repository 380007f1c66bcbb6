//! When collections are due.
//!
//! The times stand on the clock, at whole intervals plus a part of one that is this instance's own: so they follow each
//! other evenly also over a reload or a restart, and many agents do not all push at the same moment. What the samples
//! are stamped with is the time at which their collection was due, as the next image would stamp them too.

use std::time::Duration;

/// When collections are due. All times are in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    interval: u64,
    offset: u64,
}

impl Due {
    pub(super) fn new(interval: Duration, instance: &str) -> Self {
        let interval = interval.as_millis() as u64;
        Due { interval, offset: u64::from(crc32fast::hash(instance.as_bytes())) % interval }
    }

    /// When the collection after `last` is due; in the past if it is late.
    ///
    /// One that is late by less than an interval is made up for, as after the pause of a reload. Of those that were
    /// missed altogether, in a suspend or by a clock that was set, only the latest is made. A `last` that can't be
    /// followed (there was none, the interval was another, the clock was set back) is set to the latest time that
    /// was due.
    pub(super) fn after(self, last: &mut u64, now: u64) -> u64 {
        let latest = now.saturating_sub(self.offset) / self.interval * self.interval + self.offset;
        if *last == 0 || *last % self.interval != self.offset || *last > now + self.interval {
            *last = latest;
        }
        latest.max(*last + self.interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUE: Due = Due { interval: 1000, offset: 300 };

    fn after(mut last: u64, now: u64) -> u64 {
        DUE.after(&mut last, now)
    }

    #[test]
    fn one_follows_the_other_by_the_interval() {
        assert_eq!(after(50_300, 50_300), 51_300);
        assert_eq!(after(50_300, 50_301), 51_300);
        // Late, and so late that one was missed.
        assert_eq!(after(50_300, 51_900), 51_300);
        assert_eq!(after(50_300, 52_299), 51_300);
        assert_eq!(after(50_300, 52_300), 52_300);
        assert_eq!(after(50_300, 99_999), 99_300);
        // Woken a little early: the one before is not made twice.
        assert_eq!(after(50_300, 50_290), 51_300);
    }

    #[test]
    fn without_one_to_follow_it_begins_at_the_next_time() {
        for unusable in [0, 50_000, 70_300] {
            let mut last = unusable;
            assert_eq!(DUE.after(&mut last, 50_100), 50_300, "after {unusable}");
            assert_eq!(DUE.after(&mut last, 50_299), 50_300);
            assert_eq!(DUE.after(&mut last, 50_300), 50_300, "and comes to pass");
            assert_eq!(last, 49_300);
        }
    }

    #[test]
    fn instances_are_spread() {
        let offsets = ["a", "b", "c"].map(|name| Due::new(Duration::from_secs(15), name).offset);
        assert!(offsets[0] != offsets[1] && offsets[1] != offsets[2], "{offsets:?}");
        assert!(offsets.iter().all(|&offset| offset < 15_000));
    }
}
