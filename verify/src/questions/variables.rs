//! Variables of a dashboard, which stand for something in its expressions before Prometheus sees them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use promql_parser::parser::Expr;

use crate::promql::{self, ANY};

/// How many expressions one text may stand for, and how long all that are tried may be together: a long one takes the
/// parser a while.
const MOST: usize = 256;
const LONGEST: usize = 32 << 10;
/// How many values of a variable are tried.
const VALUES: usize = 16;

/// The variables whose values the dashboard lists itself, each with its values.
pub(super) type Listed = BTreeMap<String, Vec<String>>;

/// A piece of an expression's text.
#[derive(Debug)]
enum Piece<'a> {
    Text(&'a str),
    /// What any value of a variable may be replaced with, because nothing depends on it.
    Fixed(&'static str),
    Variable(Slot<'a>),
}

/// A variable at a place where it matters what it stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Slot<'a> {
    name: &'a str,
    role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// Part of a name, as in `node_load$minutes`.
    Part,
    /// A number, or a whole name.
    Alone,
    /// The name of a function or an aggregation.
    Function,
}

impl Slot<'_> {
    /// What it may stand for: what is listed, or else whatever makes the expression one.
    fn candidates<'b>(&self, listed: Option<&'b Vec<String>>) -> Vec<&'b str> {
        match (listed, self.role) {
            (Some(values), _) => values.iter().take(VALUES).map(String::as_str).collect(),
            (None, Role::Part) => vec![ANY],
            (None, Role::Alone) => vec!["1", ANY],
            (None, Role::Function) => vec!["sum", "rate"],
        }
    }
}

/// The expressions that a text stands for, and the variables in it.
pub(super) fn expressions(text: &str, listed: &Listed) -> (Result<Vec<Expr>, String>, Vec<String>) {
    let (pieces, mut names) = split(text);
    names.sort();
    names.dedup();
    let mut slots: Vec<&Slot<'_>> = pieces.iter().filter_map(Piece::slot).collect();
    slots.sort();
    slots.dedup();
    let found = with_values(&pieces, &slots, listed);
    // A list may be of what the panel shows, and not of what the expression wants.
    let found = if found.is_err() && !slots.is_empty() {
        with_values(&pieces, &slots, &Listed::new())
    } else {
        found
    };
    (found, names)
}

/// Each listed value in turn, and for the others the first that makes an expression.
fn with_values(pieces: &[Piece<'_>], slots: &[&Slot<'_>], listed: &Listed) -> Result<Vec<Expr>, String> {
    let candidates: Vec<Vec<&str>> =
        slots.iter().map(|slot| slot.candidates(listed.get(slot.name))).collect();
    let is_listed: Vec<bool> = slots.iter().map(|slot| listed.contains_key(slot.name)).collect();
    let mut found: BTreeMap<Vec<usize>, Expr> = BTreeMap::new();
    let mut error = None;
    let mut chosen = vec![0; slots.len()];
    let length: usize = pieces.iter().map(|piece| piece.text(|_| ANY).len()).sum();
    for _ in 0..MOST.min(1 + LONGEST / (1 + length)) {
        let key = chosen.iter().zip(&is_listed).map(|(at, listed)| if *listed { *at } else { 0 }).collect();
        if let Entry::Vacant(place) = found.entry(key) {
            let value = |slot: &Slot<'_>| {
                let place = slots.iter().position(|known| *known == slot);
                place.and_then(|place| candidates[place].get(chosen[place]).copied()).unwrap_or(ANY)
            };
            match promql::parse(&pieces.iter().map(|piece| piece.text(value)).collect::<String>()) {
                Ok(expression) => {
                    place.insert(expression);
                }
                Err(why) => error = Some(why),
            }
        }
        if !next(&mut chosen, &candidates) {
            break;
        }
    }
    match error {
        Some(why) if found.is_empty() => Err(why),
        _ => Ok(found.into_values().collect()),
    }
}

/// The next choice of one candidate each; false when all were there.
fn next(chosen: &mut [usize], candidates: &[Vec<&str>]) -> bool {
    for (at, all) in chosen.iter_mut().zip(candidates) {
        *at += 1;
        if *at < all.len() {
            return true;
        }
        *at = 0;
    }
    false
}

impl<'a> Piece<'a> {
    fn slot(&self) -> Option<&Slot<'a>> {
        if let Piece::Variable(slot) = self { Some(slot) } else { None }
    }

    fn text<'b>(&'b self, value: impl Fn(&Slot<'a>) -> &'b str) -> &'b str {
        match self {
            Piece::Text(text) => text,
            Piece::Fixed(text) => text,
            Piece::Variable(slot) => value(slot),
        }
    }
}

/// Takes a text apart. The names are of all variables but Grafana's own.
fn split(text: &str) -> (Vec<Piece<'_>>, Vec<String>) {
    let mut pieces = Vec::new();
    let mut names = Vec::new();
    let (mut from, mut at) = (0, 0);
    let mut quote = None;
    let mut brackets = 0_usize;
    while let Some(c) = text[at..].chars().next() {
        if let Some((name, length)) = variable(&text[at..]) {
            if !name.starts_with("__") {
                names.push(name.to_owned());
            }
            pieces.push(Piece::Text(&text[from..at]));
            let (before, behind) = (&text[..at], &text[at + length..]);
            pieces.push(match (quote, brackets) {
                (Some(_), _) => Piece::Fixed(ANY),
                (None, 1..) => Piece::Fixed(duration(before, behind)),
                (None, 0) if is_offset(before) => Piece::Fixed(duration(before, behind)),
                (None, 0) => Piece::Variable(Slot { name, role: role(before, behind) }),
            });
            at += length;
            from = at;
            continue;
        }
        at += c.len_utf8();
        match (quote, c) {
            (Some('"' | '\''), '\\') => at += text[at..].chars().next().map_or(0, char::len_utf8),
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '[') => brackets += 1,
            (None, ']') => brackets = brackets.saturating_sub(1),
            _ => {}
        }
    }
    pieces.push(Piece::Text(&text[from..]));
    (pieces, names)
}

/// The name of the variable that the text begins with, and how long it is written: `$a`, `${a:regex}`, `[[a]]`.
fn variable(text: &str) -> Option<(&str, usize)> {
    let (open, close) = if text.starts_with("[[") {
        ("[[", "]]")
    } else if text.starts_with("${") {
        ("${", "}")
    } else {
        (text.get(..1).filter(|dollar| *dollar == "$")?, "")
    };
    let rest = &text[open.len()..];
    let length = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
    let name = &rest[..length];
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return None;
    }
    if close.is_empty() {
        return Some((name, open.len() + length));
    }
    let format = &rest[length..];
    let end = format.find(close).filter(|end| *end == 0 || format.starts_with([':', '.']))?;
    Some((name, open.len() + length + end + close.len()))
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// A time, or as much of it as the text around leaves out.
fn duration(before: &str, behind: &str) -> &'static str {
    match (before.ends_with(|c: char| c.is_ascii_digit()), behind.starts_with(is_word)) {
        (true, false) => "m",
        (_, true) => "5",
        (false, false) => "5m",
    }
}

fn is_offset(before: &str) -> bool {
    let before = before.trim_end().trim_end_matches('-').trim_end();
    before.strip_suffix("offset").is_some_and(|rest| !rest.ends_with(is_word))
}

fn role(before: &str, behind: &str) -> Role {
    let joins = |c: char| is_word(c) || c == ':';
    // Another variable next to it may be a part as well.
    let is_part = before.ends_with(|c| joins(c) || c == '}') || behind.starts_with(|c| joins(c) || c == '$');
    let next = behind.trim_start();
    if is_part {
        Role::Part
    } else if next.starts_with('(') || next.starts_with("by") || next.starts_with("without") {
        Role::Function
    } else {
        Role::Alone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, listed: &[(&str, &[&str])]) -> Result<Vec<String>, String> {
        let values = |all: &[&str]| all.iter().map(|value| (*value).to_owned()).collect();
        let listed = listed.iter().map(|(name, all)| ((*name).to_owned(), values(all))).collect();
        let shown = |all: Vec<Expr>| all.iter().map(|expression| expression.to_string()).collect();
        expressions(text, &listed).0.map(shown)
    }

    #[test]
    fn variables_are_replaced_by_what_the_place_wants() {
        for (text, meant) in [
            (
                "rate(a{i=\"$node\",d=~'[[dev]]'}[$__rate_interval])",
                "rate(a{d=~\"__any__\",i=\"__any__\"}[5m])",
            ),
            ("a{x=\"${node:regex}:${port.text}\"}", "a{x=\"__any__:__any__\"}"),
            ("sum(rate(a[${__range_s}s]))", "sum(rate(a[5s]))"),
            ("rate(a[1$unit])", "rate(a[1m])"),
            ("max_over_time(a[$__range:$step])", "max_over_time(a[5m:5m])"),
            ("rate(a[[[interval]]]) offset $x", ""),
            ("a offset $back", "a offset 5m"),
            ("a offset -${back}", "a offset -5m"),
            ("topk($n, a)", "topk(1, a)"),
            ("a > $limit", "a > 1"),
            ("sum($metric)", "sum(__any__)"),
            ("rate($metric{x=\"1\"}[5m])", "rate(__any__{x=\"1\"}[5m])"),
            ("node_load$n", "node_load__any__"),
            ("${a}_${b}_total", "__any_____any___total"),
            ("$agg(a)", "sum(a)"),
            ("$agg by (x) (a)", "sum by (x) (a)"),
            ("$f(a[5m])", "rate(a[5m])"),
            ("sum by ($label) (a)", "sum by (__any__) (a)"),
            (
                "label_replace(a, \"x\", \"$1\", \"y\", \"(.*)$\")",
                "label_replace(a, \"x\", \"$1\", \"y\", \"(.*)$\")",
            ),
            ("a{x=~\"[[:alpha:]]+$\"}", "a{x=~\"[[:alpha:]]+$\"}"),
            ("a{x=\"\\\"$y\"} * $z", "a{x=\"\\\"__any__\"} * 1"),
        ] {
            match of(text, &[]) {
                Ok(all) => assert_eq!(all, [meant], "{text}"),
                Err(why) => assert_eq!(meant, "", "{text}: {why}"),
            }
        }
    }

    #[test]
    fn listed_values_are_each_an_expression() {
        let listed: &[(&str, &[&str])] = &[("n", &["1", "5"]), ("m", &["a", "b"]), ("k", &["3"])];
        assert_eq!(of("node_load$n", listed).unwrap(), ["node_load1", "node_load5"]);
        assert_eq!(of("$m + $m", listed).unwrap(), ["a + a", "b + b"]);
        assert_eq!(of("topk($k, $m * $x)", listed).unwrap(), ["topk(3, a * 1)", "topk(3, b * 1)"]);
        assert_eq!(of("a{x=\"$m\"}", listed).unwrap(), ["a{x=\"__any__\"}"]);
        // Not what the place wants.
        assert_eq!(of("topk($w, a)", &[("w", &["not an expression"])]).unwrap(), ["topk(1, a)"]);
    }

    #[test]
    fn names_are_told_once_and_without_grafanas_own() {
        let names = expressions("a{i=\"$node\",j=\"$node\"}[$__range] * $x + [[y]]", &Listed::new()).1;
        assert_eq!(names, ["node", "x", "y"]);
    }

    #[test]
    fn many_variables_end() {
        let text: String = (0..300).map(|n| format!("$a{n} + ")).collect();
        assert!(of(&format!("{text}b"), &[]).is_ok());
    }
}
