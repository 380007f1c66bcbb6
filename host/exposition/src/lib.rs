//! The Prometheus text format, version 0.0.4: texts that somebody else has written, such as the files of node_exporter's
//! textfile collector, whose families are known only at run time.

mod claims;
mod groups;
mod judge;
mod left_out;
mod merge;
mod parse;
mod write;

use relink_core::{Error, Samples};

pub use claims::Claims;
pub use judge::Texts;
pub use merge::{Expositions, RuntimeFamily, RuntimeSample};
pub use parse::check_page;
pub use write::{LONGEST_NUMBER, push_escaped, push_number};

/// How the values of a family behave that is known only at run time. Declared families have a
/// [`Kind`](relink_core::Kind).
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
/// What a collector pushes with [`Samples::push_text`] becomes one, and is it again as long as the text stays the same.
#[derive(Debug, PartialEq)]
pub struct Exposition {
    source: Box<str>,
    text: Box<str>,
    families: Vec<TextFamily>,
    series: usize,
    /// Why families of the text are not among these.
    left_out: Vec<Error>,
}

/// One family of one text.
#[derive(Clone, Debug, PartialEq)]
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
    pub fn parse(source: &str, text: &str, series: usize) -> Result<Self, Error> {
        let read = Exposition::read(source, text, series)?;
        read.left_out().map_or(Ok(read), Err)
    }

    /// The same for a text of which a family may be left out, where nothing but that family is wrong.
    fn read(source: &str, text: &str, series: usize) -> Result<Self, Error> {
        let most = Self::most_bytes(series);
        if text.len() > most {
            return Err(Error::new(format!("has {} bytes, expected {most} at most", text.len()))
                .hint("raise [collect] series"));
        }
        parse::read(source, text, series, false)
    }

    const fn most_bytes(series: usize) -> usize {
        series.saturating_mul(Samples::TEXT_BYTES)
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

    fn of(source: &str, text: &[u8], families: Vec<TextFamily>, left_out: Vec<Error>) -> Self {
        let series = families.iter().map(|family| family.lines.len()).sum();
        let text = String::from_utf8_lossy(text).into();
        Exposition { source: source.into(), text, families, series, left_out }
    }

    fn series_text(&self, line: &Line) -> &str {
        &self.text[line.start as usize..line.series_end as usize]
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
