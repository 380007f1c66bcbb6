//! The history as bytes, for the hand-over to the next image.
//!
//! `RLH3`, the families that were asked for, the tables, what their series stood still at, and the chunks of each tier; all numbers as
//! varints. The format is the image's that reads as much as the one's that writes, so a change to it takes another magic; the
//! hand-over has the checksum.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use relink_core::Kind;
use relink_order::gathered;

use super::chunk::{Block, Chunk, Packed, ROWS, Stored};
use super::columns::Bins;
use super::pack::{self, push_bytes, push_varint, take_bytes, unzigzag, varint, zigzag};
use super::table::{FamilyRow, SeriesTable};
use super::{History, Latest};

const MAGIC: &[u8; 4] = b"RLH3";

impl History {
    /// All of it as bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes());
        out.extend_from_slice(MAGIC);
        let open = Some(&self.open).filter(|open| !open.times.is_empty());
        let open = open.map(|open| Chunk::joined(&[open], 0, |table| self.still_of(table)));
        let tier = |at: usize| self.tiers[at].iter().chain(open.iter().filter(move |_| at == 0));
        let tiers = (0..self.tiers.len()).map(tier);
        let mut table_numbers = HashMap::new();
        let mut still_numbers = HashMap::new();
        let mut tables = Vec::new();
        let mut stills = Vec::new();
        for block in tiers.clone().flatten().flat_map(|chunk| &chunk.blocks) {
            let Stored::Packed(packed) = &block.values else { continue };
            let table = *table_numbers.entry(Arc::as_ptr(&block.table)).or_insert_with(|| {
                tables.push(&*block.table);
                tables.len() as u64 - 1
            });
            still_numbers.entry(packed.still.as_ptr()).or_insert_with(|| {
                stills.push((table, &packed.still));
                stills.len() as u64 - 1
            });
        }
        push_varint(self.next_id, &mut out);
        push_varint(u64::from(self.is_short), &mut out);
        push_varint(self.asked.len() as u64, &mut out);
        self.asked.iter().for_each(|family| push_text(family, &mut out));
        push_varint(tables.len() as u64, &mut out);
        tables.into_iter().for_each(|table| push_table(table, &mut out));
        push_varint(stills.len() as u64, &mut out);
        let mut packed = Vec::new();
        for (table, still) in stills {
            push_varint(table, &mut out);
            packed.clear();
            pack::pack(&Bins { last: still.to_vec(), ..Bins::default() }, &mut packed);
            push_bytes(&packed, &mut out);
        }
        for tier in tiers {
            push_varint(tier.clone().count() as u64, &mut out);
            tier.for_each(|chunk| push_chunk(chunk, &still_numbers, &mut out));
        }
        out
    }

    /// The history that another image has encoded, under this image's bounds. Damaged bytes and those of another version are
    /// refused, as far as that can be seen without unpacking all columns: one that turns out to be damaged is left out then.
    pub(crate) fn decode(bytes: &[u8], span: Duration, memory_budget: usize) -> Result<Self, String> {
        let Some(rest) = bytes.strip_prefix(MAGIC) else {
            return Err("a history in a format that this version does not know".to_owned());
        };
        let mut reader = Reader(rest);
        let mut history = reader.history(span, memory_budget).ok_or_else(|| {
            format!("a history that is damaged near byte {} of {}", bytes.len() - reader.0.len(), bytes.len())
        })?;
        if let Some(newest) = history.tiers[0].pop_back() {
            history.append(0, newest);
        }
        history.recount();
        history.thin_out(history.last_time_ms().unwrap_or(0));
        Ok(history)
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

fn push_chunk(chunk: &Chunk, stills: &HashMap<*const f64, u64>, out: &mut Vec<u8>) {
    push_varint(chunk.first_id, out);
    push_varint(chunk.times.len() as u64, out);
    let mut last = 0;
    for &time in &chunk.times {
        push_varint(zigzag(time.wrapping_sub(last) as i64), out);
        last = time;
    }
    push_varint(chunk.weights.len() as u64, out);
    chunk.weights.iter().for_each(|&weight| push_varint(u64::from(weight), out));
    push_varint(chunk.gaps, out);
    push_varint(u64::from(chunk.is_narrow), out);
    push_varint(chunk.blocks.len() as u64, out);
    for block in &chunk.blocks {
        if let Stored::Packed(packed) = &block.values {
            push_varint(stills[&packed.still.as_ptr()], out);
            push_varint(block.present, out);
            push_bytes(&packed.columns, out);
        }
    }
}

/// What series stood still at, and whose they are.
type Stills = Vec<(Arc<SeriesTable>, Arc<[f64]>)>;

/// What is left to read. Everything counted takes at least a byte, so no count can ask for more than what came in,
/// and nothing is allocated ahead of what has been read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn history(&mut self, span: Duration, budget: usize) -> Option<History> {
        let mut history = History::new(span, budget);
        history.next_id = self.number().filter(|id| (1..u64::MAX / 2).contains(id))?;
        history.is_short = self.number()? != 0;
        history.asked = gathered(self.many(|reader| reader.text().map(Box::<str>::from))?);
        let tables: Vec<_> = self.many(Self::table)?;
        let stills: Stills = self.many(|reader| reader.still(&tables))?;
        for tier in &mut history.tiers {
            tier.extend(self.many(|reader| reader.chunk(&stills))?);
        }
        // Snapshots are numbered without a gap up to the newest.
        let mut expected = None;
        for chunk in &history.tiers[0] {
            if chunk.first_id == 0 || expected.is_some_and(|id| id != chunk.first_id) {
                return None;
            }
            expected = Some(chunk.first_id.checked_add(chunk.times.len() as u64)?);
        }
        if !self.0.is_empty() || expected.is_some_and(|id| id != history.next_id) {
            return None;
        }
        // A collector goes on with the table that it had last.
        for block in history.tiers[0].iter().rev().flat_map(|chunk| &chunk.blocks) {
            if history.latest.iter().all(|latest| latest.table.collector != block.table.collector) {
                history.latest.push(Latest { table: Arc::clone(&block.table), layout: None });
            }
        }
        Some(history)
    }

    fn still(&mut self, tables: &[Arc<SeriesTable>]) -> Option<(Arc<SeriesTable>, Arc<[f64]>)> {
        let table = tables.get(usize::try_from(self.number()?).ok()?)?;
        let mut bins = Bins::default();
        pack::unpack(take_bytes(&mut self.0)?, table.len(), &mut bins)?;
        bins.mean.is_empty().then(|| (Arc::clone(table), bins.last.into()))
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

    fn chunk(&mut self, stills: &Stills) -> Option<Chunk> {
        let first_id = self.number()?;
        let mut last = 0_u64;
        let times: Vec<u64> = self.many(|reader| {
            last = last.wrapping_add(unzigzag(reader.number()?) as u64);
            Some(last)
        })?;
        if times.is_empty() || times.len() > ROWS {
            return None;
        }
        let weights: Vec<u32> = self.many(|reader| u32::try_from(reader.number()?).ok())?;
        if !(weights.is_empty() || weights.len() == times.len()) || weights.contains(&0) {
            return None;
        }
        let gaps = self.number().filter(|gaps| gaps >> times.len() == 0)?;
        let is_narrow = self.number()? != 0;
        let blocks = self.many(|reader| reader.block(stills, times.len()))?;
        Some(Chunk { first_id, times, weights, gaps, is_narrow, blocks })
    }

    fn block(&mut self, stills: &Stills, rows: usize) -> Option<Block> {
        let (table, still) = stills.get(usize::try_from(self.number()?).ok()?)?;
        let present = self.number()?;
        if present == 0 || present >> rows != 0 {
            return None;
        }
        let packed = Packed { still: Arc::clone(still), columns: take_bytes(&mut self.0)?.into() };
        packed.is_sound(table.len()).then_some(())?;
        Some(Block { table: Arc::clone(table), present, values: Stored::Packed(packed) })
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
