//! Which texts of a collection are taken.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use relink_core::{Error, Family, Judge, Samples};

use super::claims::{declared_names, runtime_names};
use super::groups::group_of;
use super::{Claims, Exposition, Expositions, RuntimeKind, TextFamily};

/// The texts that a collector pushes, with the verdict on each. One that stays the same is not read again; and if all
/// before it stay the same as well, it is not judged again.
pub struct Texts {
    /// The families of the plugin itself.
    own: &'static [Family],
    /// How many series a text may have.
    series: usize,
    claims: Option<Arc<Claims>>,
    before: Vec<Judged>,
    now: Vec<Judged>,
    /// Built when the texts are no longer those of before.
    merge: Option<Merge>,
}

struct Judged {
    text: Arc<Given>,
    /// Whether there was room for it.
    fits: bool,
    /// What is shown of it.
    verdict: Verdict,
}

/// The text as it is taken, without the families that can't be; or why nothing of it is.
type Verdict = Result<Arc<Exposition>, Error>;

/// A text as it was pushed.
struct Given {
    source: Box<str>,
    /// Its words, unless they are those of its one form.
    words: Option<Box<str>>,
    parsed: Result<Arc<Exposition>, Error>,
}

impl Texts {
    /// Samples of these families whose texts are judged. There is room for `limit` of them.
    pub fn samples(own: &'static [Family], limit: usize) -> Samples {
        let (before, now) = (Vec::new(), Vec::new());
        let texts = Texts { own, series: limit, claims: None, before, now, merge: None };
        let mut samples = Samples::new(own, limit);
        samples.set_judge(Some(Box::new(texts)));
        samples
    }

    /// The texts of samples that [`Texts::samples`] made.
    pub fn of(samples: &mut Samples) -> Option<&mut Texts> {
        samples.judge()
    }

    /// What no text may bring, for those that are pushed from now on.
    pub fn set_claims(&mut self, claims: &Arc<Claims>) {
        if !self.claims.as_ref().is_some_and(|known| Arc::ptr_eq(known, claims)) {
            self.claims = Some(Arc::clone(claims));
            self.before.clear();
            self.now.clear();
        }
    }

    /// Whether these are the texts of this collection.
    pub fn are(&self, expositions: &Expositions) -> bool {
        self.accepted().map(Arc::as_ptr).eq(expositions.parts.iter().map(Arc::as_ptr))
    }

    /// The texts of this collection, put together.
    pub fn merged(&self) -> Expositions {
        let parts: Vec<_> = self.accepted().cloned().collect();
        if parts.is_empty() { Expositions::default() } else { Expositions::new(parts, self.claims.clone()) }
    }

    fn accepted(&self) -> impl Iterator<Item = &Arc<Exposition>> {
        self.now.iter().filter_map(|judged| judged.verdict.as_ref().ok())
    }

    /// The text as it was read before, or read now.
    fn given(&self, source: &str, words: &str) -> Arc<Given> {
        let is_its = |judged: &&Judged| *judged.text.source == *source;
        let here = self.before.get(self.now.len()).filter(is_its);
        let known = here.or_else(|| self.before.iter().find(is_its)).map(|judged| &judged.text);
        match known {
            Some(known) if known.words() == Some(words) => Arc::clone(known),
            _ => Arc::new(Given::read(source, words, self.series, known.map(|known| &**known))),
        }
    }

    fn verdict(&mut self, text: &Given, fits: bool, room: usize, before: Option<Verdict>) -> Verdict {
        let parsed = text.parsed.as_ref().map_err(Clone::clone)?;
        if !fits {
            let series = parsed.series();
            return Err(Error::new(format!(
                "has {series} series, and there is room for no more than {room} series"
            ))
            .hint("raise [collect] series"));
        }
        match (&mut self.merge, before) {
            (Some(merge), _) => merge.accept(parsed, self.claims.as_deref(), self.own),
            (None, before) => before.unwrap_or_else(|| Ok(Arc::clone(parsed))),
        }
    }
}

impl Judge for Texts {
    fn clear(&mut self) {
        std::mem::swap(&mut self.before, &mut self.now);
        self.now.clear();
        self.merge = None;
    }

    fn text(&mut self, source: &str, text: &str, room: usize) -> Result<(usize, Option<Error>), Error> {
        let text = self.given(source, text);
        let series = text.parsed.as_ref().map_or(0, |parsed| parsed.series());
        let fits = series <= room;
        let is_same = |before: &&Judged| Arc::ptr_eq(&before.text, &text) && before.fits == fits;
        let before = self.before.get(self.now.len()).filter(is_same).map(|before| before.verdict.clone());
        // Where a text is another one, or gets another verdict for want of room, all that follow are judged anew.
        if self.merge.is_none() && before.is_none() {
            let mut merge = Merge::default();
            self.accepted().for_each(|text| merge.put(text));
            self.merge = Some(merge);
        }
        let verdict = self.verdict(&text, fits, room, before);
        self.now.push(Judged { text, fits, verdict: verdict.clone() });
        verdict.map(|taken| (taken.series(), taken.left_out()))
    }
}

impl Given {
    /// Reads a text. If it says the same as `known`, in other words, it stays the same to the host.
    fn read(source: &str, words: &str, series: usize, known: Option<&Given>) -> Self {
        let parsed =
            Exposition::read(source, words, series).map(|new| match known.map(|known| &known.parsed) {
                Some(Ok(known)) if known.text() == new.text() && known.left_out == new.left_out => {
                    Arc::clone(known)
                }
                _ => Arc::new(new),
            });
        let is_in_form = parsed.as_ref().is_ok_and(|parsed| parsed.text() == words);
        // What is refused for its length is not kept: it is refused again as quickly.
        let is_kept = !is_in_form && words.len() <= Exposition::most_bytes(series);
        Given { source: source.into(), words: is_kept.then(|| words.into()), parsed }
    }

    fn words(&self) -> Option<&str> {
        let parsed = || self.parsed.as_ref().ok().map(|parsed| parsed.text());
        self.words.as_deref().or_else(parsed)
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
    fn accept(&mut self, text: &Arc<Exposition>, claims: Option<&Claims>, own: &'static [Family]) -> Verdict {
        let mut bad = BTreeMap::new();
        // Within one text too: a gauge `a_count` and a summary `a`.
        let mut names: HashMap<String, &str> = HashMap::new();
        for (at, family) in text.families.iter().enumerate() {
            let judged = self.judge(text, family, claims, own);
            if let Err(why) = judged.and_then(|()| take_names(family, &mut names)) {
                bad.insert(at, why);
            }
        }
        let taken = if bad.is_empty() { Arc::clone(text) } else { Arc::new(text.without(bad)) };
        if let Some(why) = taken.left_out().filter(|_| taken.families.is_empty()) {
            return Err(why);
        }
        self.put(&taken);
        Ok(taken)
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

/// Notes the names of one more family of a text, if no other family of it has them.
fn take_names<'a>(family: &'a TextFamily, names: &mut HashMap<String, &'a str>) -> Result<(), Error> {
    for name in runtime_names(&family.name, family.kind) {
        if let Some(other) = names.get(&name) {
            return Err(Error::new(format!("the families {other} and {} both have {name}", family.name)));
        }
    }
    names.extend(runtime_names(&family.name, family.kind).map(|name| (name, &*family.name)));
    Ok(())
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
