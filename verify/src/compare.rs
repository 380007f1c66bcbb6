//! What one page has and the other has not. Values never count.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use relink_exposition::RuntimeKind;
use serde::Serialize;

use crate::known;
use crate::page::{Family, Labels, Page, Series};

/// How many of the missing series of a family are named.
const NAMED: usize = 3;

/// What of node_exporter's page is not on relink's.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Differences {
    pub(crate) missing: Vec<Missing>,
    pub(crate) other_type: Vec<OtherType>,
    pub(crate) missing_labels: Vec<MissingLabels>,
    pub(crate) missing_series: Vec<MissingSeries>,
    /// What differs for a reason, and is told only: the families by reason.
    pub(crate) known: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Missing {
    pub(crate) family: String,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) series: usize,
    /// node_exporter's collector that shows it, where relink has nothing of that one at all.
    pub(crate) collector: Option<String>,
}

#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct OtherType {
    pub(crate) family: String,
    pub(crate) theirs: &'static str,
    pub(crate) ours: &'static str,
}

#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct MissingLabels {
    pub(crate) family: String,
    pub(crate) labels: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct MissingSeries {
    pub(crate) family: String,
    pub(crate) missing: usize,
    pub(crate) of: usize,
    /// The first of them.
    pub(crate) series: Vec<String>,
}

impl Differences {
    /// Compares `theirs`, node_exporter's page, with `ours`.
    pub(crate) fn between(theirs: &Page, ours: &Page) -> Self {
        let mut found = Differences::default();
        for (name, their) in &theirs.families {
            match (ours.families.get(name), known::reason(name)) {
                (Some(our), reason) => found.family(name, their, our, reason),
                (None, Some(reason)) => found.told(name, reason),
                (None, None) => found.missing(name, their, || collector(name, theirs, ours)),
            }
        }
        found
    }

    /// How many there are that count.
    pub(crate) fn count(&self) -> usize {
        self.missing.len() + self.other_type.len() + self.missing_labels.len() + self.missing_series.len()
    }

    fn told(&mut self, family: &str, reason: impl Into<String>) {
        self.known.entry(reason.into()).or_default().insert(family.to_owned());
    }

    fn missing(&mut self, name: &str, theirs: &Family, collector: impl FnOnce() -> Option<String>) {
        let (left_out, series): (Vec<_>, Vec<_>) =
            theirs.series.iter().partition(|it| known::left_out(it).is_some());
        left_out.into_iter().filter_map(known::left_out).for_each(|reason| self.told(name, reason));
        if !series.is_empty() {
            let (family, kind) = (name.to_owned(), theirs.kind.name());
            self.missing.push(Missing { family, kind, series: series.len(), collector: collector() });
        }
    }

    /// A family that both have, which may differ for a `reason`.
    fn family(&mut self, name: &str, theirs: &Family, ours: &Family, reason: Option<&str>) {
        let family = name.to_owned();
        let lost_labels = || theirs.label_names().difference(&ours.label_names()).next().is_some();
        if let Some(reason) = reason.filter(|_| theirs.kind != ours.kind || lost_labels()) {
            return self.told(name, reason);
        }
        if theirs.kind != ours.kind {
            let (theirs, ours) = (theirs.kind.name(), ours.kind.name());
            self.other_type.push(OtherType { family: family.clone(), theirs, ours });
        }
        let (their_names, our_names) = (theirs.label_names(), ours.label_names());
        let lost: BTreeSet<&str> = their_names.difference(&our_names).copied().collect();
        if !lost.is_empty() {
            let labels = lost.iter().map(|label| (*label).to_owned()).collect();
            self.missing_labels.push(MissingLabels { family: family.clone(), labels });
        }
        let added: Vec<&str> = our_names.difference(&their_names).copied().collect();
        if !added.is_empty() {
            self.told(
                name,
                format!("with one more label, {}, as newer node_exporters may have", added.join(", ")),
            );
        }
        // By the labels that both have: one more label is no other series, and one less is told above.
        let common: BTreeSet<&str> = their_names.intersection(&our_names).copied().collect();
        let mut missing = missing_series(theirs, ours, &common);
        missing.retain(|(series, is_escaped)| {
            let escaped = is_escaped.then_some("with the kernel's escapes in labels, which relink undoes");
            let reason = reason.or_else(|| known::left_out(series)).or(escaped);
            reason.inspect(|reason| self.told(name, *reason)).is_none()
        });
        if !missing.is_empty() {
            let series = missing.iter().take(NAMED).map(|(series, _)| series.to_string()).collect();
            let of = theirs.series.len();
            self.missing_series.push(MissingSeries { family, missing: missing.len(), of, series });
        }
    }
}

/// Their series that are not among ours, by the `common` labels, and of each whether escapes make the difference.
fn missing_series<'a>(theirs: &'a Family, ours: &Family, common: &BTreeSet<&str>) -> Vec<(&'a Series, bool)> {
    let key = |name: &str, labels: &Labels, value: fn(&str) -> String| {
        let kept = labels.iter().filter(|(label, _)| common.contains(label.as_str()));
        let kept: BTreeMap<_, _> = kept.map(|(label, text)| (label.clone(), value(text))).collect();
        (name.to_owned(), kept)
    };
    let key_of = |series: &Series| key(&series.name, &series.labels, str::to_owned);
    let our_keys: HashSet<_> = ours.series.iter().map(key_of).collect();
    let is_counted = matches!(theirs.kind, RuntimeKind::Histogram | RuntimeKind::Summary);
    // node_exporter's library invents sums and counts of 0 for a script's summary or histogram without them.
    let is_invented = |it: &Series| is_counted && it.value == 0.0 && !it.name.ends_with("_bucket");
    let missing = theirs.series.iter().filter(|it| !our_keys.contains(&key_of(it)) && !is_invented(it));
    let is_escaped = |it: &Series| our_keys.contains(&key(&it.name, &it.labels, known::without_escapes));
    missing.map(|series| (series, is_escaped(series))).collect()
}

/// The collector of a family that is missing, if relink has no family of that collector. node_exporter does not say
/// which collector a family is of, but most begin with its name: `node_dmi_info`, `node_md_disks` of mdadm.
fn collector(family: &str, theirs: &Page, ours: &Page) -> Option<String> {
    let word = family.strip_prefix("node_")?.split('_').next()?;
    let beginning = format!("node_{word}_");
    let has_others = ours.families.range(beginning.clone()..).next();
    if word.len() < 2 || has_others.is_some_and(|(name, _)| name.starts_with(&beginning)) {
        return None;
    }
    let collectors = theirs.collectors();
    let named = collectors.get(word).or_else(|| collectors.iter().find(|name| name.starts_with(word)));
    named.map(|name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(theirs: &str, ours: &str) -> Differences {
        let page = |text: &str| Page::parse("a page", text.as_bytes()).unwrap();
        Differences::between(&page(theirs), &page(ours))
    }

    const TWO: &str = "# TYPE a gauge\na{d=\"x\"} 1\na{d=\"y\"} 1\n";

    #[test]
    fn values_order_and_more_of_ours_are_no_difference() {
        let found = between(
            TWO,
            "# TYPE b gauge\nb 1\n# TYPE a gauge\na{d=\"y\"} 7\na{d=\"x\",e=\"\"} 3\na{d=\"z\"} 1\n",
        );
        assert_eq!((found.count(), found.known.len()), (0, 0), "{found:?}");
    }

    #[test]
    fn what_newer_versions_leave_out_is_told() {
        let theirs = "node_disk_io_now{device=\"zram0\"} 0\nnode_disk_x{device=\"zram0\"} 0\nnode_disk_x{device=\"a\"} 0\n";
        let found = between(theirs, "node_disk_x{device=\"a\"} 0\n");
        assert_eq!(found.count(), 0, "{found:?}");
        assert_eq!(found.known.values().next().unwrap().len(), 2, "{found:?}");
        assert_eq!(between(theirs, "node_disk_x{device=\"b\"} 0\n").count(), 1);
    }

    #[test]
    fn what_is_missing_is_named() {
        let found = between(&format!("{TWO}# TYPE b counter\nb 1\n"), "# TYPE a gauge\na{d=\"x\"} 1\n");
        let missing = Missing { family: "b".into(), kind: "counter", series: 1, collector: None };
        assert_eq!(found.missing, [missing]);
        let series = vec!["a{d=\"y\"}".to_owned()];
        assert_eq!(found.missing_series, [MissingSeries { family: "a".into(), missing: 1, of: 2, series }]);
        assert_eq!(found.count(), 2);
    }

    #[test]
    fn another_type_and_a_lost_label_count_and_one_more_label_does_not() {
        let found = between(TWO, "# TYPE a counter\na{e=\"x\"} 1\n");
        assert_eq!(found.other_type, [OtherType { family: "a".into(), theirs: "gauge", ours: "counter" }]);
        assert_eq!(found.missing_labels, [MissingLabels { family: "a".into(), labels: vec!["d".into()] }]);
        assert_eq!(found.count(), 2, "{found:?}");
        let more = between(TWO, "# TYPE a gauge\na{d=\"x\",e=\"1\"} 1\na{d=\"y\",e=\"2\"} 1\n");
        assert_eq!((more.count(), more.known.len()), (0, 1), "{more:?}");
    }

    #[test]
    fn known_differences_are_told_and_do_not_count() {
        let found = between(
            "# TYPE go_threads gauge\ngo_threads 1\n# TYPE node_scrape_collector_success gauge\n\
             node_scrape_collector_success{collector=\"zfs\"} 0\n",
            "# TYPE node_scrape_collector_success gauge\nnode_scrape_collector_success{collector=\"cpu\"} 1\n",
        );
        assert_eq!((found.count(), found.known.len()), (0, 2), "{found:?}");
        let escapes = between("a{m=\"/a\\\\134b\"} 1\n", "a{m=\"/a\\\\b\"} 1\n");
        assert_eq!((escapes.count(), escapes.known.len()), (0, 1), "{escapes:?}");
        let invented = between(
            "# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 0\ns_count 0\n",
            "# TYPE s summary\ns{quantile=\"0.5\"} 1\n",
        );
        assert_eq!(invented.count(), 0, "{invented:?}");
    }

    #[test]
    fn a_collector_that_relink_has_nothing_of_is_named() {
        let theirs = "node_scrape_collector_success{collector=\"mdadm\"} 1\nnode_scrape_collector_success{collector=\"dmi\"} 1\n\
             node_dmi_info 1\nnode_md_disks 1\nnode_memory_x 1\n";
        let collectors: Vec<_> =
            between(theirs, "node_other 1\n").missing.into_iter().map(|missing| missing.collector).collect();
        assert_eq!(collectors, [Some("dmi".into()), Some("mdadm".into()), None]);
        let partly = between(theirs, "node_dmi_other 1\n");
        assert_eq!(partly.missing[0].collector, None);
    }
}
