//! The figures as a Markdown table.

use std::fmt;

/// How a figure compares to the peer's for the bar to be met.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bar {
    /// At most this part of the peer's.
    AtMost(f64),
    /// At most this many times the peer's.
    Times(f64),
    /// At least this many times the peer's.
    AtLeast(f64),
    /// At most this much, whatever the peer does.
    Below(f64),
    /// Not held to anything.
    None,
}

/// One measured thing.
pub(super) struct Row {
    pub what: String,
    pub unit: &'static str,
    pub own: f64,
    /// `None`: there is no peer on this machine.
    pub peer: Option<f64>,
    pub bar: Bar,
}

/// A section's result.
pub(super) struct Table {
    pub title: String,
    pub peer: &'static str,
    pub rows: Vec<Row>,
    /// What was not measured, and how it was measured: a line each.
    pub notes: Vec<String>,
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        self.peer.map(|peer| self.own / peer)
    }

    /// `≤ 1/8, met`; without a verdict where the peer is missing.
    fn verdict(&self) -> String {
        let (bar, met) = match self.bar {
            Bar::None => return String::new(),
            Bar::AtMost(part) => (format!("≤ 1/{:.0}", 1.0 / part), self.ratio().map(|ratio| ratio <= part)),
            Bar::Times(times) => (format!("≤ {times}×"), self.ratio().map(|ratio| ratio <= times)),
            Bar::AtLeast(times) => (format!("≥ {times}×"), self.ratio().map(|ratio| ratio >= times)),
            Bar::Below(limit) => (format!("≤ {limit} {}", self.unit), Some(self.own <= limit)),
        };
        match met {
            Some(true) => format!("{bar}, met"),
            Some(false) => format!("{bar}, missed"),
            None => bar,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.title)?;
        writeln!(f, "| what | relink | {} | ratio | bar |", self.peer)?;
        writeln!(f, "|---|---:|---:|---:|---|")?;
        for row in &self.rows {
            let figure = |value: f64| format!("{} {}", rounded(value), row.unit).trim_end().to_owned();
            let peer = row.peer.map_or("–".to_owned(), figure);
            let ratio = row.ratio().map_or("–".to_owned(), rounded);
            writeln!(f, "| {} | {} | {peer} | {ratio} | {} |", row.what, figure(row.own), row.verdict())?;
        }
        for note in &self.notes {
            writeln!(f, "\n{note}")?;
        }
        Ok(())
    }
}

/// Three digits that matter.
fn rounded(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_compares_and_judges() {
        let row = |own, peer, bar| Row { what: "x".into(), unit: "ms", own, peer, bar };
        let table = Table {
            title: "T".into(),
            peer: "node_exporter",
            rows: vec![
                row(0.1, Some(1.0), Bar::AtMost(1.0 / 8.0)),
                row(0.2, Some(1.0), Bar::AtMost(1.0 / 8.0)),
                row(7012.3, Some(700.0), Bar::AtLeast(10.0)),
                row(1.1, Some(1.0), Bar::Times(1.2)),
                row(9.87, None, Bar::Below(10.0)),
                row(9.0, None, Bar::AtMost(0.2)),
                row(0.0, Some(2.0), Bar::None),
            ],
            notes: vec!["N".into()],
        };
        let expected = "T\n\n\
            | what | relink | node_exporter | ratio | bar |\n|---|---:|---:|---:|---|\n\
            | x | 0.100 ms | 1.00 ms | 0.100 | ≤ 1/8, met |\n\
            | x | 0.200 ms | 1.00 ms | 0.200 | ≤ 1/8, missed |\n\
            | x | 7012 ms | 700 ms | 10.0 | ≥ 10×, met |\n\
            | x | 1.10 ms | 1.00 ms | 1.10 | ≤ 1.2×, met |\n\
            | x | 9.87 ms | – | – | ≤ 10 ms, met |\n\
            | x | 9.00 ms | – | – | ≤ 1/5 |\n\
            | x | 0.000 ms | 2.00 ms | 0.000 |  |\n\nN\n";
        assert_eq!(table.to_string(), expected);
    }
}
