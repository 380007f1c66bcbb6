//! The history as bytes, for the hand-over to the next image.
//!
//! `RLH2`, the tables, the chunks with the tables' numbers, all numbers as varints. The format is the image's that
//! reads as much as the one's that writes, so a change to it takes another magic; the hand-over has the checksum.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use relink_core::Kind;

use super::pack::{self, Columns, push_varint, unzigzag, varint, zigzag};
use super::table::{FamilyRow, SeriesTable};
use super::{Block, CHUNK, Chunk, History, Latest, Rows};

const MAGIC: &[u8; 4] = b"RLH2";

impl History {
    /// All of it as bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.chunk_bytes / 2 + self.table_bytes);
        out.extend_from_slice(MAGIC);
        let chunks = || self.chunks.iter().chain(Some(&self.open).filter(|open| !open.times.is_empty()));
        let mut numbers: HashMap<*const SeriesTable, u64> = HashMap::new();
        let mut tables = Vec::new();
        for block in chunks().flat_map(|chunk| &chunk.blocks) {
            numbers.entry(Arc::as_ptr(&block.table)).or_insert_with(|| {
                tables.push(&*block.table);
                tables.len() as u64 - 1
            });
        }
        push_varint(self.next_id, &mut out);
        push_varint(tables.len() as u64, &mut out);
        for table in tables {
            push_table(table, &mut out);
        }
        push_varint(chunks().count() as u64, &mut out);
        for chunk in chunks() {
            push_chunk(chunk, |table| numbers[&Arc::as_ptr(table)], &mut out);
        }
        out
    }

    /// The history that another image has encoded, under this image's bounds. Bytes larger than the budget, damaged
    /// ones and those of another version are refused; what they hold is checked throughout.
    pub(crate) fn decode(bytes: &[u8], span: Duration, memory_budget: usize) -> Result<Self, String> {
        if bytes.len() > memory_budget {
            return Err(format!("a history of {} bytes, but the budget is {memory_budget}", bytes.len()));
        }
        let Some(rest) = bytes.strip_prefix(MAGIC) else {
            return Err("a history in a format that this version does not know".to_owned());
        };
        let mut reader = Reader(rest);
        let mut history = reader.history(span, memory_budget).ok_or_else(|| {
            format!("a history that is damaged near byte {} of {}", bytes.len() - reader.0.len(), bytes.len())
        })?;
        history.reopen();
        let newest = history.chunks.back().unwrap_or(&history.open).times.last().copied();
        history.evict(newest.unwrap_or(0));
        Ok(history)
    }

    /// Continues the last chunk: else many reloads in a row would leave as many short chunks, which pack badly.
    fn reopen(&mut self) {
        if let Some(last) = self.chunks.back()
            && last.times.len() < CHUNK
            && last.blocks.iter().map(|block| 8 * CHUNK * block.table.len()).sum::<usize>() <= self.budget / 4
            && let Some(mut last) = self.chunks.pop_back()
        {
            self.chunk_bytes -= last.bytes();
            last.unpack();
            self.chunk_bytes += last.bytes();
            self.open = last;
        }
    }
}

impl Chunk {
    fn unpack(&mut self) {
        for block in &mut self.blocks {
            let count = block.present.count_ones() as usize;
            let mut rows = vec![vec![0.0; block.table.len()]; count];
            let places: Vec<usize> = (0..block.table.len()).collect();
            block.columns(&places, |place, column| {
                rows.iter_mut().zip(column).for_each(|(row, &value)| row[place] = value);
            });
            block.rows = Rows::Plain(rows.into_iter().map(Arc::from).collect());
        }
    }
}

fn push_text(text: &str, out: &mut Vec<u8>) {
    push_varint(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

fn push_table(table: &SeriesTable, out: &mut Vec<u8>) {
    push_text(&table.collector, out);
    push_varint(table.families.len() as u64, out);
    for family in &table.families {
        push_text(&family.name, out);
        out.push(match family.kind {
            Kind::Counter => 0,
            Kind::Gauge => 1,
            Kind::Unknown => 2,
        });
        push_varint(family.labels.len() as u64, out);
        family.labels.iter().for_each(|label| push_text(label, out));
    }
    push_varint(table.len() as u64, out);
    for place in 0..table.len() {
        push_varint(u64::from(table.series[place].family), out);
        table.label_pairs(place).for_each(|(_, value)| push_text(value, out));
    }
}

fn push_chunk(chunk: &Chunk, number: impl Fn(&Arc<SeriesTable>) -> u64, out: &mut Vec<u8>) {
    push_varint(chunk.first_id, out);
    push_varint(chunk.times.len() as u64, out);
    let mut last = 0;
    for &time in &chunk.times {
        push_varint(zigzag(time.wrapping_sub(last) as i64), out);
        last = time;
    }
    push_varint(chunk.gaps, out);
    push_varint(chunk.blocks.len() as u64, out);
    for block in &chunk.blocks {
        push_varint(number(&block.table), out);
        push_varint(block.present, out);
        let mut push = |bytes: &[u8]| {
            push_varint(bytes.len() as u64, out);
            out.extend_from_slice(bytes);
        };
        match &block.rows {
            Rows::Plain(rows) => push(&pack::columns(rows)),
            Rows::Packed(bytes) => push(bytes),
        }
    }
}

/// What is left to read. Everything counted takes at least a byte, so no count can ask for more than what came in,
/// and nothing is allocated ahead of what has been read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn history(&mut self, span: Duration, budget: usize) -> Option<History> {
        let mut history = History::new(span, budget);
        history.next_id = self.number().filter(|id| (1..u64::MAX / 2).contains(id))?;
        let tables: Vec<_> = self.many(Self::table)?;
        // Snapshots are numbered without a gap up to the newest.
        let mut expected = None;
        for _ in 0..self.count()? {
            let chunk = self.chunk(&tables)?;
            if chunk.first_id == 0 || expected.is_some_and(|id| id != chunk.first_id) {
                return None;
            }
            expected = Some(chunk.first_id.checked_add(chunk.times.len() as u64)?);
            history.chunk_bytes += chunk.bytes();
            history.chunks.push_back(chunk);
        }
        if !self.0.is_empty() || expected.is_some_and(|id| id != history.next_id) {
            return None;
        }
        // The newest table of a collector stands last.
        for table in tables.into_iter().rev().filter(|table| Arc::strong_count(table) > 1) {
            history.table_bytes += table.bytes();
            if history.latest.iter().all(|latest| latest.table.collector != table.collector) {
                history.latest.push(Latest { table, layout: None });
            }
        }
        Some(history)
    }

    fn table(&mut self) -> Option<Arc<SeriesTable>> {
        let mut table = SeriesTable {
            collector: self.text()?.into(),
            families: self.many(Self::family)?,
            ..SeriesTable::default()
        };
        for _ in 0..self.count()? {
            let index = self.number()?;
            let labels = table.families.get(usize::try_from(index).ok()?)?.labels.len();
            let values = (0..labels).map(|_| self.text()).collect::<Option<Vec<_>>>()?;
            table.push(index as u32, values.into_iter());
        }
        Some(Arc::new(table))
    }

    fn family(&mut self) -> Option<FamilyRow> {
        let name = self.text()?.into();
        let kind = match self.number()? {
            0 => Kind::Counter,
            1 => Kind::Gauge,
            2 => Kind::Unknown,
            _ => return None,
        };
        let labels = self.many(|reader| reader.text().map(Box::from))?;
        Some(FamilyRow { name, kind, labels: labels.into() })
    }

    fn chunk(&mut self, tables: &[Arc<SeriesTable>]) -> Option<Chunk> {
        let first_id = self.number()?;
        let mut last = 0_u64;
        let times: Vec<u64> = self.many(|reader| {
            last = last.wrapping_add(unzigzag(reader.number()?) as u64);
            Some(last)
        })?;
        if times.is_empty() || times.len() > CHUNK {
            return None;
        }
        let gaps = self.number().filter(|gaps| gaps >> times.len() == 0)?;
        let blocks = self.many(|reader| reader.block(tables, times.len()))?;
        Some(Chunk { first_id, times, gaps, blocks })
    }

    fn block(&mut self, tables: &[Arc<SeriesTable>], entries: usize) -> Option<Block> {
        let table = tables.get(usize::try_from(self.number()?).ok()?)?;
        let present = self.number()?;
        if present == 0 || present >> entries != 0 {
            return None;
        }
        let length = self.count()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        let mut columns = Columns::new(bytes);
        let mut column = Vec::new();
        for _ in 0..table.len() {
            columns.next(present.count_ones() as usize, &mut column)?;
        }
        if !columns.at_end() {
            return None;
        }
        self.0 = rest;
        Some(Block { table: Arc::clone(table), present, rows: Rows::Packed(bytes.into()) })
    }

    fn many<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        (0..self.count()?).map(|_| one(self)).collect()
    }

    /// A number of things that are to follow.
    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok().filter(|&count| count <= self.0.len())
    }

    fn number(&mut self) -> Option<u64> {
        varint(&mut self.0)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.count()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}
