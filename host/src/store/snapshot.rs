//! What all collectors said in one collection.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use relink_core::{Error, Samples, SeriesSet};
use relink_exposition::{Expositions, Texts};

use super::lines::Lines;

/// One collection: a reading a collector, immutable once made, shared by all who asked for it.
pub(crate) struct Snapshot {
    /// When the collection ended.
    pub taken: SystemTime,
    /// The readings, sorted by the collectors' names; the agent's own stands last.
    pub readings: Vec<Reading>,
    /// The bodies of the exposition formats, made when the first scrape asks for them.
    pub(crate) bodies: [OnceLock<Bytes>; 4],
}

impl Snapshot {
    /// A snapshot of these readings, taken now.
    pub(crate) fn new(readings: Vec<Reading>) -> Self {
        Snapshot { taken: SystemTime::now(), readings, bodies: Default::default() }
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
