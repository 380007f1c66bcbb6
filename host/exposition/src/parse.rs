//! The Prometheus text format, version 0.0.4.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use relink_core::{Context, Error};

use super::groups::{self, push_labels};
use super::{Exposition, RuntimeKind};

/// A family while the text is read. Its samples may stand apart.
pub(super) struct Draft<'a> {
    pub(super) name: &'a str,
    pub(super) help: Option<String>,
    pub(super) kind: Option<RuntimeKind>,
    pub(super) samples: Vec<Sample<'a>>,
    /// Why it can't be shown.
    pub(super) fault: Option<Error>,
}

impl Draft<'_> {
    /// Notes a line by which the family can't be shown, the first one.
    fn spoil(&mut self, line: usize, why: Error) {
        self.fault.get_or_insert_with(|| why.context(format_args!("line {line}")));
    }
}

pub(super) struct Sample<'a> {
    pub(super) suffix: &'static str,
    /// Sorted by name; those without a value, which means the same as no label, are left out.
    pub(super) labels: Vec<(&'a str, Cow<'a, str>)>,
    pub(super) value: f64,
}

/// Checks a page that an agent has written. It is refused for what [`Exposition::parse`] refuses, and for what no agent
/// writes though it means something: a family in two pieces, a header behind samples, free comments, blanks that need
/// not be, numbers and types in another spelling.
pub fn check_page(text: &str) -> Result<(), Error> {
    read("the page", text, usize::MAX, true)?.left_out().map_or(Ok(()), Err)
}

pub(super) fn read(source: &str, text: &str, series: usize, is_strict: bool) -> Result<Exposition, Error> {
    let (families, places) = (Vec::new(), HashMap::new());
    let mut drafts = Drafts { families, places, left: series, series, is_strict, number: 0, current: None };
    let mut lines = text.split('\n');
    // What stands behind the last line's end: nothing, if it has one.
    let last = lines.next_back().unwrap_or_default();
    for line in lines {
        drafts.number += 1;
        drafts.line(line).context(format_args!("line {}", drafts.number))?;
    }
    if !last.is_empty() {
        return Err(Error::new(format!("line {}: the last line has no end", drafts.number + 1))
            .hint("write to another name, and rename the file when it is whole"));
    }
    Ok(groups::written(source, drafts.families))
}

struct Drafts<'a> {
    families: Vec<Draft<'a>>,
    places: HashMap<&'a str, usize>,
    left: usize,
    series: usize,
    /// Whether the text is to be as an agent writes it.
    is_strict: bool,
    /// The number of the line.
    number: usize,
    /// The family of the line before.
    current: Option<usize>,
}

impl<'a> Drafts<'a> {
    fn line(&mut self, whole: &'a str) -> Result<(), Error> {
        let line = whole.trim_matches(is_blank);
        match line.strip_prefix('#') {
            Some(comment) => self.comment(comment.trim_start_matches(is_blank), whole),
            None if line.is_empty() && self.is_strict => Err(Error::new("an empty line")),
            None if line.is_empty() => Ok(()),
            None => self.sample(line, whole),
        }
    }

    fn comment(&mut self, comment: &'a str, line: &str) -> Result<(), Error> {
        let (word, rest) = word(comment);
        if word != "HELP" && word != "TYPE" {
            let expected = "# HELP name text, or # TYPE name type";
            return if self.is_strict { Err(Error::expected(expected, line)) } else { Ok(()) };
        }
        // To Prometheus' own parser one that ends early is a comment.
        if rest.is_empty() && !self.is_strict {
            return Ok(());
        }
        let (name, rest) = word_of_name(rest)?;
        if rest.is_empty() && word == "TYPE" && !self.is_strict {
            return Ok(());
        }
        if self.is_strict && !line.starts_with(&format!("# {word} {name} ")) {
            return Err(Error::expected(format!("# {word} {name} {rest}"), line));
        }
        let (is_strict, number) = (self.is_strict, self.number);
        let family = self.family(name)?;
        let is_second = if word == "HELP" { family.help.is_some() } else { family.kind.is_some() };
        let is_late = (is_strict || word == "TYPE") && !family.samples.is_empty();
        if is_second || is_late {
            let why = match is_late {
                true => format!("the {word} of {name} behind samples of it"),
                false => format!("a second {word} of {name}"),
            };
            family.spoil(number, Error::new(why));
            return Ok(());
        }
        if word == "HELP" {
            family.help = Some(unescaped(rest, false)?.into_owned()).filter(|help| !help.is_empty());
            return Ok(());
        }
        // In whatever letters: Prometheus' own parser looks at none but the capital ones.
        let word = if is_strict { rest.to_owned() } else { rest.to_ascii_lowercase() };
        family.kind = Some(match word.as_str() {
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

    fn sample(&mut self, line: &'a str, whole: &str) -> Result<(), Error> {
        let (name, rest) = word_of_name(line)?;
        let (mut labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => labels(rest)?,
            None => (Vec::new(), rest),
        };
        let (number, rest) = word(rest.trim_start_matches(is_blank));
        if !rest.is_empty() {
            return Err(match rest.parse::<i64>() {
                Ok(_) => Error::new("a timestamp, which a side-loaded metric can't have")
                    .hint("leave it out; the time of the scrape is used"),
                Err(_) => Error::expected("nothing behind the value", rest),
            });
        }
        let value: f64 = number.parse().map_err(|_| Error::expected("a number", number))?;
        if self.is_strict {
            is_as_written(whole, name, &labels, number)?;
        }
        labels.retain(|(_, value)| !value.is_empty());
        labels.sort_unstable_by_key(|(name, _)| *name);
        self.left = self.left.checked_sub(1).ok_or_else(|| too_many(self.series))?;
        let number_of_line = self.number;
        let (family, suffix) = self.family_of_sample(name)?;
        let kind = family.kind.unwrap_or(RuntimeKind::Untyped);
        if !kind.suffixes().contains(&suffix) {
            let expected = format!("{0}_bucket, {0}_sum or {0}_count", family.name);
            family.spoil(
                number_of_line,
                Error::expected(format!("a sample of the histogram, {expected}"), name),
            );
            return Ok(());
        }
        // Buckets have to add up, so each has to have counted something. A counter below 0 or NaN is odd, and breaks nothing.
        if matches!(suffix, "_bucket" | "_count") && (value.is_nan() || value < 0.0) {
            family.spoil(
                number_of_line,
                Error::expected(format!("{name} to be 0 or more"), &value.to_string()),
            );
        }
        family.samples.push(Sample { suffix, labels, value });
        Ok(())
    }

    fn family(&mut self, name: &'a str) -> Result<&mut Draft<'a>, Error> {
        let place = *self.places.entry(name).or_insert_with(|| {
            self.families.push(Draft { name, help: None, kind: None, samples: Vec::new(), fault: None });
            self.current = Some(self.families.len() - 1);
            self.families.len() - 1
        });
        self.enter(place)
    }

    fn enter(&mut self, place: usize) -> Result<&mut Draft<'a>, Error> {
        let family = &mut self.families[place];
        if self.is_strict && self.current != Some(place) {
            return Err(Error::new(format!("the family {} is not in one piece", family.name)));
        }
        Ok(family)
    }

    /// The family that a sample of this name belongs to, and what its name has behind the family's.
    fn family_of_sample(&mut self, name: &'a str) -> Result<(&mut Draft<'a>, &'static str), Error> {
        if !self.places.contains_key(name) {
            for suffix in ["_bucket", "_sum", "_count"] {
                let Some(base) = name.strip_suffix(suffix) else { continue };
                let Some(&place) = self.places.get(base) else { continue };
                if self.families[place].kind.is_some_and(|kind| kind.suffixes().contains(&suffix)) {
                    return Ok((self.enter(place)?, suffix));
                }
            }
        }
        Ok((self.family(name)?, ""))
    }
}

/// Whether a sample's line is as an agent writes it.
fn is_as_written(line: &str, name: &str, labels: &Labels<'_>, number: &str) -> Result<(), Error> {
    // Rust reads `inf` and `nan` too.
    if !matches!(number, "NaN" | "+Inf" | "-Inf") && !number.ends_with(|c: char| c.is_ascii_digit()) {
        return Err(Error::expected("a number, NaN, +Inf or -Inf", number));
    }
    let mut written = name.as_bytes().to_vec();
    push_labels(labels, &mut written);
    written.extend_from_slice(format!(" {number}").as_bytes());
    if written == line.as_bytes() {
        return Ok(());
    }
    Err(Error::expected(String::from_utf8_lossy(&written), line))
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

/// The labels behind an opening brace as they stand there, and what follows the closing one.
pub(super) fn labels(text: &str) -> Result<(Labels<'_>, &str), Error> {
    let mut labels = Labels::new();
    let mut names = HashSet::new();
    let mut rest = text.trim_start_matches(is_blank);
    loop {
        if let Some(behind) = rest.strip_prefix('}') {
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
        labels.push((name, unescaped(&value[..end], true)?));
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
