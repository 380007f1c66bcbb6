//! When a collector that failed badly is tried again.

use std::time::{Duration, Instant};

/// The first pause; each further failure in a row doubles it.
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause, so that a machine that has recovered is seen again within a minute.
const CAP: Duration = Duration::from_secs(60);

/// Counts the bad failures in a row (a panic, a call past its deadline) and says when to try again.
///
/// An error that a collector returns is not a bad failure: it cost little and left the collector sound, so the next
/// scrape simply tries again.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    retry_at: Option<Instant>,
}

impl Breaker {
    pub(crate) fn failed(&mut self, now: Instant) {
        let pause = FIRST.saturating_mul(1 << self.failures.min(16)).min(CAP);
        self.failures += 1;
        self.retry_at = Some(now + pause);
    }

    pub(crate) fn succeeded(&mut self) {
        *self = Breaker::default();
    }

    /// How long the collector still rests, if it does.
    pub(crate) fn rests(&self, now: Instant) -> Option<Duration> {
        self.retry_at.and_then(|at| at.checked_duration_since(now)).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_to_a_minute_and_a_success_ends_it() {
        let start = Instant::now();
        let mut breaker = Breaker::default();
        assert_eq!(breaker.rests(start), None);
        let mut pauses = Vec::new();
        for _ in 0..40 {
            breaker.failed(start);
            pauses.push(breaker.rests(start).unwrap().as_secs());
        }
        assert_eq!(pauses[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pauses[39], 60);
        assert_eq!(breaker.rests(start + CAP), None, "the pause is over");
        breaker.succeeded();
        breaker.failed(start);
        assert_eq!(breaker.rests(start).unwrap().as_secs(), 1);
    }
}
