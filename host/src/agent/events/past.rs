//! What a listener is told of the past before the first snapshot: as fine as its connection can be expected to carry.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use crate::store::history::{Ask, Columns, History, Past, Values};

/// The most values that a connection's past has, about. In JSON, compressed, those of a machine on which all moves are some 0.5 MB:
/// 2 s at 2 Mbit/s.
const MAX_VALUES: usize = 110_000;

/// About how many values an event has, so that the first chart does not wait for the last.
const AT_ONCE: usize = 10_000;

/// Seconds between two rows. What comes behind is as coarse as these, or coarser.
const STEPS: [u64; 12] = [2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600];

/// The rows with which a past is looked through at first, to see what moves.
const COARSE_MS: u64 = 60_000;

/// The past that is still to be told.
pub(super) struct Plan {
    after_ms: u64,
    until_ms: u64,
    /// 0: each snapshot for itself.
    step_ms: u64,
    /// Seconds between two rows.
    pub(super) step: f64,
    /// The families whose past is told at once.
    groups: VecDeque<Vec<String>>,
}

/// How many values a family's past has.
#[derive(Clone, Copy, Default)]
struct Size {
    still: usize,
    counters: usize,
    others: usize,
}

impl Size {
    fn of(columns: &Columns) -> Self {
        let mut size = Size::default();
        for series in &columns.series {
            match (&series.values, series.kind) {
                (Values::Still(_), _) => size.still += 1,
                (_, relink_core::Kind::Counter) => size.counters += 1,
                _ => size.others += 1,
            }
        }
        size
    }

    /// With so many rows. Where a row is of several snapshots, a gauge also has its least and its most.
    fn values(self, rows: usize, is_raw: bool) -> usize {
        self.still + rows * (self.counters + self.others * if is_raw { 1 } else { 3 })
    }
}

impl Plan {
    /// The past of these families before a snapshot, or of all that it has, as far back as `span`.
    pub(super) fn new(
        history: &History,
        before: &Past,
        families: &[String],
        span: Duration,
        interval: Duration,
    ) -> Self {
        let span_ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let (after_ms, until_ms) = (before.time_ms.saturating_sub(span_ms), before.time_ms.saturating_sub(1));
        let families = if families.is_empty() { families_of(before) } else { families.to_vec() };
        let all = Ask { after_ms: Some(after_ms), until_ms: Some(until_ms), ..Ask::default() };
        let mut sizes = Vec::with_capacity(families.len());
        for family in &families {
            let one = std::slice::from_ref(family);
            sizes.push(Size::of(&history.columns(&Ask { families: one, step_ms: COARSE_MS, ..all })));
        }
        // Of no family: only the times.
        let none = [String::new()];
        let rows_of = |step_ms| history.columns(&Ask { families: &none, step_ms, ..all }).times.len();
        let values = |rows, is_raw| sizes.iter().map(|size| size.values(rows, is_raw)).sum::<usize>();
        let mut plan =
            Plan { after_ms, until_ms, step_ms: 0, step: interval.as_secs_f64(), groups: VecDeque::new() };
        let mut rows = rows_of(0);
        for step in STEPS.iter().filter(|step| Duration::from_secs(**step) > interval) {
            if values(rows, plan.step_ms == 0) <= MAX_VALUES {
                break;
            }
            (plan.step_ms, plan.step) = (step * 1000, *step as f64);
            rows = rows_of(plan.step_ms);
        }
        let mut room = 0;
        for (family, size) in families.into_iter().zip(sizes) {
            let values = size.values(rows, plan.step_ms == 0);
            if values == 0 {
                continue;
            }
            match plan.groups.back_mut() {
                Some(group) if values <= room => group.push(family),
                _ => {
                    plan.groups.push_back(vec![family]);
                    room = AT_ONCE;
                }
            }
            room = room.saturating_sub(values);
        }
        plan
    }

    /// The past of the next families, if there are more.
    pub(super) fn next(&mut self, history: &History) -> Option<Columns> {
        let families = self.groups.pop_front()?;
        Some(history.columns(&Ask {
            families: &families,
            after_ms: Some(self.after_ms),
            until_ms: Some(self.until_ms),
            step_ms: self.step_ms,
            ..Ask::default()
        }))
    }
}

/// The families of a snapshot, by their names.
fn families_of(past: &Past) -> Vec<String> {
    let mut names = BTreeSet::new();
    for (table, _) in past.rows() {
        for places in table.places_by_family() {
            names.insert(table.family_name(places[0]).to_owned());
        }
    }
    names.into_iter().collect()
}
