//! Snapshot → bytes: pure functions, one file a format.

pub(crate) mod changes;
pub(crate) mod compare;
mod family;
pub(crate) mod gzip;
pub(crate) mod history;
pub(crate) mod json;
mod negotiate;
mod openmetrics;
pub(crate) mod past;
pub(crate) mod plot;
mod prometheus;
pub(crate) mod table;
#[cfg(test)]
mod tests;
pub(crate) mod text;

use std::time::Duration;

use relink_core::{Error, Family};

use crate::store::snapshot::{Body, Frame, Snapshot};
pub(crate) use gzip::Packer;
pub(crate) use negotiate::{negotiate, takes_gzip};

/// A format in which `/metrics` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus text 0.0.4, which everything reads.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// OpenMetrics 0.0.1, the draft that Prometheus asked for before 2.35: the same body under another type.
    OpenMetricsDraft,
}

impl Format {
    /// The `Content-Type`. Version 1.0.0 has to name an escaping scheme; relink's names never need one, so
    /// `underscores`, which every client knows, is true whatever the client asked for.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
            }
            Format::OpenMetricsDraft => "application/openmetrics-text; version=0.0.1; charset=utf-8",
        }
    }
}

/// The body of `/metrics` for a snapshot, compressed if there is a packer: rendered once and compressed once, however many
/// ask at the same time.
pub(crate) fn body(snapshot: &Snapshot, format: Format, gzip: Option<&Packer>) -> Body {
    let (plain, packed) = match format {
        Format::Prometheus => (0, 1),
        Format::OpenMetrics | Format::OpenMetricsDraft => (2, 3),
    };
    let text = || {
        snapshot.bodies[plain].get_or(|| match format {
            Format::Prometheus => prometheus::render(snapshot),
            Format::OpenMetrics | Format::OpenMetricsDraft => openmetrics::render(snapshot),
        })
    };
    match gzip {
        Some(packer) => snapshot.bodies[packed].get_or(|| packer.pack(&text())),
        None => text(),
    }
}

/// What a plugin is and has said, as the console and the JSON of a whole snapshot show it.
pub(crate) struct Section<'a> {
    /// The plugin's name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// What it reads.
    pub help: &'a str,
    /// `linked` or `loaded`.
    pub placement: &'a str,
    /// Its collectors, those that run.
    pub parts: Vec<Part<'a>>,
}

/// What a collector has said.
pub(crate) struct Part<'a> {
    /// The collector's name.
    pub name: &'a str,
    /// The families that it declared.
    pub families: &'a [Family],
    /// Why it has said nothing.
    pub error: Option<&'a Error>,
    /// The facts for people.
    pub facts: &'a [(String, String)],
    /// The samples.
    pub frame: Option<&'a Frame>,
    /// How long the collection took.
    pub duration: Duration,
}

impl<'a> Section<'a> {
    /// Why some of it has said nothing, each collector's words with its name.
    fn error(&self) -> Option<Error> {
        let mut errors = self.parts.iter().filter_map(|part| Some((part.name, part.error?)));
        let (name, first) = errors.next()?;
        let more = match errors.count() {
            0 => String::new(),
            more => format!(" (and {more} more of its collectors)"),
        };
        let error = Error::new(format!("{name}: {}{more}", first.message()));
        Some(first.advice().map_or(error.clone(), |advice| error.hint(advice)))
    }

    fn facts(&self) -> impl Iterator<Item = &'a (String, String)> + '_ {
        self.parts.iter().flat_map(|part| part.facts)
    }

    fn duration(&self) -> Duration {
        self.parts.iter().map(|part| part.duration).sum()
    }

    /// How many samples there are; nothing if no collector has said any.
    fn samples(&self) -> Option<usize> {
        let frames = self.parts.iter().filter_map(|part| part.frame);
        frames.map(Frame::samples).reduce(|sum, one| sum + one)
    }
}
