//! When the history takes its next snapshot: by a collection of its own, or by a scrape that comes when one is nearly due.
//!
//! An agent that is scraped as often as it keeps history collects once and not twice: a snapshot waits a moment longer than
//! its pace for the next scrape, whichever of the two is a little late, and also where the scrape came just after a snapshot.

use std::time::{Duration, Instant};

/// What is known of the last snapshot and the last scrape.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pacing {
    taken: Option<Instant>,
    scrape: Option<Scrape>,
}

#[derive(Clone, Copy, Debug)]
struct Scrape {
    at: Instant,
    /// Whether the history waits for the one after it.
    is_waited_for: bool,
}

fn longer(pace: Duration) -> Duration {
    pace + pace / 4
}

impl Pacing {
    /// The last snapshot was taken then.
    pub(super) fn since(taken: Option<Instant>) -> Self {
        Pacing { taken, scrape: None }
    }

    /// How long until the history wants a collection of its own.
    pub(super) fn wait(&self, now: Instant, pace: Duration) -> Duration {
        let waited_for = self.scrape.filter(|scrape| scrape.is_waited_for);
        let scrape = waited_for.map_or(Duration::ZERO, |scrape| left(scrape.at, longer(pace), now));
        self.until_next(now, pace).max(scrape)
    }

    /// There was a scrape. Whether the history takes it.
    pub(super) fn scraped(&mut self, now: Instant, pace: Duration) -> bool {
        let serves = self.until_next(now, pace) < pace / 2;
        let is_regular = self.scrape.is_some_and(|before| now - before.at < longer(pace));
        self.scrape = Some(Scrape { at: now, is_waited_for: serves || is_regular });
        if serves {
            self.taken = Some(now);
        }
        serves
    }

    /// The history begins a collection of its own.
    pub(super) fn collected(&mut self, now: Instant, pace: Duration) {
        // From the time it was due, or a little is lost at each; one that came late is not followed by a burst.
        let due =
            self.taken.map(|taken| taken + pace).filter(|due| now.saturating_duration_since(*due) < pace / 2);
        self.taken = Some(due.unwrap_or(now).min(now));
    }

    fn until_next(&self, now: Instant, pace: Duration) -> Duration {
        self.taken.map_or(Duration::ZERO, |taken| left(taken, pace, now))
    }
}

/// What is left of a time that began then.
fn left(began: Instant, time: Duration, now: Instant) -> Duration {
    time.saturating_sub(now.saturating_duration_since(began))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    /// Lets a minute pass, in milliseconds, with a scrape every so often. How many collections and scrapes were taken.
    fn minute(pace: u64, scrapes: Option<(u64, u64)>) -> (usize, usize) {
        let (start, pace) = (Instant::now(), Duration::from_millis(pace));
        let mut pacing = Pacing::default();
        let (mut collections, mut served) = (0, 0);
        for ms in 0..MINUTE {
            let now = start + Duration::from_millis(ms);
            if let Some((first, every)) = scrapes
                && ms >= first
                && (ms - first) % every == 0
            {
                served += usize::from(pacing.scraped(now, pace));
            } else if pacing.wait(now, pace).is_zero() {
                collections += 1;
                pacing.collected(now, pace);
            }
        }
        (collections, served)
    }

    #[test]
    fn without_scrapes_it_collects_at_each_pace() {
        assert_eq!(minute(1000, None), (60, 0));
        assert_eq!(minute(20_000, None), (3, 0));
    }

    #[test]
    fn regular_scrapes_take_the_place_of_collections() {
        for first in [1, 300, 900] {
            for every in [950, 1000, 1100, 1240] {
                let (collections, served) = minute(1000, Some((first, every)));
                assert!(collections <= 2, "{collections} collections beside a scrape every {every} ms");
                assert!(served >= (MINUTE / every - 2) as usize, "{served} of the scrapes every {every} ms");
            }
            let (collections, served) = minute(20_000, Some((first, 15_000)));
            assert!(collections <= 1 && served >= 3, "{collections} collections, {served} scrapes");
        }
    }

    #[test]
    fn frequent_scrapes_are_not_all_taken_and_rare_ones_hold_nothing_up() {
        let (collections, served) = minute(1000, Some((300, 50)));
        assert!(collections <= 1 && (50..=120).contains(&served), "{collections}, {served}");
        let (collections, served) = minute(1000, Some((300, 15_000)));
        assert!(collections >= 55 && collections + served <= 61, "{collections}, {served}");
    }

    #[test]
    fn a_late_collection_is_followed_by_no_burst() {
        let (start, pace) = (Instant::now(), Duration::from_secs(1));
        let mut pacing = Pacing::since(Some(start));
        let late = start + Duration::from_secs(10);
        assert_eq!(pacing.wait(late, pace), Duration::ZERO);
        pacing.collected(late, pace);
        assert_eq!(pacing.wait(late, pace), pace);
        // Somebody looks, or nobody does any more.
        assert_eq!(pacing.wait(late, pace / 10), pace / 10);
        assert_eq!(pacing.wait(late, pace * 10), pace * 10);
    }
}
