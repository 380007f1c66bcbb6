//! Connection tracking: how many connections there are, and what became of packets.

use relink_core::{Context, Error, Family, Options, Samples, Source};

use crate::families::{CONNTRACK_ENTRIES, CONNTRACK_LIMIT, FAMILIES};
use crate::hexadecimal;

const PREFIX: &str = "node_nf_conntrack_stat_";

/// All of it is missing while the kernel's module is not loaded.
pub(crate) struct Conntrack {
    numbers: [(Family, Source); 2],
    stat: Source,
    /// The columns of `stat` that have a family: the column, the family's place, and the sum over all CPUs.
    columns: Vec<(usize, usize, u64)>,
    header: String,
}

impl Conntrack {
    pub(crate) fn new(options: &Options) -> Self {
        let number = |name: &str| Source::new(options.procfs("sys/net/netfilter").join(name));
        Conntrack {
            numbers: [
                (CONNTRACK_ENTRIES, number("nf_conntrack_count")),
                (CONNTRACK_LIMIT, number("nf_conntrack_max")),
            ],
            stat: Source::new(options.procfs("net/stat/nf_conntrack")),
            columns: Vec::new(),
            header: String::new(),
        }
    }

    pub(crate) fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        for (family, source) in &mut self.numbers {
            let Some(text) = source.read_if_present(out)? else { return Ok(()) };
            let count = text.trim_end().parse::<u64>().map_err(|_| Error::expected("a number", text));
            out.push(family, [], count.context(source.path().display())? as f64);
        }
        let Some(text) = self.stat.read_if_present(out)? else { return Ok(()) };
        let summed = sum(text, &mut self.header, &mut self.columns);
        summed.context(self.stat.path().display())?;
        for (_, family, sum) in &self.columns {
            out.push_index(*family, &[], *sum as f64);
        }
        Ok(())
    }
}

/// A line of names, then a line of hexadecimal numbers for each CPU.
fn sum(text: &str, header: &mut String, columns: &mut Vec<(usize, usize, u64)>) -> Result<(), Error> {
    let mut lines = text.lines();
    let names = lines.next().unwrap_or("");
    if names != header {
        columns.clear();
        names.clone_into(header);
        for (column, name) in names.split_ascii_whitespace().enumerate() {
            let is_it = |family: &Family| family.name().strip_prefix(PREFIX) == Some(name);
            columns.extend(FAMILIES.iter().position(is_it).map(|family| (column, family, 0)));
        }
    }
    if columns.is_empty() {
        return Err(Error::expected("a line of names such as found and drop", names));
    }
    columns.iter_mut().for_each(|(_, _, sum)| *sum = 0);
    for (at, line) in lines.enumerate() {
        let mut words = line.split_ascii_whitespace().enumerate();
        for (column, _, sum) in columns.iter_mut() {
            let word = words.find(|(place, _)| place == column).map(|(_, word)| word);
            *sum = sum.wrapping_add(hexadecimal(word).context(format_args!("line {}", at + 2))?);
        }
    }
    Ok(())
}
