//! The recent snapshots, for the dashboard: bounded in time and in memory, and carried over a re-exec.
//!
//! The newest snapshots share their values with the store. After at most a minute's worth they are packed, column by
//! column, to a few bytes a value.

mod columns;
mod pack;
mod past;
mod table;
mod wire;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use relink_core::Kind;

pub(crate) use self::columns::{Ask, Columns, Values};
#[cfg(test)]
pub(crate) use self::columns::{Bins, ColumnSeries};
pub(crate) use self::past::Past;
pub(crate) use self::table::SeriesTable;
use super::snapshot::{Layout, Snapshot};

/// So many snapshots are packed together. A block marks in the bits of a `u64` which of them it has values of.
const CHUNK: usize = 60;

/// The recent snapshots.
pub(crate) struct History {
    span_ms: u64,
    budget: usize,
    chunks: VecDeque<Chunk>,
    open: Chunk,
    latest: Vec<Latest>,
    table_bytes: usize,
    chunk_bytes: usize,
    next_id: u64,
}

/// The table last used for a collector, and the layout that it was made of.
struct Latest {
    table: Arc<SeriesTable>,
    layout: Option<Arc<Layout>>,
}

/// Up to [`CHUNK`] snapshots in a row.
#[derive(Default)]
struct Chunk {
    first_id: u64,
    times: Vec<u64>,
    /// Before which of them nobody measured, a bit each.
    gaps: u64,
    blocks: Vec<Block>,
}

/// The values that one table's series had in a chunk.
struct Block {
    table: Arc<SeriesTable>,
    /// Which of the chunk's snapshots have these series: the lowest bit is the first.
    present: u64,
    rows: Rows,
}

enum Rows {
    /// A slice a snapshot.
    Plain(Vec<Arc<[f64]>>),
    /// A column a series: see [`pack`].
    Packed(Box<[u8]>),
}

/// The recent past of one series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    /// How its values behave.
    pub kind: Kind,
    /// Its labels.
    pub labels: Vec<(String, String)>,
    /// When (in milliseconds since 1970) and what.
    pub points: Vec<(u64, f64)>,
}

impl History {
    /// An empty history that reaches back `span` and takes about `memory_budget` bytes at most.
    pub(crate) fn new(span: Duration, memory_budget: usize) -> Self {
        History {
            span_ms: u64::try_from(span.as_millis()).unwrap_or(u64::MAX),
            budget: memory_budget,
            chunks: VecDeque::new(),
            open: Chunk::default(),
            latest: Vec::new(),
            table_bytes: 0,
            chunk_bytes: 0,
            next_id: 1,
        }
    }

    /// Adds a snapshot and forgets what is too old or too much. Costs the same however long the history is; a
    /// minute's worth is packed at once.
    ///
    /// It was due `interval` after the one before. Where that is much longer ago, nobody measured in between.
    pub(crate) fn push(&mut self, snapshot: &Snapshot, interval: Duration) {
        let since_1970 = snapshot.taken.duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
        // Chunks are forgotten as a whole, so each is kept short against the span, and against the budget below. After
        // a suspend, or when the clock was set, a new one begins.
        if self.open.times.first().is_some_and(|first| now.abs_diff(*first) > self.span_ms / 8) {
            self.close();
        }
        if self.open.times.is_empty() {
            self.open.first_id = self.next_id;
        }
        let before = self.open.bytes();
        for reading in &snapshot.readings {
            if let Ok(frame) = &reading.result
                && !frame.values.is_empty()
            {
                let table = self.table_of(reading.collector, &frame.layout);
                self.open.add(table, Arc::clone(&frame.values));
            }
        }
        let due = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        let is_near = |last: u64| last <= now && now - last <= due.saturating_mul(5) / 2;
        if !self.last_time_ms().is_some_and(is_near) {
            self.open.gaps |= 1 << self.open.times.len();
        }
        self.open.times.push(now);
        self.next_id += 1;
        self.chunk_bytes += self.open.bytes() - before;
        if self.open.times.len() == CHUNK || self.open.bytes() > self.budget / 4 {
            self.close();
        }
        self.evict(now);
    }

    /// The number of the newest snapshot; they are numbered from 1 without a gap, also over a re-exec.
    pub(crate) fn last_id(&self) -> u64 {
        self.next_id - 1
    }

    /// When the newest snapshot was taken, in milliseconds since 1970.
    pub(crate) fn last_time_ms(&self) -> Option<u64> {
        let newest = self.open.times.last();
        newest.or_else(|| self.chunks.back().and_then(|chunk| chunk.times.last())).copied()
    }

    /// How many snapshots there are.
    pub(crate) fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.times.len()).sum::<usize>() + self.open.times.len()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how much memory the history takes.
    pub(crate) fn bytes(&self) -> usize {
        self.table_bytes + self.chunk_bytes
    }

    /// The series of a family that have all of these labels, with their points; oldest first. `after` a time, in milliseconds
    /// since 1970, where one is given.
    pub(crate) fn series(&self, family: &str, labels: &[(&str, &str)], after: Option<u64>) -> Vec<Series> {
        let mut found: Vec<Series> = Vec::new();
        let mut known: HashMap<Vec<(String, String)>, usize> = HashMap::new();
        for chunk in self.chunks.iter().chain([&self.open]) {
            let wanted = chunk.wanted(after);
            for block in chunk.blocks.iter().filter(|block| block.present & wanted != 0) {
                let places = block.table.places(family, labels);
                block.columns(&places, |place, column| {
                    let labels = block.table.labels(place);
                    let at = *known.entry(labels).or_insert_with_key(|labels| {
                        let kind = block.table.kind(place);
                        found.push(Series { kind, labels: labels.clone(), points: Vec::new() });
                        found.len() - 1
                    });
                    let entries = (0..chunk.times.len()).filter(|entry| block.present >> entry & 1 == 1);
                    let points = entries.zip(column).filter(|(entry, _)| wanted >> entry & 1 == 1);
                    found[at].points.extend(points.map(|(entry, &value)| (chunk.times[entry], value)));
                });
            }
        }
        found
    }

    /// How many points [`History::series`] would give.
    pub(crate) fn count(&self, family: &str, labels: &[(&str, &str)], after: Option<u64>) -> usize {
        let chunks = self.chunks.iter().chain([&self.open]);
        let counts = chunks.flat_map(|chunk| {
            let wanted = chunk.wanted(after);
            let blocks = chunk.blocks.iter().filter(move |block| block.present & wanted != 0);
            blocks.map(move |block| {
                block.table.places(family, labels).len() * (block.present & wanted).count_ones() as usize
            })
        });
        counts.sum()
    }

    /// Whether a collector had a family of this name.
    pub(crate) fn has_family(&self, family: &str) -> bool {
        let mut blocks = self.chunks.iter().chain([&self.open]).flat_map(|chunk| &chunk.blocks);
        blocks.any(|block| block.table.has_family(family))
    }

    /// The table of a layout: the one used last for that collector if it has the same series.
    fn table_of(&mut self, collector: &str, layout: &Arc<Layout>) -> Arc<SeriesTable> {
        let known = self.latest.iter().position(|latest| latest.table.collector() == collector);
        if let Some(at) = known
            && self.latest[at].layout.as_ref().is_some_and(|known| Arc::ptr_eq(known, layout))
        {
            return Arc::clone(&self.latest[at].table);
        }
        let table = SeriesTable::new(collector, &layout.series);
        if let Some(at) = known {
            if *self.latest[at].table == table {
                self.latest[at].layout = Some(Arc::clone(layout));
                return Arc::clone(&self.latest[at].table);
            }
            let old = self.latest.swap_remove(at);
            self.release(old.table);
        }
        self.table_bytes += table.bytes();
        let table = Arc::new(table);
        self.latest.push(Latest { table: Arc::clone(&table), layout: Some(Arc::clone(layout)) });
        table
    }

    /// Packs the open chunk and forgets the tables of collectors that said nothing in it.
    fn close(&mut self) {
        let mut chunk = std::mem::take(&mut self.open);
        self.chunk_bytes -= chunk.bytes();
        chunk.pack();
        self.chunk_bytes += chunk.bytes();
        let is_used = |table: &_| chunk.blocks.iter().any(|block| Arc::ptr_eq(&block.table, table));
        let unused: Vec<_> = self.latest.extract_if(.., |latest| !is_used(&latest.table)).collect();
        for latest in unused {
            self.release(latest.table);
        }
        self.chunks.push_back(chunk);
    }

    fn evict(&mut self, now: u64) {
        while let Some(oldest) = self.chunks.front() {
            // The distance and not the age, for a clock that was set back.
            let last = oldest.times.last().copied().unwrap_or(0);
            if self.bytes() <= self.budget && now.abs_diff(last) <= self.span_ms {
                return;
            }
            if let Some(chunk) = self.chunks.pop_front() {
                self.forget(chunk);
            }
        }
        if self.bytes() > self.budget {
            let open = std::mem::take(&mut self.open);
            self.forget(open);
            for latest in std::mem::take(&mut self.latest) {
                self.release(latest.table);
            }
        }
    }

    fn forget(&mut self, chunk: Chunk) {
        self.chunk_bytes -= chunk.bytes();
        for block in chunk.blocks {
            self.release(block.table);
        }
    }

    /// Gives a table up. Tables are shared, and counted once: the last one to give it up takes it off the count.
    fn release(&mut self, table: Arc<SeriesTable>) {
        if let Some(table) = Arc::into_inner(table) {
            self.table_bytes -= table.bytes();
        }
    }
}

impl Chunk {
    fn add(&mut self, table: Arc<SeriesTable>, values: Arc<[f64]>) {
        let entry = 1 << self.times.len();
        let known = self.blocks.iter_mut().rev().find(|block| Arc::ptr_eq(&block.table, &table));
        match known {
            Some(Block { present, rows: Rows::Plain(rows), .. }) => {
                *present |= entry;
                rows.push(values);
            }
            _ => self.blocks.push(Block { table, present: entry, rows: Rows::Plain(vec![values]) }),
        }
    }

    /// About how much memory the chunk takes.
    fn bytes(&self) -> usize {
        let rows = self.blocks.iter().map(|block| {
            size_of::<Block>()
                + match &block.rows {
                    Rows::Plain(rows) => rows.len() * (8 * block.table.len() + 32),
                    Rows::Packed(bytes) => bytes.len(),
                }
        });
        8 * self.times.len() + rows.sum::<usize>()
    }

    fn pack(&mut self) {
        for block in &mut self.blocks {
            if let Rows::Plain(rows) = &block.rows {
                block.rows = Rows::Packed(pack::columns(rows).into());
            }
        }
        self.times.shrink_to_fit();
        self.blocks.shrink_to_fit();
    }

    /// Which snapshots are asked for, a bit each.
    fn wanted(&self, after: Option<u64>) -> u64 {
        let entries =
            self.times.iter().enumerate().filter(|(_, time)| after.is_none_or(|after| **time > after));
        entries.fold(0, |bits, (entry, _)| bits | 1 << entry)
    }
}

impl Block {
    /// The columns of some series, whose places ascend.
    fn columns(&self, places: &[usize], mut each: impl FnMut(usize, &[f64])) {
        let mut column = Vec::with_capacity(CHUNK);
        match &self.rows {
            Rows::Plain(rows) => {
                for &place in places {
                    column.clear();
                    column.extend(rows.iter().filter_map(|row| row.get(place)));
                    each(place, &column);
                }
            }
            Rows::Packed(bytes) => {
                let count = self.present.count_ones() as usize;
                let mut columns = pack::Columns::new(bytes);
                let mut next = 0;
                for &place in places {
                    // What was packed here or checked when it came in can be unpacked.
                    while next < place && columns.skip().is_some() {
                        next += 1;
                    }
                    if columns.next(count, &mut column).is_some() {
                        each(place, &column);
                    }
                    next += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
