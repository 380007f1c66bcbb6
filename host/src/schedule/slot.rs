//! One collector's place in the schedule: its instance, whether it runs, and how it fares.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use relink_core::guard::Failure;
use relink_core::{Error, Facts};

use super::breaker::Breaker;
use super::instance::{Instance, Notes};
use super::queue::Walk;
use crate::plugins::set::Collector;
use crate::plugins::status::{CollectorStatus, State};
use crate::store::snapshot::{Frame, LeftOut, Reading};
use crate::telemetry::Quota;

pub(crate) struct Slot {
    /// Tells this slot from others of its name, before and after it.
    pub(crate) serial: u64,
    pub(crate) collector: Arc<Collector>,
    pub(crate) work: Work,
    pub(crate) facts: Facts,
    /// When it told them.
    pub(crate) told: Option<Instant>,
    state: State,
    since: SystemTime,
    error: Option<Error>,
    /// What its last collection that succeeded left out.
    warnings: Vec<String>,
    left_out: LeftOut,
    breaker: Breaker,
    changes: Quota,
    samples: usize,
    last_duration: Option<Duration>,
}

/// Whether the collector is at rest or in a call.
pub(crate) enum Work {
    Idle(Box<Instance>),
    /// In a call since then; each walk named here wants the result, at that place of its readings.
    Running {
        since: Instant,
        waiting: Waiting,
    },
}

/// What a call brought; the facts only where they were asked for.
pub(crate) struct Done {
    pub(crate) facts: Option<Result<Facts, Failure>>,
    pub(crate) frame: Result<Frame, Failure>,
    /// What a collection that succeeded had to leave out.
    pub(crate) notes: Notes,
}

/// The walks that wait for a call's reading, each with the place it has there.
pub(crate) type Waiting = Vec<(Arc<Walk>, usize)>;

/// What each warning says without what was found there.
fn places(warnings: &[String]) -> impl Iterator<Item = &str> {
    warnings.iter().map(|warning| warning.split_once(", found ").map_or(warning.as_str(), |(place, _)| place))
}

/// How many changes of state, and of what is left out, are logged a minute: of a collector that fails now and then.
const CHANGES: u32 = 10;

impl Slot {
    pub(crate) fn new(collector: Arc<Collector>, instance: Instance) -> Self {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        Slot {
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            collector,
            work: Work::Idle(Box::new(instance)),
            facts: Facts::default(),
            told: None,
            state: State::Active,
            since: SystemTime::now(),
            error: None,
            warnings: Vec::new(),
            left_out: LeftOut::default(),
            breaker: Breaker::default(),
            changes: Quota::new(CHANGES),
            samples: 0,
            last_duration: None,
        }
    }

    /// Drops the collector of a slot that is out of use.
    pub(crate) fn retire(self) {
        if let Work::Idle(mut instance) = self.work {
            instance.retire();
        }
    }

    /// Why this collector is not called now, if so: it is stuck in a call, or rests after a bad failure.
    pub(crate) fn unavailable(&self, now: Instant) -> Option<Error> {
        let error = self.error.clone()?;
        if self.state == State::Stuck {
            return Some(error);
        }
        self.breaker
            .rests(now)
            .map(|left| error.hint(format!("tried again in {:.0} s", left.as_secs_f64().ceil())))
    }

    /// The reading of a collector that is not asked now, because there was nothing the last times.
    pub(crate) fn rests(&self, now: Instant) -> Option<Reading> {
        let Work::Idle(instance) = &self.work else { return None };
        // One that fails has to be asked, to be active again.
        let frame = instance.rests(now).filter(|_| self.state == State::Active)?.clone();
        Some(self.reading(Duration::ZERO, Ok(frame)))
    }

    /// Takes note of a finished call, and makes the reading of it for those who wait; and says whether the collector's state
    /// is another now.
    pub(crate) fn finish(
        &mut self,
        instance: Box<Instance>,
        done: Done,
        began: Instant,
        now: Instant,
    ) -> (Reading, Waiting, bool) {
        // First of all, whatever came of the call: a slot that stays `Running` is never called again.
        let waiting = match std::mem::replace(&mut self.work, Work::Idle(instance)) {
            Work::Running { waiting, .. } => waiting,
            Work::Idle(_) => Waiting::new(),
        };
        if done.facts.is_some() {
            self.told = Some(Instant::now());
        }
        match done.facts {
            Some(Ok(facts)) => self.facts = facts,
            Some(Err(Failure::Said(error) | Failure::Panicked(error))) => {
                self.facts = Facts::default();
                self.facts.push("facts", error.to_string());
            }
            None => {}
        }
        let duration = now.duration_since(began);
        let is_first = self.last_duration.replace(duration).is_none();
        let was_stuck = self.state == State::Stuck;
        let (result, is_news) = match done.frame {
            // It works, and far too late. Were it active now, the next scrape would wait for it to its deadline once more;
            // so it rests as one that has failed, and the call after that says whether it has recovered.
            Ok(frame) if was_stuck => {
                let late = Error::new(format!(
                    "a call returned after {:.1} s, past its deadline",
                    duration.as_secs_f64()
                ));
                self.breaker.failed(now);
                let is_news = self.set(State::Failing, Some(late));
                (Ok(frame), is_news)
            }
            Ok(frame) => {
                self.samples = frame.samples();
                self.breaker.succeeded();
                // Who was told of the collector when it came in has not heard how much it says.
                let is_news = self.set(State::Active, None) | self.note(done.notes) || is_first;
                (Ok(frame), is_news)
            }
            Err(failure) => {
                let error = match failure {
                    // Cheap and mostly the machine's fault: it is asked again at once, so that it is back at once.
                    Failure::Said(error) => error,
                    // Its collector was thrown away, and to make it again may cost much, each time.
                    Failure::Panicked(error) => {
                        self.breaker.failed(now);
                        error
                    }
                };
                let is_news = self.set(State::Failing, Some(error.clone()));
                (Err(error), is_news)
            }
        };
        (self.reading(duration, result), waiting, is_news)
    }

    /// A reading of this collector.
    pub(crate) fn reading(&self, duration: Duration, result: Result<Frame, Error>) -> Reading {
        Reading { collector: self.collector.name, duration, result, left_out: self.left_out }
    }

    /// Takes note of what a collection left out, and says whether that is another than before.
    fn note(&mut self, notes: Notes) -> bool {
        self.left_out.warned += notes.warned as u64;
        self.left_out.dropped += notes.dropped as u64;
        // What is found at a place may be another each time (a counter that has wrapped): it is told once.
        if places(&self.warnings).eq(places(&notes.warnings)) {
            self.warnings = notes.warnings;
            return false;
        }
        let (collector, is_new) = (self.collector.name, !notes.warnings.is_empty());
        if let Some(more) = self.changes.take() {
            if is_new {
                tracing::warn!(collector, "warns: {}{more}", notes.warnings.join("; "));
            } else {
                tracing::info!(collector, "warns of nothing any more{more}");
            }
        }
        self.warnings = notes.warnings;
        true
    }

    /// Marks a collector whose call has not returned by a scrape's deadline; and says whether its state is another now.
    pub(crate) fn missed(&mut self, now: Instant) -> (Reading, bool) {
        let (duration, error, is_news) = match &self.work {
            Work::Running { since, .. } => {
                let ran = now.duration_since(*since);
                let error =
                    Error::new(format!("has not answered for {:.1} s, past its deadline", ran.as_secs_f64()));
                let is_news = self.state != State::Stuck;
                if is_news {
                    self.set(State::Stuck, Some(error.clone()));
                    self.since -= ran;
                }
                (ran, error, is_news)
            }
            Work::Idle(_) => {
                (Duration::ZERO, Error::new("the scrape's time was over before it was asked"), false)
            }
        };
        (self.reading(duration, Err(error)), is_news)
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// Sets state and error, and says whether either is another than before.
    fn set(&mut self, state: State, error: Option<Error>) -> bool {
        let is_news = self.state != state || self.error != error;
        if self.state != state {
            self.state = state;
            self.since = SystemTime::now();
            let (collector, state) = (self.collector.name, state.name());
            match (self.changes.take(), &error) {
                (Some(more), Some(error)) => tracing::warn!(collector, "{state}: {error}{more}"),
                // A warning too: who saw the one line should see the other.
                (Some(more), None) => tracing::warn!(collector, "active again{more}"),
                (None, _) => {}
            }
        }
        self.error = error;
        is_news
    }

    pub(crate) fn status(&self, now: Instant) -> CollectorStatus {
        let stuck_for = match &self.work {
            Work::Running { since, .. } if self.state == State::Stuck => Some(now.duration_since(*since)),
            _ => None,
        };
        let error = match stuck_for {
            Some(ran) => Some(format!("has not answered for {:.1} s, past its deadline", ran.as_secs_f64())),
            None => self.error.as_ref().map(ToString::to_string),
        };
        let since = self.since.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        CollectorStatus {
            name: self.collector.name.to_owned(),
            help: self.collector.help.to_owned(),
            state: self.state,
            samples: self.samples,
            last_collect_seconds: self.last_duration.map(|duration| duration.as_secs_f64()),
            error,
            warnings: self.warnings.clone(),
            since: since.as_secs_f64(),
        }
    }
}
