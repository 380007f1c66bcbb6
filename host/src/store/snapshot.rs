//! What all collectors said in one collection.

use std::ops::Deref;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use relink_core::{Error, Samples, SeriesSet};
use relink_exposition::{Expositions, Texts};

use super::lines::Lines;

/// One collection: a reading a collector, immutable once made, shared by all who asked for it.
pub(crate) struct Snapshot {
    /// When the collection ended.
    pub taken: SystemTime,
    /// The readings, sorted by the collectors' names; the agent's own stands last.
    pub readings: Vec<Reading>,
    /// The bodies of the exposition formats, for those who ask at the same time.
    pub(crate) bodies: [Shared; 4],
    /// Whether the history has it.
    pub(crate) is_recorded: AtomicBool,
}

impl Snapshot {
    /// A snapshot of these readings, taken now.
    pub(crate) fn new(readings: Vec<Reading>) -> Self {
        Snapshot {
            taken: SystemTime::now(),
            readings,
            bodies: Default::default(),
            is_recorded: AtomicBool::new(false),
        }
    }

    /// How many series there are.
    pub(crate) fn series(&self) -> usize {
        self.readings.iter().flat_map(|reading| &reading.result).map(Frame::samples).sum()
    }

    /// The reading of a collector.
    pub(crate) fn reading(&self, collector: &str) -> Option<&Reading> {
        self.readings.iter().find(|reading| reading.collector == collector)
    }
}

/// A body that is made once for all who ask at the same time, and is gone when the last answer is: the latest snapshot is
/// kept, and a large machine's body takes as much memory as all else of it.
#[derive(Default)]
pub(crate) struct Shared(Mutex<Weak<Vec<u8>>>);

impl Shared {
    /// The body that somebody still holds, or the one that is made now; others wait for it.
    pub(crate) fn get_or(&self, make: impl FnOnce() -> Vec<u8>) -> Body {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let body = kept.upgrade().unwrap_or_else(|| Arc::new(make()));
        *kept = Arc::downgrade(&body);
        Body(body)
    }
}

/// A body, shared by all answers that send it.
#[derive(Clone, Debug)]
pub(crate) struct Body(Arc<Vec<u8>>);

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// What one collector said in one collection.
#[derive(Clone)]
pub(crate) struct Reading {
    /// The collector's name.
    pub collector: &'static str,
    /// How long it took.
    pub duration: Duration,
    /// Its samples, or why there are none.
    pub result: Result<Frame, Error>,
    /// What it left out since it came in.
    pub left_out: LeftOut,
}

/// What a collector left out, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// How often it warned of something that it passed over or could not read.
    pub warned: u64,
    /// How many samples were beyond its limit.
    pub dropped: u64,
}

/// Samples: the series and a value for each.
#[derive(Clone)]
pub(crate) struct Frame {
    /// Which series, shared by all frames that have the same.
    pub layout: Arc<Layout>,
    /// The values, by place: see [`SeriesSet::places`].
    pub values: Arc<[f64]>,
}

impl Frame {
    /// What was collected. The layout is the `last` one where the series are the same: to check, sort and render one costs
    /// more than all else of a collection.
    pub(crate) fn of(samples: &mut Samples, last: &mut Option<Arc<Layout>>) -> Result<Self, Error> {
        let is_last = last.as_ref().is_some_and(|known| samples.has_series_of(&known.series));
        // It takes out what a file says twice. Without that they may be the last ones.
        let set = if is_last { None } else { Some(samples.series_set()?) };
        let known = last.as_ref().filter(|known| is_last || samples.has_series_of(&known.series));
        let texts = Texts::of(samples);
        let layout = match known {
            Some(known) if texts.as_ref().is_none_or(|texts| texts.are(&known.texts)) => Arc::clone(known),
            _ => {
                let texts = texts.map(|texts| texts.merged()).unwrap_or_default();
                let set = set.map_or_else(|| samples.series_set(), Ok)?;
                let layout = Arc::new(Layout::new(set, texts));
                samples.follow(&layout.series);
                Arc::clone(last.insert(layout))
            }
        };
        Ok(Frame { layout, values: samples.values().into() })
    }

    /// How many samples there are, those of families that are known only at run time included.
    pub(crate) fn samples(&self) -> usize {
        self.values.len() + self.layout.texts.series()
    }
}

/// A collector's series, with the text that stands in front of each value.
///
/// Series seldom change from one collection to the next. Names, labels and their escapes are therefore rendered
/// once for a layout, and a scrape only puts the numbers in between.
pub(crate) struct Layout {
    /// The series of declared families.
    pub series: Arc<SeriesSet>,
    /// The families that are known only at run time, with their samples: until a text changes, their values do not.
    pub texts: Expositions,
    pub(crate) prometheus: OnceLock<Lines>,
    pub(crate) openmetrics: OnceLock<Lines>,
}

impl Layout {
    /// The layout of these series and texts.
    pub(crate) fn new(series: SeriesSet, texts: Expositions) -> Self {
        Layout { series: Arc::new(series), texts, prometheus: OnceLock::new(), openmetrics: OnceLock::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_made_once_for_those_who_hold_it_and_then_anew() {
        let shared = Shared::default();
        let first = shared.get_or(|| b"first".to_vec());
        let second = shared.get_or(|| unreachable!("the first is still held"));
        assert_eq!((&*first, first.as_ref().as_ptr()), (&b"first"[..], second.as_ref().as_ptr()));
        drop((first, second));
        assert_eq!(&*shared.get_or(|| b"anew".to_vec()), b"anew");
    }
}
