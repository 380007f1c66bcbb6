//! What a collector writes into: the samples of one collection.

use std::any::Any;
use std::sync::Arc;

use crate::series::{END, Series, SeriesSet};
use crate::{Error, Family, Kind};

/// So many bytes of label values there is room for, times the limit of series: three times what they have on the average.
const LABELS: usize = 100;

/// So many warnings of a collection are kept, and so many bytes of each.
const WARNINGS: usize = 20;
const WARNING: usize = 1000;

/// The samples of one collection of one collector.
///
/// [`push`](Samples::push) does not fail: the first mistake (a family that was not declared, a wrong number of
/// labels, a counter that is no number) is kept and becomes the collector's error when the collection ends, and nothing of
/// that collection is shown. What is beyond the limit, which no real machine meets, is dropped, and that is told.
#[derive(Default)]
pub struct Samples {
    declared: &'static [Family],
    /// Those that were declared; behind them those that patterns were completed to, each with its pattern and hole.
    families: Arc<Vec<Family>>,
    completed: Vec<(usize, Box<str>)>,
    /// The place among the completed where the next one is likely: they come in the same order each time.
    next: usize,
    /// The series of an earlier collection. While the same come in the same order, they are compared with these and not
    /// written down again: that takes less time, and half the memory.
    known: Option<Arc<SeriesSet>>,
    /// Whether all samples so far are of the first series of `known`: then `series` and `labels` hold none.
    follows: bool,
    series: Vec<Series>,
    labels: Vec<u8>,
    values: Vec<f64>,
    /// Which of the series [`Source::lines`](crate::Source::lines) brought: from each of these places up to the other.
    of_lines: Vec<(usize, usize)>,
    last_family: usize,
    limit: usize,
    fault: Option<Error>,
    warnings: Vec<String>,
    warned: usize,
    dropped: usize,
    /// Of these, how many were of one family more than patterns may become.
    unnamed: usize,
    judge: Option<Box<dyn Judge>>,
    /// How many series the texts have that were taken.
    of_texts: usize,
    /// In a library: the agent, which gets each sample at once.
    relay: Option<crate::abi::Relay>,
}

/// Judges the texts that a collector pushes.
#[doc(hidden)]
pub trait Judge: Any + Send {
    /// Begins another collection.
    fn clear(&mut self);

    /// Takes a text of at most `room` series and returns how many it has and why families of it are left out, or says
    /// why it takes none of it.
    fn text(&mut self, source: &str, text: &str, room: usize) -> Result<(usize, Option<Error>), Error>;
}

impl Samples {
    /// No samples yet of these families, and room for `limit` of them.
    pub fn new(families: &'static [Family], limit: usize) -> Self {
        Samples { declared: families, families: Arc::new(families.to_vec()), limit, ..Samples::default() }
    }

    /// Adds a sample: a declared family, its label values in the declared order, the value.
    pub fn push<const N: usize>(&mut self, family: &Family, labels: [&str; N], value: f64) {
        self.push_slice(family, &labels, value);
    }

    /// The same with label values whose number is known only at run time.
    pub fn push_slice(&mut self, family: &Family, labels: &[&str], value: f64) {
        match self.index_of(family) {
            Some(index) => self.push_index(index, labels, value),
            None => self.fail(|| {
                format!("a sample of family {}, which the collector did not declare", family.name())
            }),
        }
    }

    /// The same with the family's place in the collector's list, as the C interface names it.
    pub fn push_index(&mut self, index: usize, labels: &[&str], value: f64) {
        if let Some(relay) = &self.relay {
            return relay.sample(index, labels, value);
        }
        let Some(family) = self.declared.get(index) else {
            let count = self.declared.len();
            return self
                .fail(|| format!("a sample of family number {index}, but the collector declared {count}"));
        };
        if family.value_count() != labels.len() {
            let (name, names, count) = (family.name(), family.label_names(), labels.len());
            let rest = if family.is_pattern() { ", and for the name" } else { "" };
            let what =
                || format!("a sample of {name} with {count} label values for the labels {names:?}{rest}");
            return self.fail(what);
        }
        if family.kind() == Kind::Counter && (value.is_nan() || value < 0.0) {
            return self.fail(|| format!("a sample of the counter {} with the value {value}", family.name()));
        }
        let (index, labels) = match labels {
            [hole, labels @ ..] if family.is_pattern() => match self.completed(index, hole) {
                Some(index) => (index, labels),
                None => {
                    (self.dropped, self.unnamed) = (self.dropped + 1, self.unnamed + 1);
                    return;
                }
            },
            _ => (index, labels),
        };
        if self.follows {
            if self.known.as_ref().is_some_and(|known| known.is_at(self.values.len(), index, labels)) {
                self.values.push(value);
                return;
            }
            self.write_down();
        }
        let label_bytes = labels.iter().map(|label| label.len() + 1).sum::<usize>();
        // A text takes the place of no declared sample: it can be told that there is no room, and they can't.
        if self.values.len() >= self.limit
            || self.labels.len() + label_bytes > self.limit.saturating_mul(LABELS)
        {
            self.dropped += 1;
            return;
        }
        for label in labels {
            self.labels.extend_from_slice(label.as_bytes());
            self.labels.push(END);
        }
        let end = u32::try_from(self.labels.len()).unwrap_or(u32::MAX);
        self.series.push(Series { family: index as u32, end });
        self.values.push(value);
    }

    /// Writes down the series that so far were only compared.
    fn write_down(&mut self) {
        if let Some(known) = self.known.as_ref().filter(|_| self.follows) {
            let (series, labels) = known.first(self.values.len());
            self.series.extend_from_slice(series);
            self.labels.extend_from_slice(labels);
        }
        self.follows = false;
    }

    /// Expects from now on the series of this set, which are those that the samples are of now.
    #[doc(hidden)]
    pub fn follow(&mut self, set: &Arc<SeriesSet>) {
        (self.series, self.labels) = (Vec::new(), Vec::new());
        (self.known, self.follows) = (Some(Arc::clone(set)), true);
    }

    /// The place of the family that a pattern is for this value of its hole; none beyond what any source has.
    fn completed(&mut self, pattern: usize, hole: &str) -> Option<usize> {
        let is_it = |(known, name): &(usize, Box<str>)| *known == pattern && **name == *hole;
        let count = self.completed.len();
        let places = (0..count).map(|step| (self.next + step) % count);
        let at = match places.into_iter().find(|&at| is_it(&self.completed[at])) {
            Some(at) => at,
            None if count >= Samples::NAMES => return None,
            None => {
                let family = self.declared[pattern].completed(hole);
                Arc::make_mut(&mut self.families).push(family);
                self.completed.push((pattern, hole.into()));
                count
            }
        };
        self.next = at + 1;
        Some(self.declared.len() + at)
    }

    /// How many bytes a text may have for each series that there is room for.
    pub const TEXT_BYTES: usize = 512;

    /// Adds the families of a text in the Prometheus format that is none of this collector's making, such as a file that an
    /// operator's script has written. `source` says in messages where it comes from, and stands in the help of families
    /// that have none. Unlike declared families these are known only now, so the host reads each text and judges it beside
    /// all others:
    ///
    /// - an error says why this text is left out, and is no fault of the collection: its other samples are shown;
    /// - left out is a text that would break the page, or is not meant: syntax errors, a last line without its end
    ///   (somebody still writes), timestamps, more series than there is room for;
    /// - a family of it is left out, and the rest is shown, if it has a series twice, or a histogram whose buckets do not
    ///   add up; if it has a name that some plugin or the agent has declared; or if it has another type or help than a
    ///   family of a text pushed before, or a series that one of those has. `Some` says why; it is an error if no family
    ///   is left.
    ///
    /// Push a text in each collection; while its words and its place among the texts are the same, it is not judged again.
    /// The samples are not kept in the history.
    pub fn push_text(&mut self, source: &str, text: &str) -> Result<Option<Error>, Error> {
        if let Some(relay) = &self.relay {
            return relay.text(source, text);
        }
        let room = self.limit.saturating_sub(self.len());
        let judge = self.judge.as_mut().ok_or_else(|| {
            Error::new("there is no host to judge a text").hint("in a test, relink_testing::samples has one")
        })?;
        let (series, left_out) = judge.text(source, text, room)?;
        self.of_texts += series;
        Ok(left_out)
    }

    /// Tells the operator of what was passed over, or could not be read while the rest could: shown with the collector in
    /// `GET /plugins`, counted in `relink_collector_warnings_total`, and logged when it changes. The collection counts as a
    /// success.
    pub fn warn(&mut self, what: impl Into<String>) {
        self.warn_with(|| what.into());
    }

    /// The same, for one of many: the words are made only if they are kept.
    pub(crate) fn warn_with(&mut self, what: impl FnOnce() -> String) {
        self.warned += 1;
        if let Some(relay) = &self.relay {
            return relay.warning(&what());
        }
        if self.warnings.len() < WARNINGS {
            let mut what = what();
            if what.len() > WARNING {
                what.truncate(what.floor_char_boundary(WARNING));
                what.push('…');
            }
            self.warnings.push(what);
        }
    }

    /// The first of what was warned of in this collection.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// How often was warned in this collection.
    #[doc(hidden)]
    pub fn warned(&self) -> usize {
        self.warned
    }

    /// How many samples were beyond a limit, and are left out.
    #[doc(hidden)]
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// So many families a collector's patterns may become: a kernel has some hundreds.
    #[doc(hidden)]
    pub const NAMES: usize = 10_000;

    /// Of those, how many were of families beyond [`Samples::NAMES`].
    #[doc(hidden)]
    pub fn unnamed(&self) -> usize {
        self.unnamed
    }

    /// How many samples there may be.
    #[doc(hidden)]
    pub fn limit(&self) -> usize {
        self.relay.as_ref().map_or(self.limit, crate::abi::Relay::series)
    }

    /// Who judges the texts that are pushed from now on.
    #[doc(hidden)]
    pub fn set_judge(&mut self, judge: Option<Box<dyn Judge>>) {
        self.judge = judge;
    }

    /// The judge, if it is one of this kind.
    #[doc(hidden)]
    pub fn judge<J: Judge>(&mut self) -> Option<&mut J> {
        let judge: &mut dyn Any = self.judge.as_deref_mut()?;
        judge.downcast_mut()
    }

    /// Sends all that is pushed to the agent, for the time of a call over the C interface.
    pub(crate) fn set_relay(&mut self, relay: Option<crate::abi::Relay>) {
        self.relay = relay;
    }

    /// How many samples there are, those of texts included.
    pub fn len(&self) -> usize {
        self.values.len() + self.of_texts
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values of declared families, in the order in which they were pushed.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Forgets the samples and the fault, and keeps the memory for the next collection.
    pub fn clear(&mut self) {
        self.series.clear();
        self.labels.clear();
        self.values.clear();
        self.follows = self.known.is_some();
        self.of_lines.clear();
        self.last_family = 0;
        self.fault = None;
        self.warnings.clear();
        (self.warned, self.dropped, self.unnamed, self.of_texts) = (0, 0, 0, 0);
        if let Some(judge) = &mut self.judge {
            judge.clear();
        }
    }

    /// How the collection has ended. It has failed if there was a mistake in it; and if there is nothing to show and something
    /// was warned of, because then nothing of the source can be understood, or it may not be read.
    #[doc(hidden)]
    pub fn outcome(&self) -> Result<(), Error> {
        match (&self.fault, self.warnings.first()) {
            (Some(fault), _) => Err(fault.clone()),
            (None, Some(warning)) if self.is_empty() => Err(Error::new(warning.as_str())),
            (None, _) => Ok(()),
        }
    }

    /// The first mistake of this collection.
    pub fn fault(&self) -> Option<&Error> {
        self.fault.as_ref()
    }

    /// Whether the samples of declared families are of just the series in `set`, in the same order.
    ///
    /// The series of a machine seldom change from one collection to the next, so this comparison is what the host pays in
    /// place of sorting and checking them anew.
    pub fn has_series_of(&self, set: &SeriesSet) -> bool {
        match self.known.as_deref().filter(|_| self.follows) {
            Some(known) if std::ptr::eq(known, set) => self.values.len() == set.len(),
            Some(known) => {
                let (series, labels) = known.first(self.values.len());
                set.is_of(series, labels)
            }
            None => set.is_of(&self.series, &self.labels),
        }
    }

    /// The series of these samples, sorted by family; an error if code pushed one twice. What the lines of a file say twice is
    /// no mistake of the code: the first is kept, and the other is passed over with a warning.
    pub fn series_set(&mut self) -> Result<SeriesSet, Error> {
        self.write_down();
        let (set, twice) = self.sorted();
        if twice.is_empty() {
            return Ok(set);
        }
        let is_of_lines = |place: usize| self.of_lines.iter().any(|&(from, to)| (from..to).contains(&place));
        if let Some(&place) = twice.iter().find(|&&place| !is_of_lines(place)) {
            return Err(Error::new(format!("the series {} twice", set.shown(place))));
        }
        for &place in &twice {
            self.warn_with(|| {
                format!("the series {} stands there twice, the first is shown", set.shown(place))
            });
        }
        self.remove(&set, &twice);
        Ok(self.sorted().0)
    }

    fn sorted(&self) -> (SeriesSet, Vec<usize>) {
        SeriesSet::new(self.declared, Arc::clone(&self.families), self.series.clone(), self.labels.clone())
    }

    /// Takes the series of these places out, of those in `set`.
    fn remove(&mut self, set: &SeriesSet, places: &[usize]) {
        let (series, values) = (std::mem::take(&mut self.series), std::mem::take(&mut self.values));
        self.labels.clear();
        self.of_lines.clear();
        for (place, (one, value)) in series.into_iter().zip(values).enumerate() {
            if places.binary_search(&place).is_err() {
                self.labels.extend_from_slice(set.label_bytes(place));
                self.series.push(Series { family: one.family, end: self.labels.len() as u32 });
                self.values.push(value);
            }
        }
    }

    /// Says that the series from now on are of the lines of a file, and then that they are no more.
    #[doc(hidden)]
    pub fn are_of_lines(&mut self, begin: bool) {
        if let Some(relay) = &self.relay {
            return relay.lines(begin);
        }
        let here = self.values.len();
        match (begin, self.of_lines.last_mut()) {
            (true, _) => self.of_lines.push((here, usize::MAX)),
            (false, Some((_, to))) => *to = here,
            (false, None) => {}
        }
    }

    /// Families are few and samples of one family come in a row, so the last one is tried first.
    fn index_of(&mut self, family: &Family) -> Option<usize> {
        let is_it = |known: &Family| {
            std::ptr::eq(known.name().as_ptr(), family.name().as_ptr()) || known.name() == family.name()
        };
        let count = self.declared.len();
        let found =
            (0..count).map(|step| (self.last_family + step) % count).find(|&at| is_it(&self.declared[at]))?;
        self.last_family = found;
        Some(found)
    }

    fn fail(&mut self, message: impl FnOnce() -> String) {
        if self.fault.is_none() {
            self.fault = Some(Error::new(message()));
        }
    }
}

#[cfg(test)]
mod tests;
