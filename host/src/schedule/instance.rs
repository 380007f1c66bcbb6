//! One collector and what it needs between two collections.

use std::sync::Arc;
use std::time::Duration;

use relink_core::guard::{Failure, guarded};
use relink_core::{Collector as Code, Error, Facts, Samples};
use relink_exposition::{Claims, Texts};

use crate::plugins::set::{Collector, Plugin};
use crate::store::snapshot::{Frame, Layout};

/// A collector with its buffer and the layout of its last samples.
pub(crate) struct Instance {
    /// Nothing before the first use, and after a panic.
    code: Option<Box<dyn Code>>,
    samples: Samples,
    layout: Option<Arc<Layout>>,
}

/// What a collection that succeeded had to leave out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// The first of its warnings.
    pub(crate) warnings: Vec<String>,
    /// How many there were.
    pub(crate) warned: usize,
    /// How many samples were beyond the limit.
    pub(crate) dropped: usize,
}

/// What came of the trial of one collector: its instance, and why its collection failed.
pub(crate) struct Trial {
    pub(crate) collector: Arc<Collector>,
    pub(crate) instance: Instance,
    pub(crate) error: Option<Error>,
}

impl Instance {
    /// An instance whose collector is made when it is first needed.
    pub(crate) fn new(collector: &Collector, series: usize) -> Self {
        Instance { code: None, samples: Texts::samples(collector.families, series), layout: None }
    }

    /// Makes the collector now. Its own error says that its options are bad; a panic is kept for later, when the
    /// collection meets it again and the breaker deals with it.
    pub(crate) fn make(&mut self, collector: &Collector) -> Result<(), Error> {
        match self.made(collector) {
            Ok(_) | Err(Failure::Panicked(_)) => Ok(()),
            Err(Failure::Said(error)) => Err(error),
        }
    }

    /// Makes the collectors of a library and tries one collection of each, on a thread of its own and each no longer than
    /// `limit`: how its code proves itself before it serves. A call that does not return costs that thread. An error is
    /// one of the whole library: a call that did not return, or an option that the collector does not take.
    pub(crate) fn trials(
        plugin: &Arc<Plugin>,
        series: usize,
        limit: Duration,
        origin: impl Fn(&str) -> String,
    ) -> Result<Vec<Trial>, Error> {
        let (done, wait) = std::sync::mpsc::channel();
        let trying = Arc::clone(plugin);
        std::thread::Builder::new().name("trial".to_owned()).spawn(move || {
            for collector in &trying.collectors {
                let mut instance = Instance::new(collector, series);
                let made = instance.make(collector);
                let outcome = made.map(|()| instance.collect(collector).map(drop));
                // Nobody waits any more when the time is over; then the instance is dropped here.
                if done.send((instance, outcome)).is_err() {
                    return;
                }
            }
        })?;
        let mut trials = Vec::new();
        for collector in &plugin.collectors {
            let name = collector.name;
            let (instance, outcome) = wait.recv_timeout(limit).map_err(|_| {
                let seconds = limit.as_secs_f64();
                Error::new(format!("the trial collection of {name} did not end in {seconds} s"))
            })?;
            let error = match outcome.map_err(|why| why.context(origin(name)))? {
                Ok(()) => None,
                Err(Failure::Said(error) | Failure::Panicked(error)) => Some(error),
            };
            trials.push(Trial { collector: Arc::clone(collector), instance, error });
        }
        Ok(trials)
    }

    /// Which names no text may bring that the collector hands on.
    pub(crate) fn set_claims(&mut self, claims: &Arc<Claims>) {
        if let Some(texts) = Texts::of(&mut self.samples) {
            texts.set_claims(claims);
        }
    }

    /// What the last collection had to leave out.
    pub(crate) fn notes(&self) -> Notes {
        let (warned, dropped) = (self.samples.warned(), self.samples.dropped());
        let mut warnings = self.samples.warnings().to_vec();
        if dropped > 0 {
            let limit = self.samples.limit();
            warnings.push(format!(
                "{dropped} samples beyond [collect] series = {limit} are left out; emit fewer, or raise it"
            ));
        }
        Notes { warnings, warned, dropped }
    }

    /// One collection.
    pub(crate) fn collect(&mut self, collector: &Collector) -> Result<Frame, Failure> {
        self.samples.clear();
        self.made(collector)?;
        let Instance { code: Some(code), samples, .. } = self else { unreachable!("made above") };
        if let Err(failure) = guarded(|| code.collect(samples)) {
            self.drop_if_panicked(&failure);
            return Err(failure);
        }
        self.samples.outcome().map_err(Failure::Said)?;
        Frame::of(&mut self.samples, &mut self.layout).map_err(Failure::Said)
    }

    /// The facts for people.
    pub(crate) fn facts(&mut self, collector: &Collector) -> Result<Facts, Failure> {
        let code = self.made(collector)?;
        let mut facts = Facts::default();
        if let Err(failure) = guarded(|| code.facts(&mut facts)) {
            self.drop_if_panicked(&failure);
            return Err(failure);
        }
        Ok(facts)
    }

    fn made(&mut self, collector: &Collector) -> Result<&mut Box<dyn Code>, Failure> {
        match self.code {
            Some(ref mut code) => Ok(code),
            None => Ok(self.code.insert(guarded(|| (collector.new)(&collector.options))?)),
        }
    }

    fn drop_if_panicked(&mut self, failure: &Failure) {
        if matches!(failure, Failure::Panicked(_)) {
            self.retire();
        }
    }

    /// Drops the collector. A panic in its `drop` harms nobody any more.
    pub(crate) fn retire(&mut self) {
        if let Some(code) = self.code.take() {
            let _ = guarded(|| {
                drop(code);
                Ok(())
            });
        }
    }
}
