//! How far back the history goes, and what that takes.

use super::History;
use super::thin::{REACHES, STEPS_MS, TIERS};

/// How far back the history goes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Reach {
    /// The finest first.
    pub tiers: [TierReach; TIERS],
    pub bytes: usize,
    pub bytes_limit: usize,
    /// For want of memory the finest tier is shorter than it should be.
    pub is_short: bool,
}

/// How far back one tier goes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct TierReach {
    /// How much time a row stands for, in milliseconds; 0: each is a snapshot.
    pub step_ms: u64,
    /// The time of its oldest row, in milliseconds since 1970, if it has one.
    pub oldest_ms: Option<u64>,
    pub rows: usize,
}

impl History {
    /// How far back it goes now.
    pub(crate) fn reach(&self) -> Reach {
        let mut tiers = [TierReach::default(); TIERS];
        for (at, tier) in tiers.iter_mut().enumerate() {
            let open = (at == 0).then_some(&self.open);
            let chunks = || self.tiers[at].iter().chain(open).filter(|chunk| !chunk.times.is_empty());
            *tier = TierReach {
                step_ms: STEPS_MS[at],
                oldest_ms: chunks().next().and_then(|chunk| chunk.times.first()).copied(),
                rows: chunks().map(|chunk| chunk.times.len()).sum(),
            };
        }
        Reach { tiers, bytes: self.bytes(), bytes_limit: self.budget, is_short: self.is_short }
    }

    /// How far back it can go at most, in milliseconds.
    pub(crate) fn longest_ms(&self) -> u64 {
        self.span_ms.saturating_mul(REACHES[TIERS - 1])
    }
}

impl Reach {
    /// The time of the oldest row of all, in milliseconds since 1970.
    pub(crate) fn oldest_ms(&self) -> Option<u64> {
        self.tiers.iter().rev().find_map(|tier| tier.oldest_ms)
    }
}
