//! Single arguments: the next flag, and the values of flags.

use std::ffi::OsString;

use lexopt::{Arg, Parser, ValueExt};

use super::Registry;
use crate::failure::{Failure, Result};

/// Why reading a command's arguments ends early.
pub(super) enum Stop {
    Help,
    Failure(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Stop::Failure(failure)
    }
}

impl From<lexopt::Error> for Stop {
    fn from(error: lexopt::Error) -> Self {
        Stop::Failure(Failure::usage(error.to_string()))
    }
}

pub(super) type Parsed<T> = std::result::Result<T, Stop>;

/// A flag, or a word that is none.
pub(super) enum Argument {
    /// With its dashes.
    Flag(String),
    Word(String),
}

impl Argument {
    /// The flag, for a `match`; a word is no flag.
    pub(super) fn flag(&self) -> &str {
        match self {
            Argument::Flag(name) => name,
            Argument::Word(_) => "",
        }
    }

    pub(super) fn refused(&self, known: &[&str]) -> Stop {
        let (Argument::Flag(name) | Argument::Word(name)) = self;
        unknown("argument", name, known).into()
    }
}

/// The next argument. `--help` ends the reading.
pub(super) fn argument(parser: &mut Parser) -> Parsed<Option<Argument>> {
    Ok(match parser.next()? {
        None => None,
        Some(Arg::Long("help") | Arg::Short('h')) => return Err(Stop::Help),
        Some(Arg::Value(value)) => Some(Argument::Word(value.to_string_lossy().into_owned())),
        Some(flag) => Some(Argument::Flag(shown(&flag))),
    })
}

/// The next argument; what follows `--` goes to `rest` as it is.
pub(super) fn following(parser: &mut Parser, rest: &mut Vec<OsString>) -> Parsed<Option<Argument>> {
    if let Some(mut raw) = parser.try_raw_args()
        && raw.next_if(|arg| arg == "--").is_some()
    {
        rest.extend(raw);
        return Ok(None);
    }
    argument(parser)
}

/// The value of the flag that was just read.
pub(super) fn value(parser: &mut Parser) -> Parsed<String> {
    Ok(parser.value()?.string()?)
}

pub(super) fn plugins(parser: &mut Parser) -> Parsed<Vec<String>> {
    let value = value(parser)?;
    let mut names: Vec<String> =
        value.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    if names.is_empty() {
        return Err(Failure::usage(
            "--plugins names no plugin; give at least one, or leave the flag out for all",
        )
        .into());
    }
    names.sort();
    names.dedup();
    Ok(names)
}

pub(super) fn registry(parser: &mut Parser) -> Parsed<Registry> {
    one_of(parser, "--registry", &[("inventory", Registry::Inventory), ("linkme", Registry::Linkme)])
}

pub(super) fn one_of<T: Copy>(parser: &mut Parser, flag: &str, known: &[(&str, T)]) -> Parsed<T> {
    let value = value(parser)?;
    match known.iter().find(|(name, _)| *name == value) {
        Some((_, meaning)) => Ok(*meaning),
        None => {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            Err(unknown(&format!("value of {flag}"), &value, &names).into())
        }
    }
}

pub(super) fn next(parser: &mut Parser) -> Result<Option<Arg<'_>>> {
    parser.next().map_err(|error| Failure::usage(error.to_string()))
}

pub(super) fn unknown(what: &str, value: &str, known: &[&str]) -> Failure {
    Failure::usage(format!("unknown {what} {value:?}; known: {}", known.join(", ")))
}

pub(super) fn shown(arg: &Arg<'_>) -> String {
    match arg {
        Arg::Short(letter) => format!("-{letter}"),
        Arg::Long(name) => format!("--{name}"),
        Arg::Value(value) => value.to_string_lossy().into_owned(),
    }
}
