//! Families that are known only at run time: a text in the Prometheus format that a collector was given by somebody
//! else, such as the files of node_exporter's textfile collector.

mod claims;
mod groups;
mod merge;
mod number;
mod parse;

use crate::Error;

pub use claims::Claims;
pub use merge::{Expositions, RuntimeFamily, RuntimeSample};
pub(crate) use merge::{SideLoad, Texts};

/// How many bytes a text may have for each series that a plugin may have.
const BYTES: usize = 512;

/// How the values of a family behave that is known only at run time. Declared families have a [`Kind`](crate::Kind).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeKind {
    /// A number that only goes up. Its name need not end in `_total`.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// Samples `NAME_bucket`, `NAME_sum` and `NAME_count`.
    Histogram,
    /// Samples `NAME` with the label `quantile`, `NAME_sum` and `NAME_count`.
    Summary,
    /// A number of which the text does not tell how it behaves.
    Untyped,
}

impl RuntimeKind {
    /// The name, as behind `# TYPE` in the Prometheus text format.
    pub const fn name(self) -> &'static str {
        match self {
            RuntimeKind::Counter => "counter",
            RuntimeKind::Gauge => "gauge",
            RuntimeKind::Histogram => "histogram",
            RuntimeKind::Summary => "summary",
            RuntimeKind::Untyped => "untyped",
        }
    }

    /// The endings that its samples' names may have behind the family's, the empty one included.
    const fn suffixes(self) -> &'static [&'static str] {
        match self {
            RuntimeKind::Histogram => &["_bucket", "_sum", "_count"],
            RuntimeKind::Summary => &["", "_sum", "_count"],
            _ => &[""],
        }
    }
}

/// A text in the Prometheus format that was checked as a whole.
///
/// A collector keeps it behind an `Arc` for as long as its source stays the same, and pushes it at every collection
/// ([`Samples::push_exposition`](crate::Samples::push_exposition)): the same `Arc` again costs next to nothing.
#[derive(Debug, PartialEq)]
pub struct Exposition {
    source: Box<str>,
    text: Box<str>,
    families: Vec<TextFamily>,
    series: usize,
}

/// One family of one text.
#[derive(Debug, PartialEq)]
struct TextFamily {
    name: Box<str>,
    help: Option<Box<str>>,
    kind: RuntimeKind,
    lines: Vec<Line>,
}

/// Where a sample's line is in the text: `name{labels} value`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Line {
    start: u32,
    series_end: u32,
    value: f64,
}

impl Exposition {
    /// Checks a text of version 0.0.4 of the Prometheus format. `source` says in messages where it comes from, and
    /// stands in the help of families that have none; `series` is how many series it may have.
    ///
    /// Refused is what would break the page that it becomes a part of, or what is not meant: syntax errors, a last
    /// line without its end (somebody still writes), timestamps, a series that stands there twice, a histogram whose
    /// buckets do not add up.
    pub fn parse(source: &str, text: &[u8], series: usize) -> Result<Self, Error> {
        let most = Self::most_bytes(series);
        if text.len() > most {
            return Err(Error::new(format!("has {} bytes, expected {most} at most", text.len()))
                .hint("raise [collect] series"));
        }
        let text = std::str::from_utf8(text).map_err(|error| {
            let line = text[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
            Error::new(format!("line {line}: not UTF-8"))
        })?;
        parse::parse(source, text, series)
    }

    /// How many bytes a text may have at most if it may have so many series.
    pub const fn most_bytes(series: usize) -> usize {
        series.saturating_mul(BYTES)
    }

    /// Where it comes from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text in its one form: families in one piece, labels sorted, blanks and comments gone. Parsed, it gives the
    /// same exposition.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many series it has.
    pub fn series(&self) -> usize {
        self.series
    }

    fn series_text(&self, line: &Line) -> &str {
        &self.text[line.start as usize..line.series_end as usize]
    }
}

#[cfg(test)]
mod tests;
