//! The agent's log: lines on stderr, text or JSON.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use relink_core::Error;
use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

/// The `[log]` table of `relink.toml`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    /// The least level to show.
    pub(crate) level: Level,
    /// The shape of a line.
    pub(crate) format: Format,
}

/// How much is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Off,
    Error,
    #[default]
    Warn,
    Info,
    Debug,
    Trace,
}

/// The shape of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    #[default]
    #[serde(alias = "logfmt")]
    Text,
    Json,
}

impl Log {
    /// Puts flags or variables on top; empty ones count as none.
    pub(crate) fn overlay(&mut self, level: Option<&str>, format: Option<&str>) -> Result<(), Error> {
        if let Some(level) = level.filter(|level| !level.is_empty()) {
            self.level = named(level).ok_or_else(|| {
                Error::new(format!(
                    "--log.level or RELINK_LOG is {level:?}, expected off, error, warn, info, debug or trace"
                ))
            })?;
        }
        if let Some(format) = format.filter(|format| !format.is_empty()) {
            self.format = named(format).ok_or_else(|| {
                Error::new(format!(
                    "--log.format or RELINK_LOG_FORMAT is {format:?}, expected text, logfmt (the same) or json"
                ))
            })?;
        }
        Ok(())
    }
}

/// The variant of this name, as in the file.
fn named<T: serde::de::DeserializeOwned>(name: &str) -> Option<T> {
    serde_json::from_value(name.to_ascii_lowercase().into()).ok()
}

/// Sends the log to stderr.
pub(crate) fn start(log: Log) {
    let level = match log.level {
        Level::Off => LevelFilter::OFF,
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    // A line that can't be written is lost. By default it would be told of on stderr, by a macro that panics when that
    // can't be written either, on whichever thread has logged.
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_target(false)
        .log_internal_errors(false);
    match log.format {
        Format::Text => builder.with_ansi(colour(&std::io::stderr())).init(),
        Format::Json => builder.json().init(),
    }
}

/// Writes a line on stderr, whatever level is logged; where nobody can read it, the agent goes on without.
pub(crate) fn tell(line: std::fmt::Arguments<'_>) {
    use std::io::Write;
    // In one piece, as other threads and the agent's shell write there too.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// The same for a line that stands among those of the log, in their shape.
pub(crate) fn tell_as(format: Format, level: Level, line: &str) {
    match format {
        Format::Text => tell(format_args!("{line}")),
        Format::Json => {
            let mut timestamp = String::new();
            // A text always takes it.
            let _ = SystemTime.format_time(&mut Writer::new(&mut timestamp));
            let level = format!("{level:?}").to_uppercase();
            let fields = serde_json::json!({ "message": line });
            tell(format_args!(r#"{{"timestamp":"{timestamp}","level":"{level}","fields":{fields}}}"#));
        }
    }
}

/// Writes to stdout; a reader who has left (`relink once | head -1`) is no error.
pub(crate) fn say(text: &str) -> Result<(), Error> {
    use std::io::Write;
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// The time for which a [`Quota`] holds.
const SPAN: Duration = Duration::from_secs(60);

/// Lets a few lines of one kind through a minute, so that what others cause can't flood the log.
#[derive(Debug)]
pub(crate) struct Quota {
    lines: u32,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    since: Option<Instant>,
    lines: u32,
    withheld: u64,
}

impl Quota {
    /// So many lines a minute, at least one.
    pub(crate) fn new(lines: u32) -> Self {
        Quota { lines: lines.max(1), used: Mutex::default() }
    }

    /// Whether a line may be written now; if so, how many were withheld since the last one, in words for its end.
    pub(crate) fn take(&self) -> Option<String> {
        self.take_at(Instant::now())
    }

    fn take_at(&self, now: Instant) -> Option<String> {
        // As `lock::lock`, which stands on this floor as well.
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.since.is_none_or(|since| now.duration_since(since) >= SPAN) {
            (used.since, used.lines) = (Some(now), 0);
        }
        if used.lines == self.lines {
            used.withheld += 1;
            return None;
        }
        used.lines += 1;
        let last = if used.lines == self.lines { " (further ones are counted for a minute)" } else { "" };
        Some(match std::mem::take(&mut used.withheld) {
            0 => last.to_owned(),
            withheld => format!(" ({withheld} similar lines suppressed){last}"),
        })
    }
}

/// Whether to write colours there: it is a terminal that knows them, and `NO_COLOR` is not set to anything.
pub(crate) fn colour(stream: &impl std::io::IsTerminal) -> bool {
    stream.is_terminal()
        && std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The width of the terminal on stdout, or a usual one where stdout is none.
pub(crate) fn width() -> usize {
    rustix::termios::tcgetwinsize(std::io::stdout())
        .map(|size| usize::from(size.ws_col))
        .ok()
        .filter(|&columns| columns > 0)
        .unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_off_and_counted() {
        let quota = Quota::new(10);
        let start = Instant::now();
        let written: Vec<_> = (0..1000).filter_map(|_| quota.take_at(start)).collect();
        assert_eq!(written.len(), 10);
        assert_eq!((written[0].as_str(), written[9].contains("further ones")), ("", true));
        assert_eq!(quota.take_at(start + SPAN / 2), None);
        let next = quota.take_at(start + SPAN).unwrap();
        assert_eq!(next, " (991 similar lines suppressed)");
        assert_eq!(quota.take_at(start + SPAN).unwrap(), "");
    }

    #[test]
    fn levels_and_formats_have_names() {
        let mut log = Log::default();
        log.overlay(Some("Debug"), Some("logfmt")).unwrap();
        assert_eq!(log, Log { level: Level::Debug, format: Format::Text });
        log.overlay(Some(""), Some("json")).unwrap();
        assert_eq!(log, Log { level: Level::Debug, format: Format::Json });
        assert!(log.overlay(Some("loud"), None).unwrap_err().message().contains("\"loud\", expected off"));
        assert!(log.overlay(None, Some("xml")).unwrap_err().message().contains("\"xml\", expected text"));
    }
}
