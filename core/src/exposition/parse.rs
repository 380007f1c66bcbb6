//! The Prometheus text format, version 0.0.4.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::{Exposition, RuntimeKind, groups};
use crate::{Context, Error};

/// A family while the text is read. Its samples may stand apart.
pub(super) struct Draft<'a> {
    pub(super) name: &'a str,
    pub(super) help: Option<String>,
    pub(super) kind: Option<RuntimeKind>,
    pub(super) samples: Vec<Sample<'a>>,
}

pub(super) struct Sample<'a> {
    pub(super) suffix: &'static str,
    /// Sorted by name; those without a value, which means the same as no label, are left out.
    pub(super) labels: Vec<(&'a str, Cow<'a, str>)>,
    pub(super) value: f64,
}

pub(super) fn parse(source: &str, text: &str, series: usize) -> Result<Exposition, Error> {
    let mut drafts = Drafts { families: Vec::new(), places: HashMap::new(), left: series, series };
    let mut lines = text.split('\n');
    // What stands behind the last line's end: nothing, if it has one.
    let last = lines.next_back().unwrap_or_default();
    let mut count = 0;
    for line in lines {
        count += 1;
        drafts.line(line).context(format_args!("line {count}"))?;
    }
    if !last.is_empty() {
        return Err(Error::new(format!("line {}: the last line has no end", count + 1))
            .hint("write to another name, and rename the file when it is whole"));
    }
    groups::written(source, drafts.families)
}

struct Drafts<'a> {
    families: Vec<Draft<'a>>,
    places: HashMap<&'a str, usize>,
    left: usize,
    series: usize,
}

impl<'a> Drafts<'a> {
    fn line(&mut self, line: &'a str) -> Result<(), Error> {
        let line = line.trim_matches(is_blank);
        match line.strip_prefix('#') {
            Some(comment) => self.comment(comment.trim_start_matches(is_blank)),
            None if line.is_empty() => Ok(()),
            None => self.sample(line),
        }
    }

    fn comment(&mut self, comment: &'a str) -> Result<(), Error> {
        let (word, rest) = word(comment);
        if word != "HELP" && word != "TYPE" {
            return Ok(());
        }
        let (name, rest) = word_of_name(rest)?;
        let family = self.family(name);
        if word == "HELP" {
            if family.help.is_some() {
                return Err(Error::new(format!("a second HELP of {name}")));
            }
            family.help = Some(unescaped(rest, false)?.into_owned()).filter(|help| !help.is_empty());
            return Ok(());
        }
        if family.kind.is_some() {
            return Err(Error::new(format!("a second TYPE of {name}")));
        }
        if !family.samples.is_empty() {
            return Err(Error::new(format!("the TYPE of {name} behind samples of it")));
        }
        // In whatever letters: Prometheus' own parser looks at none but the capital ones.
        family.kind = Some(match rest.to_ascii_lowercase().as_str() {
            "counter" => RuntimeKind::Counter,
            "gauge" => RuntimeKind::Gauge,
            "histogram" => RuntimeKind::Histogram,
            "summary" => RuntimeKind::Summary,
            "untyped" => RuntimeKind::Untyped,
            _ => {
                return Err(Error::expected("counter, gauge, histogram, summary or untyped", rest));
            }
        });
        Ok(())
    }

    fn sample(&mut self, line: &'a str) -> Result<(), Error> {
        let (name, rest) = word_of_name(line)?;
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => labels(rest)?,
            None => (Vec::new(), rest),
        };
        let (value, rest) = word(rest.trim_start_matches(is_blank));
        if !rest.is_empty() {
            return Err(match rest.parse::<i64>() {
                Ok(_) => Error::new("a timestamp, which a side-loaded metric can't have")
                    .hint("leave it out; the time of the scrape is used"),
                Err(_) => Error::expected("nothing behind the value", rest),
            });
        }
        let value: f64 = value.parse().map_err(|_| Error::expected("a number", value))?;
        self.left = self.left.checked_sub(1).ok_or_else(|| too_many(self.series))?;
        let (family, suffix) = self.family_of_sample(name);
        let kind = family.kind.unwrap_or(RuntimeKind::Untyped);
        if !kind.suffixes().contains(&suffix) {
            let expected = format!("{0}_bucket, {0}_sum or {0}_count", family.name);
            return Err(Error::expected(format!("a sample of the histogram, {expected}"), name));
        }
        // Buckets have to add up, so each has to have counted something. A counter below 0 or NaN is odd, and breaks nothing.
        if matches!(suffix, "_bucket" | "_count") && (value.is_nan() || value < 0.0) {
            return Err(Error::expected(format!("{name} to be 0 or more"), &value.to_string()));
        }
        family.samples.push(Sample { suffix, labels, value });
        Ok(())
    }

    fn family(&mut self, name: &'a str) -> &mut Draft<'a> {
        let place = *self.places.entry(name).or_insert_with(|| {
            self.families.push(Draft { name, help: None, kind: None, samples: Vec::new() });
            self.families.len() - 1
        });
        &mut self.families[place]
    }

    /// The family that a sample of this name belongs to, and what its name has behind the family's.
    fn family_of_sample(&mut self, name: &'a str) -> (&mut Draft<'a>, &'static str) {
        if !self.places.contains_key(name) {
            for suffix in ["_bucket", "_sum", "_count"] {
                let Some(base) = name.strip_suffix(suffix) else { continue };
                let Some(&place) = self.places.get(base) else { continue };
                if self.families[place].kind.is_some_and(|kind| kind.suffixes().contains(&suffix)) {
                    return (&mut self.families[place], suffix);
                }
            }
        }
        (self.family(name), "")
    }
}

pub(super) fn too_many(series: usize) -> Error {
    Error::new(format!("more than {series} series")).hint("raise [collect] series")
}

fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

/// The text up to a blank, and what follows the blanks.
fn word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_at(text.find(is_blank).unwrap_or(text.len()));
    (word, rest.trim_start_matches(is_blank))
}

/// A family's or a sample's name, and what follows it and the blanks behind it.
fn word_of_name(text: &str) -> Result<(&str, &str), Error> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let ends = rest.is_empty() || rest.starts_with(is_blank) || rest.starts_with('{');
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !ends {
        return Err(Error::expected("a name of a-z, A-Z, 0-9, _ and :", text));
    }
    Ok((name, rest.trim_start_matches(is_blank)))
}

type Labels<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// The labels behind an opening brace, and what follows the closing one.
pub(super) fn labels(text: &str) -> Result<(Labels<'_>, &str), Error> {
    let mut labels = Labels::new();
    let mut names = HashSet::new();
    let mut rest = text.trim_start_matches(is_blank);
    loop {
        if let Some(behind) = rest.strip_prefix('}') {
            labels.sort_unstable_by_key(|(name, _)| *name);
            return Ok((labels, behind));
        }
        let (name, value) = rest.split_once('=').ok_or_else(|| Error::expected("name=\"value\"", rest))?;
        let name = name.trim_end_matches(is_blank);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(is_name) || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(Error::expected("a label name of a-z, A-Z, 0-9 and _", name));
        }
        if name.starts_with("__") {
            return Err(Error::new(format!(
                "the label {name}: names that begin with __ are Prometheus' own"
            )));
        }
        if !names.insert(name) {
            return Err(Error::new(format!("the label {name} twice")));
        }
        let value = value.trim_start_matches(is_blank);
        let value = value.strip_prefix('"').ok_or_else(|| Error::expected("a value in quotes", value))?;
        let end = end_of_quoted(value).ok_or_else(|| Error::expected("a closing quote", value))?;
        let text = unescaped(&value[..end], true)?;
        if !text.is_empty() {
            labels.push((name, text));
        }
        rest = value[end + 1..].trim_start_matches(is_blank);
        match rest.strip_prefix(',') {
            Some(more) => rest = more.trim_start_matches(is_blank),
            None if rest.starts_with('}') => {}
            None => return Err(Error::expected("a comma or a closing brace", rest)),
        }
    }
}

fn end_of_quoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

/// Text with `\\` and `\n`, and `\"` in a label value, turned into what they stand for.
fn unescaped(text: &str, quotes: bool) -> Result<Cow<'_, str>, Error> {
    if !text.contains('\\') {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('\\')) => out.push('\\'),
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some('"')) if quotes => out.push('"'),
            ('\\', other) => {
                let found = other.map(String::from).unwrap_or_default();
                return Err(Error::new(format!("the unknown escape \\{found}")));
            }
            (c, _) => out.push(c),
        }
    }
    Ok(Cow::Owned(out))
}
