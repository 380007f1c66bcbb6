//! The texts of one collection, put together.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use relink_core::Family;

use super::claims::{declared_names, runtime_names};
use super::{Claims, Exposition, Line, RuntimeKind, TextFamily, parse};

/// The texts of one collection as families: those of one name in several texts are one.
#[derive(Debug, Default)]
pub struct Expositions {
    pub(super) parts: Vec<Arc<Exposition>>,
    families: Vec<Merged>,
    names: HashSet<String>,
    claims: Option<Arc<Claims>>,
    series: usize,
}

#[derive(Debug)]
struct Merged {
    help: String,
    /// The text, and the family's place there.
    places: Vec<(u32, u32)>,
}

/// One family of [`Expositions`].
#[derive(Clone, Copy)]
pub struct RuntimeFamily<'a> {
    all: &'a Expositions,
    merged: &'a Merged,
}

/// One sample of such a family.
#[derive(Clone, Copy)]
pub struct RuntimeSample<'a> {
    /// What its name has behind the family's.
    pub suffix: &'a str,
    /// Its labels as they stand between the braces, `a="x",b="y"`: sorted, and escaped as both text formats want it.
    pub labels: &'a str,
    /// Its value.
    pub value: f64,
}

impl Expositions {
    pub(super) fn new(parts: Vec<Arc<Exposition>>, claims: Option<Arc<Claims>>) -> Self {
        let mut by_name: HashMap<&str, Vec<(u32, u32)>> = HashMap::new();
        let mut names = HashSet::new();
        for (part, text) in parts.iter().enumerate() {
            for (place, family) in text.families.iter().enumerate() {
                names.extend(runtime_names(&family.name, family.kind));
                by_name.entry(&family.name).or_default().push((part as u32, place as u32));
            }
        }
        let mut by_name: Vec<_> = by_name.into_iter().collect();
        by_name.sort_unstable_by_key(|(name, _)| *name);
        let families = by_name.into_iter().map(|(_, places)| {
            let in_texts = || places.iter().map(|&(part, at)| &parts[part as usize].families[at as usize]);
            let help = in_texts().find_map(|family| family.help.as_deref());
            let help = help.map(str::to_owned).unwrap_or_else(|| {
                let sources: Vec<_> = places.iter().map(|&(part, _)| parts[part as usize].source()).collect();
                // node_exporter's words.
                format!("Metric read from {}", sources.join(", "))
            });
            Merged { help, places }
        });
        let families = families.collect();
        let series = parts.iter().map(|part| part.series()).sum();
        Expositions { parts, families, names, claims, series }
    }

    /// How many series there are.
    pub fn series(&self) -> usize {
        self.series
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The families, by name.
    pub fn families(&self) -> impl Iterator<Item = RuntimeFamily<'_>> {
        self.families.iter().map(|merged| RuntimeFamily { all: self, merged })
    }

    /// A name that these declared families have as well. Families that were claimed when the texts were taken in are
    /// known to differ, and are not looked at.
    pub fn conflict_with(&self, declared: &'static [Family]) -> Option<&'static str> {
        if self.is_empty() || self.claims.as_ref().is_some_and(|claims| claims.cover(declared)) {
            return None;
        }
        let stands_for = |family: &&Family| self.names.iter().any(|name| family.stands_for(name));
        let pattern = || declared.iter().find(stands_for).map(Family::name);
        declared.iter().flat_map(declared_names).find(|name| self.names.contains(*name)).or_else(pattern)
    }

    /// A name that is in both.
    pub fn common_name<'a>(&'a self, other: &'a Expositions) -> Option<&'a str> {
        self.names.intersection(&other.names).next().map(String::as_str)
    }
}

/// One text alone, such as the page of another agent.
impl From<Exposition> for Expositions {
    fn from(text: Exposition) -> Self {
        Expositions::new(vec![Arc::new(text)], None)
    }
}

impl<'a> RuntimeFamily<'a> {
    /// Its name.
    pub fn name(self) -> &'a str {
        &self.first().name
    }

    /// Its help: that of the first text that has one.
    pub fn help(self) -> &'a str {
        &self.merged.help
    }

    /// How its values behave.
    pub fn kind(self) -> RuntimeKind {
        self.first().kind
    }

    /// Its samples; those of one histogram or summary in a row, buckets in ascending order.
    pub fn samples(self) -> impl Iterator<Item = RuntimeSample<'a>> {
        let RuntimeFamily { all, merged } = self;
        merged.places.iter().flat_map(move |&(part, at)| {
            let text = &*all.parts[part as usize];
            let family = &text.families[at as usize];
            family.lines.iter().map(move |line| sample(text, family, line))
        })
    }

    fn first(self) -> &'a TextFamily {
        let (part, at) = self.merged.places[0];
        &self.all.parts[part as usize].families[at as usize]
    }
}

fn sample<'a>(text: &'a Exposition, family: &TextFamily, line: &Line) -> RuntimeSample<'a> {
    let rest = &text.series_text(line)[family.name.len()..];
    let (suffix, labels) = match rest.split_once('{') {
        Some((suffix, labels)) => (suffix, labels.strip_suffix('}').unwrap_or(labels)),
        None => (rest, ""),
    };
    RuntimeSample { suffix, labels, value: line.value }
}

impl RuntimeSample<'_> {
    /// The labels, unescaped.
    pub fn label_pairs(&self) -> Vec<(String, String)> {
        let with_brace = format!("{}}}", self.labels);
        let pairs = parse::labels(&with_brace).map(|(pairs, _)| pairs).unwrap_or_default();
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.into_owned())).collect()
    }
}
