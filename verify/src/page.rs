//! A page in the Prometheus text format, as families and series.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use relink_core::{Error, utf8};
use relink_exposition::{Exposition, Expositions, RuntimeKind};

/// How many series a page may have: far more than a machine has, and a bound on what a broken one costs.
const SERIES: usize = 1_000_000;

/// Labels by name. One without a value is the same as none, and is left out.
pub(crate) type Labels = BTreeMap<String, String>;

/// What a page says, by the names of families and of samples.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) families: BTreeMap<String, Family>,
    by_name: BTreeMap<String, BTreeSet<Rc<Labels>>>,
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
        let text = utf8(text).and_then(|text| Exposition::parse(source, text, SERIES)).map_err(|error| {
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
        let page = Page::of(families.collect());
        if page.families.is_empty() {
            // As a download that has failed leaves it: nothing could be missed of it.
            return Err(Error::new(format!("{source} has no metrics"))
                .hint("expected a page of node_exporter or relink, in the Prometheus text format"));
        }
        Ok(page)
    }

    fn of(families: BTreeMap<String, Family>) -> Page {
        let mut by_name: BTreeMap<String, BTreeSet<Rc<Labels>>> = BTreeMap::new();
        for series in families.values().flat_map(|family| &family.series) {
            by_name.entry(series.name.clone()).or_default().insert(Rc::clone(&series.labels));
        }
        Page { families, by_name }
    }

    /// What is on both: a series that comes and goes while pages are read is no difference.
    pub(crate) fn common(mut self, other: &Page) -> Page {
        for family in self.families.values_mut() {
            family.series.retain(|series| other.has(series));
        }
        self.families.retain(|_, family| !family.series.is_empty());
        Page::of(self.families)
    }

    /// What is on either.
    pub(crate) fn joined(mut self, other: Page) -> Page {
        for (name, family) in other.families {
            let known = self.families.entry(name).or_insert(Family { kind: family.kind, series: Vec::new() });
            let by_name = &self.by_name;
            let is_new = |it: &Series| !by_name.get(&it.name).is_some_and(|all| all.contains(&it.labels));
            known.series.extend(family.series.into_iter().filter(is_new));
        }
        Page::of(self.families)
    }

    fn has(&self, series: &Series) -> bool {
        self.by_name.get(&series.name).is_some_and(|all| all.contains(&series.labels))
    }

    fn all_series(&self) -> impl Iterator<Item = &Series> {
        self.families.values().flat_map(|family| &family.series)
    }

    /// The label sets of the samples with this name.
    pub(crate) fn series_of(&self, name: &str) -> impl Iterator<Item = &Labels> {
        self.by_name.get(name).into_iter().flatten().map(Rc::as_ref)
    }

    /// The samples' names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// How many series there are.
    pub(crate) fn series(&self) -> usize {
        self.all_series().count()
    }

    /// The collectors that say how they fare.
    pub(crate) fn collectors(&self) -> BTreeSet<&str> {
        let said = self.series_of("node_scrape_collector_success");
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

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Page {
        Page::parse("a page", text.as_bytes()).unwrap()
    }

    #[test]
    fn two_reads_have_something_in_common_and_more_together() {
        let (first, second) = ("a{s=\"R\"} 1\na{s=\"S\"} 1\nb 1\n", "a{s=\"S\"} 2\na{s=\"Z\"} 1\nc 1\n");
        let shown = |page: &Page| page.all_series().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(shown(&page(first).common(&page(second))), "a{s=\"S\"}");
        let joined = page(first).joined(page(second));
        assert_eq!(shown(&joined), "a{s=\"R\"} a{s=\"S\"} a{s=\"Z\"} b c");
        assert_eq!((joined.series(), joined.series_of("a").count(), joined.names().count()), (5, 3, 3));
    }

    #[test]
    fn a_page_without_metrics_is_none() {
        for text in ["", "\n", "# HELP a b\n"] {
            let error = Page::parse("a page", text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("a page has no metrics"), "{error}");
        }
    }

    #[test]
    fn what_is_no_page_is_told_with_its_line() {
        let error = Page::parse("http://a/metrics", b"a 1\n<html>\n").unwrap_err().to_string();
        assert!(
            error.starts_with("http://a/metrics: line 2: ") && error.contains("expected a whole page"),
            "{error}"
        );
    }
}
