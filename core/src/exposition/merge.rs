//! The texts of one collection, put together.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::claims::{declared_names, runtime_names};
use super::groups::group_of;
use super::{Claims, Exposition, Line, RuntimeKind, TextFamily, parse};
use crate::{Error, Family, Samples};

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
    fn new(parts: Vec<Arc<Exposition>>, claims: Option<Arc<Claims>>) -> Self {
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
        declared.iter().flat_map(declared_names).find(|name| self.names.contains(*name))
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

/// The texts that a collector pushes, with the verdict on each. What was judged in the last collection, and stands at
/// the same place in this one, is not judged again.
#[derive(Default)]
pub(crate) struct SideLoad {
    claims: Option<Arc<Claims>>,
    before: Vec<(Arc<Exposition>, Result<(), Error>)>,
    now: Vec<(Arc<Exposition>, Result<(), Error>)>,
    /// Built when the texts are no longer those of before.
    merge: Option<Merge>,
    pub(crate) series: usize,
}

impl SideLoad {
    pub(crate) fn set_claims(&mut self, claims: &Arc<Claims>) {
        if !self.claims.as_ref().is_some_and(|known| Arc::ptr_eq(known, claims)) {
            self.claims = Some(Arc::clone(claims));
            self.before.clear();
            self.now.clear();
        }
    }

    /// Takes a text in, beside the plugin's own families, if it has at most `room` series.
    pub(crate) fn push(
        &mut self,
        text: &Arc<Exposition>,
        own: &'static [Family],
        room: usize,
    ) -> Result<(), Error> {
        let known = self.before.get(self.now.len()).filter(|(before, _)| Arc::ptr_eq(before, text));
        let fits = text.series() <= room;
        // Where a text is another one, or gets another verdict for want of room, all that follow are judged anew.
        if self.merge.is_none() && known.is_none_or(|(_, before)| before.is_ok() && !fits) {
            let mut merge = Merge::default();
            self.accepted().for_each(|text| merge.put(text));
            self.merge = Some(merge);
        }
        let verdict = match (&mut self.merge, known) {
            _ if !fits => Err(parse::too_many(room)),
            (Some(merge), _) => merge.accept(text, self.claims.as_deref(), own),
            (None, Some((_, before))) => before.clone(),
            (None, None) => Ok(()),
        };
        if verdict.is_ok() {
            self.series += text.series();
        }
        self.now.push((Arc::clone(text), verdict.clone()));
        verdict
    }

    /// Begins another collection.
    pub(crate) fn clear(&mut self) {
        std::mem::swap(&mut self.before, &mut self.now);
        self.now.clear();
        self.merge = None;
        self.series = 0;
    }

    fn accepted(&self) -> impl Iterator<Item = &Arc<Exposition>> {
        self.now.iter().filter(|(_, verdict)| verdict.is_ok()).map(|(text, _)| text)
    }

    /// Whether these are the texts of this collection.
    pub(crate) fn is(&self, expositions: &Expositions) -> bool {
        let mut accepted = self.accepted();
        let same = expositions.parts.iter().all(|part| accepted.next().is_some_and(|a| Arc::ptr_eq(a, part)));
        same && accepted.next().is_none()
    }

    /// The texts of this collection.
    pub(crate) fn merged(&self) -> Expositions {
        let parts: Vec<_> = self.accepted().cloned().collect();
        if parts.is_empty() { Expositions::default() } else { Expositions::new(parts, self.claims.clone()) }
    }
}

/// Whether one more text goes together with those before it.
#[derive(Default)]
struct Merge {
    texts: Vec<Arc<Exposition>>,
    /// By family name: the first text that has it, and the family's place there.
    families: HashMap<String, Vec<(usize, usize)>>,
    /// Each name on the page with the family that has it.
    names: HashMap<String, String>,
}

impl Merge {
    fn accept(
        &mut self,
        text: &Arc<Exposition>,
        claims: Option<&Claims>,
        own: &'static [Family],
    ) -> Result<(), Error> {
        for family in &text.families {
            self.judge(text, family, claims, own)?;
        }
        // Within one text too: a gauge `a_count` and a summary `a`.
        let mut names: HashMap<String, &str> = HashMap::new();
        for family in &text.families {
            for name in runtime_names(&family.name, family.kind) {
                if let Some(other) = names.insert(name.clone(), &family.name) {
                    return Err(Error::new(format!(
                        "the families {other} and {} both have {name}",
                        family.name
                    )));
                }
            }
        }
        self.put(text);
        Ok(())
    }

    fn judge(
        &self,
        text: &Exposition,
        family: &TextFamily,
        claims: Option<&Claims>,
        own: &'static [Family],
    ) -> Result<(), Error> {
        let name = &*family.name;
        for taken in runtime_names(name, family.kind) {
            if own.iter().flat_map(declared_names).any(|own| own == taken) {
                return Err(Error::new(format!("has the family {name}, but {taken} is this plugin's own")));
            }
            if let Some(owner) = claims.and_then(|claims| claims.owner_of(&taken)) {
                return Err(Error::new(format!("has the family {name}, but {taken} is of {owner}")));
            }
            if let Some(other) = self.names.get(&taken).filter(|other| *other != name) {
                return Err(Error::new(format!(
                    "has the family {name}, but {taken} is of the family {other}"
                )));
            }
        }
        for &(at, place) in self.families.get(name).into_iter().flatten() {
            let (before, known) = (&self.texts[at], &self.texts[at].families[place]);
            let source = before.source();
            if known.kind != family.kind {
                let (kind, other) = (family.kind.name(), known.kind.name());
                return Err(Error::new(format!("has {name} as {kind}, but {source} as {other}")));
            }
            if let (Some(help), Some(other)) = (&family.help, &known.help)
                && help != other
            {
                return Err(Error::new(format!(
                    "has another HELP of {name} than {source}: {help:?}, not {other:?}"
                )));
            }
            if let Some(series) = common_series(before, known, text, family) {
                return Err(Error::new(format!("has {name}{{{series}}}, as {source} has")));
            }
        }
        Ok(())
    }

    fn put(&mut self, text: &Arc<Exposition>) {
        let at = self.texts.len();
        self.texts.push(Arc::clone(text));
        for (place, family) in text.families.iter().enumerate() {
            self.families.entry(family.name.to_string()).or_default().push((at, place));
            let names = runtime_names(&family.name, family.kind);
            self.names.extend(names.map(|name| (name, family.name.to_string())));
        }
    }
}

/// The labels of a series, or of a histogram or summary, that is in both.
fn common_series<'a>(
    before: &Exposition,
    known: &TextFamily,
    text: &'a Exposition,
    family: &TextFamily,
) -> Option<&'a str> {
    let is_grouped = matches!(family.kind, RuntimeKind::Histogram | RuntimeKind::Summary);
    if is_grouped {
        let groups: HashSet<_> =
            known.lines.iter().map(|line| group_of(before.series_text(line), known.kind)).collect();
        let mut own = family.lines.iter().map(|line| group_of(text.series_text(line), family.kind));
        return own.find(|group| groups.contains(group));
    }
    let series: HashSet<_> = known.lines.iter().map(|line| before.series_text(line)).collect();
    let common = family.lines.iter().map(|line| text.series_text(line)).find(|line| series.contains(line));
    common.map(|line| line[family.name.len()..].trim_matches(['{', '}']))
}

/// The texts that came over the C interface in the last collection, so that one that comes again is not parsed again.
#[derive(Default)]
pub(crate) struct Texts {
    kept: Vec<Arc<Exposition>>,
    next: usize,
}

impl Texts {
    /// Begins a collection.
    pub(crate) fn begin(&mut self) {
        self.kept.truncate(self.next);
        self.next = 0;
    }

    /// Parses a text if it is not the one of the last collection, and pushes it.
    pub(crate) fn push(&mut self, source: &str, text: &[u8], out: &mut Samples) -> Result<(), Error> {
        let kept = self.kept.get(self.next).filter(|kept| kept.source() == source);
        if kept.is_none_or(|kept| kept.text().as_bytes() != text) {
            let parsed = Exposition::parse(source, text, out.limit())?;
            // A text in another form than its one comes again as well.
            if kept.is_none_or(|kept| kept.text() != parsed.text()) {
                self.kept.truncate(self.next);
                self.kept.push(Arc::new(parsed));
            }
        }
        let text = Arc::clone(&self.kept[self.next]);
        self.next += 1;
        out.push_exposition(&text)
    }
}
