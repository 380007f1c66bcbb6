//! Files of lines, of which a collector has several.

use std::path::Path;

use relink_core::{Error, Samples, Source};
use relink_sysfs::existing;

/// A file that not each version of a file system has; none if it is not there when files are looked for.
pub(crate) fn source(folder: &Path, file: &str) -> Option<Source> {
    existing(folder, file).map(Source::new)
}

/// Reads the lines of one file among several, as [`Source::lines`] does. An error is told, and the other files are shown.
pub(crate) fn lines<'a>(
    source: impl Into<Option<&'a mut Source>>,
    out: &mut Samples,
    read: impl FnMut(&str, &mut Samples) -> Result<(), Error>,
) {
    let Some(source) = source.into() else { return };
    let warned = out.warned();
    // Of a file that could be read, each line is told already.
    if let Err(why) = source.lines(out, read)
        && out.warned() == warned
    {
        out.warn(why.to_string());
    }
}

/// A count as the kernel writes it.
pub(crate) fn count(word: &str) -> Result<f64, Error> {
    let count: u64 = word.parse().map_err(|_| Error::expected("a count", word))?;
    Ok(count as f64)
}

/// The first word of a text, and the rest without the space before it; both are empty where there is none.
pub(crate) fn word(text: &str) -> (&str, &str) {
    let text = text.trim_ascii();
    let (word, rest) = text.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((text, ""));
    (word, rest.trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_what_64_bits_hold() {
        assert_eq!(count("18446744073709551615").unwrap(), 18446744073709551615.0);
        for odd in ["", "-1", "1.5", "0x10", "18446744073709551616", "NaN"] {
            assert!(count(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn words_are_taken_from_the_front() {
        assert_eq!(word(" name \t4   tank/my data \n"), ("name", "4   tank/my data"));
        assert_eq!(word("4"), ("4", ""));
        assert_eq!(word("  "), ("", ""));
    }
}
