//! Whether a Prometheus text is sound: the proof that a new image has to give before it replaces this one.

use std::collections::HashSet;

/// Checks an exposition in the Prometheus text format: names, labels, escapes and numbers; each family in one piece
/// with its header first; no series twice. The error names the line.
///
/// Stricter than a scraper: timestamps and free comments, which relink never writes, are refused.
pub(crate) fn validate(text: &str) -> Result<(), String> {
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("the last line does not end".to_owned());
    }
    let mut families = Families::default();
    for (at, line) in text.lines().enumerate() {
        families.line(line).map_err(|why| format!("line {}: {why}: {line:?}", at + 1))?;
    }
    Ok(())
}

#[derive(Default)]
struct Families<'a> {
    current: &'a str,
    /// The type of the current family: histograms and summaries have samples of other names.
    kind: &'a str,
    /// Whether the current family has had samples.
    sampled: bool,
    known: HashSet<&'a str>,
    headers: HashSet<(&'a str, &'a str)>,
    series: HashSet<&'a str>,
}

impl<'a> Families<'a> {
    fn line(&mut self, line: &'a str) -> Result<(), &'static str> {
        match line.strip_prefix("# ") {
            Some(header) => self.header(header),
            None => self.sample(line),
        }
    }

    fn header(&mut self, header: &'a str) -> Result<(), &'static str> {
        let mut parts = header.splitn(3, ' ');
        let (word, name, rest) = match (parts.next(), parts.next(), parts.next()) {
            (Some(word @ ("HELP" | "TYPE")), Some(name), Some(rest)) => (word, name, rest),
            _ => return Err("expected # HELP name text, or # TYPE name type"),
        };
        self.enter(name)?;
        if word == "TYPE" {
            if !matches!(rest, "counter" | "gauge" | "histogram" | "summary" | "untyped") {
                return Err("an unknown type");
            }
            self.kind = rest;
        }
        if self.sampled {
            return Err("a header behind samples of its family");
        }
        if !self.headers.insert((word, name)) {
            return Err("a header that stands there twice");
        }
        Ok(())
    }

    fn sample(&mut self, line: &'a str) -> Result<(), &'static str> {
        let name = &line[..line.find(['{', ' ']).ok_or("a sample without a value")?];
        self.enter(self.family_of(name))?;
        self.sampled = true;
        let rest = &line[name.len()..];
        let rest = match rest.strip_prefix('{') {
            Some(labels) => after_labels(labels)?,
            None => rest,
        };
        if !self.series.insert(&line[..line.len() - rest.len()]) {
            return Err("a series that stands there twice");
        }
        let number = rest.strip_prefix(' ').ok_or("no space before the value")?;
        if is_number(number) { Ok(()) } else { Err("a value that is no number") }
    }

    /// The family of a sample: the current one, if its type gives it samples of this name.
    fn family_of(&self, name: &'a str) -> &'a str {
        let suffixes: &[&str] = match self.kind {
            "histogram" => &["_bucket", "_sum", "_count"],
            "summary" => &["_sum", "_count"],
            _ => &[],
        };
        let is_its = |suffix: &&str| name.strip_suffix(*suffix) == Some(self.current);
        if suffixes.iter().any(is_its) { self.current } else { name }
    }

    fn enter(&mut self, name: &'a str) -> Result<(), &'static str> {
        if name == self.current && !name.is_empty() {
            return Ok(());
        }
        if !is_name(name) {
            return Err("no valid name");
        }
        if !self.known.insert(name) {
            return Err("a family that is not in one piece");
        }
        self.current = name;
        self.kind = "";
        self.sampled = false;
        Ok(())
    }
}

/// What follows the closing brace.
fn after_labels(mut rest: &str) -> Result<&str, &'static str> {
    let mut names = HashSet::new();
    loop {
        let (name, value) = rest.split_once("=\"").ok_or("expected name=\"value\"")?;
        if !is_name(name) || !names.insert(name) {
            return Err("a label without a valid name of its own");
        }
        rest = after_quoted(value)?;
        if let Some(behind) = rest.strip_prefix('}') {
            return Ok(behind);
        }
        rest = rest.strip_prefix(',').ok_or("expected , or } behind a label")?;
    }
}

/// What follows the closing quote.
fn after_quoted(text: &str) -> Result<&str, &'static str> {
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Ok(&text[at + 1..]),
            b'\\' if !matches!(bytes.next(), Some((_, b'\\' | b'"' | b'n'))) => {
                return Err("an unknown escape");
            }
            _ => {}
        }
    }
    Err("a label value without an end")
}

fn is_number(text: &str) -> bool {
    // Rust reads `inf` and `nan` too, which relink never writes.
    matches!(text, "NaN" | "+Inf" | "-Inf")
        || text.parse::<f64>().is_ok() && text.ends_with(|c: char| c.is_ascii_digit())
}

fn is_name(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    name.chars().all(word) && name.starts_with(|c: char| !c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_texts_pass() {
        for text in [
            "",
            "up 1\n",
            "# HELP a Some \"help\" \\n.\n# TYPE a gauge\na{x=\"1\",y=\"} \\\" \\\\ \\n é\"} 1.5e-7\na{x=\"\",y=\"\"} -Inf\n",
            "# TYPE a untyped\na NaN\n# TYPE b counter\nb +Inf\n",
            "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 1\n",
        ] {
            assert_eq!(validate(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn broken_texts_are_told_by_line() {
        for (text, why) in [
            ("up 1", "does not end"),
            ("\n", "without a value"),
            ("up\n", "without a value"),
            ("up{ 1\n", "expected name="),
            ("up{} 1\n", "expected name="),
            ("up{a=\"1} 1\n", "without an end"),
            ("up{a=\"1\",} 1\n", "expected name="),
            ("up{a=\"1\" b=\"2\"} 1\n", "expected , or }"),
            ("up{a=\"\\t\"} 1\n", "unknown escape"),
            ("up{a=\"1\",a=\"2\"} 1\n", "of its own"),
            ("up{a=\"1\"}1\n", "no space"),
            ("up one\n", "no number"),
            ("up nan\n", "no number"),
            ("up inf\n", "no number"),
            ("up 1 1700000000000\n", "no number"),
            ("1up 1\n", "no valid name"),
            (" 1\n", "no valid name"),
            ("é 1\n", "no valid name"),
            ("up 1\nup 2\n", "line 2: a series that stands there twice"),
            ("a 1\nb 1\na{x=\"1\"} 1\n", "line 3: a family that is not in one piece"),
            ("a 1\n# TYPE a gauge\n", "line 2: a header behind"),
            ("# TYPE a gauge\n# TYPE a gauge\n", "line 2: a header that stands there twice"),
            ("# TYPE a thing\n", "unknown type"),
            ("# TYPE a summary\na_sum 1\nb 1\na_count 1\na{quantile=\"1\"} 1\n", "not in one piece"),
            ("# EOF\n", "expected # HELP"),
        ] {
            let error = validate(text).unwrap_err();
            assert!(error.contains(why), "{text:?}: {error}");
        }
    }
}
