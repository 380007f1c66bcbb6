//! What a collector writes into: the samples of one collection.

use std::sync::Arc;

use crate::exposition::SideLoad;
use crate::{Claims, Error, Exposition, Expositions, Family, Kind};

/// Ends each label value. No UTF-8 text holds this byte, so two different lists of values never look alike.
const END: u8 = 0xff;

/// So many warnings of a collection are kept, and so many bytes of each.
const WARNINGS: usize = 20;
const WARNING: usize = 1000;

/// The samples of one collection of one plugin.
///
/// [`push`](Samples::push) does not fail: the first mistake (a family that was not declared, a wrong number of
/// labels, a counter that is no number, too many series) is kept and becomes the plugin's error when the
/// collection ends, and nothing of that collection is shown.
pub struct Samples {
    families: &'static [Family],
    series: Vec<Series>,
    labels: Vec<u8>,
    values: Vec<f64>,
    last_family: usize,
    limit: usize,
    fault: Option<Error>,
    side: SideLoad,
    warnings: Vec<String>,
    /// In a library: the agent that judges its texts.
    relay: Option<crate::abi::Relay>,
}

/// One series: which family, and where its label values end in the shared buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Series {
    family: u32,
    end: u32,
}

impl Samples {
    /// No samples yet of these families, and room for `limit` of them.
    pub fn new(families: &'static [Family], limit: usize) -> Self {
        Samples {
            families,
            series: Vec::new(),
            labels: Vec::new(),
            values: Vec::new(),
            last_family: 0,
            limit,
            fault: None,
            side: SideLoad::default(),
            warnings: Vec::new(),
            relay: None,
        }
    }

    /// Adds a sample: a declared family, its label values in the declared order, the value.
    pub fn push<const N: usize>(&mut self, family: &Family, labels: [&str; N], value: f64) {
        self.push_slice(family, &labels, value);
    }

    /// The same with label values whose number is known only at run time.
    pub fn push_slice(&mut self, family: &Family, labels: &[&str], value: f64) {
        match self.index_of(family) {
            Some(index) => self.push_index(index, labels, value),
            None => self
                .fail(|| format!("a sample of family {}, which the plugin did not declare", family.name())),
        }
    }

    /// The same with the family's place in the plugin's list, as the C interface names it.
    pub fn push_index(&mut self, index: usize, labels: &[&str], value: f64) {
        let Some(family) = self.families.get(index) else {
            let count = self.families.len();
            return self
                .fail(|| format!("a sample of family number {index}, but the plugin declared {count}"));
        };
        let names = family.label_names();
        if names.len() != labels.len() {
            return self.fail(|| {
                format!(
                    "a sample of {} with {} label values for the labels {names:?}",
                    family.name(),
                    labels.len()
                )
            });
        }
        if family.kind() == Kind::Counter && (value.is_nan() || value < 0.0) {
            return self.fail(|| format!("a sample of the counter {} with the value {value}", family.name()));
        }
        let label_bytes = labels.iter().map(|label| label.len() + 1).sum::<usize>();
        if self.len() >= self.limit || self.labels.len() + label_bytes > self.limit.saturating_mul(256) {
            let limit = self.limit;
            return self.fail(|| {
                format!("more than {limit} series, or more than {limit} times 256 bytes of label values; raise [collect] series, or emit fewer")
            });
        }
        for label in labels {
            self.labels.extend_from_slice(label.as_bytes());
            self.labels.push(END);
        }
        let end = u32::try_from(self.labels.len()).unwrap_or(u32::MAX);
        self.series.push(Series { family: index as u32, end });
        self.values.push(value);
    }

    /// Adds the families of a text that is none of this plugin's making, such as a file that an operator's script has
    /// written. Unlike declared families they are known only now, so the host judges each text beside all others:
    ///
    /// - an error says why this text is left out, and is no fault of the collection: its other samples are shown;
    /// - left out is a text with a name that some plugin or the agent has declared, with another type or help for a
    ///   family of a text pushed before, with a series that one of those has, or with more series than there is room for.
    ///
    /// Push the same `Arc` again while its source is unchanged: that costs next to nothing. The samples are not kept in
    /// the history.
    pub fn push_exposition(&mut self, text: &Arc<Exposition>) -> Result<(), Error> {
        if let Some(relay) = &self.relay {
            return relay.exposition(text);
        }
        let room = self.limit.saturating_sub(self.len());
        self.side.push(text, self.families, room)
    }

    /// Tells the operator of a part that could not be read while the rest could: shown as the plugin's error in
    /// `GET /plugins`, and logged when it changes. The collection counts as a success.
    pub fn warn(&mut self, what: impl Into<String>) {
        let mut what = what.into();
        if what.len() > WARNING {
            what.truncate(what.floor_char_boundary(WARNING));
            what.push('…');
        }
        if self.warnings.len() < WARNINGS {
            self.warnings.push(what);
        }
    }

    /// What was warned of in this collection.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// How many samples there may be.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// What no text may bring, for those that are pushed from now on.
    pub fn set_claims(&mut self, claims: &Arc<Claims>) {
        self.side.set_claims(claims);
    }

    /// Sends texts to the agent, for the time of a call over the C interface.
    pub(crate) fn set_relay(&mut self, relay: Option<crate::abi::Relay>) {
        self.relay = relay;
    }

    /// How many samples there are, those of texts included.
    pub fn len(&self) -> usize {
        self.values.len() + self.side.series
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values of declared families, in the order in which they were pushed.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Hands out each sample of a declared family as it was pushed: the family's place, its label values, the value.
    pub(crate) fn each(&self, mut one: impl FnMut(usize, &mut dyn Iterator<Item = &str>, f64)) {
        let mut start = 0;
        for (series, value) in self.series.iter().zip(&self.values) {
            let end = series.end as usize;
            one(series.family as usize, &mut label_values(&self.labels[start..end]), *value);
            start = end;
        }
    }

    /// Forgets the samples and the fault, and keeps the memory for the next collection.
    pub fn clear(&mut self) {
        self.series.clear();
        self.labels.clear();
        self.values.clear();
        self.last_family = 0;
        self.fault = None;
        self.side.clear();
        self.warnings.clear();
    }

    /// The first mistake of this collection.
    pub fn fault(&self) -> Option<&Error> {
        self.fault.as_ref()
    }

    /// Whether these samples are of just the series in `set`, in the same order.
    ///
    /// The series of a machine seldom change from one collection to the next, so this comparison of two buffers
    /// is what the host pays in place of sorting and checking them anew.
    pub fn has_series_of(&self, set: &SeriesSet) -> bool {
        self.series == set.series && self.labels == set.labels && self.side.is(&set.expositions)
    }

    /// The series of these samples, sorted by family; an error if one stands there twice.
    pub fn series_set(&self) -> Result<SeriesSet, Error> {
        let set = SeriesSet {
            families: self.families,
            series: self.series.clone(),
            labels: self.labels.clone(),
            order: Vec::new(),
            expositions: self.side.merged(),
        };
        set.sorted()
    }

    /// Families are few and samples of one family come in a row, so the last one is tried first.
    fn index_of(&mut self, family: &Family) -> Option<usize> {
        let is_it = |known: &Family| {
            std::ptr::eq(known.name().as_ptr(), family.name().as_ptr()) || known.name() == family.name()
        };
        let count = self.families.len();
        let found =
            (0..count).map(|step| (self.last_family + step) % count).find(|&at| is_it(&self.families[at]))?;
        self.last_family = found;
        Some(found)
    }

    fn fail(&mut self, message: impl FnOnce() -> String) {
        if self.fault.is_none() {
            self.fault = Some(Error::new(message()));
        }
    }
}

/// The series of one plugin: which families and label values its samples have. Immutable, shared by all
/// snapshots that have the same.
pub struct SeriesSet {
    families: &'static [Family],
    series: Vec<Series>,
    labels: Vec<u8>,
    order: Vec<u32>,
    expositions: Expositions,
}

impl SeriesSet {
    fn sorted(mut self) -> Result<Self, Error> {
        let mut order: Vec<u32> = (0..self.series.len() as u32).collect();
        // To find what stands there twice, sort by family and labels; to show, by family and then as pushed.
        order.sort_unstable_by_key(|&at| (self.series[at as usize].family, self.label_bytes(at as usize)));
        for pair in order.windows(2) {
            let [a, b] = [pair[0] as usize, pair[1] as usize];
            if self.series[a].family == self.series[b].family && self.label_bytes(a) == self.label_bytes(b) {
                let family = self.families[self.series[a].family as usize];
                let labels: Vec<String> = family
                    .label_names()
                    .iter()
                    .zip(self.labels_of(a))
                    .map(|(n, v)| format!("{n}={v:?}"))
                    .collect();
                return Err(Error::new(format!(
                    "the series {}{{{}}} twice",
                    family.name(),
                    labels.join(",")
                )));
            }
        }
        order.sort_unstable_by_key(|&at| (self.series[at as usize].family, at));
        self.order = order;
        Ok(self)
    }

    /// How many series of declared families there are.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// The families that are known only at run time, with their samples: until a text changes, their values do not.
    pub fn expositions(&self) -> &Expositions {
        &self.expositions
    }

    /// The families that the plugin declared.
    pub fn families(&self) -> &'static [Family] {
        self.families
    }

    /// The places of the series, those of one family together, families in the declared order. A place is an
    /// index into the values of a collection.
    pub fn places(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.order.iter().map(|&at| at as usize)
    }

    /// The family's index and the family of the series at a place.
    pub fn family_of(&self, place: usize) -> (usize, &'static Family) {
        let index = self.series[place].family as usize;
        (index, &self.families[index])
    }

    /// The label values of the series at a place, in the order of the family's label names.
    pub fn labels_of(&self, place: usize) -> impl Iterator<Item = &str> + '_ {
        label_values(self.label_bytes(place))
    }

    fn label_bytes(&self, place: usize) -> &[u8] {
        let start = if place == 0 { 0 } else { self.series[place - 1].end as usize };
        &self.labels[start..self.series[place].end as usize]
    }
}

/// The label values in a part of the buffer. Only whole `&str`s went into it, each with its END behind it.
fn label_values(bytes: &[u8]) -> impl Iterator<Item = &str> + '_ {
    let values = bytes.split_inclusive(|&byte| byte == END);
    values.map(|value| std::str::from_utf8(&value[..value.len() - 1]).unwrap_or("\u{fffd}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Family = Family::counter("a_total", "A.").labels(&["x", "y"]);
    const B: Family = Family::gauge("b", "B.");
    const OTHER: Family = Family::gauge("other", "Not declared.");

    fn samples() -> Samples {
        const FAMILIES: &[Family] = &[A, B];
        Samples::new(FAMILIES, 100)
    }

    #[test]
    fn series_of_a_family_come_together_in_the_order_they_were_pushed() {
        let mut out = samples();
        out.push(&B, [], 1.0);
        out.push(&A, ["2", ""], 2.0);
        out.push(&A, ["1", "é"], 3.0);
        let set = out.series_set().unwrap();
        assert_eq!(set.places().collect::<Vec<_>>(), [1, 2, 0]);
        assert_eq!(set.labels_of(2).collect::<Vec<_>>(), ["1", "é"]);
        assert_eq!(set.labels_of(1).collect::<Vec<_>>(), ["2", ""]);
        assert_eq!(set.family_of(0).1.name(), "b");
        assert!(out.has_series_of(&set));
        out.clear();
        assert!(!out.has_series_of(&set));
    }

    #[test]
    fn labels_that_only_look_alike_when_joined_are_two_series() {
        let mut out = samples();
        out.push(&A, ["a", "bc"], 1.0);
        out.push(&A, ["ab", "c"], 1.0);
        assert!(out.series_set().is_ok());
        out.push(&A, ["ab", "c"], 1.0);
        let error = out.series_set().err().unwrap();
        assert_eq!(error.message(), r#"the series a_total{x="ab",y="c"} twice"#);
    }

    #[test]
    fn the_first_mistake_is_kept() {
        let fault = |f: fn(&mut Samples)| {
            let mut out = samples();
            f(&mut out);
            out.push(&OTHER, [], 0.0);
            out.fault().unwrap().message().to_owned()
        };
        assert!(fault(|_| ()).contains("other, which the plugin did not declare"));
        assert!(fault(|out| out.push(&A, ["x"], 0.0)).contains("1 label values"));
        assert!(fault(|out| out.push(&A, ["x", "y"], f64::NAN)).contains("NaN"));
        assert!(fault(|out| out.push(&A, ["x", "y"], -1.0)).contains("-1"));
        assert!(fault(|out| (0..101).for_each(|_| out.push(&B, [], 0.0))).contains("more than 100 series"));
        assert!(fault(|out| out.push_index(2, &[], 0.0)).contains("number 2"));
    }

    #[test]
    fn a_flood_is_bounded_in_memory() {
        let mut out = samples();
        let long = "x".repeat(10_000);
        for _ in 0..1_000_000 {
            out.push(&A, [&long, "y"], 1.0);
        }
        assert!(out.labels.capacity() < 100 * 256 * 4, "{}", out.labels.capacity());
        assert!(out.fault().is_some());
    }
}
