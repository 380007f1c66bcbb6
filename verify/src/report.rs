//! What was found, for people and for programs.

use std::fmt::{self, Display, Write as _};

use serde::Serialize;

use crate::compare::Differences;
use crate::page::Page;
use crate::questions::Kind;
use crate::verdict::{Loss, Verdict};

/// How many lines a section has that only tells.
const TOLD: usize = 20;
/// How many families such a line names.
const FIRST: usize = 4;

/// Everything that was found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Whether nothing is lost: the exit code is 0.
    pub(crate) ok: bool,
    pub(crate) summary: String,
    against: Side,
    page: Side,
    differences: Differences,
    verdict: Verdict,
    notes: Vec<String>,
}

/// One of the two pages.
#[derive(Debug, Serialize)]
struct Side {
    source: String,
    families: usize,
    series: usize,
}

impl Side {
    fn new(source: &str, page: &Page) -> Self {
        Side { source: source.to_owned(), families: page.families.len(), series: page.series() }
    }
}

impl Report {
    pub(crate) fn new(
        (against, theirs): (&str, &Page),
        (page, ours): (&str, &Page),
        differences: Differences,
        verdict: Verdict,
        notes: Vec<String>,
    ) -> Self {
        let ok = differences.count() + verdict.count() == 0;
        let summary = summary(&differences, &verdict);
        let (against, page) = (Side::new(against, theirs), Side::new(page, ours));
        Report { ok, summary, against, page, differences, verdict, notes }
    }

    /// The tables.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out).expect("writing to a string does not fail");
        // Names come from pages and files of others: what could steer a terminal is not passed on.
        out.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        for (name, side) in [("node_exporter", &self.against), ("relink", &self.page)] {
            let size = join(&[(side.families, "family"), (side.series, "series")]);
            writeln!(out, "{name:13}  {}: {size}", side.source)?;
        }
        let found = &self.differences;
        section(out, "missing families", &found.missing, |it| {
            let collector = it.collector.as_ref();
            let collector = collector.map(|name| format!("; relink shows nothing of collector {name}"));
            format!("{}  {}, {} series{}", it.family, it.kind, it.series, collector.unwrap_or_default())
        })?;
        section(out, "families of another type", &found.other_type, |it| {
            format!("{}  {} there, {} here", it.family, it.theirs, it.ours)
        })?;
        section(out, "families without a label", &found.missing_labels, |it| {
            format!("{}  {}", it.family, it.labels.join(", "))
        })?;
        section(out, "families without some series", &found.missing_series, |it| {
            let more = if it.missing > it.series.len() { ", …" } else { "" };
            format!("{}  {} of {}: {}{more}", it.family, it.missing, it.of, it.series.join(", "))
        })?;
        losses(out, "would go silent", "asks for", &self.verdict.silent)?;
        losses(
            out,
            "would fire, or no longer be held back",
            "asks for the absence of",
            &self.verdict.reversed,
        )?;
        losses(out, "can't be understood", "says", &self.verdict.faults)?;
        let known: Vec<_> = found.known.iter().collect();
        told(out, "known differences, not counted", &known, |(reason, families)| {
            let first: Vec<&str> = families.iter().take(FIRST).map(String::as_str).collect();
            let more = families.len().saturating_sub(FIRST);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            format!("{reason}: {}{more}", first.join(", "))
        })?;
        told(out, "would lose one of several parts, not counted", &self.verdict.in_part, |it| {
            loss("asks for", it)
        })?;
        let nowhere: Vec<_> = self.verdict.nowhere.iter().collect();
        told(out, "asked for, and on neither page", &nowhere, ToString::to_string)?;
        told(out, "not looked into", &self.notes, ToString::to_string)?;
        writeln!(out, "\n{}", self.summary)
    }
}

fn section<T>(out: &mut String, title: &str, all: &[T], line: impl Fn(&T) -> String) -> fmt::Result {
    if all.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title} ({})", all.len())?;
    all.iter().try_for_each(|it| writeln!(out, "  {}", line(it)))
}

/// A section that does not count, so that it may be cut short.
fn told<T>(out: &mut String, title: &str, all: &[T], line: impl Fn(&T) -> String) -> fmt::Result {
    section(out, title, &all[..all.len().min(TOLD)], line)?;
    match all.len().saturating_sub(TOLD) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more; --json has all"),
    }
}

fn losses(out: &mut String, title: &str, verb: &str, all: &[Loss]) -> fmt::Result {
    section(out, title, all, |it| loss(verb, it))
}

fn loss(verb: &str, loss: &Loss) -> String {
    let why: Vec<&str> = loss.why.iter().map(String::as_str).collect();
    format!("{:10}  {} ({})  {verb} {}", loss.kind, loss.name, loss.place, why.join(", "))
}

fn summary(differences: &Differences, verdict: &Verdict) -> String {
    let asked = [
        (Kind::Alert, "alert"),
        (Kind::Rule, "recording rule"),
        (Kind::Panel, "expression of panels"),
        (Kind::Variable, "variable"),
        (Kind::Annotation, "annotation"),
    ];
    let asked = asked.map(|(kind, word)| (verdict.asked.get(&kind).copied().unwrap_or(0), word));
    let asked = join(&asked);
    let looked = if asked.is_empty() {
        "no rules or dashboards were given".to_owned()
    } else {
        format!("looked at {asked}")
    };
    let found = join(&[
        (differences.missing.len(), "missing family"),
        (differences.other_type.len(), "family of another type"),
        (differences.missing_labels.len(), "family without a label"),
        (differences.missing_series.len(), "family without some series"),
        (verdict.silent.len(), "would go silent"),
        (verdict.reversed.len(), "would fire"),
        (verdict.faults.len(), "not understood"),
    ]);
    if found.is_empty() {
        format!("nothing would be missed; {looked}")
    } else {
        format!("found: {found}; {looked}")
    }
}

/// Counts with their words, those of 0 left out.
fn join(counts: &[(usize, &str)]) -> String {
    let counted = counts.iter().filter(|(count, _)| *count > 0);
    counted.map(|(count, word)| format!("{count} {}", plural(*count, word))).collect::<Vec<_>>().join(", ")
}

fn plural(count: usize, word: &str) -> String {
    let (head, tail) =
        word.split_at(word.find(" of ").or_else(|| word.find(" without ")).unwrap_or(word.len()));
    match head {
        _ if count == 1 => word.to_owned(),
        "series" | "would go silent" | "would fire" | "not understood" => word.to_owned(),
        _ => match head.strip_suffix('y') {
            Some(stem) => format!("{stem}ies{tail}"),
            None => format!("{head}s{tail}"),
        },
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::questions::Asked;

    fn report(theirs: &str, ours: &str, rules: &str) -> Report {
        let page = |text: &str| Page::parse("a page", text.as_bytes()).unwrap();
        let (theirs, ours) = (page(theirs), page(ours));
        let asked = Asked::of(rules, "").unwrap();
        let verdict = Verdict::of(&asked.questions, &theirs, &ours);
        let differences = Differences::between(&theirs, &ours);
        Report::new(("there", &theirs), ("here", &ours), differences, verdict, asked.notes)
    }

    #[test]
    fn the_report_names_what_is_lost() {
        let rules = "groups: [{rules: [{alert: Lost, expr: b > 0}, {alert: Fine, expr: a}, {record: 'x:y', expr: absent(b)}]}]";
        let lost = report("a 1\nb{c=\"1\"} 1\ngo_x 1\n", "a 1\n", rules);
        assert!(!lost.ok);
        let expected = "\
node_exporter  there: 3 families, 3 series
relink         here: 1 family, 1 series

missing families (1)
  b  untyped, 1 series

would go silent (1)
  alert       Lost (rules.yml)  asks for b

would fire, or no longer be held back (1)
  rule        x:y (rules.yml)  asks for the absence of b

known differences, not counted (1)
  about node_exporter's own process: go_x

found: 1 missing family, 1 would go silent, 1 would fire; looked at 2 alerts, 1 recording rule
";
        assert_eq!(lost.text(), expected);
    }

    #[test]
    fn nothing_lost_is_one_line() {
        let same = report("a 1\n", "a 2\n", "");
        assert!(same.ok);
        assert!(
            same.text().ends_with("\n\nnothing would be missed; no rules or dashboards were given\n"),
            "{same}"
        );
    }

    #[test]
    fn names_can_not_steer_a_terminal() {
        let text =
            report("a 1\n", "a 1\n", "groups: [{rules: [{alert: \"\\e[31mred\\a\", expr: 'sum('}]}]").text();
        assert!(text.contains("[31mred") && !text.contains(['\u{1b}', '\u{7}']), "{text:?}");
    }

    #[test]
    fn counts_are_words() {
        let all = [
            (2, "missing family"),
            (0, "alert"),
            (2, "family of another type"),
            (3, "would fire"),
            (1, "variable"),
        ];
        assert_eq!(join(&all), "2 missing families, 2 families of another type, 3 would fire, 1 variable");
    }
}
