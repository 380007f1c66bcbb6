//! Whole snapshots out of the history, for those who follow it snapshot by snapshot.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::super::snapshot::Snapshot;
use super::chunk::{Block, Chunk, Stored};
use super::columns::Bins;
use super::table::SeriesTable;
use super::{History, pack, values_of};

/// How many values are unpacked at once, about: 512 KiB.
const AT_ONCE: usize = 1 << 16;

/// One snapshot, as the history has it.
pub(crate) struct Past {
    /// Its number.
    pub id: u64,
    /// When it was taken, in milliseconds since 1970.
    pub time_ms: u64,
    /// Nobody measured before it: at a start, over a suspend, or because the clock was set back.
    pub is_after_gap: bool,
    rows: Vec<(Arc<SeriesTable>, Arc<[f64]>)>,
}

impl History {
    /// The snapshots after the one with this number, the oldest first: a few of them, so that a long history is not
    /// in memory unpacked. Empty when there are none.
    pub(crate) fn after(&self, id: u64) -> Vec<Past> {
        let mut chunks = self.snapshots();
        let found = chunks.find(|chunk| chunk.first_id + chunk.times.len() as u64 > id.saturating_add(1));
        found.map(|chunk| chunk.after(id)).unwrap_or_default()
    }

    /// When the snapshot with this number was taken, in milliseconds since 1970, if it is still here as a whole.
    pub(crate) fn time_of(&self, id: u64) -> Option<u64> {
        self.snapshots().find_map(|chunk| {
            let entry = usize::try_from(id.checked_sub(chunk.first_id)?).ok()?;
            chunk.times.get(entry).copied()
        })
    }
}

impl Chunk {
    fn after(&self, id: u64) -> Vec<Past> {
        let first = usize::try_from((id + 1).saturating_sub(self.first_id)).unwrap_or(usize::MAX);
        let width: usize = self.blocks.iter().map(|block| block.table.len()).sum();
        let last = self.times.len().min(first + (AT_ONCE / width.max(1)).max(1));
        let mut found: Vec<_> = (first..last)
            .map(|entry| Past {
                id: self.first_id + entry as u64,
                time_ms: self.times[entry],
                is_after_gap: self.gaps >> entry & 1 == 1,
                rows: Vec::new(),
            })
            .collect();
        for block in &self.blocks {
            block.rows_between(first, last, |entry, values| {
                found[entry - first].rows.push((Arc::clone(&block.table), values));
            });
        }
        // Blocks stand in the order in which their series first came up.
        found.iter_mut().for_each(Past::sort);
        found
    }
}

impl Block {
    /// The rows of the chunk's entries from `first` to before `last`, those that have one.
    fn rows_between(&self, first: usize, last: usize, mut each: impl FnMut(usize, Arc<[f64]>)) {
        let wanted = (first..last).filter(|entry| self.present >> entry & 1 == 1);
        // Which row it is: as many entries before it have one.
        let row_of = |entry: usize| (self.present & ((1 << entry) - 1)).count_ones() as usize;
        match &self.values {
            Stored::Plain(rows) => wanted.for_each(|entry| each(entry, Arc::clone(&rows[row_of(entry)]))),
            Stored::Packed(packed) => {
                let wanted: Vec<usize> = wanted.collect();
                let mut rows = vec![packed.still.to_vec(); wanted.len()];
                let count = self.present.count_ones() as usize;
                let mut column = Bins::default();
                for (place, bytes) in packed.listed() {
                    if pack::unpack(bytes, count, &mut column).is_none() {
                        continue;
                    }
                    for (row, &entry) in rows.iter_mut().zip(&wanted) {
                        row[place] = column.last[row_of(entry)];
                    }
                }
                wanted.into_iter().zip(rows).for_each(|(entry, row)| each(entry, row.into()));
            }
        }
    }
}

impl Past {
    /// A snapshot that the history had no room for.
    pub(crate) fn of(id: u64, snapshot: &Snapshot) -> Self {
        let since_1970 = snapshot.taken.duration_since(UNIX_EPOCH).unwrap_or_default();
        let frames = snapshot
            .readings
            .iter()
            .filter_map(|reading| Some((reading.collector, reading.result.as_ref().ok()?)));
        let rows = frames.map(|(collector, frame)| {
            (Arc::new(SeriesTable::new(collector, &frame.layout)), values_of(frame))
        });
        let time_ms = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
        let mut past = Past { id, time_ms, is_after_gap: false, rows: rows.collect() };
        past.sort();
        past
    }

    fn sort(&mut self) {
        relink_order::sort_by(&mut self.rows, |(one, _), (other, _)| one.collector().cmp(other.collector()));
    }

    /// The series of each collector with their values, by the collectors' names. A table is the same as long as its series are.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&Arc<SeriesTable>, &[f64])> {
        self.rows.iter().map(|(table, values)| (table, &**values))
    }
}
