//! Which series a collector has, in a form of its own: it outlives the image and the library whose descriptor named them.

use std::sync::Arc;

use relink_core::Kind;
use relink_exposition::{Expositions, RuntimeKind};

use super::super::snapshot::Layout;

/// The series of one collector, by place: those of declared families as in the values of a frame, and behind them those of
/// families that are known only at run time, under the names of their samples.
#[derive(Default, PartialEq)]
pub(crate) struct SeriesTable {
    pub(super) collector: Box<str>,
    pub(super) families: Vec<FamilyRow>,
    pub(super) series: Vec<SeriesRow>,
    /// All label values, one behind another.
    pub(super) text: String,
    /// Where each label value ends in the text.
    pub(super) ends: Vec<u32>,
}

#[derive(Clone, PartialEq)]
pub(super) struct FamilyRow {
    pub(super) name: Arc<str>,
    pub(super) kind: Kind,
    pub(super) labels: Box<[Box<str>]>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) struct SeriesRow {
    pub(super) family: u32,
    /// Where its label values begin among the ends.
    pub(super) first: u32,
}

/// How the samples of this name behave. Sums and buckets only go up, unless what they sum is negative.
fn kind_of(kind: RuntimeKind, suffix: &str) -> Kind {
    match kind {
        RuntimeKind::Counter => Kind::Counter,
        RuntimeKind::Histogram => Kind::Counter,
        RuntimeKind::Summary if !suffix.is_empty() => Kind::Counter,
        RuntimeKind::Gauge | RuntimeKind::Summary => Kind::Gauge,
        RuntimeKind::Untyped => Kind::Unknown,
    }
}

fn is_wanted(families: &[String], name: &str) -> bool {
    families.is_empty() || families.iter().any(|family| family == name)
}

impl SeriesTable {
    pub(super) fn new(collector: &str, layout: &Layout) -> Self {
        let set = &layout.series;
        let families = set.families().iter().map(|family| FamilyRow {
            name: family.name().into(),
            kind: family.kind(),
            labels: family.label_names().iter().map(|&name| name.into()).collect(),
        });
        let mut table = SeriesTable {
            collector: collector.into(),
            families: families.collect(),
            ..SeriesTable::default()
        };
        for place in 0..set.len() {
            table.push(set.family_of(place).0 as u32, set.labels_of(place));
        }
        table.push_texts(&layout.texts);
        table
    }

    fn push_texts(&mut self, texts: &Expositions) {
        let declared = self.families.len();
        for family in texts.families() {
            for sample in family.samples() {
                let name = format!("{}{}", family.name(), sample.suffix);
                let pairs = sample.label_pairs();
                let is_row = |row: &FamilyRow| {
                    *row.name == *name
                        && row.labels.iter().map(|label| &**label).eq(pairs.iter().map(|(name, _)| name))
                };
                // Samples of a text need not all have the same labels: each such set is a row of its own. The last is the likely one.
                let known = self.families[declared..].iter().rposition(is_row);
                let at = known.map_or(self.families.len(), |at| declared + at);
                if known.is_none() {
                    self.families.push(FamilyRow {
                        name: name.as_str().into(),
                        kind: kind_of(family.kind(), sample.suffix),
                        labels: pairs.iter().map(|(name, _)| name.as_str().into()).collect(),
                    });
                }
                self.push(at as u32, pairs.iter().map(|(_, value)| value.as_str()));
            }
        }
    }

    pub(super) fn push<'a>(&mut self, family: u32, labels: impl Iterator<Item = &'a str>) {
        self.series.push(SeriesRow { family, first: self.ends.len() as u32 });
        for label in labels {
            self.text.push_str(label);
            self.ends.push(self.text.len() as u32);
        }
    }

    pub(super) fn collector(&self) -> &str {
        &self.collector
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.series.len()
    }

    /// The same without the families that are not wanted, and where its series stood.
    pub(super) fn narrowed(&self, is_wanted: impl Fn(&str) -> bool) -> (Self, Vec<usize>) {
        let mut table = SeriesTable { collector: self.collector.clone(), ..SeriesTable::default() };
        let mut numbers = vec![None; self.families.len()];
        for (number, family) in numbers.iter_mut().zip(&self.families) {
            if is_wanted(&family.name) {
                *number = Some(table.families.len() as u32);
                table.families.push(family.clone());
            }
        }
        let mut kept = Vec::new();
        for place in 0..self.len() {
            if let Some(number) = numbers[self.series[place].family as usize] {
                table.push(number, self.label_pairs(place).map(|(_, value)| value));
                kept.push(place);
            }
        }
        (table, kept)
    }

    /// The value of each text's sample, in the order of their places.
    pub(super) fn values_of(texts: &Expositions) -> impl Iterator<Item = f64> + '_ {
        texts.families().flat_map(|family| family.samples().map(|sample| sample.value))
    }

    /// About how much memory the table takes.
    pub(super) fn bytes(&self) -> usize {
        let families = self.families.iter().map(|family| {
            let labels = family.labels.iter().map(|label| label.len() + size_of::<Box<str>>());
            size_of::<FamilyRow>() + family.name.len() + labels.sum::<usize>()
        });
        size_of::<Self>()
            + self.collector.len()
            + families.sum::<usize>()
            + self.series.len() * size_of::<SeriesRow>()
            + self.text.len()
            + self.ends.len() * size_of::<u32>()
    }

    /// The places of the series of some families, or of all where none is named, that have all of these labels.
    pub(super) fn places_of(&self, families: &[String], labels: &[(String, String)]) -> Vec<usize> {
        let wanted: Vec<bool> = self.families.iter().map(|row| is_wanted(families, &row.name)).collect();
        let has = |place: usize, (name, value): &(String, String)| {
            self.label_pairs(place).any(|(known, found)| known == name && found == value)
        };
        (0..self.len())
            .filter(|&place| wanted[self.series[place].family as usize])
            .filter(|&place| labels.iter().all(|label| has(place, label)))
            .collect()
    }

    pub(super) fn family_text(&self, place: usize) -> Arc<str> {
        Arc::clone(&self.family(place).name)
    }

    pub(crate) fn kind(&self, place: usize) -> Kind {
        self.family(place).kind
    }

    pub(crate) fn family_name(&self, place: usize) -> &str {
        &self.family(place).name
    }

    /// Whether a family of this name stands here, with series or without.
    pub(super) fn has_family(&self, family: &str) -> bool {
        self.families.iter().any(|row| &*row.name == family)
    }

    /// The places of the series, those of one family together; families without series are left out.
    pub(crate) fn places_by_family(&self) -> Vec<Vec<usize>> {
        let mut places = vec![Vec::new(); self.families.len()];
        for (place, row) in self.series.iter().enumerate() {
            places[row.family as usize].push(place);
        }
        places.retain(|places| !places.is_empty());
        places
    }

    pub(super) fn labels(&self, place: usize) -> Vec<(String, String)> {
        self.label_pairs(place).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    pub(crate) fn label_pairs<'a>(
        &'a self,
        place: usize,
    ) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let first = self.series[place].first as usize;
        self.family(place).labels.iter().enumerate().map(move |(at, name)| (&**name, self.value(first + at)))
    }

    fn family(&self, place: usize) -> &FamilyRow {
        &self.families[self.series[place].family as usize]
    }

    fn value(&self, at: usize) -> &str {
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.text[start..self.ends[at] as usize]
    }
}
