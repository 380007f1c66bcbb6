//! A token bucket for all requests together.

use std::sync::Mutex;
use std::time::Instant;

use super::file::Rate;

use crate::lock::lock;

/// The bucket. It begins full.
#[derive(Default)]
pub(super) struct Bucket(Mutex<Option<Level>>);

struct Level {
    /// The rate it was filled at: another one begins with a full bucket.
    rate: Rate,
    /// How many requests may come now, at `when`.
    tokens: f64,
    when: Instant,
}

impl Bucket {
    /// Whether one more request may come at `now`; if so it is counted.
    pub(super) fn take(&self, rate: Rate, now: Instant) -> bool {
        let mut level = lock(&self.0);
        let full = || Level { rate, tokens: f64::from(rate.burst), when: now };
        let level = match &mut *level {
            Some(level) if level.rate == rate => level,
            other => other.insert(full()),
        };
        let passed = now.saturating_duration_since(level.when).as_secs_f64();
        level.tokens = (level.tokens + passed / rate.interval.as_secs_f64()).min(f64::from(rate.burst));
        level.when = now;
        let takes = level.tokens >= 1.0;
        if takes {
            level.tokens -= 1.0;
        }
        takes
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_an_interval() {
        let bucket = Bucket::default();
        let rate = Rate { interval: Duration::from_secs(1), burst: 3 };
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        assert_eq!([0, 0, 0, 0].map(|ms| bucket.take(rate, at(ms))), [true, true, true, false]);
        assert_eq!(
            [900, 1000, 1100, 1900, 2000].map(|ms| bucket.take(rate, at(ms))),
            [false, true, false, false, true]
        );
        // However long nobody came, no more than a burst.
        assert_eq!([9000; 4].map(|ms| bucket.take(rate, at(ms))), [true, true, true, false]);
        // A clock that stands still, and another rate.
        assert!(!bucket.take(rate, at(8000)));
        assert!(bucket.take(Rate { burst: 1, ..rate }, at(9000)));
        assert!(!bucket.take(Rate { burst: 1, ..rate }, at(9000)));
    }
}
