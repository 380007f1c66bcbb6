//! Some rows, one behind the other: each a snapshot, or several of them together.

use std::sync::Arc;

use relink_core::Kind;

use super::columns::{Bins, Filling};
use super::pack::{self, push_bytes, push_varint, take_bytes, varint};
use super::table::SeriesTable;

/// So many rows are packed together. A block marks in the bits of a `u64` which of them it has values of.
pub(super) const ROWS: usize = 60;

/// What is packed at once has no more values than this, unless that would be too few rows to pack well.
const MOST_VALUES: usize = 1 << 18;
const LEAST_ROWS: usize = 8;

/// Up to [`ROWS`] rows.
#[derive(Default)]
pub(super) struct Chunk {
    /// The number of the first row's snapshot, where each row is one.
    pub(super) first_id: u64,
    /// When the newest snapshot of each row was taken, in milliseconds since 1970.
    pub(super) times: Vec<u64>,
    /// How many snapshots each row is of; nothing where each is one.
    pub(super) weights: Vec<u32>,
    /// Before which rows nobody measured, a bit each.
    pub(super) gaps: u64,
    /// It has no more than the families that were asked for.
    pub(super) is_narrow: bool,
    pub(super) blocks: Vec<Block>,
}

/// The values that one table's series had in a chunk.
pub(super) struct Block {
    pub(super) table: Arc<SeriesTable>,
    /// Which of the chunk's rows have these series: the lowest bit is the first.
    pub(super) present: u64,
    pub(super) values: Stored,
}

pub(super) enum Stored {
    /// A slice a snapshot.
    Plain(Vec<Arc<[f64]>>),
    Packed(Packed),
}

/// A column a series.
pub(super) struct Packed {
    /// What those have that have no column: they stood still. Blocks of one table share it.
    pub(super) still: Arc<[f64]>,
    /// The columns by place: how many places are left out before it, and the bytes of [`pack`].
    pub(super) columns: Box<[u8]>,
}

impl Chunk {
    pub(super) fn add(&mut self, table: Arc<SeriesTable>, values: Arc<[f64]>) {
        let entry = 1 << self.times.len();
        let known = self.blocks.iter_mut().rev().find(|block| Arc::ptr_eq(&block.table, &table));
        match known {
            Some(Block { present, values: Stored::Plain(rows), .. }) => {
                *present |= entry;
                rows.push(values);
            }
            _ => self.blocks.push(Block { table, present: entry, values: Stored::Plain(vec![values]) }),
        }
    }

    /// About how much memory the chunk takes, but for what is shared with others.
    pub(super) fn bytes(&self) -> usize {
        let blocks = self.blocks.iter().map(|block| {
            size_of::<Block>()
                + match &block.values {
                    Stored::Plain(rows) => rows.len() * (8 * block.table.len() + 32),
                    Stored::Packed(packed) => packed.columns.len(),
                }
        });
        size_of::<Self>() + 8 * self.times.len() + 4 * self.weights.len() + blocks.sum::<usize>()
    }

    /// How many tables of a collector have values here.
    pub(super) fn tables_of(&self, collector: &str) -> usize {
        self.blocks.iter().filter(|block| block.table.collector() == collector).count()
    }

    /// How many rows a chunk of as many series may have: to pack one takes a time in proportion to its values, and nobody else gets at
    /// the history meanwhile.
    pub(super) fn most_rows(&self) -> usize {
        let width: usize = self.blocks.iter().map(|block| block.table.len()).sum();
        (MOST_VALUES / width.max(1)).clamp(LEAST_ROWS, ROWS)
    }

    /// How many snapshots a row is of.
    pub(super) fn weight(&self, row: usize) -> u32 {
        self.weights.get(row).copied().unwrap_or(1)
    }

    /// These chunks as one, in rows of that many milliseconds; 0: the same rows. What `still_of` knows of a table is shared where
    /// it fits.
    pub(super) fn joined(
        chunks: &[&Chunk],
        step_ms: u64,
        still_of: impl Fn(&Arc<SeriesTable>) -> Option<Arc<[f64]>>,
    ) -> Chunk {
        let mut rows = Rows::new(step_ms);
        let places: Vec<Vec<usize>> =
            chunks.iter().map(|chunk| rows.take(chunk, |_| true).into_iter().flatten().collect()).collect();
        let mut tables: Vec<&Arc<SeriesTable>> = Vec::new();
        for block in chunks.iter().flat_map(|chunk| &chunk.blocks) {
            if !tables.iter().any(|known| Arc::ptr_eq(known, &block.table)) {
                tables.push(&block.table);
            }
        }
        let blocks = tables.into_iter().map(|table| {
            let sources: Vec<Source<'_>> = chunks
                .iter()
                .zip(&places)
                .flat_map(|(chunk, rows)| {
                    let blocks = chunk.blocks.iter().filter(|block| Arc::ptr_eq(&block.table, table));
                    blocks.map(|block| Source::new(chunk, block, rows))
                })
                .collect();
            let present =
                sources.iter().flat_map(|source| &source.rows).fold(0, |bits, row| bits | 1_u64 << row);
            let shared = still_of(table).or_else(|| sources.iter().rev().find_map(Source::still));
            let packed = packed(table, &sources, present, shared);
            Block { table: Arc::clone(table), present, values: Stored::Packed(packed) }
        });
        let blocks = blocks.collect();
        let gaps = rows.gaps.iter().fold(0, |bits, row| bits | 1_u64 << row);
        let mut times = rows.times;
        times.shrink_to_fit();
        let first_id = if step_ms == 0 { chunks.first().map_or(0, |chunk| chunk.first_id) } else { 0 };
        let weights = if step_ms == 0 { Vec::new() } else { rows.weights };
        Chunk {
            first_id,
            times,
            weights,
            gaps,
            is_narrow: chunks.iter().all(|chunk| chunk.is_narrow),
            blocks,
        }
    }
}

impl Chunk {
    /// Leaves out the families that nobody wants. `table_of` gives the table that is used for one like this already, and what its
    /// series stood still at.
    pub(super) fn narrow(
        &mut self,
        is_wanted: impl Fn(&str) -> bool,
        table_of: impl Fn(SeriesTable) -> (Arc<SeriesTable>, Option<Arc<[f64]>>),
    ) {
        self.is_narrow = true;
        self.blocks = std::mem::take(&mut self.blocks)
            .into_iter()
            .filter_map(|block| {
                let Stored::Packed(packed) = &block.values else { return Some(block) };
                let (table, kept) = block.table.narrowed(&is_wanted);
                if kept.is_empty() {
                    return None;
                }
                if kept.len() == block.table.len() {
                    return Some(block);
                }
                let mut columns = vec![None; kept.len()];
                for (place, column) in packed.listed() {
                    if let Ok(at) = kept.binary_search(&place) {
                        columns[at] = Some(column.into());
                    }
                }
                let still = kept.iter().map(|&place| packed.still[place]).collect();
                let (table, shared) = table_of(table);
                let values = Stored::Packed(Packed::new(still, columns, block.present, shared));
                Some(Block { table, present: block.present, values })
            })
            .collect();
    }
}

/// Rows, while they are found.
pub(super) struct Rows {
    step_ms: u64,
    pub(super) times: Vec<u64>,
    pub(super) weights: Vec<u32>,
    pub(super) gaps: Vec<usize>,
}

impl Rows {
    pub(super) fn new(step_ms: u64) -> Self {
        Rows { step_ms, times: Vec::new(), weights: Vec::new(), gaps: Vec::new() }
    }

    /// Into which row each row of a chunk goes, those of a wanted time. One of several begins at a whole step, and does not reach
    /// over a gap.
    pub(super) fn take(&mut self, chunk: &Chunk, is_wanted: impl Fn(u64) -> bool) -> Vec<Option<usize>> {
        let rows = chunk.times.iter().enumerate().map(|(row, &time)| {
            if !is_wanted(time) {
                return None;
            }
            let is_gap = chunk.gaps >> row & 1 == 1;
            let weight = chunk.weight(row);
            let step = self.step_ms.max(1);
            match (self.times.last_mut(), self.weights.last_mut()) {
                (Some(last), Some(sum)) if !is_gap && self.step_ms > 0 && *last / step == time / step => {
                    *last = time;
                    *sum = sum.saturating_add(weight);
                }
                _ => {
                    if is_gap {
                        self.gaps.push(self.times.len());
                    }
                    self.times.push(time);
                    self.weights.push(weight);
                }
            }
            Some(self.times.len() - 1)
        });
        rows.collect()
    }
}

/// A block on its way into another chunk.
struct Source<'a> {
    block: &'a Block,
    /// Into which row each of its rows goes, and how many snapshots it is of.
    rows: Vec<usize>,
    weights: Vec<u32>,
    /// The columns by place; nothing of what stands still or is not packed.
    columns: Vec<Option<&'a [u8]>>,
}

impl<'a> Source<'a> {
    fn new(chunk: &Chunk, block: &'a Block, rows: &[usize]) -> Self {
        let present = || (0..chunk.times.len()).filter(|row| block.present >> row & 1 == 1);
        let mut columns = Vec::new();
        if let Stored::Packed(packed) = &block.values {
            columns.resize(block.table.len(), None);
            packed.listed().for_each(|(place, column)| columns[place] = Some(column));
        }
        Source {
            block,
            rows: present().map(|row| rows[row]).collect(),
            weights: present().map(|row| chunk.weight(row)).collect(),
            columns,
        }
    }

    fn still(&self) -> Option<Arc<[f64]>> {
        match &self.block.values {
            Stored::Plain(_) => None,
            Stored::Packed(packed) => Some(Arc::clone(&packed.still)),
        }
    }

    /// The value that a series has in all rows, if that is easily seen.
    fn standing(&self, place: usize) -> Option<f64> {
        match &self.block.values {
            Stored::Plain(rows) => {
                let first = rows.first()?[place];
                rows.iter().all(|row| row[place].to_bits() == first.to_bits()).then_some(first)
            }
            Stored::Packed(packed) => self.columns[place].is_none().then(|| packed.still[place]),
        }
    }

    fn column(&self, place: usize, bins: &mut Bins) {
        bins.clear();
        match (&self.block.values, self.columns.get(place).copied().flatten()) {
            (Stored::Plain(rows), _) => bins.last.extend(rows.iter().map(|row| row[place])),
            (Stored::Packed(packed), None) => bins.last.resize(self.rows.len(), packed.still[place]),
            (Stored::Packed(_), Some(column)) => {
                let unpacked = pack::unpack(column, self.rows.len(), bins);
                if unpacked.is_none() {
                    bins.clear();
                    bins.last.resize(self.rows.len(), f64::NAN);
                }
            }
        }
    }
}

/// The columns of a table's series from these blocks.
fn packed(table: &SeriesTable, sources: &[Source<'_>], present: u64, shared: Option<Arc<[f64]>>) -> Packed {
    let mut still = vec![0.0; table.len()];
    let mut columns: Vec<Option<Box<[u8]>>> = vec![None; table.len()];
    let mut bins = Bins::default();
    let mut bytes = Vec::new();
    for place in 0..table.len() {
        let first = sources.first().and_then(|source| source.standing(place));
        let is_same = |value: f64| {
            let standing = |source: &Source<'_>| source.standing(place).map(f64::to_bits);
            sources.iter().all(|source| standing(source) == Some(value.to_bits()))
        };
        if let Some(value) = first.filter(|value| is_same(*value)) {
            still[place] = value;
            continue;
        }
        let mut filling = Filling::new(table.kind(place) == Kind::Counter);
        for source in sources {
            source.column(place, &mut bins);
            for (at, (&row, &weight)) in source.rows.iter().zip(&source.weights).enumerate() {
                filling.put(row, bins.row(at), weight);
            }
        }
        filling.only(present, &mut bins);
        bytes.clear();
        pack::pack(&bins, &mut bytes);
        still[place] = bins.last.last().copied().unwrap_or_default();
        columns[place] = Some(bytes.as_slice().into());
    }
    Packed::new(still, columns, present, shared)
}

impl Packed {
    /// Of what each series had last, and a column for those that did not stand still. What is `shared` is used where it fits.
    fn new(
        still: Vec<f64>,
        mut columns: Vec<Option<Box<[u8]>>>,
        present: u64,
        shared: Option<Arc<[f64]>>,
    ) -> Self {
        // What stands still at something else needs a column, as long as there are few of these.
        let different = |shared: &Arc<[f64]>| {
            let is_different = |place: &usize| {
                columns[*place].is_none() && shared[*place].to_bits() != still[*place].to_bits()
            };
            (0..still.len()).filter(is_different).collect::<Vec<_>>()
        };
        let shared = shared.map(|shared| (different(&shared), shared));
        let shared = shared.filter(|(different, _)| different.len() * 8 <= still.len());
        if let Some((different, _)) = &shared {
            for &place in different {
                let last = vec![still[place]; present.count_ones() as usize];
                let mut bytes = Vec::new();
                pack::pack(&Bins { last, ..Bins::default() }, &mut bytes);
                columns[place] = Some(bytes.into());
            }
        }
        let mut out = Vec::new();
        let mut last = 0;
        for (place, column) in columns.iter().enumerate() {
            if let Some(column) = column {
                push_varint((place - last) as u64, &mut out);
                push_bytes(column, &mut out);
                last = place + 1;
            }
        }
        Packed { still: shared.map_or_else(|| still.into(), |(_, shared)| shared), columns: out.into() }
    }

    /// Whether the columns are of places that there are, and end where the bytes do.
    pub(super) fn is_sound(&self, places: usize) -> bool {
        let mut rest = &*self.columns;
        let mut next = 0;
        while !rest.is_empty() {
            let place = varint(&mut rest).and_then(|gap| usize::try_from(gap).ok()?.checked_add(next));
            match (place, take_bytes(&mut rest)) {
                (Some(place), Some(_)) if place < places => next = place + 1,
                _ => return false,
            }
        }
        self.still.len() == places
    }

    /// The columns that stand here, with their places.
    pub(super) fn listed(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let mut rest = &*self.columns;
        let mut next = 0;
        std::iter::from_fn(move || {
            let place = next + usize::try_from(varint(&mut rest)?).ok()?;
            next = place + 1;
            Some((place, take_bytes(&mut rest)?))
        })
    }
}

impl Block {
    /// The columns of some series, whose places ascend: a value for each row that has them.
    pub(super) fn columns(&self, places: &[usize], mut each: impl FnMut(usize, &Bins)) {
        let mut bins = Bins::default();
        let count = self.present.count_ones() as usize;
        match &self.values {
            Stored::Plain(rows) => {
                for &place in places {
                    bins.clear();
                    bins.last.extend(rows.iter().map(|row| row[place]));
                    each(place, &bins);
                }
            }
            Stored::Packed(packed) => {
                let mut listed = packed.listed().peekable();
                for &place in places {
                    while listed.next_if(|(at, _)| *at < place).is_some() {}
                    match listed.next_if(|(at, _)| *at == place) {
                        Some((_, column)) => {
                            if pack::unpack(column, count, &mut bins).is_none() {
                                continue;
                            }
                        }
                        None => {
                            bins.clear();
                            bins.last.resize(count, packed.still[place]);
                        }
                    }
                    each(place, &bins);
                }
            }
        }
    }
}
