//! `/proc/net/softnet_stat`: the packets that each CPU took from network devices.

use relink_core::{Collector, Error, Family, Paths, Samples, Source};

use crate::numbers::hexadecimal;

const BACKLOG: Family =
    Family::gauge("node_softnet_backlog_len", "Packets that wait for a CPU (/proc/net/softnet_stat).")
        .labels(&["cpu"]);
const COLLISIONS: Family = Family::counter(
    "node_softnet_cpu_collision_total",
    "Times that a CPU found the lock of a sending device taken (/proc/net/softnet_stat).",
)
.labels(&["cpu"]);
const DROPPED: Family = Family::counter(
    "node_softnet_dropped_total",
    "Packets dropped because the backlog of a CPU was full (/proc/net/softnet_stat).",
)
.labels(&["cpu"]);
const FLOW_LIMIT: Family = Family::counter(
    "node_softnet_flow_limit_count_total",
    "Times that a CPU reached the limit of one flow (/proc/net/softnet_stat).",
)
.labels(&["cpu"]);
const PROCESSED: Family = Family::counter(
    "node_softnet_processed_total",
    "Packets that a CPU took from network devices (/proc/net/softnet_stat).",
)
.labels(&["cpu"]);
const RPS: Family = Family::counter(
    "node_softnet_received_rps_total",
    "Times that a CPU was woken by another one for packets (/proc/net/softnet_stat).",
)
.labels(&["cpu"]);
const SQUEEZED: Family = Family::counter(
    "node_softnet_times_squeezed_total",
    "Times that a CPU had more packets than its budget (/proc/net/softnet_stat).",
)
.labels(&["cpu"]);

pub(crate) const FAMILIES: &[Family] = &[BACKLOG, COLLISIONS, DROPPED, FLOW_LIMIT, PROCESSED, RPS, SQUEEZED];

/// The columns that have a family; later ones came with later kernels.
const COLUMNS: [(usize, Family); 7] =
    [(0, PROCESSED), (1, DROPPED), (2, SQUEEZED), (8, COLLISIONS), (9, RPS), (10, FLOW_LIMIT), (11, BACKLOG)];
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
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Softnet { source: Source::new(paths.procfs("net/softnet_stat")), cpus: Vec::new() })
    }
}

impl Collector for Softnet {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let Softnet { source, cpus } = self;
        // Lines of the file, and those of them that are shown.
        let (mut line_number, mut shown) = (0, 0);
        source.lines(out, |line, out| {
            line_number += 1;
            let (counts, found) = counts(line)?;
            let cpu = if found > NUMBER { counts[NUMBER] } else { line_number - 1 };
            if cpus.get(shown).is_none_or(|(known, _)| *known != cpu) {
                cpus.truncate(shown);
                cpus.push((cpu, cpu.to_string()));
            }
            for (column, family) in COLUMNS.iter().filter(|(column, _)| *column < found) {
                out.push(family, [&cpus[shown].1], counts[*column] as f64);
            }
            shown += 1;
            Ok(())
        })
    }
}

/// The columns of a line, and how many of them it has.
fn counts(line: &str) -> Result<([u64; NUMBER + 1], usize), Error> {
    let mut counts = [0; NUMBER + 1];
    let mut found = 0;
    for (count, word) in counts.iter_mut().zip(line.split_ascii_whitespace()) {
        *count = hexadecimal(word)?;
        found += 1;
    }
    if found < FEWEST {
        return Err(Error::expected(format_args!("at least {FEWEST} hexadecimal numbers"), line));
    }
    Ok((counts, found))
}
