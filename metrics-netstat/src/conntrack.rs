//! Connection tracking: how many connections there are, and what became of packets.

use relink_core::{Collector, Error, Family, Paths, Samples, Source};

use crate::files::each;
use crate::numbers::{decimal, hexadecimal};

const ENTRIES: Family =
    Family::gauge("node_nf_conntrack_entries", "How many connections are tracked (nf_conntrack_count).");
const LIMIT: Family = Family::gauge(
    "node_nf_conntrack_entries_limit",
    "How many connections can be tracked (nf_conntrack_max).",
);

/// Those of columns bear the column's name behind [`PREFIX`].
pub(crate) const FAMILIES: &[Family] = &[
    ENTRIES,
    LIMIT,
    Family::gauge("node_nf_conntrack_stat_drop", "Packets dropped because tracking failed, since boot."),
    Family::gauge(
        "node_nf_conntrack_stat_early_drop",
        "Tracked connections dropped to make room for new ones, since boot.",
    ),
    Family::gauge("node_nf_conntrack_stat_found", "Look-ups that found a tracked connection, since boot."),
    Family::gauge(
        "node_nf_conntrack_stat_ignore",
        "Packets that belong to a tracked connection already, since boot.",
    ),
    Family::gauge("node_nf_conntrack_stat_insert", "Tracked connections inserted, since boot."),
    Family::gauge(
        "node_nf_conntrack_stat_insert_failed",
        "Tracked connections that could not be inserted, since boot.",
    ),
    Family::gauge("node_nf_conntrack_stat_invalid", "Packets that could not be tracked, since boot."),
    Family::gauge(
        "node_nf_conntrack_stat_search_restart",
        "Look-ups that had to begin again because the table was resized, since boot.",
    ),
];

const PREFIX: &str = "node_nf_conntrack_stat_";

/// All of it is missing while the kernel's module is not loaded.
pub(crate) struct Conntrack {
    files: [(Source, What); 3],
}

/// What a file says.
enum What {
    Number(Family),
    Table(Table),
}

/// A line of names, then a line of hexadecimal numbers for each CPU.
#[derive(Default)]
struct Table {
    header: String,
    /// Those that have a family.
    columns: Vec<Column>,
}

struct Column {
    at: usize,
    family: usize,
    /// Over all CPUs.
    sum: u64,
}

impl Conntrack {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        let source = |name: &str| Source::new(paths.procfs(name));
        Ok(Conntrack {
            files: [
                (source("sys/net/netfilter/nf_conntrack_count"), What::Number(ENTRIES)),
                (source("sys/net/netfilter/nf_conntrack_max"), What::Number(LIMIT)),
                (source("net/stat/nf_conntrack"), What::Table(Table::default())),
            ],
        })
    }
}

impl Collector for Conntrack {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        each(&mut self.files, out, |(source, what), out| match what {
            What::Number(family) => {
                let number = source.parse(|text| decimal(text.trim_end()))?;
                number.into_iter().for_each(|number| out.push(family, [], number));
                Ok(number.is_some())
            }
            What::Table(table) => table.collect(source, out),
        })
    }
}

impl Table {
    fn collect(&mut self, source: &mut Source, out: &mut Samples) -> Result<bool, Error> {
        let (mut is_first, mut cpus, mut is_odd) = (true, 0, false);
        source.lines(out, |line, _| {
            if std::mem::take(&mut is_first) {
                self.begin(line);
            } else {
                cpus += 1;
                self.add(line).inspect_err(|_| is_odd = true)?;
            }
            if self.columns.is_empty() {
                return Err(Error::expected("a line of names such as found and drop", &self.header));
            }
            Ok(())
        })?;
        // A sum that lacks a CPU would fall, and rise again when its line is well: that reads as packets.
        let is_whole = cpus > 0 && !is_odd;
        for column in self.columns.iter().filter(|_| is_whole) {
            out.push_index(column.family, &[], column.sum as f64);
        }
        Ok(is_whole)
    }

    /// Names seldom change, so what was found for them is kept as long as they stay.
    fn begin(&mut self, names: &str) {
        if names != self.header {
            self.columns.clear();
            names.clone_into(&mut self.header);
            for (at, name) in names.split_ascii_whitespace().enumerate() {
                let is_it = |family: &Family| family.name().strip_prefix(PREFIX) == Some(name);
                let family = FAMILIES.iter().position(is_it);
                self.columns.extend(family.map(|family| Column { at, family, sum: 0 }));
            }
        }
        self.columns.iter_mut().for_each(|column| column.sum = 0);
    }

    fn add(&mut self, line: &str) -> Result<(), Error> {
        let mut words = line.split_ascii_whitespace().enumerate();
        for column in &mut self.columns {
            let word = words.find(|(at, _)| *at == column.at).map_or("", |(_, word)| word);
            column.sum = column.sum.wrapping_add(hexadecimal(word)?);
        }
        Ok(())
    }
}
