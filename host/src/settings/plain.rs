//! What is wrong with a configuration file, in the words of those who write it and not in Rust's.

use std::path::Path;

use relink_core::Error;

use crate::names;

/// What serde calls the types of settings, and what an operator does.
const TYPES: [(&str, &str); 5] = [
    ("expected f64", "expected a number, which for a time is of seconds"),
    ("expected usize", "expected a whole number, 0 or more"),
    ("expected u64", "expected a whole number, 0 or more"),
    ("expected a sequence", "expected a list, such as [\"a\", \"b\"]"),
    ("expected struct", "expected the table"),
];

pub(super) fn words(path: &Path, error: &toml::de::Error) -> Error {
    let mut said = error.to_string().trim_end().to_owned();
    for (rust, plain) in TYPES {
        said = said.replace(rust, plain);
    }
    let wrong = Error::new(format!("{}: {said}", path.display()));
    // The name that is none, and those that could stand in its place.
    let mut quoted = error.message().split('`').skip(1).step_by(2);
    let close = match quoted.next().filter(|_| error.message().starts_with("unknown ")) {
        Some(name) => names::did_you_mean(name, quoted),
        None => String::new(),
    };
    if close.is_empty() { wrong } else { wrong.hint(close.trim_end()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Config;

    #[test]
    fn a_wrong_line_is_told_without_words_of_rust() {
        for (toml, words, hint) in [
            ("lisen = 1", "unknown field `lisen`", Some("did you mean listen?")),
            ("[paths]\na = 1", "unknown field `paths`", Some("did you mean path?")),
            ("[log]\nlevel = \"wran\"", "unknown variant `wran`", Some("did you mean warn?")),
            ("[history]\nquota = 1", "unknown field `quota`", None),
            (
                "[collect]\ntimeout = \"5s\"",
                "\"5s\", expected a number, which for a time is of seconds",
                None,
            ),
            ("[collect]\nseries = \"many\"", "\"many\", expected a whole number, 0 or more", None),
            ("[reload]\nbuilder = \"make\"", "\"make\", expected a list, such as [\"a\", \"b\"]", None),
            ("collect = 5", "expected the table Collect", None),
        ] {
            let error = toml::from_str::<Config>(toml).unwrap_err();
            let said = super::words(Path::new("x.toml"), &error);
            assert!(said.message().starts_with("x.toml: ") && said.message().contains(words), "{said}");
            assert_eq!(said.advice(), hint, "{toml}");
        }
    }
}
