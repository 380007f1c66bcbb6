//! One collector and what it needs between two collections.

use std::sync::Arc;
use std::time::Duration;

use relink_core::guard::{Failure, guarded};
use relink_core::{Collector, Error, Facts, Samples};
use relink_exposition::{Claims, Texts};

use crate::plugins::set::Plugin;
use crate::store::snapshot::{Frame, Layout};

/// A collector with its buffer and the layout of its last samples.
pub(crate) struct Instance {
    /// Nothing before the first use, and after a panic.
    collector: Option<Box<dyn Collector>>,
    samples: Samples,
    layout: Option<Arc<Layout>>,
}

impl Instance {
    /// An instance whose collector is made when it is first needed.
    pub(crate) fn new(plugin: &Plugin, series: usize) -> Self {
        Instance { collector: None, samples: Texts::samples(plugin.families, series), layout: None }
    }

    /// Makes the collector now. The plugin's own error says that its options are bad; a panic is kept for later,
    /// when the collection meets it again and the breaker deals with it.
    pub(crate) fn make(&mut self, plugin: &Plugin) -> Result<(), Error> {
        match self.made(plugin) {
            Ok(_) | Err(Failure::Panicked(_)) => Ok(()),
            Err(Failure::Said(error)) => Err(error),
        }
    }

    /// Makes the collector and tries one collection, on a thread of its own and no longer than `limit`: how a library's
    /// code proves itself before it serves. A call that does not return costs that thread. An error of its options names
    /// their `origin`.
    pub(crate) fn proven(
        plugin: &Arc<Plugin>,
        series: usize,
        limit: Duration,
        origin: String,
    ) -> Result<Instance, Error> {
        let (done, wait) = std::sync::mpsc::sync_channel(1);
        let plugin = Arc::clone(plugin);
        std::thread::Builder::new().name("trial".to_owned()).spawn(move || {
            let mut instance = Instance::new(&plugin, series);
            let made = instance.make(&plugin).map_err(|error| Failure::Said(error.context(origin)));
            let outcome = made.and_then(|()| instance.collect(&plugin).map(drop));
            // Nobody waits any more when the time is over; then the instance is dropped here.
            let _ = done.send((instance, outcome));
        })?;
        let (mut instance, outcome) = wait.recv_timeout(limit).map_err(|_| {
            Error::new(format!("its trial collection did not end in {} s", limit.as_secs_f64()))
        })?;
        match outcome {
            Ok(()) => Ok(instance),
            Err(Failure::Said(error) | Failure::Panicked(error)) => {
                instance.retire();
                Err(error.context("its trial collection"))
            }
        }
    }

    /// Which names no text may bring that the plugin hands on.
    pub(crate) fn set_claims(&mut self, claims: &Arc<Claims>) {
        if let Some(texts) = Texts::of(&mut self.samples) {
            texts.set_claims(claims);
        }
    }

    /// What the last collection had to leave out, as an error; nothing if that is nothing.
    pub(crate) fn left_out(&self) -> Option<Error> {
        let warnings = self.samples.warnings();
        (!warnings.is_empty()).then(|| Error::new(warnings.join("; ")))
    }

    /// One collection.
    pub(crate) fn collect(&mut self, plugin: &Plugin) -> Result<Frame, Failure> {
        self.samples.clear();
        self.made(plugin)?;
        let Instance { collector: Some(collector), samples, .. } = self else { unreachable!("made above") };
        if let Err(failure) = guarded(|| collector.collect(samples)) {
            self.drop_if_panicked(&failure);
            return Err(failure);
        }
        if let Some(fault) = self.samples.fault() {
            return Err(Failure::Said(fault.clone()));
        }
        Frame::of(&mut self.samples, &mut self.layout).map_err(Failure::Said)
    }

    /// The facts for people.
    pub(crate) fn facts(&mut self, plugin: &Plugin) -> Result<Facts, Failure> {
        let collector = self.made(plugin)?;
        let mut facts = Facts::default();
        if let Err(failure) = guarded(|| collector.facts(&mut facts)) {
            self.drop_if_panicked(&failure);
            return Err(failure);
        }
        Ok(facts)
    }

    fn made(&mut self, plugin: &Plugin) -> Result<&mut Box<dyn Collector>, Failure> {
        match self.collector {
            Some(ref mut collector) => Ok(collector),
            None => Ok(self.collector.insert(guarded(|| (plugin.new)(&plugin.options))?)),
        }
    }

    fn drop_if_panicked(&mut self, failure: &Failure) {
        if matches!(failure, Failure::Panicked(_)) {
            self.retire();
        }
    }

    /// Drops the collector. A panic in its `drop` harms nobody any more.
    pub(crate) fn retire(&mut self) {
        if let Some(collector) = self.collector.take() {
            let _ = guarded(|| {
                drop(collector);
                Ok(())
            });
        }
    }
}
