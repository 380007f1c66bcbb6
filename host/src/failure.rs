//! How the agent ends when it can't go on, and the runtime that it needs to go on.

use std::process::ExitCode;

use relink_core::{Context, Error};

use crate::telemetry;

/// Why the agent ends, and the exit code that tells it.
pub(crate) struct Failed {
    pub(crate) error: Error,
    pub(crate) code: u8,
}

impl Failed {
    /// The operator has set something wrongly.
    pub(crate) fn settings(error: Error) -> Self {
        Failed { error, code: 2 }
    }
}

impl<E: Into<Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Failed { error: error.into(), code: 1 }
    }
}

pub(crate) fn complain(error: &Error, code: u8) -> ExitCode {
    telemetry::tell(format_args!("relink: {}", error.message()));
    if let Some(hint) = error.advice() {
        telemetry::tell(format_args!("  hint: {hint}"));
    }
    ExitCode::from(code)
}

/// The async runtime. One thread is enough: a scrape costs some 10 µs beside its collection, so that it serves tens of
/// thousands a second. The other sleeps until there is a lot to do, or until a plugin keeps the first; see
/// `schedule/worker.rs`.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    let mut builder = if cfg!(target_os = "linux") {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    builder.worker_threads(2).thread_name("runtime").enable_all().build().context("starting the runtime")
}
