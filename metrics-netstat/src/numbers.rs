//! Numbers as the kernel prints them.

use relink_core::Error;

/// A number in decimal. One that the kernel has counted below zero is printed as such, or as one beyond `i64`.
pub(crate) fn decimal(word: &str) -> Result<f64, Error> {
    let signed = word.parse::<i64>().map(|number| number as f64);
    let number = signed.or_else(|_| word.parse::<u64>().map(|number| number as f64));
    number.map_err(|_| Error::expected("a number", word))
}

/// A number in hexadecimal, without 0x.
pub(crate) fn hexadecimal(word: &str) -> Result<u64, Error> {
    u64::from_str_radix(word, 16).map_err(|_| Error::expected("a hexadecimal number", word))
}

/// Whether it can be a part of a family's name: letters, digits and `_`, of which a number alone is none.
pub(crate) fn is_word(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
