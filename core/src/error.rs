//! The error a plugin returns.

use std::fmt;

/// Why a plugin could not be made, or could not read the machine.
///
/// Any `std` error turns into one with `?`, its causes included. Add the value that failed with
/// [`Context::context`], and the command or setting that mends it with [`Error::hint`].
///
/// As with `anyhow`, the type does not itself implement [`std::error::Error`]; otherwise the
/// conversion from every other error could not exist.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    message: String,
    hint: Option<String>,
}

impl Error {
    /// An error with this message: a lowercase fragment that names the value and what was expected.
    pub fn new(message: impl Into<String>) -> Self {
        Error { message: message.into(), hint: None }
    }

    /// An error about a text that is not what was expected, cut to a length that fits a message.
    pub fn expected(what: impl fmt::Display, found: &str) -> Self {
        let short: String = found.chars().take(40).collect();
        Error::new(format!("expected {what}, found {short:?}"))
    }

    /// Adds what the operator can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Puts what was being done in front of the message.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// What happened.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it, where that is known.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            message.push_str(": ");
            message.push_str(&inner.to_string());
            cause = inner.source();
        }
        Error::new(message)
    }
}

/// Adds what was being done to the error of a `Result`.
pub trait Context<T> {
    /// Puts `doing` in front of the error's message, as in `reading /proc/stat: no such file`.
    fn context(self, doing: impl fmt::Display) -> Result<T, Error>;
}

impl<T, E: Into<Error>> Context<T> for Result<T, E> {
    fn context(self, doing: impl fmt::Display) -> Result<T, Error> {
        self.map_err(|error| error.into().context(doing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_what_was_done_what_happened_and_what_to_do() {
        let error: Error = std::fs::read("/does/not/exist").context("reading /does/not/exist").unwrap_err();
        assert_eq!(error.message(), "reading /does/not/exist: No such file or directory (os error 2)");
        assert_eq!(Error::new("bad").hint("try again").to_string(), "bad; try again");
        assert_eq!(Error::expected("a number", "x\n").to_string(), r#"expected a number, found "x\n""#);
        assert!(Error::expected("a number", &"é".repeat(9000)).to_string().chars().count() < 80);
    }
}
