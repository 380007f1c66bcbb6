//! The agent's log: lines on stderr, text or JSON.

use tracing::level_filters::LevelFilter;

use relink_core::Error;

/// Sends the log to stderr. `RELINK_LOG` is the least level to show (`warn` by default), `RELINK_LOG_FORMAT` is
/// `text` or `json`.
pub(crate) fn start() -> Result<(), Error> {
    let level = variable("RELINK_LOG", "warn");
    let level: LevelFilter = level.parse().map_err(|_| {
        Error::new(format!("RELINK_LOG is {level:?}, expected off, error, warn, info, debug or trace"))
    })?;
    let builder =
        tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false);
    match variable("RELINK_LOG_FORMAT", "text").as_str() {
        "text" => builder.with_ansi(colour(&std::io::stderr())).init(),
        "json" => builder.json().init(),
        other => return Err(Error::new(format!("RELINK_LOG_FORMAT is {other:?}, expected text or json"))),
    }
    Ok(())
}

fn variable(name: &str, default: &str) -> String {
    std::env::var(name).ok().filter(|value| !value.is_empty()).unwrap_or_else(|| default.to_owned())
}

/// Whether to write colours there: it is a terminal, and `NO_COLOR` is not set to anything.
pub(crate) fn colour(stream: &impl std::io::IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The width of the terminal on stdout, or a usual one where stdout is none.
pub(crate) fn width() -> usize {
    rustix::termios::tcgetwinsize(std::io::stdout())
        .map(|size| usize::from(size.ws_col))
        .ok()
        .filter(|&columns| columns > 0)
        .unwrap_or(100)
}
