//! One collector and what it needs between two collections.

use std::sync::Arc;
use std::time::{Duration, Instant};

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
    absent: Absent,
}

/// Of what this machine does not have there is nothing to show, and some twenty collectors are of that kind anywhere. To ask
/// each of them at each scrape was a quarter of its cost. So one that has shown nothing [`Absent::AFTER`] times in a row is
/// asked again only when [`Absent::PAUSE`] is over; hardware that appears is noticed then. Who scrapes every 15 seconds asks
/// every other time, and sees it within half a minute.
#[derive(Default)]
struct Absent {
    /// How often in a row there was nothing, and nothing to warn of.
    times: u32,
    /// The last time, and what came of it.
    last: Option<(Instant, Frame)>,
}

impl Absent {
    const AFTER: u32 = 10;
    const PAUSE: Duration = Duration::from_secs(20);

    /// What the last collection came to, if that is still good.
    fn rests(&self, now: Instant) -> Option<&Frame> {
        let (at, frame) = self.last.as_ref().filter(|_| self.times >= Self::AFTER)?;
        (now.duration_since(*at) < Self::PAUSE).then_some(frame)
    }

    fn note(&mut self, frame: &Frame, warned: usize) {
        let is_nothing = frame.samples() == 0 && warned == 0;
        self.times = if is_nothing { self.times.saturating_add(1) } else { 0 };
        self.last = is_nothing.then(|| (Instant::now(), frame.clone()));
    }
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
        let samples = Texts::samples(collector.families, series);
        Instance { code: None, samples, layout: None, absent: Absent::default() }
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
        warnings.extend(left_out(dropped, self.samples.unnamed(), self.samples.limit()));
        Notes { warnings, warned, dropped }
    }

    /// What a collection would bring now, where that is known without one: nothing, as before.
    pub(super) fn rests(&self, now: Instant) -> Option<&Frame> {
        self.absent.rests(now)
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
        let frame = Frame::of(&mut self.samples, &mut self.layout).map_err(Failure::Said)?;
        self.absent.note(&frame, self.samples.warned());
        Ok(frame)
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

/// Why so many samples were dropped, of which so many are of families beyond what patterns may become.
fn left_out(dropped: usize, unnamed: usize, limit: usize) -> impl Iterator<Item = String> {
    let (most, others) = (Samples::NAMES, dropped - unnamed);
    let series = (others > 0).then(|| {
        format!("{others} samples beyond [collect] series = {limit} are left out; emit fewer, or raise it")
    });
    let names = (unnamed > 0).then(|| {
        format!(
            "{unnamed} samples are left out: the collector takes the names of its families from its source, and {most} \
             is the most; show fewer of the source's fields"
        )
    });
    series.into_iter().chain(names)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use relink_core::registry::Options;
    use relink_core::{Family, Paths};

    use super::*;

    const VALUE: Family = Family::gauge("value", "V.");

    /// Shows a value in each collection for which the number is set, and counts its calls.
    struct Machine {
        has: Arc<AtomicU32>,
        calls: Arc<AtomicU32>,
    }

    impl Code for Machine {
        fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
            self.calls.fetch_add(1, Ordering::Relaxed);
            match self.has.load(Ordering::Relaxed) {
                0 => {}
                1 => out.push(&VALUE, [], 1.0),
                _ => return Err(Error::new("as asked")),
            }
            Ok(())
        }
    }

    #[test]
    fn what_the_machine_does_not_have_is_asked_for_now_and_then() {
        let (has, calls) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let new = {
            let (has, calls) = (Arc::clone(&has), Arc::clone(&calls));
            move |_: &Options| -> Result<Box<dyn Code>, Error> {
                Ok(Box::new(Machine { has: Arc::clone(&has), calls: Arc::clone(&calls) }))
            }
        };
        let collector = Collector {
            name: "machine",
            plugin: "machine",
            help: "A machine",
            families: &[VALUE],
            options: Options::new("machine", Paths::default(), Default::default()),
            new: Box::new(new),
        };
        let mut instance = Instance::new(&collector, 10);
        let collect = |times: u32, instance: &mut Instance| -> (u32, usize) {
            let before = calls.load(Ordering::Relaxed);
            let mut samples = || match instance.rests(Instant::now()) {
                Some(frame) => frame.samples(),
                None => instance.collect(&collector).map_or(99, |frame| frame.samples()),
            };
            let last = (0..times).map(|_| samples()).last();
            (calls.load(Ordering::Relaxed) - before, last.unwrap_or_default())
        };
        assert_eq!(collect(Absent::AFTER - 1, &mut instance), (Absent::AFTER - 1, 0));
        has.store(1, Ordering::Relaxed);
        assert_eq!(collect(20, &mut instance), (20, 1), "what it has is asked for each time");
        has.store(0, Ordering::Relaxed);
        assert_eq!(collect(50, &mut instance), (Absent::AFTER, 0));
        has.store(1, Ordering::Relaxed);
        assert_eq!(collect(1, &mut instance), (0, 0), "it is not yet time");
        let pause = |instance: &mut Instance| {
            let (at, _) = instance.absent.last.as_mut().expect("it rests");
            *at = at.checked_sub(Absent::PAUSE).expect("the machine has run for longer");
        };
        pause(&mut instance);
        assert_eq!(collect(5, &mut instance), (5, 1), "it has appeared");
        has.store(0, Ordering::Relaxed);
        collect(50, &mut instance);
        has.store(2, Ordering::Relaxed);
        pause(&mut instance);
        assert_eq!(collect(3, &mut instance), (3, 99), "an error is no rest");
    }

    #[test]
    fn each_limit_is_told_by_its_own_name() {
        let told = |dropped, unnamed| left_out(dropped, unnamed, 10).collect::<Vec<_>>();
        assert_eq!(told(0, 0), [""; 0]);
        let series = "2 samples beyond [collect] series = 10 are left out; emit fewer, or raise it";
        assert_eq!(told(2, 0), [series]);
        let [first, names] = &told(5, 3)[..] else { panic!("both are told") };
        assert_eq!(first, series);
        assert!(
            names.starts_with("3 samples are left out: ") && names.contains("and 10000 is the most"),
            "{names}"
        );
        assert_eq!(told(3, 3), [names.as_str()]);
    }
}
