//! The past as columns: the times once, and of each series what it had at them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use relink_core::Kind;

use super::History;
use super::chunk::Rows;

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
    /// How much time the coarsest row stands for, in milliseconds; 0: each is a snapshot.
    pub step_ms: u64,
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

/// What several snapshots a row had. The last three may be empty: then they are as the first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Bins {
    pub last: Vec<f64>,
    pub mean: Vec<f64>,
    pub min: Vec<f64>,
    pub max: Vec<f64>,
}

/// One row of [`Bins`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bin {
    pub last: f64,
    pub mean: f64,
    pub min: f64,
    pub max: f64,
}

impl Bins {
    pub(super) fn clear(&mut self) {
        let Bins { last, mean, min, max } = self;
        for column in [last, mean, min, max] {
            column.clear();
        }
    }

    pub(crate) fn row(&self, row: usize) -> Bin {
        let last = self.last[row];
        let or_last = |column: &[f64]| column.get(row).copied().unwrap_or(last);
        Bin { last, mean: or_last(&self.mean), min: or_last(&self.min), max: or_last(&self.max) }
    }
}

impl ColumnSeries {
    /// What it had in a row; nothing where it was not there.
    pub(crate) fn at(&self, row: usize) -> Option<Bin> {
        let one = |value: f64| Bin { last: value, mean: value, min: value, max: value };
        let bin = match &self.values {
            Values::Still(value) => one(*value),
            Values::Last(values) => one(values[row]),
            Values::Bins(bins) => bins.row(row),
        };
        (!bin.last.is_nan()).then_some(bin)
    }
}

impl Columns {
    /// How fast a counter went up before a row, a second; nothing where that is not known: over a gap, and where it began anew.
    pub(crate) fn rate(&self, series: &ColumnSeries, row: usize) -> Option<f64> {
        if row == 0 || self.gaps.binary_search(&row).is_ok() {
            return None;
        }
        let step = series.at(row)?.last - series.at(row - 1)?.last;
        let ms = self.times[row].checked_sub(self.times[row - 1])?;
        (step >= 0.0 && ms > 0).then(|| step / ms as f64 * 1e3)
    }
}

/// What makes a series: its family and its labels.
type Key = (Arc<str>, Vec<(String, String)>);

impl History {
    /// The past of some families in columns. Rows are as fine as the history still has them where that is coarser than
    /// what was asked for.
    pub(crate) fn columns(&self, ask: &Ask<'_>) -> Columns {
        let mut rows = Rows::new(ask.step_ms);
        let mut step_ms = 0;
        let mut found: Vec<(ColumnSeries, Filling)> = Vec::new();
        let mut known: HashMap<Key, usize> = HashMap::new();
        for (step, chunk) in self.all_chunks() {
            let into = rows.take(chunk, |time| ask.wants(time));
            if into.iter().any(Option::is_some) {
                step_ms = step.max(step_ms).max(ask.step_ms);
            }
            let wanted = into.iter().enumerate().filter(|(_, bin)| bin.is_some());
            let wanted = wanted.fold(0_u64, |bits, (entry, _)| bits | 1 << entry);
            // A series may stand in several tables, whose rows take turns.
            let mut taken: Vec<(usize, usize, Bin, u32)> = Vec::new();
            for block in chunk.blocks.iter().filter(|block| block.present & wanted != 0) {
                let is_alone = chunk.tables_of(block.table.collector()) == 1;
                let places = block.table.places_of(ask.families, ask.labels);
                block.columns(&places, |place, bins| {
                    let key = (block.table.family_text(place), block.table.labels(place));
                    let at = *known.entry(key).or_insert_with_key(|(family, labels)| {
                        let kind = block.table.kind(place);
                        let (family, labels) = (Arc::clone(family), labels.clone());
                        let series = ColumnSeries { family, kind, labels, values: Values::Still(f64::NAN) };
                        found.push((series, Filling::new(kind == Kind::Counter)));
                        found.len() - 1
                    });
                    let entries = (0..chunk.times.len()).filter(|entry| block.present >> entry & 1 == 1);
                    for (at_row, entry) in entries.enumerate() {
                        match into[entry] {
                            Some(row) if is_alone => {
                                found[at].1.put(row, bins.row(at_row), chunk.weight(entry));
                            }
                            Some(row) => taken.push((at, row, bins.row(at_row), chunk.weight(entry))),
                            None => {}
                        }
                    }
                });
            }
            taken.sort_by_key(|(at, row, ..)| (*at, *row));
            taken.into_iter().for_each(|(at, row, bin, weight)| found[at].1.put(row, bin, weight));
        }
        let count = rows.times.len();
        let finished = found
            .into_iter()
            .map(|(series, filling)| ColumnSeries { values: filling.finished(count), ..series });
        let mut series: Vec<_> = finished.collect();
        let mut place: HashMap<Arc<str>, usize> = HashMap::new();
        for one in &series {
            let next = place.len();
            place.entry(Arc::clone(&one.family)).or_insert(next);
        }
        relink_order::sort_by(&mut series, |one, other| place[&one.family].cmp(&place[&other.family]));
        Columns { times: rows.times, gaps: rows.gaps, step_ms, series }
    }

    /// How many rows and how many series [`History::columns`] would give.
    pub(crate) fn extent(&self, ask: &Ask<'_>) -> (usize, usize) {
        let mut rows = Rows::new(ask.step_ms);
        let mut series: HashSet<Key> = HashSet::new();
        let mut seen = Vec::new();
        for (_, chunk) in self.all_chunks() {
            if rows.take(chunk, |time| ask.wants(time)).iter().all(Option::is_none) {
                continue;
            }
            for block in &chunk.blocks {
                if seen.iter().any(|table| Arc::ptr_eq(table, &block.table)) {
                    continue;
                }
                seen.push(Arc::clone(&block.table));
                let places = block.table.places_of(ask.families, ask.labels);
                series.extend(
                    places
                        .into_iter()
                        .map(|place| (block.table.family_text(place), block.table.labels(place))),
                );
            }
        }
        (rows.times.len(), series.len())
    }
}

impl Ask<'_> {
    fn wants(&self, time: u64) -> bool {
        self.after_ms.is_none_or(|after| time > after) && self.until_ms.is_none_or(|until| time <= until)
    }
}

/// A series while its values are gathered, row by row.
pub(super) struct Filling {
    is_counter: bool,
    /// As long as it stands still, there are no columns: its value, and from where to before where.
    still: Option<(f64, usize, usize)>,
    bins: Bins,
    /// How many snapshots the newest row is of.
    weight: f64,
    several: bool,
}

impl Filling {
    pub(super) fn new(is_counter: bool) -> Self {
        Filling { is_counter, still: None, bins: Bins::default(), weight: 0.0, several: false }
    }

    /// Adds what it had in some snapshots to a row, the same as before or a later one.
    pub(super) fn put(&mut self, row: usize, bin: Bin, weight: u32) {
        let is_one = bin.min == bin.max || self.is_counter;
        if self.bins.last.is_empty() && is_one {
            let (value, from, to) = *self.still.get_or_insert((bin.last, row, row));
            if value.to_bits() == bin.last.to_bits() && to >= row {
                self.still = Some((value, from, row + 1));
                self.weight = f64::from(weight) + if to == row + 1 { self.weight } else { 0.0 };
                return;
            }
        }
        if let Some((value, from, to)) = self.still.take() {
            let Bins { last, mean, min, max } = &mut self.bins;
            for column in [last, mean, min, max].into_iter().take(if self.is_counter { 1 } else { 4 }) {
                column.resize(from, f64::NAN);
                column.resize(to, value);
            }
        }
        let weight = f64::from(weight);
        let Bins { last, mean, min, max } = &mut self.bins;
        if last.len() == row + 1 && !last[row].is_nan() {
            last[row] = bin.last;
            self.weight += weight;
            if !self.is_counter {
                mean[row] += (bin.mean - mean[row]) * weight / self.weight;
                min[row] = min[row].min(bin.min);
                max[row] = max[row].max(bin.max);
                self.several |= min[row] < max[row];
            }
            return;
        }
        self.weight = weight;
        self.several |= bin.min < bin.max;
        let columns = [(last, bin.last), (mean, bin.mean), (min, bin.min), (max, bin.max)];
        for (column, value) in columns.into_iter().take(if self.is_counter { 1 } else { 4 }) {
            column.resize(row, f64::NAN);
            column.push(value);
        }
    }

    fn finished(mut self, rows: usize) -> Values {
        if let Some((value, 0, to)) = self.still
            && to == rows
        {
            return Values::Still(value);
        }
        self.fill(rows);
        if self.several { Values::Bins(self.bins) } else { Values::Last(self.bins.last) }
    }

    /// The rows that are marked.
    pub(super) fn only(mut self, present: u64, bins: &mut Bins) {
        self.fill(u64::BITS as usize - present.leading_zeros() as usize);
        let marked = |column: &[f64]| {
            let rows = column.iter().enumerate().filter(|(row, _)| present >> row & 1 == 1);
            rows.map(|(_, value)| *value).collect::<Vec<_>>()
        };
        let Bins { last, mean, min, max } = &self.bins;
        let rest =
            if self.several { [mean, min, max].map(|column| marked(column)) } else { Default::default() };
        let [mean, min, max] = rest;
        *bins = Bins { last: marked(last), mean, min, max };
    }

    fn fill(&mut self, rows: usize) {
        if let Some((value, from, to)) = self.still.take() {
            self.bins.last.resize(from, f64::NAN);
            self.bins.last.resize(to, value);
        }
        let Bins { last, mean, min, max } = &mut self.bins;
        last.resize(rows, f64::NAN);
        if self.several {
            for column in [mean, min, max] {
                column.resize(rows, f64::NAN);
            }
        }
    }
}
