//! The files of `/proc/net/rpc`: lines of a word, which says what the line is, and numbers.

use relink_core::{Error, Family, Samples};

/// What the lines say that begin with a word.
pub(crate) struct Line {
    pub(crate) word: &'static str,
    pub(crate) content: Content,
}

pub(crate) enum Content {
    /// So many numbers at least, of which some are shown.
    Numbers(usize, &'static [Number]),
    /// How many numbers follow, and then how often each procedure was called.
    Procedures(Procedures),
}

/// A number by its place in the line.
pub(crate) struct Number {
    pub(crate) at: usize,
    pub(crate) family: Family,
    pub(crate) labels: &'static [&'static str],
}

/// The procedures of a version of the protocol.
pub(crate) struct Procedures {
    /// Its labels are the version and the procedure's name.
    pub(crate) family: Family,
    pub(crate) version: &'static str,
    /// In the order of their numbers; those that are not shown are empty.
    pub(crate) names: &'static [&'static str],
}

/// The names of version 2 but for the first, which node_exporter shows of clients only.
pub(crate) const V2: [&str; 17] = [
    "GetAttr", "SetAttr", "Root", "Lookup", "ReadLink", "Read", "WrCache", "Write", "Create", "Remove",
    "Rename", "Link", "SymLink", "MkDir", "RmDir", "ReadDir", "FsStat",
];

/// The names of version 3 but for the first.
pub(crate) const V3: [&str; 21] = [
    "GetAttr",
    "SetAttr",
    "Lookup",
    "Access",
    "ReadLink",
    "Read",
    "Write",
    "Create",
    "MkDir",
    "SymLink",
    "MkNod",
    "Remove",
    "RmDir",
    "Rename",
    "Link",
    "ReadDir",
    "ReadDirPlus",
    "FsStat",
    "FsInfo",
    "PathConf",
    "Commit",
];

/// A name before others.
pub(crate) const fn names<const N: usize>(first: &'static str, others: &[&'static str]) -> [&'static str; N] {
    assert!(N == others.len() + 1, "the length is another than that of all names");
    let mut all = [first; N];
    let mut at = 1;
    while at < N {
        all[at] = others[at - 1];
        at += 1;
    }
    all
}

/// Pushes what a line says. One that a later kernel has added is passed over.
pub(crate) fn push(line: &str, known: &[Line], out: &mut Samples) -> Result<(), Error> {
    let (word, numbers) = line.trim_ascii().split_once(' ').unwrap_or((line, ""));
    let numbers = numbers.split_ascii_whitespace();
    match known.iter().find(|line| line.word == word).map(|line| &line.content) {
        Some(Content::Numbers(fewest, shown)) => push_numbers(line, numbers, *fewest, shown, out),
        Some(Content::Procedures(procedures)) => push_procedures(numbers, procedures, out),
        None if numbers.clone().count() > 0 && numbers.into_iter().all(|one| count(one).is_ok()) => Ok(()),
        None => Err(Error::expected("a word and numbers", line)),
    }
}

/// The first number that is none is told, and the others are shown.
fn push_numbers<'a>(
    line: &str,
    numbers: impl Iterator<Item = &'a str> + Clone,
    fewest: usize,
    shown: &[Number],
    out: &mut Samples,
) -> Result<(), Error> {
    if numbers.clone().count() < fewest {
        return Err(Error::expected(format_args!("{fewest} numbers"), line));
    }
    let mut read = Ok(());
    for number in shown {
        match count(numbers.clone().nth(number.at).unwrap_or_default()) {
            Ok(value) => out.push_slice(&number.family, number.labels, value),
            Err(why) => read = read.and(Err(why)),
        }
    }
    read
}

/// A procedure that the kernel does not know was never called, as one with a name here that is beyond the line. One that
/// has no name here is not shown.
fn push_procedures<'a>(
    mut numbers: impl Iterator<Item = &'a str> + Clone,
    procedures: &Procedures,
    out: &mut Samples,
) -> Result<(), Error> {
    let Procedures { family, version, names } = procedures;
    let length = numbers.next().unwrap_or_default();
    let found = numbers.clone().count();
    if length.parse() != Ok(found) {
        return Err(Error::expected(format_args!("the number of the numbers behind it, {found}"), length));
    }
    let mut read = Ok(());
    let rest = std::iter::repeat("0");
    for (name, number) in names.iter().zip(numbers.chain(rest)).filter(|(name, _)| !name.is_empty()) {
        match count(number) {
            Ok(value) => out.push(family, [version, name], value),
            Err(why) => read = read.and(Err(why)),
        }
    }
    read
}

fn count(word: &str) -> Result<f64, Error> {
    word.parse::<u64>().map(|count| count as f64).map_err(|_| Error::expected("a count", word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLS: Family = Family::counter("calls_total", "Calls.").labels(&["version", "name"]);
    const SENT: Family = Family::counter("sent_total", "Sent.").labels(&["by"]);
    const FAMILIES: &[Family] = &[CALLS, SENT];
    const LINES: &[Line] = &[
        Line {
            word: "net",
            content: Content::Numbers(
                3,
                &[
                    Number { at: 1, family: SENT, labels: &["udp"] },
                    Number { at: 2, family: SENT, labels: &["tcp"] },
                ],
            ),
        },
        Line {
            word: "proc",
            content: Content::Procedures(Procedures {
                family: CALLS,
                version: "2",
                names: &["", "Read", "Write"],
            }),
        },
    ];

    fn shown(line: &str) -> (Vec<f64>, String) {
        let mut out = Samples::new(FAMILIES, 100);
        let read = push(line, LINES, &mut out);
        assert!(out.fault().is_none(), "{:?}", out.fault());
        (out.values().to_vec(), read.err().map_or(String::new(), |why| why.to_string()))
    }

    #[test]
    fn numbers_are_shown_by_their_place() {
        let said = |values: &[f64], why: &str| (values.to_vec(), why.to_owned());
        assert_eq!(shown("net 1 2 3"), said(&[2.0, 3.0], ""));
        assert_eq!(shown("net 1 2 3 4"), said(&[2.0, 3.0], ""));
        assert_eq!(shown("net 1 2"), said(&[], "expected 3 numbers, found \"net 1 2\""));
        assert_eq!(shown("net 1 -2 3"), said(&[3.0], "expected a count, found \"-2\""));
        assert_eq!(shown("net 0 18446744073709551615 0"), said(&[1.8446744073709552e19, 0.0], ""));
        assert_eq!(shown("net 0 18446744073709551616 0").0, [0.0]);
    }

    #[test]
    fn procedures_are_shown_by_their_number() {
        let said = |values: &[f64], why: &str| (values.to_vec(), why.to_owned());
        assert_eq!(shown("proc 3 1 2 3"), said(&[2.0, 3.0], ""));
        assert_eq!(shown("proc 5 1 2 3 4 5"), said(&[2.0, 3.0], ""), "a later kernel");
        assert_eq!(shown("proc 2 1 2"), said(&[2.0, 0.0], ""), "an older kernel");
        assert_eq!(shown("proc 3 1 x 3"), said(&[3.0], "expected a count, found \"x\""));
        let cut = "expected the number of the numbers behind it, 1, found \"3\"";
        assert_eq!(shown("proc 3 1"), said(&[], cut));
        assert!(!shown("proc").1.is_empty() && !shown("proc x").1.is_empty());
    }

    #[test]
    fn a_line_of_a_later_kernel_is_passed_over() {
        assert_eq!(shown("wdeleg 15"), (vec![], String::new()));
        for junk in ["junk", "junk junk", "(null)", "15"] {
            let why = format!("expected a word and numbers, found \"{junk}\"");
            assert_eq!(shown(junk), (vec![], why));
        }
    }
}
