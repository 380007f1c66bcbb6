//! The format of the files below `/proc/spl/kstat`.
//!
//! They are OpenZFS's `module/os/linux/spl/spl-kstat.c`: a line of numbers about the file, a line that names the columns, and
//! the columns.

use std::borrow::Cow;

use relink_core::{Error, Samples, Source};

use crate::lines::{count, lines, word};

/// Reads a file of fields, each with the number of its type: `hits 4 8772612`.
pub(super) fn fields(
    source: &mut Source,
    out: &mut Samples,
    mut field: impl FnMut(&str, &str, &str, &mut Samples) -> Result<(), Error>,
) {
    table(source, "name type data", out, |line, out| {
        let (name, rest) = word(line);
        let (kind, value) = word(rest);
        if kind.is_empty() {
            return Err(Error::expected("a name, a type and a value", line));
        }
        field(name, kind, value, out)
    });
}

/// Reads the lines below the one that begins with the words of the head, whatever space is between them.
pub(super) fn table(
    source: &mut Source,
    head: &str,
    out: &mut Samples,
    mut row: impl FnMut(&str, &mut Samples) -> Result<(), Error>,
) {
    let (mut is_empty, mut is_below) = (true, false);
    lines(&mut *source, out, |line, out| {
        is_empty = false;
        if is_below {
            return row(line, out);
        }
        let mut words = line.split_ascii_whitespace();
        is_below = head.split(' ').all(|word| words.next() == Some(word));
        Ok(())
    });
    if !is_empty && !is_below {
        out.warn(format!("{}: expected a line {head:?}, found none", source.path().display()));
    }
}

/// The value of a field: nothing for types that node_exporter does not show either, such as strings.
pub(super) fn number(kind: &str, value: &str) -> Option<Result<f64, Error>> {
    let value = word(value).0;
    match kind {
        // What is signed is below 0 at times, as the memory that is available.
        "3" => {
            let number = value.parse::<i64>().map(|number| number as f64);
            Some(number.map_err(|_| Error::expected("a number", value)))
        }
        "4" => Some(count(value)),
        _ => None,
    }
}

/// A field's name as a part of a family's.
pub(super) fn part_of_name(field: &str) -> Result<Cow<'_, str>, Error> {
    let is_sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if field.bytes().all(is_sound) {
        return Ok(Cow::Borrowed(field));
    }
    let name = field.replace('-', "_");
    if name.bytes().all(is_sound) { Ok(Cow::Owned(name)) } else { Err(Error::expected("a name", field)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_of_two_types() {
        let read = |kind, value| number(kind, value).map(|number| number.ok());
        assert_eq!(read("4", "18446744073709551615"), Some(Some(18446744073709551615.0)));
        assert_eq!(read("4", "-1"), Some(None));
        assert_eq!(read("3", "-268435456"), Some(Some(-268435456.0)));
        assert_eq!(read("3", ""), Some(None));
        assert_eq!(read("7", "tank"), None);
        assert_eq!(read("2", "5"), None);
    }

    #[test]
    fn names_are_of_letters_digits_and_underscores() {
        assert_eq!(part_of_name("l2_hits").unwrap(), "l2_hits");
        assert_eq!(part_of_name("dmu-tx-error").unwrap(), "dmu_tx_error");
        assert!(part_of_name("a.b").is_err());
        assert!(part_of_name("né").is_err());
    }
}
