//! What a target has not taken yet: in order, bounded, and with a wait after each failure. Pure: time is told to it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

/// The longest that a target may ask us to wait. One that is broken, or whose clock is, must not silence us for ever.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// One request: its body, ready to be sent, and how many samples are in it. The body is shared by all targets that
/// speak the same protocol.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Batch {
    pub(super) body: Bytes,
    pub(super) samples: u32,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outcome {
    /// The target has it.
    Delivered,
    /// The target does not want it, and would not another time.
    Refused,
    /// To be sent again: at the earliest after the back-off, and after the time that the target asks for.
    Failed { retry_after: Option<Duration> },
}

/// What a sender has to do next.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    Send(Batch),
    /// Something failed a moment ago.
    WaitUntil(Instant),
    Nothing,
}

/// The queue of one target.
#[derive(Debug)]
pub(super) struct Queue {
    batches: VecDeque<Batch>,
    bytes: usize,
    bound: usize,
    /// The first batch is on its way.
    sending: bool,
    min_backoff: Duration,
    max_backoff: Duration,
    /// How often in a row it has failed.
    failures: u32,
    not_before: Option<Instant>,
}

impl Queue {
    pub(super) fn new(bound: usize, min_backoff: Duration, max_backoff: Duration) -> Self {
        Queue {
            batches: VecDeque::new(),
            bytes: 0,
            bound,
            sending: false,
            min_backoff,
            max_backoff,
            failures: 0,
            not_before: None,
        }
    }

    /// Puts a batch at the end, and returns what had to be dropped for it: the oldest, but not the one on its way.
    pub(super) fn push(&mut self, batch: Batch) -> Vec<Batch> {
        self.bytes += batch.body.len();
        self.batches.push_back(batch);
        let mut dropped = Vec::new();
        while self.bytes > self.bound
            && let Some(oldest) = self.batches.remove(usize::from(self.sending))
        {
            self.bytes -= oldest.body.len();
            dropped.push(oldest);
        }
        dropped
    }

    /// What to do now. A batch that is to be sent counts as on its way until [`Queue::ended`].
    pub(super) fn next(&mut self, now: Instant) -> Next {
        match (self.batches.front(), self.not_before) {
            (None, _) => Next::Nothing,
            (Some(_), Some(until)) if until > now => Next::WaitUntil(until),
            (Some(batch), _) => {
                self.sending = true;
                Next::Send(batch.clone())
            }
        }
    }

    /// The request on its way has ended. `random` is from 0 to 1.
    pub(super) fn ended(&mut self, outcome: Outcome, now: Instant, random: f64) {
        self.sending = false;
        match outcome {
            Outcome::Delivered | Outcome::Refused => {
                self.failures = 0;
                self.not_before = None;
                if let Some(batch) = self.batches.pop_front() {
                    self.bytes -= batch.body.len();
                }
            }
            Outcome::Failed { retry_after } => {
                // The greater of the two: a target that asks for less, such as 0, is one that can't keep up already.
                let asked = retry_after.unwrap_or_default().min(LONGEST_WAIT);
                let wait = self.backoff(random).max(asked);
                self.failures = self.failures.saturating_add(1);
                self.not_before = Some(now + wait);
            }
        }
    }

    /// Doubled from failure to failure. The upper half is by chance, so that agents that were cut off together do not
    /// come back together.
    fn backoff(&self, random: f64) -> Duration {
        let doubled = self.min_backoff.saturating_mul(1 << self.failures.min(20));
        doubled.min(self.max_backoff).mul_f64(0.5 + 0.5 * random.clamp(0.0, 1.0))
    }

    /// The next batch may go at once, whatever failed before.
    pub(super) fn hurry(&mut self) {
        self.not_before = None;
    }

    pub(super) fn wait_until(&mut self, until: Instant) {
        self.not_before = Some(until);
    }

    pub(super) fn not_before(&self) -> Option<Instant> {
        self.not_before
    }

    /// Whether the first batch has been sent before, in vain.
    pub(super) fn has_failed(&self) -> bool {
        self.failures > 0
    }

    pub(super) fn is_sending(&self) -> bool {
        self.sending
    }

    pub(super) fn len(&self) -> usize {
        self.batches.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn batches(&self) -> impl Iterator<Item = &Batch> {
        self.batches.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(bound: usize) -> Queue {
        Queue::new(bound, Duration::from_secs(1), Duration::from_secs(10))
    }

    fn batch(name: u8, bytes: usize) -> Batch {
        Batch { body: Bytes::from(vec![name; bytes]), samples: u32::from(name) }
    }

    fn names(queue: &Queue) -> Vec<u8> {
        queue.batches().map(|batch| batch.body[0]).collect()
    }

    const FAILED: Outcome = Outcome::Failed { retry_after: None };

    #[test]
    fn batches_go_in_order_and_a_failed_one_goes_again() {
        let (mut queue, now) = (queue(1000), Instant::now());
        assert_eq!(queue.next(now), Next::Nothing);
        queue.push(batch(1, 10));
        queue.push(batch(2, 10));
        assert_eq!(queue.next(now), Next::Send(batch(1, 10)));
        queue.ended(FAILED, now, 1.0);
        let later = now + Duration::from_secs(1);
        assert_eq!(queue.next(now), Next::WaitUntil(later));
        assert_eq!(queue.next(later), Next::Send(batch(1, 10)));
        queue.ended(Outcome::Delivered, later, 1.0);
        assert_eq!(queue.next(later), Next::Send(batch(2, 10)));
        queue.ended(Outcome::Refused, later, 1.0);
        assert_eq!((queue.next(later), queue.len(), queue.bytes()), (Next::Nothing, 0, 0));
    }

    #[test]
    fn the_wait_doubles_up_to_its_bound_with_a_part_by_chance() {
        let (mut queue, mut now) = (queue(1000), Instant::now());
        queue.push(batch(1, 10));
        let mut waits = Vec::new();
        for failure in 0..40 {
            assert!(matches!(queue.next(now), Next::Send(_)));
            queue.ended(FAILED, now, if failure % 2 == 0 { 1.0 } else { 0.0 });
            let until = queue.not_before().unwrap();
            waits.push((until - now).as_secs_f64());
            now = until;
        }
        assert_eq!(waits[..6], [1.0, 1.0, 4.0, 4.0, 10.0, 5.0]);
        assert_eq!(waits[38..], [10.0, 5.0]);
        // What got through ends it.
        queue.push(batch(2, 10));
        queue.next(now);
        queue.ended(Outcome::Delivered, now, 1.0);
        queue.next(now);
        queue.ended(FAILED, now, 1.0);
        assert_eq!(queue.not_before(), Some(now + Duration::from_secs(1)));
    }

    #[test]
    fn the_wait_is_the_greater_of_the_back_off_and_what_the_target_asks_for() {
        let (mut queue, mut now) = (queue(1000), Instant::now());
        queue.push(batch(1, 10));
        // The back-off alone would be 1, 2, 4, 8, 10, 10 … seconds.
        for (asked, waited) in [
            (0, 1),
            (0, 2),
            (3, 4),
            (9, 9),
            (0, 10),
            (10, 10),
            (11, 11),
            (3600, 3600),
            (1 << 40, 3600),
            (0, 10),
        ] {
            assert!(matches!(queue.next(now), Next::Send(_)));
            queue.ended(Outcome::Failed { retry_after: Some(Duration::from_secs(asked)) }, now, 1.0);
            let until = queue.not_before().unwrap();
            assert_eq!(until - now, Duration::from_secs(waited), "asked for {asked} s");
            now = until;
        }
        // What it asks for is not shortened by chance.
        queue.next(now);
        queue.ended(Outcome::Failed { retry_after: Some(Duration::from_secs(10)) }, now, 0.0);
        assert_eq!(queue.not_before(), Some(now + Duration::from_secs(10)));
    }

    #[test]
    fn past_the_bound_the_oldest_go_but_not_the_one_on_its_way() {
        let (mut queue, now) = (queue(100), Instant::now());
        for name in 1..=4 {
            assert_eq!(queue.push(batch(name, 25)), []);
        }
        assert_eq!(queue.push(batch(5, 30)), [batch(1, 25), batch(2, 25)]);
        queue.next(now);
        assert_eq!(queue.push(batch(6, 40)), [batch(4, 25)]);
        assert_eq!(names(&queue), [3, 5, 6]);
        queue.ended(FAILED, now, 0.0);
        // On its way no more: it is the oldest.
        assert_eq!(queue.push(batch(7, 10)), [batch(3, 25)]);
        assert_eq!(queue.bytes(), 80);
        // What does not fit at all is dropped itself, with all that was there.
        assert_eq!(queue.push(batch(8, 101)).len(), 4);
        assert_eq!((queue.len(), queue.bytes()), (0, 0));
        queue.push(batch(9, 50));
        queue.next(now + Duration::from_secs(1));
        assert_eq!(queue.push(batch(10, 60)), [batch(10, 60)]);
        assert_eq!(names(&queue), [9]);
    }
}
