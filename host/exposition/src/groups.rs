//! Families in their one written form; histograms and summaries are put in order, and must add up.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::parse::{Draft, Sample};
use relink_core::{Context, Error};

use super::write::{label, push_escaped, push_number};
use super::{Exposition, Line, RuntimeKind, TextFamily};

pub(super) fn written(source: &str, drafts: Vec<Draft<'_>>) -> Exposition {
    let (mut text, mut families, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for draft in drafts {
        if draft.fault.is_some() || draft.samples.is_empty() {
            // A family without samples is not shown, and takes no name.
            left_out.extend(draft.fault);
            continue;
        }
        let kind = draft.kind.unwrap_or(RuntimeKind::Untyped);
        let name = draft.name;
        let samples = match kind {
            RuntimeKind::Histogram | RuntimeKind::Summary => grouped(kind, draft.samples).context(name),
            _ => Ok(draft.samples),
        };
        let samples = match samples {
            Ok(samples) => samples,
            Err(why) => {
                left_out.push(why);
                continue;
            }
        };
        push_header(name, draft.help.as_deref(), kind, &mut text);
        let line = |sample: &Sample<'_>| {
            push_line(sample.value, &mut text, |text| {
                [name, sample.suffix].iter().for_each(|part| text.extend_from_slice(part.as_bytes()));
                push_labels(&sample.labels, text);
            })
        };
        let lines: Vec<Line> = samples.iter().map(line).collect();
        let help = draft.help.map(String::into_boxed_str);
        families.push(TextFamily { name: name.into(), help, kind, lines });
    }
    let exposition = Exposition::of(source, &text, families, left_out);
    let twice = twice(&exposition);
    if twice.is_empty() { exposition } else { exposition.without(twice) }
}

/// The families with a series that stands there twice.
fn twice(exposition: &Exposition) -> BTreeMap<usize, Error> {
    let mut seen = HashSet::with_capacity(exposition.series());
    let mut twice = BTreeMap::new();
    for (at, family) in exposition.families.iter().enumerate() {
        for series in family.lines.iter().map(|line| exposition.series_text(line)) {
            if !seen.insert(series) {
                twice.entry(at).or_insert_with(|| Error::new(format!("the series {series} twice")));
            }
        }
    }
    twice
}

pub(super) fn push_header(name: &str, help: Option<&str>, kind: RuntimeKind, text: &mut Vec<u8>) {
    if let Some(help) = help {
        ["# HELP ", name, " "].iter().for_each(|part| text.extend_from_slice(part.as_bytes()));
        push_escaped(help, false, text);
        text.push(b'\n');
    }
    for part in ["# TYPE ", name, " ", kind.name(), "\n"] {
        text.extend_from_slice(part.as_bytes());
    }
}

/// Writes a line whose series `push` writes.
pub(super) fn push_line(value: f64, text: &mut Vec<u8>, push: impl FnOnce(&mut Vec<u8>)) -> Line {
    let start = offset(text);
    push(text);
    let series_end = offset(text);
    text.push(b' ');
    push_number(value, text);
    text.push(b'\n');
    Line { start, series_end, value }
}

/// The length is bounded by [`Exposition::parse`], to far less than 4 GiB for any sane limit.
fn offset(text: &[u8]) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

pub(super) fn push_labels<V: AsRef<str>>(labels: &[(&str, V)], text: &mut Vec<u8>) {
    for (at, (name, value)) in labels.iter().enumerate() {
        text.push(if at == 0 { b'{' } else { b',' });
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b"=\"");
        push_escaped(value.as_ref(), true, text);
        text.push(b'"');
    }
    if !labels.is_empty() {
        text.push(b'}');
    }
}

/// The samples of one histogram or summary: those that have the same labels, but for `le` and `quantile`.
#[derive(Default)]
struct Group<'a> {
    /// Buckets or quantiles, by their bound.
    parts: Vec<(f64, Sample<'a>)>,
    sum: Option<Sample<'a>>,
    count: Option<Sample<'a>>,
}

/// The samples with those of one histogram or summary together, in the order in which the formats want them.
fn grouped(kind: RuntimeKind, samples: Vec<Sample<'_>>) -> Result<Vec<Sample<'_>>, Error> {
    let bound_name = bound_name(kind);
    let mut places = HashMap::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    for mut sample in samples {
        let is_part = matches!(sample.suffix, "" | "_bucket");
        let place = sample.labels.iter().position(|(name, _)| *name == bound_name);
        let bound = match place.map(|place| sample.labels.remove(place)) {
            Some((_, text)) if is_part => Some(bound(bound_name, &text, kind)?),
            Some(_) => return Err(Error::new(format!("{} with the label {bound_name}", sample.suffix))),
            None if is_part => return Err(Error::new(format!("a sample without the label {bound_name}"))),
            None => None,
        };
        let mut key = Vec::new();
        push_labels(&sample.labels, &mut key);
        let place = *places.entry(key).or_insert_with(|| {
            groups.push(Group::default());
            groups.len() - 1
        });
        let group = &mut groups[place];
        match bound {
            Some(bound) => {
                sample.labels.push((bound_name, label(bound).into()));
                group.parts.push((bound, sample));
            }
            None => {
                let slot = if sample.suffix == "_sum" { &mut group.sum } else { &mut group.count };
                let suffix = sample.suffix;
                if slot.replace(sample).is_some() {
                    return Err(Error::new(format!("{suffix} twice")));
                }
            }
        }
    }
    let mut out = Vec::new();
    for mut group in groups {
        relink_order::sort_by(&mut group.parts, |one, other| one.0.total_cmp(&other.0));
        if kind == RuntimeKind::Histogram {
            group.add_up()?;
        }
        out.extend(group.parts.into_iter().map(|(_, sample)| sample));
        out.extend(group.sum);
        out.extend(group.count);
    }
    Ok(out)
}

fn bound(name: &str, text: &str, kind: RuntimeKind) -> Result<f64, Error> {
    let bound: f64 = text.parse().map_err(|_| Error::expected(format!("a number as {name}"), text))?;
    let is_sound = match kind {
        RuntimeKind::Summary => (0.0..=1.0).contains(&bound),
        _ => !bound.is_nan(),
    };
    // Zero has one sign.
    if is_sound {
        Ok(bound + 0.0)
    } else {
        Err(Error::expected("a quantile between 0 and 1, or a bound", text))
    }
}

impl Group<'_> {
    /// Each bucket holds those below it, and the last one all.
    fn add_up(&mut self) -> Result<(), Error> {
        if let Some(pair) = self.parts.windows(2).find(|pair| pair[0].1.value > pair[1].1.value) {
            let [below, above] = [&pair[0], &pair[1]].map(|(bound, _)| label(*bound));
            return Err(Error::new(format!(
                "more in the bucket le={below} than in le={above}, which includes it"
            )));
        }
        let last = self.parts.last().filter(|(bound, _)| *bound == f64::INFINITY).map(|(_, last)| last.value);
        match (&self.count, last) {
            (Some(count), Some(last)) if count.value != last => {
                Err(Error::new(format!("a count of {} and {last} in the bucket le=+Inf", count.value)))
            }
            (_, Some(_)) => Ok(()),
            (Some(count), None) => {
                let most = self.parts.last().map_or(0.0, |(_, part)| part.value);
                if most > count.value {
                    return Err(Error::new(format!("a count of {} and {most} in a bucket", count.value)));
                }
                // Everything is below infinity; the formats want it said, and Prometheus' own library says it.
                let mut labels = count.labels.clone();
                labels.push(("le", "+Inf".into()));
                self.parts.push((f64::INFINITY, Sample { suffix: "_bucket", labels, value: count.value }));
                Ok(())
            }
            (None, None) => Err(Error::new("neither _count nor a bucket le=\"+Inf\"")),
        }
    }
}

/// What the samples of one histogram or summary have in common: a series without its name and its bound.
pub(super) fn group_of(series: &str, kind: RuntimeKind) -> &str {
    let labels = series.find('{').map_or("", |at| &series[at + 1..series.len() - 1]);
    // The bound stands last, and no value has a quote that is not escaped.
    match labels.rfind(&format!("{}=\"", bound_name(kind))) {
        Some(at) => labels[..at].trim_end_matches(','),
        None => labels,
    }
}

/// The label that tells the samples of one histogram or summary apart.
fn bound_name(kind: RuntimeKind) -> &'static str {
    if kind == RuntimeKind::Histogram { "le" } else { "quantile" }
}
