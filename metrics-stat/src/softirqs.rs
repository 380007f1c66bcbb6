//! `/proc/softirqs`: how often each CPU ran a soft interrupt, by type.

use relink_core::{Collector, Error, Family, Paths, Samples, Source};

use crate::columns::Columns;

pub(crate) const SOFTIRQS: Family = Family::counter(
    "node_softirqs_functions_total",
    "Times that a CPU ran the soft interrupts of a type (/proc/softirqs).",
)
.labels(&["cpu", "type"]);

pub(crate) struct Softirqs {
    source: Source,
    columns: Columns,
    /// Of one line.
    counts: Vec<u64>,
}

impl Softirqs {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        let source = Source::new(paths.procfs("softirqs"));
        Ok(Softirqs { source, columns: Columns::default(), counts: Vec::new() })
    }
}

impl Collector for Softirqs {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let (mut has_columns, columns, counts) = (false, &mut self.columns, &mut self.counts);
        self.source.lines(out, |line, out| {
            if has_columns {
                return push(line, columns.cpus(), counts, out);
            }
            columns.read(line)?;
            has_columns = true;
            Ok(())
        })
    }
}

/// A line such as `NET_RX: 7 9`, with a number for each CPU.
fn push(line: &str, cpus: &[String], counts: &mut Vec<u64>, out: &mut Samples) -> Result<(), Error> {
    let (name, rest) =
        line.split_once(':').ok_or_else(|| Error::expected("a soft interrupt, a colon and counts", line))?;
    counts.clear();
    for word in rest.split_ascii_whitespace() {
        counts.push(word.parse().map_err(|_| Error::expected("a count", word))?);
    }
    if counts.len() != cpus.len() {
        return Err(Error::new(format!(
            "{} counts, expected {}, one for each CPU",
            counts.len(),
            cpus.len()
        )));
    }
    for (cpu, count) in cpus.iter().zip(counts) {
        out.push(&SOFTIRQS, [cpu, name.trim_start()], *count as f64);
    }
    Ok(())
}
