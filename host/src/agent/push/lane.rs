//! One target: its queue, its counters, and the thread that sends to it. Targets know nothing of each other.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use relink_core::{Context, Error};
use tokio::sync::watch;

use super::client::{Answer, Client};
use super::otlp;
use super::queue::{Batch, Next, Outcome, Queue};
use crate::journal::unix_seconds;
use crate::lock::lock;
use crate::settings::push::{Kind, Target};

/// One target.
pub(super) struct Lane {
    pub(super) name: String,
    pub(super) kind: Kind,
    client: Client,
    state: Mutex<State>,
    /// Told when there may be something to send.
    wake: Condvar,
    /// Told when a request has ended.
    ended: watch::Sender<()>,
}

struct State {
    queue: Queue,
    tally: Tally,
    /// Nothing more is sent: a reload is about to hand the queue over.
    resting: bool,
    /// What the log was last told, so that it is told once.
    told: Told,
}

#[derive(PartialEq)]
enum Told {
    Nothing,
    /// It does not answer, or not well.
    Failing,
    /// It refuses, with this status.
    Refusing(u16),
}

/// What has been counted of a target; carried from image to image.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct Tally {
    /// Samples that the target has taken.
    #[prost(uint64, tag = "1")]
    pub(super) sent: u64,
    /// Samples dropped because the queue was full.
    #[prost(uint64, tag = "2")]
    pub(super) full: u64,
    /// Samples dropped because the target refused the request.
    #[prost(uint64, tag = "3")]
    pub(super) refused: u64,
    /// Samples that the target left out of a request that it took.
    #[prost(uint64, tag = "4")]
    pub(super) rejected: u64,
    /// Requests that were not taken.
    #[prost(uint64, tag = "5")]
    pub(super) failures: u64,
    /// Requests that were sent again.
    #[prost(uint64, tag = "6")]
    pub(super) retries: u64,
    /// When the target last took a request, in seconds since 1970.
    #[prost(double, tag = "7")]
    pub(super) last_success: f64,
}

/// A lane at one moment, for `/metrics` and the hand-over.
#[derive(Default)]
pub(super) struct LaneState {
    pub(super) tally: Tally,
    pub(super) batches: Vec<Batch>,
    /// How long the target has to be left alone still.
    pub(super) wait: Duration,
}

impl Lane {
    pub(super) fn new(target: &Target, queue_bytes: usize) -> Result<Self, Error> {
        let queue = Queue::new(queue_bytes, *target.min_backoff, *target.max_backoff);
        Ok(Lane {
            name: target.name(),
            kind: target.kind,
            client: Client::new(target)?,
            state: Mutex::new(State { queue, tally: Tally::default(), resting: false, told: Told::Nothing }),
            wake: Condvar::new(),
            ended: watch::Sender::new(()),
        })
    }

    /// Goes on where the image before was.
    pub(super) fn take_over(&self, inherited: LaneState) {
        let mut state = self.lock();
        state.tally = inherited.tally;
        if !inherited.wait.is_zero() {
            state.queue.wait_until(Instant::now() + inherited.wait);
        }
        drop(state);
        inherited.batches.into_iter().for_each(|batch| self.push(batch));
    }

    /// Starts the thread that sends.
    pub(super) fn start(self: &Arc<Self>) -> Result<(), Error> {
        let lane = Arc::clone(self);
        let thread = std::thread::Builder::new().name("push".to_owned());
        thread.spawn(move || lane.send_all()).context("starting a thread to push")?;
        Ok(())
    }

    /// Puts a request at the end of the queue. Never waits for the target.
    pub(super) fn push(&self, batch: Batch) {
        let mut state = self.lock();
        let dropped = state.queue.push(batch);
        if !dropped.is_empty() {
            if state.tally.full == 0 {
                tracing::warn!(
                    "push to {}: the queue is full; from now on the oldest are dropped",
                    self.name
                );
            }
            state.tally.full += dropped.iter().map(|batch| u64::from(batch.samples)).sum::<u64>();
        }
        drop(state);
        self.wake.notify_one();
    }

    pub(super) fn current(&self) -> LaneState {
        let state = self.lock();
        let wait = state.queue.not_before().map(|until| until.saturating_duration_since(Instant::now()));
        LaneState {
            tally: state.tally,
            batches: state.queue.batches().cloned().collect(),
            wait: wait.unwrap_or_default(),
        }
    }

    /// Counters, length and bytes of the queue.
    pub(super) fn figures(&self) -> (Tally, usize, usize) {
        let state = self.lock();
        (state.tally, state.queue.len(), state.queue.bytes())
    }

    /// Begins no further request, or goes on.
    pub(super) fn set_resting(&self, resting: bool) {
        self.lock().resting = resting;
        self.wake.notify_one();
    }

    /// The next request goes at once, whatever failed before.
    pub(super) fn hurry(&self) {
        self.lock().queue.hurry();
        self.wake.notify_one();
    }

    /// Waits until no request is on its way.
    pub(super) async fn is_at_rest(&self) {
        self.until(|queue| !queue.is_sending()).await;
    }

    /// Waits until all has been delivered.
    pub(super) async fn is_empty(&self) {
        self.until(|queue| queue.len() == 0).await;
    }

    async fn until(&self, holds: impl Fn(&Queue) -> bool) {
        let mut ended = self.ended.subscribe();
        while !holds(&self.lock().queue) {
            // The sender lives as long as `self`.
            let _ = ended.changed().await;
        }
    }

    fn send_all(&self) {
        loop {
            let batch = self.next();
            let answer = self.client.post(&batch.body);
            self.settle(&batch, answer);
            self.ended.send_replace(());
        }
    }

    /// Waits for a request that may be sent now.
    fn next(&self) -> Batch {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let next = if state.resting { Next::Nothing } else { state.queue.next(now) };
            state = match next {
                Next::Send(batch) => {
                    state.tally.retries += u64::from(state.queue.has_failed());
                    return batch;
                }
                Next::WaitUntil(until) => {
                    let woken = self.wake.wait_timeout(state, until - now);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                Next::Nothing => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Takes note of how a request ended.
    fn settle(&self, batch: &Batch, answer: Result<Answer, Error>) {
        let outcome = match &answer {
            Ok(answer) => answer.outcome(self.kind),
            Err(_) => Outcome::Failed { retry_after: None },
        };
        let mut state = self.lock();
        let samples = u64::from(batch.samples);
        match outcome {
            Outcome::Delivered => {
                let left_out = answer.as_ref().ok().and_then(|answer| self.left_out(answer));
                let rejected = left_out.as_ref().map_or(0, |(count, _)| (*count).min(samples));
                if let Some((_, why)) = left_out.filter(|_| state.tally.rejected == 0) {
                    tracing::warn!(
                        "push to {}: {rejected} samples of a request were left out: {why}",
                        self.name
                    );
                }
                state.tally.sent += samples - rejected;
                state.tally.rejected += rejected;
                state.tally.last_success = unix_seconds();
            }
            Outcome::Refused => {
                state.tally.failures += 1;
                state.tally.refused += samples;
            }
            Outcome::Failed { .. } => state.tally.failures += 1,
        }
        state.queue.ended(outcome, Instant::now(), random());
        self.tell(&mut state, outcome, &answer);
    }

    fn left_out(&self, answer: &Answer) -> Option<(u64, String)> {
        (self.kind == Kind::Otlp).then(|| otlp::rejected(&answer.body))?
    }

    /// Tells the log of a change for the worse or the better, and nothing in between.
    fn tell(&self, state: &mut State, outcome: Outcome, answer: &Result<Answer, Error>) {
        let words = || match answer {
            Ok(answer) => answer.words(),
            Err(error) => error.to_string(),
        };
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        let now = match outcome {
            Outcome::Delivered => Told::Nothing,
            Outcome::Refused => Told::Refusing(status),
            Outcome::Failed { .. } => Told::Failing,
        };
        if now == state.told {
            return;
        }
        let (name, waiting) = (&self.name, state.queue.len());
        match outcome {
            Outcome::Delivered => tracing::warn!("push to {name} works again; {waiting} requests wait"),
            Outcome::Refused => {
                tracing::warn!("push to {name}: a request was refused and is dropped: {}", words())
            }
            Outcome::Failed { .. } => {
                tracing::warn!("push to {name} failed and will be tried again: {}", words())
            }
        }
        state.told = now;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// From 0 to 1. std's maps are seeded by chance, which is all the chance that is needed here.
fn random() -> f64 {
    RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_spread_from_0_to_1() {
        let numbers: Vec<f64> = (0..1000).map(|_| random()).collect();
        assert!(numbers.iter().all(|number| (0.0..=1.0).contains(number)));
        let low = numbers.iter().filter(|&&number| number < 0.5).count();
        assert!((350..650).contains(&low), "{low} of 1000 in the lower half");
    }
}
