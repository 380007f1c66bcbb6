//! One target: its queue, its counters, and the thread that sends to it. Targets know nothing of each other.
//!
//! Two locks: `disk`, which is held while a file is read or written, and `state`, which is never held for long, so that
//! scrapes and reloads wait for no disk. Who needs both takes `disk` first.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use relink_core::{Context, Error};
use tokio::sync::watch;

use super::client::{Answer, Client};
use super::disk::Disk;
use super::otlp;
use super::queue::{Batch, Next, OnItsWay, Outcome, Queue};
use super::spool::{self, Depth, Reached};
use crate::journal::unix_seconds;
use crate::lock::lock;
use crate::settings::push::{Kind, Settings, Target};

/// One target.
pub(super) struct Lane {
    pub(super) name: String,
    pub(super) kind: Kind,
    client: Client,
    /// Where the queue is kept on disk, if it is.
    pub(super) disk: Option<Mutex<Disk>>,
    /// Where that is.
    pub(super) folder: Option<PathBuf>,
    queue_age: Duration,
    state: Mutex<State>,
    /// Told when there may be something to send.
    wake: Condvar,
    /// Told when a request has ended.
    ended: watch::Sender<()>,
}

pub(super) struct State {
    pub(super) queue: Queue,
    pub(super) tally: Tally,
    /// Nothing more is sent or written to disk: a reload is about to hand the queue over.
    pub(super) resting: bool,
    /// What waits in memory is being written to disk.
    pub(super) flushing: bool,
    /// What was due before this is too old, in milliseconds since 1970.
    pub(super) oldest_allowed: u64,
    /// Why nothing can be written to disk, or not be read there.
    pub(super) trouble: Option<String>,
    /// Up to where the records on disk are done.
    pub(super) reached: Reached,
    /// When the first of them was due, in milliseconds since 1970.
    pub(super) oldest_on_disk: Option<u64>,
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
    /// Samples dropped because they had waited too long.
    #[prost(uint64, tag = "8")]
    pub(super) aged: u64,
    /// Samples dropped because they were damaged on disk.
    #[prost(uint64, tag = "9")]
    pub(super) damaged: u64,
    /// Bytes on disk that could not be read.
    #[prost(uint64, tag = "10")]
    pub(super) damaged_bytes: u64,
}

/// A lane at one moment, for the hand-over.
#[derive(Default)]
pub(super) struct LaneState {
    pub(super) tally: Tally,
    /// What waits in memory.
    pub(super) batches: Vec<Batch>,
    /// How long the target has to be left alone still.
    pub(super) wait: Duration,
    /// What waits on disk.
    pub(super) spool: Option<SpoolState>,
}

/// The queue on disk at one moment: where it is and what waits there, and not what that is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct SpoolState {
    pub(super) folder: PathBuf,
    pub(super) reached: Reached,
    pub(super) depth: Depth,
    pub(super) oldest: Option<u64>,
}

/// What `/metrics` shows of a lane.
pub(super) struct Figures {
    pub(super) tally: Tally,
    pub(super) depth: Depth,
    /// When the oldest that waits was due, in milliseconds since 1970.
    pub(super) oldest: Option<u64>,
    /// Whether what waits is kept on disk.
    pub(super) on_disk: bool,
}

impl Lane {
    pub(super) fn new(target: &Target, settings: &Settings) -> Result<Self, Error> {
        let (name, kind) = (target.name(), target.kind);
        let folder = settings.folder().map(|dir| spool::path(&dir, kind, &name));
        let pace = settings.pace();
        let queue = Queue::new(settings.queue_bytes, *target.min_backoff, *target.max_backoff, pace);
        Ok(Lane {
            client: Client::new(target)?,
            disk: folder.clone().map(|folder| Mutex::new(Disk::new(folder, settings))),
            folder,
            queue_age: *settings.queue_age,
            state: Mutex::new(State {
                queue,
                tally: Tally::default(),
                resting: false,
                flushing: false,
                oldest_allowed: 0,
                trouble: None,
                reached: Reached::default(),
                oldest_on_disk: None,
                told: Told::Nothing,
            }),
            name,
            kind,
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
        if let Some(spool) = inherited.spool {
            if self.folder.as_ref() == Some(&spool.folder) {
                (state.reached, state.oldest_on_disk) = (spool.reached, spool.oldest);
                state.queue.on_disk = spool.depth;
            } else if spool.depth.requests > 0 {
                self.tell_left(&spool);
            }
        }
        drop(state);
        inherited.batches.into_iter().for_each(|batch| self.push(batch));
    }

    fn tell_left(&self, spool: &SpoolState) {
        let (name, requests, folder) = (&self.name, spool.depth.requests, spool.folder.display());
        let now = match &self.folder {
            Some(folder) => folder.display().to_string(),
            None => "in memory".to_owned(),
        };
        tracing::warn!(
            "push to {name}: the queue is kept {now} now; {requests} requests stay in {folder} until [push] dir is what it was"
        );
    }

    /// Starts the thread that sends.
    pub(super) fn start(self: &Arc<Self>) -> Result<(), Error> {
        let lane = Arc::clone(self);
        let thread = std::thread::Builder::new().name("push".to_owned());
        thread.spawn(move || lane.send_all()).context("starting a thread to push")?;
        Ok(())
    }

    /// Puts a request at the end of the queue, in memory. Waits for nothing.
    pub(super) fn push(&self, batch: Batch) {
        let mut state = self.lock();
        let samples = |dropped: Vec<Batch>| dropped.iter().map(|batch| u64::from(batch.samples)).sum();
        // Beside the newest and not beside the clock: where nothing new comes, nothing has to make room.
        state.oldest_allowed = batch.time.saturating_sub(self.queue_age.as_millis() as u64);
        let allowed = state.oldest_allowed;
        let aged = samples(state.queue.drop_older(allowed));
        self.count_aged(&mut state, aged);
        let full = samples(state.queue.push(batch));
        self.count_full(&mut state, full);
        drop(state);
        self.wake.notify_one();
    }

    pub(super) fn count_aged(&self, state: &mut State, samples: u64) {
        if samples > 0 && state.tally.aged == 0 {
            let age = self.queue_age.as_secs_f64();
            tracing::warn!("push to {}: what waits longer than {age} s is dropped", self.name);
        }
        state.tally.aged += samples;
    }

    pub(super) fn count_full(&self, state: &mut State, samples: u64) {
        if samples > 0 && state.tally.full == 0 {
            tracing::warn!("push to {}: the queue is full; from now on the oldest are dropped", self.name);
        }
        state.tally.full += samples;
    }

    pub(super) fn current(&self) -> LaneState {
        let state = self.lock();
        let wait = state.queue.not_before().map(|until| until.saturating_duration_since(Instant::now()));
        let spool = self.folder.clone().map(|folder| SpoolState {
            folder,
            reached: state.reached,
            depth: state.queue.on_disk,
            oldest: state.oldest_on_disk,
        });
        LaneState {
            tally: state.tally,
            batches: state.queue.batches().cloned().collect(),
            wait: wait.unwrap_or_default(),
            spool,
        }
    }

    pub(super) fn figures(&self) -> Figures {
        let state = self.lock();
        let in_memory = state.queue.batches().next().map(|batch| batch.time);
        Figures {
            tally: state.tally,
            depth: state.queue.depth(),
            oldest: state.oldest_on_disk.filter(|_| state.queue.on_disk.requests > 0).or(in_memory),
            on_disk: self.disk.is_some() && state.trouble.is_none(),
        }
    }

    /// Why the queue is not on disk as it should be, if so.
    pub(super) fn trouble(&self) -> Option<String> {
        self.lock().trouble.clone()
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

    /// Waits until no request is on its way, and none to the disk.
    pub(super) async fn is_at_rest(&self) {
        self.until(|state| !state.queue.is_sending() && !state.flushing).await;
    }

    /// Waits until all has been delivered.
    pub(super) async fn is_empty(&self) {
        self.until(|state| state.queue.len() == 0).await;
    }

    async fn until(&self, holds: impl Fn(&State) -> bool) {
        let mut ended = self.ended.subscribe();
        while !holds(&self.lock()) {
            // The sender lives as long as `self`.
            let _ = ended.changed().await;
        }
    }

    /// Something is to be looked at again.
    pub(super) fn has_changed(&self) {
        self.wake.notify_one();
        self.ended.send_replace(());
    }

    /// Tells the log what the target did not get before the agent's end.
    pub(super) fn tell_what_is_left(&self) {
        let state = self.lock();
        let (on_disk, lost) = (state.queue.on_disk.requests, state.queue.batches().count());
        let name = &self.name;
        if on_disk > 0 {
            tracing::warn!("push to {name}: {on_disk} requests stay on disk for the next start");
        }
        if lost > 0 {
            tracing::warn!("push to {name}: {lost} requests were not delivered before the end, and are lost");
        }
    }

    fn send_all(&self) {
        // What the process before left on disk comes first.
        self.flush();
        loop {
            let batch = self.next();
            let answer = self.client.post(&batch.body);
            self.settle(&batch, answer);
            self.ended.send_replace(());
        }
    }

    /// Waits for a request that may be sent now.
    fn next(&self) -> Batch {
        loop {
            self.wait();
            let mut disk = self.disk.as_ref().map(lock);
            let on_disk = disk.as_mut().map_or(Ok(None), |disk| disk.front());
            let mut state = self.lock();
            if let Some(disk) = &mut disk {
                self.look_at(disk, &mut state);
            }
            let batch = match on_disk {
                _ if state.resting => None,
                Ok(Some((number, batch))) => {
                    state.queue.taken(number);
                    Some(batch)
                }
                Ok(None) => state.queue.take(),
                Err(error) => {
                    let until = Instant::now() + state.queue.max_backoff();
                    state.queue.wait_until(until);
                    self.tell_of_disk(&mut state, Err(error));
                    None
                }
            };
            if let Some(batch) = batch {
                state.tally.retries += u64::from(state.queue.has_failed());
                return batch;
            }
        }
    }

    /// Waits until the queue says that something may be sent.
    fn wait(&self) {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let next = if state.resting { Next::Nothing } else { state.queue.next(now) };
            state = match next {
                Next::Send => return,
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
        // What is written to disk meanwhile may be this batch.
        let mut disk = self.disk.as_ref().map(lock);
        let on_its_way = self.lock().queue.on_its_way();
        let is_done = !matches!(outcome, Outcome::Failed { .. });
        let marked = match (&mut disk, on_its_way) {
            (Some(disk), OnItsWay::OnDisk(number)) if is_done => disk.acknowledge(number, batch.samples),
            _ => Ok(()),
        };
        let mut state = self.lock();
        if let Some(disk) = &mut disk {
            self.look_at(disk, &mut state);
        }
        if marked.is_err() {
            self.tell_of_disk(&mut state, marked);
        }
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
            Outcome::Failed { .. } => {
                state.tally.failures += 1;
                if on_its_way == OnItsWay::Dropped {
                    self.count_full(&mut state, samples);
                }
            }
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

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
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
