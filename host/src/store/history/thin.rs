//! What gets older is thinned out, and earlier where memory runs short.

use super::History;
use super::chunk::Chunk;
use super::table::SeriesTable;

/// Each snapshot; rows of 10 seconds; rows of a minute.
pub(super) const TIERS: usize = 3;
pub(super) const STEPS_MS: [u64; TIERS] = [0, 10_000, 60_000];

/// How much further than the finest each reaches: where that one has ten minutes, two hours and a day.
pub(super) const REACHES: [u64; TIERS] = [1, 12, 144];

/// How memory is divided where it is short. What one tier does not need, the others may have.
const SHARES: [usize; TIERS] = [3, 2, 3];

/// So many families that were asked for are remembered.
const MOST_ASKED: usize = 1000;

impl History {
    /// Hands on what is too old for its tier, a chunk a time and tier: no more comes in either. The coarsest comes first, so that a
    /// clock that jumps takes nothing through all of them at once.
    pub(super) fn thin_out(&mut self, now: u64) {
        for tier in (0..TIERS).rev() {
            let span = self.span_ms.saturating_mul(REACHES[tier]);
            let last = self.tiers[tier].front().and_then(|chunk| chunk.times.last());
            // The distance and not the age, for a clock that was set back.
            if last.is_some_and(|last| now.abs_diff(*last) > span) {
                self.hand_on(tier);
            }
        }
        while self.bytes() > self.budget {
            if self.narrow() {
                continue;
            }
            let sizes =
                self.tiers.iter().zip(SHARES).enumerate().filter(|(_, (chunks, _))| !chunks.is_empty());
            let share = |chunks: &std::collections::VecDeque<Chunk>, share: usize| {
                chunks.iter().map(Chunk::bytes).sum::<usize>() / share
            };
            let fullest = sizes.max_by_key(|(_, (chunks, part))| share(chunks, *part)).map(|(tier, _)| tier);
            match fullest {
                Some(tier) => {
                    self.is_short |= tier == 0;
                    self.hand_on(tier);
                }
                None => {
                    // Not one snapshot has room.
                    self.is_short = true;
                    self.open = Chunk::default();
                    self.latest.clear();
                    self.recount();
                    return;
                }
            }
        }
    }

    /// Takes note of families that somebody wants to see: they go last.
    pub(crate) fn asked_for(&mut self, families: &[String]) {
        let room = MOST_ASKED.saturating_sub(self.asked.len());
        self.asked.extend(families.iter().take(room).map(|family| family.as_str().into()));
    }

    /// Leaves what nobody has ever asked for out of the oldest chunk that still has it, if somebody has asked for anything.
    fn narrow(&mut self) -> bool {
        if self.asked.is_empty() {
            return false;
        }
        let mut chunks = self.tiers.iter().enumerate().rev().flat_map(|(tier, chunks)| {
            chunks.iter().enumerate().map(move |(at, chunk)| (tier, at, chunk.is_narrow))
        });
        let Some((tier, at, _)) = chunks.find(|(.., is_narrow)| !is_narrow) else { return false };
        self.is_short |= tier == 0;
        let mut chunk = std::mem::take(&mut self.tiers[tier][at]);
        let table_of = |table: SeriesTable| {
            let table = self.shared(table);
            let still = self.still_of(&table);
            (table, still)
        };
        chunk.narrow(|family| self.asked.contains(family), table_of);
        self.tiers[tier][at] = chunk;
        self.recount();
        true
    }

    /// Puts the oldest chunk of a tier into the next one, or forgets it.
    fn hand_on(&mut self, tier: usize) {
        let Some(chunk) = self.tiers[tier].pop_front() else { return };
        if let Some(&step_ms) = STEPS_MS.get(tier + 1) {
            let chunk = Chunk::joined(&[&chunk], step_ms, |table| self.still_of(table));
            self.append(tier + 1, chunk);
        }
        self.recount();
    }

    /// Puts a chunk behind the newest of a tier. Those that are as many go together, so that each row is packed anew a few times
    /// only until its chunk is full.
    pub(super) fn append(&mut self, tier: usize, mut chunk: Chunk) {
        while let Some(before) = self.tiers[tier].back()
            && before.times.len() <= chunk.times.len()
            && before.times.len() + chunk.times.len() <= chunk.most_rows()
            && (tier > 0 || self.go_together(before, &chunk))
        {
            chunk = Chunk::joined(&[before, &chunk], STEPS_MS[tier], |table| self.still_of(table));
            self.tiers[tier].pop_back();
        }
        self.tiers[tier].push_back(chunk);
    }

    /// Whether two chunks are near each other in time, so that the finest tier does not reach much further than it should.
    fn go_together(&self, before: &Chunk, chunk: &Chunk) -> bool {
        let ends = before.times.first().zip(chunk.times.last());
        ends.is_some_and(|(first, last)| first.abs_diff(*last) <= self.span_ms / 8)
    }
}
