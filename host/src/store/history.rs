//! The past, for the dashboard: bounded in time and in memory, and carried over a re-exec.
//!
//! The newest snapshots share their values with the store, and are packed column by column to a byte or two a value. What gets
//! older is thinned out: several snapshots become one row, with the last, the mean, the lowest and the highest value of each
//! series. Where memory runs short, that happens earlier. A series that stands still costs nothing.

mod chunk;
mod columns;
mod pack;
mod past;
mod reach;
mod table;
mod thin;
mod wire;

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use self::chunk::{Chunk, Stored};
#[cfg(test)]
pub(crate) use self::columns::Bins;
pub(crate) use self::columns::{Ask, ColumnSeries, Columns, Values};
pub(crate) use self::past::Past;
pub(crate) use self::reach::Reach;
pub(crate) use self::table::SeriesTable;
use self::thin::{STEPS_MS, TIERS};
use super::snapshot::{Frame, Layout, Snapshot};

/// The past, in tiers: the finest has each snapshot, the others rows of several.
pub(crate) struct History {
    /// How far the finest tier reaches.
    span_ms: u64,
    budget: usize,
    /// The finest first; each the oldest first. What leaves one goes into the next.
    tiers: [VecDeque<Chunk>; TIERS],
    open: Chunk,
    latest: Vec<Latest>,
    /// What chunks take but for what they share, and what they share.
    chunk_bytes: usize,
    shared_bytes: usize,
    next_id: u64,
    /// The families that somebody has asked for.
    asked: BTreeSet<Box<str>>,
    /// The budget has made the finest tier shorter than its span, for all families or for those that nobody has asked for.
    is_short: bool,
}

/// The table last used for a collector, and the layout that it was made of.
struct Latest {
    table: Arc<SeriesTable>,
    layout: Option<Arc<Layout>>,
}

impl History {
    /// An empty history whose finest tier reaches back `span`, and that takes about `memory_budget` bytes at most.
    pub(crate) fn new(span: Duration, memory_budget: usize) -> Self {
        History {
            span_ms: u64::try_from(span.as_millis()).unwrap_or(u64::MAX),
            budget: memory_budget,
            tiers: Default::default(),
            open: Chunk::default(),
            latest: Vec::new(),
            chunk_bytes: size_of::<Chunk>(),
            shared_bytes: 0,
            next_id: 1,
            asked: BTreeSet::new(),
            is_short: false,
        }
    }

    /// Adds a snapshot, thins out what is old, and forgets what is too old or too much. Costs about the same however long the
    /// history is.
    ///
    /// It was due `interval` after the one before. Where that is much longer ago, nobody measured in between.
    pub(crate) fn push(&mut self, snapshot: &Snapshot, interval: Duration) {
        let since_1970 = snapshot.taken.duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
        // Chunks grow old as a whole, so each is kept short against the span, and against the budget below. After a suspend, or
        // when the clock was set, a new one begins.
        if self.open.times.first().is_some_and(|first| now.abs_diff(*first) > self.span_ms / 8) {
            self.close();
        }
        if self.open.times.is_empty() {
            self.open.first_id = self.next_id;
        }
        let before = self.open.bytes();
        for reading in &snapshot.readings {
            if let Ok(frame) = &reading.result
                && frame.samples() > 0
            {
                let table = self.table_of(reading.collector, &frame.layout);
                self.open.add(table, values_of(frame));
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
        // Until it is packed, a snapshot takes many times as much.
        if self.open.times.len() >= self.open.most_rows() || self.open.bytes() > self.budget / 8 {
            self.close();
        }
        self.thin_out(now);
    }

    /// The number of the newest snapshot; they are numbered from 1 without a gap, also over a re-exec.
    pub(crate) fn last_id(&self) -> u64 {
        self.next_id - 1
    }

    /// When the newest snapshot was taken, in milliseconds since 1970.
    pub(crate) fn last_time_ms(&self) -> Option<u64> {
        let newest = self.open.times.last();
        newest.or_else(|| self.tiers[0].back().and_then(|chunk| chunk.times.last())).copied()
    }

    /// Whether not even the newest snapshot is here.
    pub(crate) fn is_empty(&self) -> bool {
        self.last_time_ms().is_none()
    }

    /// About how much memory the history takes.
    pub(crate) fn bytes(&self) -> usize {
        self.chunk_bytes + self.shared_bytes
    }

    /// Whether a collector had a family of this name.
    pub(crate) fn has_family(&self, family: &str) -> bool {
        let mut blocks = self.all_chunks().flat_map(|(_, chunk)| &chunk.blocks);
        blocks.any(|block| block.table.has_family(family))
    }

    /// All chunks, the oldest first, with the time that a row stands for.
    fn all_chunks(&self) -> impl Iterator<Item = (u64, &Chunk)> {
        let tiers = STEPS_MS.iter().zip(&self.tiers).rev();
        let closed = tiers.flat_map(|(step, chunks)| chunks.iter().map(|chunk| (*step, chunk)));
        closed.chain([(0, &self.open)])
    }

    /// The chunks whose rows are snapshots, the oldest first.
    fn snapshots(&self) -> impl Iterator<Item = &Chunk> {
        self.tiers[0].iter().chain([&self.open])
    }

    /// The table of a layout: the one used last for that collector if it has the same series.
    fn table_of(&mut self, collector: &str, layout: &Arc<Layout>) -> Arc<SeriesTable> {
        let known = self.latest.iter().position(|latest| latest.table.collector() == collector);
        if let Some(at) = known
            && self.latest[at].layout.as_ref().is_some_and(|known| Arc::ptr_eq(known, layout))
        {
            return Arc::clone(&self.latest[at].table);
        }
        let table = SeriesTable::new(collector, layout);
        let layout = Some(Arc::clone(layout));
        let table = self.shared(table);
        let latest = Latest { table: Arc::clone(&table), layout };
        match known {
            Some(at) => self.latest[at] = latest,
            None => self.latest.push(latest),
        }
        self.recount();
        table
    }

    /// This table, or one like it that is used already: series may come and go by turns.
    fn shared(&self, table: SeriesTable) -> Arc<SeriesTable> {
        let used = self.all_chunks().flat_map(|(_, chunk)| chunk.blocks.iter().map(|block| &block.table));
        let mut used = used.chain(self.latest.iter().map(|latest| &latest.table));
        used.find(|used| ***used == table).cloned().unwrap_or_else(|| Arc::new(table))
    }

    /// Packs the open chunk and forgets the tables of collectors that said nothing in it.
    fn close(&mut self) {
        let open = std::mem::take(&mut self.open);
        if open.times.is_empty() {
            return;
        }
        let chunk = Chunk::joined(&[&open], 0, |table| self.still_of(table));
        self.latest
            .retain(|latest| chunk.blocks.iter().any(|block| Arc::ptr_eq(&block.table, &latest.table)));
        self.append(0, chunk);
        self.recount();
    }

    /// What the series of a table stood still at when it was last packed.
    fn still_of(&self, table: &Arc<SeriesTable>) -> Option<Arc<[f64]>> {
        let blocks = self.tiers.iter().flat_map(|chunks| chunks.iter().rev()).flat_map(|chunk| &chunk.blocks);
        let mut known = blocks.filter(|block| Arc::ptr_eq(&block.table, table));
        known.find_map(|block| match &block.values {
            Stored::Packed(packed) => Some(Arc::clone(&packed.still)),
            Stored::Plain(_) => None,
        })
    }

    /// Counts what there is. Tables are shared by chunks, and with those who listen.
    fn recount(&mut self) {
        let mut seen = HashSet::new();
        let mut shared = 0;
        for latest in &self.latest {
            if seen.insert(Arc::as_ptr(&latest.table).cast::<u8>()) {
                shared += latest.table.bytes();
            }
        }
        for block in self.all_chunks().flat_map(|(_, chunk)| &chunk.blocks) {
            if seen.insert(Arc::as_ptr(&block.table).cast()) {
                shared += block.table.bytes();
            }
            if let Stored::Packed(packed) = &block.values
                && seen.insert(packed.still.as_ptr().cast())
            {
                shared += size_of_val(&*packed.still) + 16;
            }
        }
        self.shared_bytes = shared;
        self.chunk_bytes = self.all_chunks().map(|(_, chunk)| chunk.bytes()).sum();
    }
}

/// The values of a collection, with those that its texts have.
fn values_of(frame: &Frame) -> Arc<[f64]> {
    let texts = &frame.layout.texts;
    if texts.is_empty() {
        return Arc::clone(&frame.values);
    }
    frame.values.iter().copied().chain(SeriesTable::values_of(texts)).collect()
}

#[cfg(test)]
mod tests;
