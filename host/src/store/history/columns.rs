//! The past as columns: the times once, and of each series what it had at them.

use std::collections::HashMap;
use std::sync::Arc;

use relink_core::Kind;

use super::{Chunk, History};

/// Which part of the past is asked for. The default asks for all of it, as it was measured.
#[derive(Clone, Copy, Default)]
pub(crate) struct Ask<'a> {
    /// Of these families; of all where none is named.
    pub families: &'a [String],
    /// Series that have all of these labels.
    pub labels: &'a [(String, String)],
    /// What was measured after this time, in milliseconds since 1970.
    pub after_ms: Option<u64>,
    /// What was measured until this time.
    pub until_ms: Option<u64>,
    /// How much time a row stands for at least, in milliseconds; 0: each snapshot has its own.
    pub step_ms: u64,
}

/// The past of some series.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Columns {
    /// When the newest snapshot of each row was taken, in milliseconds since 1970. They ascend, unless a clock was set back.
    pub times: Vec<u64>,
    /// The rows before which nobody measured: at a start, over a suspend, or where the clock was set back.
    pub gaps: Vec<usize>,
    /// The series that have a value in some row, those of a family together.
    pub series: Vec<ColumnSeries>,
}

/// One series of [`Columns`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ColumnSeries {
    pub family: Arc<str>,
    /// How its values behave.
    pub kind: Kind,
    pub labels: Vec<(String, String)>,
    pub values: Values,
}

/// What a series had. NaN stands where it was not there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Values {
    /// The same in every row.
    Still(f64),
    /// One value a row: of several snapshots the last.
    Last(Vec<f64>),
    /// Of several snapshots a row, for what is no counter.
    Bins(Bins),
}

/// What several snapshots a row had.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Bins {
    pub last: Vec<f64>,
    pub mean: Vec<f64>,
    pub min: Vec<f64>,
    pub max: Vec<f64>,
}

impl History {
    /// The past of some families in columns. Rows are as fine as the history still has them where that is coarser than
    /// what was asked for.
    pub(crate) fn columns(&self, ask: &Ask<'_>) -> Columns {
        let mut rows = Rows::default();
        let mut series: Vec<Filling> = Vec::new();
        let mut known: HashMap<_, usize> = HashMap::new();
        for chunk in self.chunks.iter().chain([&self.open]) {
            let bins = rows.take(chunk, ask);
            let wanted = bins.iter().enumerate().filter(|(_, bin)| bin.is_some());
            let wanted = wanted.fold(0_u64, |bits, (entry, _)| bits | 1 << entry);
            for block in chunk.blocks.iter().filter(|block| block.present & wanted != 0) {
                let places = block.table.places_of(ask.families, ask.labels);
                block.columns(&places, |place, column| {
                    let family = block.table.family_text(place);
                    let key = (family, block.table.labels(place));
                    let at = *known.entry(key).or_insert_with_key(|(family, labels)| {
                        let kind = block.table.kind(place);
                        series.push(Filling::new(Arc::clone(family), kind, labels.clone()));
                        series.len() - 1
                    });
                    let entries = (0..chunk.times.len()).filter(|entry| block.present >> entry & 1 == 1);
                    for (entry, &value) in entries.zip(column) {
                        if let Some(bin) = bins[entry] {
                            series[at].put(bin, value);
                        }
                    }
                });
            }
        }
        let count = rows.times.len();
        let mut series: Vec<_> = series.into_iter().map(|filling| filling.finished(count)).collect();
        let mut order: HashMap<Arc<str>, usize> = HashMap::new();
        for one in &series {
            let next = order.len();
            order.entry(Arc::clone(&one.family)).or_insert(next);
        }
        series.sort_by_key(|one| order[&one.family]);
        Columns { times: rows.times, gaps: rows.gaps, series }
    }
}

/// The rows while they are found.
#[derive(Default)]
struct Rows {
    times: Vec<u64>,
    gaps: Vec<usize>,
    last: Option<u64>,
}

impl Rows {
    /// The row of each of a chunk's snapshots, of those that were asked for.
    fn take(&mut self, chunk: &Chunk, ask: &Ask<'_>) -> Vec<Option<usize>> {
        let rows = chunk.times.iter().enumerate().map(|(entry, &time)| {
            if ask.after_ms.is_some_and(|after| time <= after)
                || ask.until_ms.is_some_and(|until| time > until)
            {
                return None;
            }
            let is_gap = chunk.gaps >> entry & 1 == 1;
            let step = ask.step_ms.max(1);
            match self.last {
                Some(last) if !is_gap && ask.step_ms > 0 && last / step == time / step => {
                    *self.times.last_mut()? = time;
                }
                _ => {
                    if is_gap {
                        self.gaps.push(self.times.len());
                    }
                    self.times.push(time);
                }
            }
            self.last = Some(time);
            Some(self.times.len() - 1)
        });
        rows.collect()
    }
}

/// A series while its values are gathered.
struct Filling {
    family: Arc<str>,
    kind: Kind,
    labels: Vec<(String, String)>,
    bins: Bins,
    /// How many values the newest row has.
    count: u32,
    several: bool,
}

impl Filling {
    fn new(family: Arc<str>, kind: Kind, labels: Vec<(String, String)>) -> Self {
        Filling { family, kind, labels, bins: Bins::default(), count: 0, several: false }
    }

    fn put(&mut self, row: usize, value: f64) {
        let is_counter = self.kind == Kind::Counter;
        let Bins { last, mean, min, max } = &mut self.bins;
        if last.len() == row + 1 && !last[row].is_nan() {
            last[row] = value;
            if !is_counter {
                self.several = true;
                self.count += 1;
                mean[row] += (value - mean[row]) / f64::from(self.count);
                min[row] = min[row].min(value);
                max[row] = max[row].max(value);
            }
            return;
        }
        self.count = 1;
        let columns = [last, mean, min, max];
        for column in columns.into_iter().take(if is_counter { 1 } else { 4 }) {
            column.resize(row, f64::NAN);
            column.push(value);
        }
    }

    fn finished(self, rows: usize) -> ColumnSeries {
        let Filling { family, kind, labels, mut bins, several, .. } = self;
        let Bins { last, mean, min, max } = &mut bins;
        for column in [last, mean, min, max] {
            if !column.is_empty() {
                column.resize(rows, f64::NAN);
            }
        }
        let first = bins.last.first().copied().unwrap_or(f64::NAN);
        let is_still = bins.last.iter().chain(&bins.min).chain(&bins.max).all(|value| *value == first);
        let values = match (is_still, several) {
            (true, _) => Values::Still(first),
            (false, true) => Values::Bins(bins),
            (false, false) => Values::Last(bins.last),
        };
        ColumnSeries { family, kind, labels, values }
    }
}
