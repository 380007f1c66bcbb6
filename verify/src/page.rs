//! A page in the Prometheus text format, as families and series.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;

use relink_core::{Error, Exposition, Expositions, RuntimeKind};

/// How many series a page may have: far more than a machine has, and a bound on what a broken one costs.
const SERIES: usize = 1_000_000;

/// Labels by name. One without a value is the same as none, and is left out.
pub(crate) type Labels = BTreeMap<String, String>;

/// What a page says, by the names of families and of samples.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) families: BTreeMap<String, Family>,
    by_name: BTreeMap<String, Vec<Rc<Labels>>>,
}

#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) kind: RuntimeKind,
    pub(crate) series: Vec<Series>,
}

#[derive(Clone, Debug)]
pub(crate) struct Series {
    /// The sample's name: the family's, and of a histogram or summary an ending.
    pub(crate) name: String,
    pub(crate) labels: Rc<Labels>,
    pub(crate) value: f64,
}

impl Page {
    /// Reads the page that came from `source`.
    pub(crate) fn parse(source: &str, text: &[u8]) -> Result<Page, Error> {
        let text = Exposition::parse(source, text, SERIES).map_err(|error| {
            Error::new(format!("{source}: {}", error.message()))
                .hint("expected a whole page of node_exporter or relink, in the Prometheus text format")
        })?;
        let all = Expositions::from(text);
        let families = all.families().map(|family| {
            let series = family.samples().map(|sample| Series {
                name: format!("{}{}", family.name(), sample.suffix),
                labels: Rc::new(sample.label_pairs().into_iter().collect()),
                value: sample.value,
            });
            (family.name().to_owned(), Family { kind: family.kind(), series: series.collect() })
        });
        Ok(Page::of(families.collect()))
    }

    fn of(families: BTreeMap<String, Family>) -> Page {
        let mut by_name: BTreeMap<String, Vec<Rc<Labels>>> = BTreeMap::new();
        for series in families.values().flat_map(|family| &family.series) {
            by_name.entry(series.name.clone()).or_default().push(Rc::clone(&series.labels));
        }
        Page { families, by_name }
    }

    /// What is on both: a series that comes and goes while pages are read is no difference.
    pub(crate) fn common(mut self, other: &Page) -> Page {
        let known: HashSet<_> = other.all_series().map(|series| (&series.name, &series.labels)).collect();
        for family in self.families.values_mut() {
            family.series.retain(|series| known.contains(&(&series.name, &series.labels)));
        }
        self.families.retain(|_, family| !family.series.is_empty());
        Page::of(self.families)
    }

    fn all_series(&self) -> impl Iterator<Item = &Series> {
        self.families.values().flat_map(|family| &family.series)
    }

    /// The label sets of the samples with this name.
    pub(crate) fn series_of(&self, name: &str) -> &[Rc<Labels>] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// The samples' names, each with its label sets.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &[Rc<Labels>])> {
        self.by_name.iter().map(|(name, series)| (name.as_str(), series.as_slice()))
    }

    /// How many series there are.
    pub(crate) fn series(&self) -> usize {
        self.all_series().count()
    }

    /// The collectors that say how they fare.
    pub(crate) fn collectors(&self) -> BTreeSet<&str> {
        let said = self.series_of("node_scrape_collector_success").iter();
        said.filter_map(|labels| labels.get("collector").map(String::as_str)).collect()
    }
}

impl Family {
    /// The names of the labels that its series have.
    pub(crate) fn label_names(&self) -> BTreeSet<&str> {
        self.series.iter().flat_map(|series| series.labels.keys()).map(String::as_str).collect()
    }
}

impl std::fmt::Display for Series {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        let labels: Vec<_> = self.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        if labels.is_empty() { Ok(()) } else { write!(f, "{{{}}}", labels.join(",")) }
    }
}
