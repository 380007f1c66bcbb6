//! Why a command ends without success, and with which exit code.

use std::fmt::Display;

/// The result of a command or a part of one.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// What is told to the caller. Only `main` turns it into an exit code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// The command was asked in a way that it does not understand: exit code 2.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Failure { message: message.into(), code: 2 }
    }

    /// The command could not do what it was asked: exit code 1.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Failure { message: message.into(), code: 1 }
    }

    /// Everything has been said already; only the exit code 1 is left.
    pub(crate) fn told() -> Self {
        Failure::new("")
    }

    /// What happened.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The exit code of the process.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    /// Writes the message to stderr, if there is one.
    pub(crate) fn report(&self) {
        if !self.message.is_empty() {
            eprintln!("error: {}", self.message);
        }
    }
}

/// Adds what was being done to an error.
pub(crate) trait Doing<T> {
    /// `reading app/Cargo.toml: no such file`.
    fn doing(self, what: impl Display) -> Result<T>;
}

impl<T, E: Display> Doing<T> for std::result::Result<T, E> {
    fn doing(self, what: impl Display) -> Result<T> {
        self.map_err(|error| Failure::new(format!("{what}: {error}")))
    }
}
