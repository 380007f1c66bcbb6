//! `/proc/sys`: the settings of the kernel that the operator names.
//!
//! Families of numbers are known only when the options are, and any name may be among them, that of [`INFO`] too, so they are
//! pushed as texts: one for each setting, so that a bad one takes no others along.

mod asked;

use std::fmt::Write as _;

use relink_core::{Collector, Context, Error, Family, Paths, Samples, Source, options};

use asked::Asked;

pub(crate) const INFO: Family = Family::gauge(
    "node_sysctl_info",
    "Always 1; the labels say which word a setting of the kernel has at which place (/proc/sys).",
)
.labels(&["name", "value", "index"]);

options! {
    pub(crate) struct Settings {
        /// Settings to show as numbers: kernel.threads-max, or fs.file-nr:total,current,max with a name for each number.
        include: Vec<String> = Vec::new(),
        /// Settings to show as words, in labels: kernel.core_pattern.
        include_info: Vec<String> = Vec::new(),
    }
}

pub(crate) struct Sysctl(Vec<Setting>);

struct Setting {
    asked: Asked,
    /// What is made of the content.
    push: fn(&Asked, &str, &mut String, &mut Samples) -> Result<(), Error>,
    source: Source,
    /// Kept for what `push` writes.
    buffer: String,
}

impl Sysctl {
    pub(crate) fn new(paths: &Paths, settings: Settings) -> Result<Self, Error> {
        let asked = |option: &str, given: &[String]| {
            asked::all(given).context(format_args!("[collectors.sysctl]: {option}"))
        };
        let numbers = asked("include", &settings.include)?;
        let words = asked("include_info", &settings.include_info)?;
        if let Some(asked) = words.iter().find(|asked| !asked.keys.is_empty()) {
            let why = Error::expected("a name without keys, which are for include", &asked.given);
            return Err(why.context("[collectors.sysctl]: include_info"));
        }
        let setting = |asked: Asked, push| {
            let source = Source::new(paths.procfs(asked.file()));
            Setting { asked, push, source, buffer: String::new() }
        };
        let mut all: Vec<Setting> = numbers.into_iter().map(|asked| setting(asked, push_numbers)).collect();
        all.extend(words.into_iter().map(|asked| setting(asked, push_words)));
        Ok(Sysctl(all))
    }
}

impl Collector for Sysctl {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let (before, mut first) = (out.len(), None);
        for Setting { asked, push, source, buffer } in &mut self.0 {
            match source.parse(|text| push(asked, text, buffer, out)) {
                Ok(Some(())) => {}
                // It was asked for by name, so the operator hears of it; another kernel may have it.
                Ok(None) => {
                    out.warn(format!("{}: there is no setting {}", source.path().display(), asked.name))
                }
                Err(why) => {
                    out.warn(why.to_string());
                    first = first.or(Some(why));
                }
            }
        }
        first.filter(|_| out.len() == before).map_or(Ok(()), Err)
    }
}

/// Numbers, each in a series of its own: by key, by place if there are several, or the only one.
fn push_numbers(asked: &Asked, text: &str, buffer: &mut String, out: &mut Samples) -> Result<(), Error> {
    let Asked { given, name, family, keys } = asked;
    let words = || text.split_ascii_whitespace();
    let (count, wanted) = (words().count(), keys.len());
    if count == 0 || (wanted > 0 && wanted != count) {
        let expected = if wanted > 0 { wanted.to_string() } else { "at least one".to_owned() };
        return Err(Error::expected(format_args!("numbers, {expected} of them"), text.trim_ascii()));
    }
    buffer.clear();
    if keys.is_empty() {
        write!(buffer, "# HELP {family} Setting {name} of the kernel.\n# TYPE {family} untyped\n")?;
    }
    for (place, word) in words().enumerate() {
        let number = number(word)?;
        match keys.get(place) {
            Some(key) => writeln!(
                buffer,
                "# HELP {family}_{key} Number {place} of the setting {name} of the kernel.\n\
                 # TYPE {family}_{key} untyped\n{family}_{key} {number}"
            )?,
            None if count > 1 => writeln!(buffer, "{family}{{index=\"{place}\"}} {number}")?,
            None => writeln!(buffer, "{family} {number}")?,
        }
    }
    match out.push_text(given, buffer)? {
        Some(why) => Err(why),
        None => Ok(()),
    }
}

/// Words, each in a label.
fn push_words(asked: &Asked, text: &str, buffer: &mut String, out: &mut Samples) -> Result<(), Error> {
    let mut words = text.split_ascii_whitespace().enumerate().peekable();
    words.peek().ok_or_else(|| Error::expected("words, at least one of them", text.trim_ascii()))?;
    for (place, word) in words {
        buffer.clear();
        write!(buffer, "{place}")?;
        out.push(&INFO, [&asked.name, word, buffer], 1.0);
    }
    Ok(())
}

/// A number as the kernel prints it: signed or not, of up to 64 bits, or in hexadecimal with `0x`.
fn number(word: &str) -> Result<i128, Error> {
    let number = match word.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok().map(i128::from),
        None => word.parse().ok().filter(|number| (i64::MIN.into()..=u64::MAX.into()).contains(number)),
    };
    number.ok_or_else(|| Error::expected("a number", word).hint("include_info shows words"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_of_64_bits() {
        for (word, found) in [
            ("7801", 7801),
            ("-1", -1),
            // kernel.shmmax, by default.
            ("18446744073692774399", 18_446_744_073_692_774_399),
            ("-9223372036854775808", i128::from(i64::MIN)),
            ("0x1f", 31),
        ] {
            assert_eq!(number(word).unwrap(), found, "{word}");
        }
        for word in ["", "x", "1.5", "0x", "0xg", "18446744073709551616", "-9223372036854775809"] {
            let why = number(word).unwrap_err().to_string();
            assert_eq!(why, format!("expected a number, found {word:?}; include_info shows words"));
        }
    }
}
