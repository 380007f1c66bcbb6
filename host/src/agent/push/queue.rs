//! What a target has not taken yet: in order, bounded, and with a wait after each failure. Pure: time is told to it.
//!
//! What waits in memory is newer than all that waits on disk, where that is configured ([`super::spool`]): memory is what
//! is not on disk yet, or can't be.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::spool::{Depth, Dropped};

/// The longest that a target may ask us to wait. One that is broken, or whose clock is, must not silence us for ever.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// One request: its body, ready to be sent, how many samples are in it, and when they were due, in milliseconds since
/// 1970. The body is shared by all targets that speak the same protocol.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Batch {
    pub(super) body: Bytes,
    pub(super) samples: u32,
    pub(super) time: u64,
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
    /// The first batch.
    Send,
    /// Something failed a moment ago, or much waits and it is not yet time for the next.
    WaitUntil(Instant),
    Nothing,
}

/// Where the batch is that is on its way: the first of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnItsWay {
    Nothing,
    InMemory,
    /// The record with this number.
    OnDisk(u64),
    /// Nowhere any more: room had to be made. It is not sent again.
    Dropped,
}

/// The queue of one target.
#[derive(Debug)]
pub(super) struct Queue {
    /// What waits in memory.
    batches: VecDeque<Batch>,
    bytes: usize,
    bound: usize,
    /// What waits on disk.
    pub(super) on_disk: Depth,
    /// So many of the first in memory are being written to disk.
    writing: usize,
    on_its_way: OnItsWay,
    min_backoff: Duration,
    max_backoff: Duration,
    /// Between two requests while more wait.
    pace: Duration,
    /// How often in a row it has failed.
    failures: u32,
    not_before: Option<Instant>,
}

impl Queue {
    pub(super) fn new(bound: usize, min_backoff: Duration, max_backoff: Duration, pace: Duration) -> Self {
        Queue {
            batches: VecDeque::new(),
            bytes: 0,
            bound,
            on_disk: Depth::default(),
            writing: 0,
            on_its_way: OnItsWay::Nothing,
            min_backoff,
            max_backoff,
            pace,
            failures: 0,
            not_before: None,
        }
    }

    /// Puts a batch at the end, and returns what had to be dropped for it: the oldest in memory, but not the one on its way,
    /// nor those that are being written to disk.
    pub(super) fn push(&mut self, batch: Batch) -> Vec<Batch> {
        self.bytes += batch.body.len();
        self.batches.push_back(batch);
        let mut dropped = Vec::new();
        while self.bytes > self.bound
            && let Some(oldest) = self.batches.remove(self.in_use())
        {
            self.bytes -= oldest.body.len();
            dropped.push(oldest);
        }
        dropped
    }

    /// Drops what was due before this time.
    pub(super) fn drop_older(&mut self, than: u64) -> Vec<Batch> {
        let mut dropped = Vec::new();
        while let Some(oldest) = self.batches.get(self.in_use()).filter(|batch| batch.time < than) {
            self.bytes -= oldest.body.len();
            dropped.extend(self.batches.remove(self.in_use()));
        }
        dropped
    }

    /// How many of the first in memory can't be dropped.
    fn in_use(&self) -> usize {
        self.writing.max(usize::from(self.on_its_way == OnItsWay::InMemory))
    }

    /// What to do now.
    pub(super) fn next(&self, now: Instant) -> Next {
        match self.not_before {
            _ if self.len() == 0 => Next::Nothing,
            Some(until) if until > now => Next::WaitUntil(until),
            _ => Next::Send,
        }
    }

    /// The first batch in memory, which counts as on its way until [`Queue::ended`]. To be asked when none waits on disk.
    pub(super) fn take(&mut self) -> Option<Batch> {
        let batch = self.batches.front().cloned();
        if batch.is_some() {
            self.on_its_way = OnItsWay::InMemory;
        }
        batch
    }

    /// The first batch on disk is on its way.
    pub(super) fn taken(&mut self, number: u64) {
        self.on_its_way = OnItsWay::OnDisk(number);
    }

    pub(super) fn on_its_way(&self) -> OnItsWay {
        self.on_its_way
    }

    /// The first in memory that together take no more than so many bytes, and one at least, to be written to disk. They
    /// stay until [`Queue::written`].
    pub(super) fn begin_to_write(&mut self, bytes: u64) -> Vec<Batch> {
        let mut room = bytes;
        let fits = |batch: &&Batch| {
            let size = batch.body.len() as u64;
            let fits = size <= room;
            room = room.saturating_sub(size);
            fits
        };
        let count = self.batches.iter().take_while(fits).count().max(1).min(self.batches.len());
        self.writing = count;
        self.batches.iter().take(count).cloned().collect()
    }

    /// So many of the first in memory are on disk now, with numbers from this one on; none, if that failed.
    pub(super) fn written(&mut self, count: usize, first: u64) {
        self.writing = 0;
        for batch in self.batches.drain(..count.min(self.batches.len())) {
            self.bytes -= batch.body.len();
        }
        if count > 0 && self.on_its_way == OnItsWay::InMemory {
            self.on_its_way = OnItsWay::OnDisk(first);
        }
    }

    /// These were dropped on disk. Returns the samples of the one on its way, if it is among them: it may still arrive.
    pub(super) fn drop_on_disk(&mut self, dropped: &[Dropped]) -> Option<u32> {
        let is_it = |one: &&Dropped| self.on_its_way == OnItsWay::OnDisk(one.number);
        let samples = dropped.iter().find(is_it)?.samples;
        self.on_its_way = OnItsWay::Dropped;
        Some(samples)
    }

    /// What was on disk is there no more.
    pub(super) fn lose_disk(&mut self) {
        self.on_disk = Depth::default();
        if matches!(self.on_its_way, OnItsWay::OnDisk(_)) {
            self.on_its_way = OnItsWay::Dropped;
        }
    }

    /// The request on its way has ended. `random` is from 0 to 1. What waits on disk has to be known by then.
    pub(super) fn ended(&mut self, outcome: Outcome, now: Instant, random: f64) {
        let ended = std::mem::replace(&mut self.on_its_way, OnItsWay::Nothing);
        match outcome {
            Outcome::Delivered | Outcome::Refused => {
                self.failures = 0;
                if ended == OnItsWay::InMemory
                    && let Some(batch) = self.batches.pop_front()
                {
                    self.bytes -= batch.body.len();
                }
                let more = !self.pace.is_zero() && self.len() > 0;
                self.not_before = more.then(|| now + self.pace);
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

    /// All goes at once from now on, whatever failed before.
    pub(super) fn hurry(&mut self) {
        self.pace = Duration::ZERO;
        self.not_before = None;
    }

    pub(super) fn wait_until(&mut self, until: Instant) {
        self.not_before = Some(until);
    }

    pub(super) fn not_before(&self) -> Option<Instant> {
        self.not_before
    }

    /// The longest wait between two attempts, where the target does not ask for more.
    pub(super) fn max_backoff(&self) -> Duration {
        self.max_backoff
    }

    /// Whether the first batch has been sent before, in vain.
    pub(super) fn has_failed(&self) -> bool {
        self.failures > 0
    }

    pub(super) fn is_sending(&self) -> bool {
        self.on_its_way != OnItsWay::Nothing
    }

    /// How many batches wait, the one on its way included.
    pub(super) fn len(&self) -> usize {
        self.batches.len() + self.on_disk.requests as usize
    }

    /// How much waits.
    pub(super) fn depth(&self) -> Depth {
        let samples = self.batches.iter().map(|batch| u64::from(batch.samples)).sum::<u64>();
        Depth {
            requests: self.len() as u64,
            samples: self.on_disk.samples + samples,
            bytes: self.on_disk.bytes + self.bytes as u64,
        }
    }

    /// What waits in memory.
    pub(super) fn batches(&self) -> impl Iterator<Item = &Batch> {
        self.batches.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(bound: usize) -> Queue {
        Queue::new(bound, Duration::from_secs(1), Duration::from_secs(10), Duration::ZERO)
    }

    fn batch(name: u8, bytes: usize) -> Batch {
        Batch { body: Bytes::from(vec![name; bytes]), samples: u32::from(name), time: 1000 * u64::from(name) }
    }

    /// Takes the next batch on its way, if it may go now.
    fn send(queue: &mut Queue, now: Instant) -> Result<Batch, Next> {
        match queue.next(now) {
            Next::Send => Ok(queue.take().unwrap()),
            other => Err(other),
        }
    }

    fn names(queue: &Queue) -> Vec<u8> {
        queue.batches().map(|batch| batch.body[0]).collect()
    }

    const FAILED: Outcome = Outcome::Failed { retry_after: None };

    #[test]
    fn batches_go_in_order_and_a_failed_one_goes_again() {
        let (mut queue, now) = (queue(1000), Instant::now());
        assert_eq!(send(&mut queue, now), Err(Next::Nothing));
        queue.push(batch(1, 10));
        queue.push(batch(2, 10));
        assert_eq!(send(&mut queue, now), Ok(batch(1, 10)));
        queue.ended(FAILED, now, 1.0);
        let later = now + Duration::from_secs(1);
        assert_eq!(send(&mut queue, now), Err(Next::WaitUntil(later)));
        assert_eq!(send(&mut queue, later), Ok(batch(1, 10)));
        queue.ended(Outcome::Delivered, later, 1.0);
        assert_eq!(send(&mut queue, later), Ok(batch(2, 10)));
        queue.ended(Outcome::Refused, later, 1.0);
        assert_eq!((queue.next(later), queue.depth()), (Next::Nothing, Depth::default()));
    }

    #[test]
    fn the_wait_doubles_up_to_its_bound_with_a_part_by_chance() {
        let (mut queue, mut now) = (queue(1000), Instant::now());
        queue.push(batch(1, 10));
        let mut waits = Vec::new();
        for failure in 0..40 {
            send(&mut queue, now).unwrap();
            queue.ended(FAILED, now, if failure % 2 == 0 { 1.0 } else { 0.0 });
            let until = queue.not_before().unwrap();
            waits.push((until - now).as_secs_f64());
            now = until;
        }
        assert_eq!(waits[..6], [1.0, 1.0, 4.0, 4.0, 10.0, 5.0]);
        assert_eq!(waits[38..], [10.0, 5.0]);
        // What got through ends it.
        queue.push(batch(2, 10));
        send(&mut queue, now).unwrap();
        queue.ended(Outcome::Delivered, now, 1.0);
        send(&mut queue, now).unwrap();
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
            send(&mut queue, now).unwrap();
            queue.ended(Outcome::Failed { retry_after: Some(Duration::from_secs(asked)) }, now, 1.0);
            let until = queue.not_before().unwrap();
            assert_eq!(until - now, Duration::from_secs(waited), "asked for {asked} s");
            now = until;
        }
        // What it asks for is not shortened by chance.
        send(&mut queue, now).unwrap();
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
        send(&mut queue, now).unwrap();
        assert_eq!(queue.push(batch(6, 40)), [batch(4, 25)]);
        assert_eq!(names(&queue), [3, 5, 6]);
        queue.ended(FAILED, now, 0.0);
        // On its way no more: it is the oldest.
        assert_eq!(queue.push(batch(7, 10)), [batch(3, 25)]);
        assert_eq!(queue.depth().bytes, 80);
        // What does not fit at all is dropped itself, with all that was there.
        assert_eq!(queue.push(batch(8, 101)).len(), 4);
        assert_eq!(queue.depth(), Depth::default());
        queue.push(batch(9, 50));
        send(&mut queue, now + Duration::from_secs(1)).unwrap();
        assert_eq!(queue.push(batch(10, 60)), [batch(10, 60)]);
        assert_eq!(names(&queue), [9]);
    }

    #[test]
    fn past_their_age_the_oldest_go_but_not_the_one_on_its_way() {
        let (mut queue, now) = (queue(1000), Instant::now());
        (1..=4).for_each(|name| drop(queue.push(batch(name, 10))));
        send(&mut queue, now).unwrap();
        assert_eq!(queue.drop_older(3000), [batch(2, 10)]);
        queue.ended(FAILED, now, 0.0);
        assert_eq!(queue.drop_older(4000), [batch(1, 10), batch(3, 10)]);
        assert_eq!(queue.depth(), Depth { requests: 1, samples: 4, bytes: 10 });
    }

    #[test]
    fn what_waits_goes_out_at_a_pace_and_what_comes_alone_at_once() {
        let pace = Duration::from_millis(150);
        let (mut queue, now) =
            (Queue::new(1000, Duration::from_secs(1), Duration::from_secs(10), pace), Instant::now());
        (1..=3).for_each(|name| drop(queue.push(batch(name, 10))));
        send(&mut queue, now).unwrap();
        queue.ended(Outcome::Delivered, now, 1.0);
        assert_eq!(queue.next(now), Next::WaitUntil(now + pace));
        send(&mut queue, now + pace).unwrap();
        queue.ended(Outcome::Refused, now + pace, 1.0);
        assert_eq!(queue.next(now + pace), Next::WaitUntil(now + 2 * pace));
        queue.hurry();
        send(&mut queue, now + pace).unwrap();
        queue.ended(Outcome::Delivered, now + pace, 1.0);
        queue.push(batch(4, 10));
        send(&mut queue, now + pace).unwrap();
    }

    #[test]
    fn what_waits_on_disk_is_older_and_what_was_written_moves_there() {
        let (mut queue, now) = (queue(100), Instant::now());
        (1..=3).for_each(|name| drop(queue.push(batch(name, 30))));
        send(&mut queue, now).unwrap();
        assert_eq!(queue.begin_to_write(65), [batch(1, 30), batch(2, 30)]);
        // What is being written is not dropped.
        assert_eq!(queue.push(batch(4, 30)), [batch(3, 30)]);
        queue.written(2, 17);
        queue.on_disk = Depth { requests: 2, samples: 3, bytes: 60 };
        assert_eq!((queue.on_its_way(), names(&queue)), (OnItsWay::OnDisk(17), vec![4]));
        assert_eq!(queue.depth(), Depth { requests: 3, samples: 7, bytes: 90 });
        queue.ended(FAILED, now, 1.0);
        queue.taken(17);
        let dropped = |number, samples| Dropped { number, samples };
        assert_eq!(queue.drop_on_disk(&[dropped(18, 2)]), None);
        assert_eq!(queue.drop_on_disk(&[dropped(17, 1), dropped(18, 2)]), Some(1));
        assert_eq!(queue.on_its_way(), OnItsWay::Dropped);
        queue.ended(Outcome::Delivered, now, 1.0);
        assert_eq!(names(&queue), [4], "nothing in memory was on its way");
        assert_eq!(queue.begin_to_write(1), [batch(4, 30)], "one at least");
        queue.written(0, 0);
        assert_eq!(names(&queue), [4], "it could not be written");
    }
}
