//! Patterns that the operator writes, in the syntax of Go's regexp package: what node_exporter's flags take.
//!
//! `regex-lite` matches them. Its syntax is nearly Go's; what differs is written anew before: `\Q…\E`, classes of
//! Unicode, octal numbers, and characters that stand for themselves in one of the two only. `regex` knows those classes
//! and would add 0.9 MB to an executable, once more to each library, and still not know the rest.

mod filter;

use std::fmt::Write as _;

use regex_lite::Regex;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

use relink_core::Error;

pub use filter::Filter;

/// A regular expression in Go's syntax: an option of a plugin that chooses among names.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles what the operator wrote. `option` is where, as in `[collectors.diskstats]: device_exclude`; the error names it.
    pub fn new(option: &str, text: &str) -> Result<Self, Error> {
        let compiled = translate(text).and_then(|text| Regex::new(&text).map_err(|why| why.to_string()));
        compiled
            .map(Pattern)
            .map_err(|why| Error::new(format!("{option} is {text:?}, expected a regular expression: {why}")))
    }

    /// Whether the pattern matches somewhere in this name.
    pub fn is_match(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

/// The same expression as `regex-lite` writes it, or why there is none.
fn translate(go: &str) -> Result<String, String> {
    let mut from = Reader { rest: go, folds_case: false, beyond_ascii: false };
    let mut to = String::with_capacity(go.len());
    while let Some(c) = from.next() {
        match c {
            '\\' if from.takes("Q") => {
                let (quoted, rest) = from.rest.split_once("\\E").unwrap_or((from.rest, ""));
                quoted.chars().for_each(|c| from.literal(c, &mut to));
                from.rest = rest;
            }
            '\\' => match from.escape()? {
                Item::Char(text) => to.push_str(&text),
                Item::Set(set) => to.push_str(&format!("[{set}]")),
            },
            '[' => from.class(&mut to)?,
            '{' => match from.repetition() {
                Some(counts) => to.push_str(&format!("{{{counts}")),
                None => to.push_str("\\{"),
            },
            '}' => to.push_str("\\}"),
            '(' => {
                from.note_flags();
                to.push(c);
            }
            c => {
                from.beyond_ascii |= !c.is_ascii();
                to.push(c);
            }
        }
    }
    if from.folds_case && from.beyond_ascii {
        return Err("(?i) makes letters of ASCII alike, and no others: write both cases out".to_owned());
    }
    Ok(to)
}

/// What stands in a class, or behind a backslash.
enum Item {
    /// One character, escaped where it must be.
    Char(String),
    /// Several, as they stand between brackets.
    Set(String),
}

struct Reader<'a> {
    rest: &'a str,
    /// Whether some part of the pattern is the same for both cases of a letter.
    folds_case: bool,
    /// Whether it has characters, or classes of them, that are not ASCII.
    beyond_ascii: bool,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn takes(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// A character that stands for itself.
    fn literal(&mut self, c: char, to: &mut String) {
        self.beyond_ascii |= !c.is_ascii();
        if c.is_ascii_punctuation() {
            to.push('\\');
        }
        // Between backslash and `<` stands another meaning.
        if matches!(c, '<' | '>') {
            to.pop();
        }
        to.push(c);
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<Item, String> {
        let Some(c) = self.next() else {
            return Err("there is nothing behind the last backslash".to_owned());
        };
        Ok(match c {
            'p' | 'P' => Item::Set(self.property(c == 'P')?),
            // A word's border to `regex-lite`.
            '<' | '>' => Item::Char(c.to_string()),
            'x' if self.rest.starts_with('{') => {
                let end = self.rest.find('}').ok_or("\\x{ has no }")?;
                let (number, rest) = self.rest.split_at(end + 1);
                self.rest = rest;
                let code = number.trim_matches(['{', '}']);
                self.beyond_ascii |= u32::from_str_radix(code, 16).is_ok_and(|code| code > 0x7f);
                Item::Char(format!("\\x{number}"))
            }
            '0'..='7' => {
                let more = self.rest.bytes().take(2).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
                if c != '0' && more == 0 {
                    return Err(format!("\\{c} would be what a group matched, which can't be had again"));
                }
                let number = format!("{c}{}", &self.rest[..more]);
                self.rest = &self.rest[more..];
                let number = u32::from_str_radix(&number, 8).map_err(|error| error.to_string())?;
                Item::Char(format!("\\x{{{number:X}}}"))
            }
            c => Item::Char(format!("\\{c}")),
        })
    }

    /// A class in brackets, of which the first is taken.
    fn class(&mut self, to: &mut String) -> Result<(), String> {
        let unclosed = || "a [ has no ]".to_owned();
        to.push_str(if self.takes("^") { "[^" } else { "[" });
        let mut is_first = true;
        loop {
            if !is_first && self.takes("]") {
                to.push(']');
                return Ok(());
            }
            is_first = false;
            match self.class_item(unclosed)? {
                Item::Set(set) => to.push_str(&set),
                Item::Char(from) => {
                    to.push_str(&from);
                    let is_range = self.rest.starts_with('-') && !self.rest.starts_with("-]");
                    if is_range && self.takes("-") {
                        let Item::Char(last) = self.class_item(unclosed)? else {
                            return Err("in [ ] a range ends with a class".to_owned());
                        };
                        to.push('-');
                        to.push_str(&last);
                    }
                }
            }
        }
    }

    fn class_item(&mut self, unclosed: impl Fn() -> String) -> Result<Item, String> {
        if self.rest.starts_with("[:")
            && let Some((name, rest)) = self.rest.split_once(":]")
        {
            self.rest = rest;
            return Ok(Item::Set(format!("{name}:]")));
        }
        match self.next().ok_or_else(unclosed)? {
            '\\' => match self.escape()? {
                // Classes of their own, and no ends of a range.
                Item::Char(text) if ["\\d", "\\D", "\\s", "\\S", "\\w", "\\W"].contains(&text.as_str()) => {
                    Ok(Item::Set(text))
                }
                item => Ok(item),
            },
            c => {
                let mut text = String::new();
                self.literal(c, &mut text);
                Ok(Item::Char(text))
            }
        }
    }

    /// The counts of a repetition and its `}`, of which the `{` is taken; nothing where it is just a brace.
    fn repetition(&mut self) -> Option<&'a str> {
        let inside = self.rest.split_once('}')?.0;
        let is_count = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_repetition = match inside.split_once(',') {
            None => is_count(inside),
            Some((least, most)) => is_count(least) && (most.is_empty() || is_count(most)),
        };
        is_repetition.then(|| {
            let (counts, rest) = self.rest.split_at(inside.len() + 1);
            self.rest = rest;
            counts
        })
    }

    /// Looks whether the group, of which the `(` is taken, sets the flag `i`.
    fn note_flags(&mut self) {
        let Some(flags) = self.rest.strip_prefix('?') else { return };
        let flags = flags.split([')', ':', '-', '<', 'P']).next().unwrap_or_default();
        self.folds_case |= flags.contains('i');
    }

    /// A class of Unicode, of which `\p` or `\P` is taken: as in `\pL`, `\p{Lu}`, `\p{Greek}` and `\p{^Greek}`.
    fn property(&mut self, is_negated: bool) -> Result<String, String> {
        self.beyond_ascii = true;
        let name = if self.takes("{") {
            let (name, rest) = self.rest.split_once('}').ok_or("\\p{ has no }")?;
            self.rest = rest;
            name.to_owned()
        } else {
            self.next().ok_or("\\p has no name of a class")?.to_string()
        };
        let (is_negated, name) = match name.strip_prefix('^') {
            Some(name) => (!is_negated, name),
            None => (is_negated, name.as_str()),
        };
        let is_member: Box<dyn Fn(char) -> bool> = if name == "Any" {
            Box::new(|_| true)
        } else if !name.is_empty() && CATEGORIES.iter().any(|(category, _)| category.starts_with(name)) {
            let wanted: Vec<_> = CATEGORIES
                .iter()
                .filter(|(category, _)| category.starts_with(name))
                .map(|(_, it)| *it)
                .collect();
            Box::new(move |c| wanted.contains(&c.general_category()))
        } else if let Some(script) = Script::from_full_name(name) {
            Box::new(move |c| c.script() == script)
        } else {
            return Err(format!("\\p{{{name}}}: Unicode has no category or script of this name"));
        };
        match ranges(|c| is_member(c) != is_negated) {
            none if none.is_empty() => Err(format!("no character is outside \\p{{{name}}}")),
            ranges => Ok(ranges),
        }
    }
}

/// The characters for which this holds, as they stand in a class.
fn ranges(is_member: impl Fn(char) -> bool) -> String {
    let mut text = String::new();
    let mut range: Option<(char, char)> = None;
    let mut close = |range: Option<(char, char)>| {
        if let Some((first, last)) = range {
            let _ = write!(text, "\\x{{{:X}}}-\\x{{{:X}}}", first as u32, last as u32);
        }
    };
    for c in '\0'..=char::MAX {
        match (is_member(c), &mut range) {
            (true, Some((_, last))) => *last = c,
            (true, None) => range = Some((c, c)),
            (false, _) => close(range.take()),
        }
    }
    close(range);
    text
}

/// Unicode's general categories, by their short names.
const CATEGORIES: [(&str, GeneralCategory); 30] = [
    ("Lu", GeneralCategory::UppercaseLetter),
    ("Ll", GeneralCategory::LowercaseLetter),
    ("Lt", GeneralCategory::TitlecaseLetter),
    ("Lm", GeneralCategory::ModifierLetter),
    ("Lo", GeneralCategory::OtherLetter),
    ("Mn", GeneralCategory::NonspacingMark),
    ("Mc", GeneralCategory::SpacingMark),
    ("Me", GeneralCategory::EnclosingMark),
    ("Nd", GeneralCategory::DecimalNumber),
    ("Nl", GeneralCategory::LetterNumber),
    ("No", GeneralCategory::OtherNumber),
    ("Pc", GeneralCategory::ConnectorPunctuation),
    ("Pd", GeneralCategory::DashPunctuation),
    ("Ps", GeneralCategory::OpenPunctuation),
    ("Pe", GeneralCategory::ClosePunctuation),
    ("Pi", GeneralCategory::InitialPunctuation),
    ("Pf", GeneralCategory::FinalPunctuation),
    ("Po", GeneralCategory::OtherPunctuation),
    ("Sm", GeneralCategory::MathSymbol),
    ("Sc", GeneralCategory::CurrencySymbol),
    ("Sk", GeneralCategory::ModifierSymbol),
    ("So", GeneralCategory::OtherSymbol),
    ("Zs", GeneralCategory::SpaceSeparator),
    ("Zl", GeneralCategory::LineSeparator),
    ("Zp", GeneralCategory::ParagraphSeparator),
    ("Cc", GeneralCategory::Control),
    ("Cf", GeneralCategory::Format),
    ("Cs", GeneralCategory::Surrogate),
    ("Co", GeneralCategory::PrivateUse),
    ("Cn", GeneralCategory::Unassigned),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::new("option", pattern).unwrap_or_else(|error| panic!("{error}")).is_match(name)
    }

    /// Each pattern, names that Go's regexp package finds it in, and names that it does not.
    #[test]
    fn a_pattern_means_what_it_means_in_go() {
        let table: [(&str, &[&str], &[&str]); 44] = [
            ("", &["", "a"], &[]),
            (r"^\pL+$", &["sda", "Größe", "диск", "磁盘"], &["sda1", "a b", ""]),
            (r"^\p{Greek}+$", &["δίσκος"], &["disk", "диск", "δ1"]),
            (r"^\p{^Greek}+$", &["disk"], &["δ"]),
            (r"^\P{Greek}+$", &["disk"], &["δ"]),
            (r"^\P{^Greek}+$", &["δ"], &["disk"]),
            (r"^\PL+$", &["123", "-"], &["a", "é"]),
            (r"^\p{Lu}\p{Ll}*$", &["Ärger", "A"], &["ärger", "AB"]),
            (r"^\p{Nd}$", &["7", "٣"], &["a", "Ⅷ"]),
            (r"^\p{Han}+$", &["磁盘"], &["ひらがな", "a"]),
            (r"^\p{Old_Italic}$", &["𐌀"], &["a"]),
            (r"^\p{Any}$", &["a", "磁"], &["", "ab"]),
            (r"^[\pL\d_]+$", &["é1_"], &["-"]),
            (r"^[^\pL]+$", &["1-"], &["é"]),
            (r"^[\PL]+$", &["1"], &["é"]),
            (r"^\Qa.b*[\E$", &["a.b*["], &["axb", "a.b"]),
            (r"^\Qa+", &["a+b"], &["aa"]),
            (r"^\Q\E$", &[""], &["a"]),
            (r"\Q\d\E", &[r"\d"], &["1"]),
            (r"^\Q<b>{2}ü\E$", &["<b>{2}ü"], &["bb"]),
            (r"^\101\x42\x{43}\060$", &["ABC0"], &["ABC"]),
            (r"^\07$", &["\u{7}"], &["7"]),
            (r"^[\101-\103]+$", &["ABC"], &["D", "1"]),
            (r"^\<a\>$", &["<a>"], &["a"]),
            (r"^a{2}$", &["aa"], &["a", "a{2}"]),
            (r"^a{2,}$", &["aaa"], &["a"]),
            (r"^a{1,2}$", &["a"], &["aaa"]),
            (r"^a{$", &["a{"], &["a"]),
            (r"^a{,2}$", &["a{,2}"], &["aa"]),
            (r"^{a}$", &["{a}"], &["a"]),
            (r"^[[]$", &["["], &["]"]),
            (r"^[]a]+$", &["]a"], &["b"]),
            (r"^[^]a]$", &["b"], &["]", "a"]),
            (r"^[a&&b]+$", &["a&b"], &["c"]),
            (r"^[a~~b-]+$", &["a~b-"], &["c"]),
            (r"^[+--]$", &["+", ",", "-"], &["."]),
            (r"^[\w-]+$", &["veth-1"], &["é"]),
            (r"^[[:alpha:][:^ascii:]]+$", &["aé"], &["1"]),
            (r"(?i)^ETH\d$", &["eth0", "Eth1"], &["eth"]),
            (r"^(?i:e)th$", &["Eth"], &["ETH"]),
            (r"^(?P<n>a)(?:b|c)\z", &["ab"], &["ad", "ab\n"]),
            (r"^\w+$", &["abc_1"], &["é"]),
            (r"a\b", &["a", "a é"], &["ab"]),
            (
                r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+)($|/)",
                &["/dev", "/sys/fs"],
                &["/device"],
            ),
        ];
        for (pattern, hits, misses) in table {
            for name in hits {
                assert!(matches(pattern, name), "{pattern} is in {name:?}");
            }
            for name in misses {
                assert!(!matches(pattern, name), "{pattern} is not in {name:?}");
            }
        }
    }

    #[test]
    fn what_is_refused_says_why() {
        for (pattern, why) in [
            ("(", "group"),
            ("a\\", "nothing behind the last backslash"),
            ("[a", "a [ has no ]"),
            ("[", "a [ has no ]"),
            (r"(a)\1", "what a group matched"),
            (r"\p{Klingon}", "no category or script"),
            (r"\p{Greek", "has no }"),
            (r"\p", "has no name"),
            (r"\p{}", "no category or script"),
            (r"\p{^}", "no category or script"),
            (r"\P{Any}", "no character is outside"),
            (r"\x{41", "has no }"),
            (r"[a-\d]", "a range ends with a class"),
            (r"(?=a)", "look"),
            (r"(?i)größe", "write both cases out"),
            (r"(?i)\pL", "write both cases out"),
            ("*", "repetition"),
        ] {
            let error = Pattern::new("[collectors.x]: fields", pattern).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("[collectors.x]: fields is {pattern:?}, expected")),
                "{error}"
            );
            assert!(error.contains(why), "{pattern}: {why:?} is not in: {error}");
        }
    }

    /// Whatever is written, there is a pattern or a reason.
    #[test]
    fn odd_patterns_never_panic() {
        let parts = ["\\", "Q", "E", "p", "{", "}", "[", "]", "^", "-", "(?i", ")", "é", "1", ":"];
        for mut number in 0..parts.len().pow(4) {
            let mut text = String::new();
            while number > 0 {
                text.push_str(parts[number % parts.len()]);
                number /= parts.len();
            }
            // Only the translation: to compile them all would take a minute.
            let _ = translate(&text);
        }
    }
}
