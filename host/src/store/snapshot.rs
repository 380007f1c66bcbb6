//! What all plugins said in one collection.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use relink_core::{Error, Samples, SeriesSet};

use super::lines::Lines;

/// One collection: a reading a plugin, immutable once made, shared by all who asked for it.
pub(crate) struct Snapshot {
    /// When the collection ended.
    pub taken: SystemTime,
    /// The readings, sorted by plugin name; the agent's own stands last.
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

    /// The reading of a plugin.
    pub(crate) fn reading(&self, plugin: &str) -> Option<&Reading> {
        self.readings.iter().find(|reading| reading.plugin == plugin)
    }
}

/// What one plugin said in one collection.
#[derive(Clone)]
pub(crate) struct Reading {
    /// The plugin's name.
    pub plugin: &'static str,
    /// How long it took.
    pub duration: Duration,
    /// Its samples, or why there are none.
    pub result: Result<Frame, Error>,
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
    pub(crate) fn of(samples: &Samples, last: &mut Option<Arc<Layout>>) -> Result<Self, Error> {
        let layout = match last {
            Some(layout) if samples.has_series_of(&layout.series) => Arc::clone(layout),
            _ => Arc::clone(last.insert(Arc::new(Layout::new(samples.series_set()?)))),
        };
        Ok(Frame { layout, values: samples.values().into() })
    }

    /// How many samples there are, those of families that are known only at run time included.
    pub(crate) fn samples(&self) -> usize {
        self.values.len() + self.layout.series.expositions().series()
    }
}

/// A plugin's series, with the text that stands in front of each value.
///
/// Series seldom change from one collection to the next. Names, labels and their escapes are therefore rendered
/// once for a layout, and a scrape only puts the numbers in between.
pub(crate) struct Layout {
    /// The series.
    pub series: SeriesSet,
    pub(crate) prometheus: OnceLock<Lines>,
    pub(crate) openmetrics: OnceLock<Lines>,
}

impl Layout {
    /// The layout of these series.
    pub(crate) fn new(series: SeriesSet) -> Self {
        Layout { series, prometheus: OnceLock::new(), openmetrics: OnceLock::new() }
    }
}
