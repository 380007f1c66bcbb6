//! Which series the samples of a collection are of.

use std::sync::Arc;

use crate::Family;

/// Ends each label value. No UTF-8 text holds this byte, so two different lists of values never look alike.
pub(crate) const END: u8 = 0xff;

/// One series: which family, and where its label values end in the shared buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Series {
    pub(crate) family: u32,
    pub(crate) end: u32,
}

/// The series of one collector: which families and label values its samples have. Immutable, shared by all
/// snapshots that have the same.
pub struct SeriesSet {
    declared: &'static [Family],
    families: Arc<Vec<Family>>,
    series: Vec<Series>,
    labels: Vec<u8>,
    order: Vec<u32>,
}

impl SeriesSet {
    /// Of series as they were pushed, and the places of those that stand there a second time.
    pub(crate) fn new(
        declared: &'static [Family],
        families: Arc<Vec<Family>>,
        series: Vec<Series>,
        labels: Vec<u8>,
    ) -> (Self, Vec<usize>) {
        let mut set = SeriesSet { declared, families, series, labels, order: Vec::new() };
        let twice = set.sort();
        (set, twice)
    }

    /// Whether these are the series, in the same order.
    pub(crate) fn is_of(&self, series: &[Series], labels: &[u8]) -> bool {
        self.series == series && self.labels == labels
    }

    /// Whether the series at a place is the one of this family with these label values.
    pub(crate) fn is_at(&self, place: usize, family: usize, labels: &[&str]) -> bool {
        if self.series.get(place).is_none_or(|series| series.family as usize != family) {
            return false;
        }
        let mut rest = self.label_bytes(place);
        for label in labels {
            let behind = rest.strip_prefix(label.as_bytes()).and_then(|behind| behind.strip_prefix(&[END]));
            let Some(behind) = behind else { return false };
            rest = behind;
        }
        rest.is_empty()
    }

    /// The first so many series, as they were pushed.
    pub(crate) fn first(&self, count: usize) -> (&[Series], &[u8]) {
        let series = &self.series[..count];
        (series, &self.labels[..series.last().map_or(0, |last| last.end as usize)])
    }

    fn sort(&mut self) -> Vec<usize> {
        let mut order: Vec<u32> = (0..self.series.len() as u32).collect();
        let family = |at: u32| self.series[at as usize].family;
        let labels = |at: u32| self.label_bytes(at as usize);
        // To find what stands there twice, sort by family and labels; to show, by family and then as pushed.
        order.sort_unstable_by_key(|&at| (family(at), labels(at), at));
        let is_same =
            |pair: &&[u32]| family(pair[0]) == family(pair[1]) && labels(pair[0]) == labels(pair[1]);
        let mut twice: Vec<_> = order.windows(2).filter(is_same).map(|pair| pair[1] as usize).collect();
        twice.sort_unstable();
        order.sort_unstable_by_key(|&at| (family(at), at));
        self.order = order;
        twice
    }

    /// The series at a place, for a message: `node_x{a="b"}`.
    pub(crate) fn shown(&self, place: usize) -> String {
        let (_, family) = self.family_of(place);
        let labels = family.label_names().iter().zip(self.labels_of(place));
        let labels: Vec<_> = labels.map(|(name, value)| format!("{name}={value:?}")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        format!("{}{labels}", family.name())
    }

    /// How many series of declared families there are.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// The families that the collector declared.
    pub fn declared(&self) -> &'static [Family] {
        self.declared
    }

    /// The same, and behind them those that its patterns have become.
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// The places of the series, those of one family together, families in the declared order. A place is an
    /// index into the values of a collection.
    pub fn places(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.order.iter().map(|&at| at as usize)
    }

    /// The family's index and the family of the series at a place.
    pub fn family_of(&self, place: usize) -> (usize, &Family) {
        let index = self.series[place].family as usize;
        (index, &self.families[index])
    }

    /// The label values of the series at a place, in the order of the family's label names.
    pub fn labels_of(&self, place: usize) -> impl Iterator<Item = &str> + '_ {
        // Only whole `&str`s went into the buffer, each with its END behind it.
        let values = self.label_bytes(place).split_inclusive(|&byte| byte == END);
        values.map(|value| std::str::from_utf8(&value[..value.len() - 1]).unwrap_or("\u{fffd}"))
    }

    pub(crate) fn label_bytes(&self, place: usize) -> &[u8] {
        let start = if place == 0 { 0 } else { self.series[place - 1].end as usize };
        &self.labels[start..self.series[place].end as usize]
    }
}
