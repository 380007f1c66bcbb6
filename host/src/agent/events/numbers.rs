//! Which number stands for which series, for those who listen to the same families.

use std::collections::HashMap;
use std::sync::Arc;

use relink_core::Kind;

use crate::expose::changes::{Changes, Labels, Named};
use crate::store::history::{Past, SeriesTable};

/// What has no number: nobody wants it.
const NONE: u32 = u32::MAX;

/// Numbers that no series uses any more are given up when there are more of them than of those in use, and than this.
const SPARE: usize = 4096;

/// Numbers of series, given when a series first comes up and never to another one.
pub(super) struct Numbers {
    /// The families that are wanted, sorted; all where there is none.
    wanted: Arc<[String]>,
    families: Vec<Family>,
    /// By number.
    series: Vec<(u32, Labels)>,
    /// The numbers of a table's series, by place, for the tables that were used last.
    tables: Vec<(Arc<SeriesTable>, Arc<[u32]>)>,
}

struct Family {
    name: Box<str>,
    kind: Kind,
    numbers: HashMap<Labels, u32>,
}

/// What the series are at a snapshot.
#[derive(Default)]
pub(super) struct State {
    /// The snapshot's number; 0: of none yet.
    pub(super) id: u64,
    /// When it was taken, in milliseconds since 1970.
    pub(super) time_ms: u64,
    is_after_gap: bool,
    tables: Vec<Arc<SeriesTable>>,
    /// By number; and the snapshot that had each series last.
    values: Vec<f64>,
    seen: Vec<u64>,
}

impl Numbers {
    pub(super) fn new(wanted: Arc<[String]>) -> Self {
        Numbers { wanted, families: Vec::new(), series: Vec::new(), tables: Vec::new() }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// The series from this number on.
    pub(super) fn named(&self, from: usize) -> impl Iterator<Item = Named<'_>> {
        self.series.iter().enumerate().skip(from).map(|(number, (family, labels))| {
            let Family { name, kind, .. } = &self.families[*family as usize];
            Named { number: number as u32, family: name, kind: *kind, labels }
        })
    }

    /// The number of a series, which it gets now if it has none.
    pub(super) fn of(&mut self, family: &str, kind: Kind, labels: Labels) -> u32 {
        let known = self.families.iter().position(|known| &*known.name == family && known.kind == kind);
        let at = known.unwrap_or_else(|| {
            self.families.push(Family { name: family.into(), kind, numbers: HashMap::new() });
            self.families.len() - 1
        });
        let next = self.series.len() as u32;
        let number = *self.families[at].numbers.entry(labels.clone()).or_insert(next);
        if number == next {
            self.series.push((at as u32, labels));
        }
        number
    }

    /// The numbers of a table's series, by place.
    fn of_table(&mut self, table: &Arc<SeriesTable>) -> Arc<[u32]> {
        if let Some((_, numbers)) = self.tables.iter().find(|(known, _)| Arc::ptr_eq(known, table)) {
            return Arc::clone(numbers);
        }
        let mut numbers = vec![NONE; table.len()];
        for places in table.places_by_family() {
            let (name, kind) = (table.family_name(places[0]), table.kind(places[0]));
            if !self.wanted.is_empty() && self.wanted.binary_search_by(|one| one.as_str().cmp(name)).is_err()
            {
                continue;
            }
            for place in places {
                numbers[place] = self.of(name, kind, Labels::of(table.label_pairs(place)));
            }
        }
        let numbers: Arc<[u32]> = numbers.into();
        self.tables.push((Arc::clone(table), Arc::clone(&numbers)));
        numbers
    }
}

impl State {
    /// Goes on to a snapshot, and tells what is not as it was.
    pub(super) fn go_on(&mut self, past: &Past, numbers: &mut Numbers) -> Changes {
        let before = std::mem::replace(&mut self.id, past.id);
        let mut changes = Changes { time_ms: past.time_ms, gap: past.is_after_gap, ..Changes::default() };
        (self.time_ms, self.is_after_gap) = (past.time_ms, past.is_after_gap);
        let tables: Vec<_> = past.rows().map(|(table, _)| Arc::clone(table)).collect();
        for (table, values) in past.rows() {
            let numbers_of = numbers.of_table(table);
            if self.values.len() < numbers.len() {
                self.values.resize(numbers.len(), 0.0);
                self.seen.resize(numbers.len(), 0);
            }
            for (&number, &value) in numbers_of.iter().zip(values) {
                if number == NONE {
                    continue;
                }
                let number = number as usize;
                let was_there = before != 0 && self.seen[number] == before;
                self.seen[number] = past.id;
                if !was_there || self.values[number].to_bits() != value.to_bits() {
                    self.values[number] = value;
                    changes.values.push((number as u32, value));
                }
            }
        }
        let is_same = |(one, other): (&Arc<_>, &Arc<_>)| Arc::ptr_eq(one, other);
        if tables.len() != self.tables.len() || !tables.iter().zip(&self.tables).all(is_same) {
            let was_there = |number: &usize| before != 0 && self.seen[*number] == before;
            changes.gone.extend((0..self.seen.len()).filter(was_there).map(|number| number as u32));
            // Those that this snapshot has not are seldom wanted again.
            numbers.tables.retain(|(known, _)| tables.iter().any(|table| Arc::ptr_eq(table, known)));
            self.tables = tables;
        }
        changes
    }

    /// All that there is at the snapshot, and what is not of the series that have been told so far.
    pub(super) fn whole(&self, told: usize) -> Changes {
        let is_there = |number: &usize| self.id != 0 && self.seen.get(*number) == Some(&self.id);
        let values =
            (0..self.values.len()).filter(is_there).map(|number| (number as u32, self.values[number]));
        let gone = (0..told).filter(|number| !is_there(number)).map(|number| number as u32);
        Changes {
            time_ms: self.time_ms,
            gap: self.is_after_gap,
            values: values.collect(),
            gone: gone.collect(),
        }
    }

    /// Whether so many numbers are of series that are no more that it is time to begin anew.
    pub(super) fn is_worn(&self, numbers: &Numbers) -> bool {
        if numbers.len() < SPARE {
            return false;
        }
        let in_use = self.seen.iter().filter(|&&seen| seen == self.id).count();
        numbers.len() - in_use > SPARE.max(in_use)
    }
}
