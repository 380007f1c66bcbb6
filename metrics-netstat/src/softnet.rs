//! `/proc/net/softnet_stat`: the packets that each CPU took from network devices.

use relink_core::{Context, Error, Family, Options, Samples, Source};

use crate::families::{
    SOFTNET_BACKLOG, SOFTNET_DROPPED, SOFTNET_FLOW_LIMIT, SOFTNET_PROCESSED, SOFTNET_RPS, SOFTNET_SQUEEZED,
};
use crate::hexadecimal;

/// The columns that have a family; later ones came with later kernels.
const COLUMNS: [(usize, Family); 6] = [
    (0, SOFTNET_PROCESSED),
    (1, SOFTNET_DROPPED),
    (2, SOFTNET_SQUEEZED),
    (9, SOFTNET_RPS),
    (10, SOFTNET_FLOW_LIMIT),
    (11, SOFTNET_BACKLOG),
];
/// The columns that every kernel has.
const FEWEST: usize = 3;
/// The column of the CPU's number, since Linux 5.10. Before, the line's own number has to do.
const NUMBER: usize = 12;

pub(crate) struct Softnet {
    source: Source,
    /// The CPUs of the lines, as labels.
    cpus: Vec<(u64, String)>,
}

impl Softnet {
    pub(crate) fn new(options: &Options) -> Self {
        Softnet { source: Source::new(options.procfs("net/softnet_stat")), cpus: Vec::new() }
    }

    pub(crate) fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let pushed = push_lines(self.source.read()?, &mut self.cpus, out);
        pushed.context(self.source.path().display())
    }
}

fn push_lines(text: &str, cpus: &mut Vec<(u64, String)>, out: &mut Samples) -> Result<(), Error> {
    if text.is_empty() {
        return Err(Error::new("the file is empty, expected a line for each CPU"));
    }
    for (at, line) in text.lines().enumerate() {
        push_line(at, line, cpus, out).context(format_args!("line {}", at + 1))?;
    }
    Ok(())
}

fn push_line(at: usize, line: &str, cpus: &mut Vec<(u64, String)>, out: &mut Samples) -> Result<(), Error> {
    let mut counts = [0; NUMBER + 1];
    let mut found = 0;
    for (count, word) in counts.iter_mut().zip(line.split_ascii_whitespace()) {
        *count = hexadecimal(Some(word))?;
        found += 1;
    }
    if found < FEWEST {
        return Err(Error::expected(format_args!("at least {FEWEST} hexadecimal numbers"), line));
    }
    let number = if found > NUMBER { counts[NUMBER] } else { at as u64 };
    if cpus.get(at).is_none_or(|(known, _)| *known != number) {
        cpus.truncate(at);
        cpus.push((number, number.to_string()));
    }
    for (column, family) in COLUMNS.iter().filter(|(column, _)| *column < found) {
        out.push(family, [&cpus[at].1], counts[*column] as f64);
    }
    Ok(())
}
