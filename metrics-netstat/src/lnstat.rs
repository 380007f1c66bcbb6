//! `/proc/net/stat`: a file for each table of the network (routes, neighbours, connections), with a line for each CPU.

use std::path::PathBuf;

use relink_core::{Collector, Error, Family, Paths, Samples, Source, Unread};

use crate::files::each;
use crate::numbers::{hexadecimal, is_word};

/// Which columns a file has is known to the kernel alone.
const FIELD: Family = Family::counter("node_lnstat_{}_total", "Column {} of the files of /proc/net/stat.")
    .labels(&["subsystem", "cpu"]);
pub(crate) const FAMILIES: &[Family] = &[FIELD];

pub(crate) struct Lnstat {
    folder: PathBuf,
    tables: Vec<Table>,
    /// The CPUs by their place, as labels.
    cpus: Vec<String>,
}

/// A line of names, then a line of hexadecimal numbers for each CPU.
struct Table {
    /// The file's name.
    name: String,
    source: Source,
    header: String,
    columns: Vec<String>,
}

impl Lnstat {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Lnstat { folder: paths.procfs("net/stat"), tables: Vec::new(), cpus: Vec::new() })
    }
}

impl Collector for Lnstat {
    /// The folder is looked through each time, as modules of the kernel bring files and take them away.
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let Lnstat { folder, tables, cpus } = self;
        let mut unread = Unread::default();
        let names = unread.list(folder);
        unread.tell(out);
        tables.retain(|table| names.binary_search(&table.name).is_ok());
        for (at, name) in names.into_iter().enumerate() {
            if tables.get(at).is_none_or(|table| table.name != name) {
                let source = Source::new(folder.join(&name));
                tables.insert(at, Table { name, source, header: String::new(), columns: Vec::new() });
            }
        }
        each(tables, out, |table, out| table.collect(cpus, out))
    }
}

impl Table {
    fn collect(&mut self, cpus: &mut Vec<String>, out: &mut Samples) -> Result<bool, Error> {
        let Table { name, source, header, columns } = self;
        // The line that is read, of which the first is the header; kernels have no number of the CPU in the others.
        let (mut count, before) = (0_usize, out.len());
        source.lines(out, |line, out| {
            count += 1;
            let Some(cpu) = count.checked_sub(2) else {
                if line != header {
                    line.clone_into(header);
                    columns.clear();
                    columns.extend(line.split_ascii_whitespace().map(str::to_owned));
                }
                return match columns.iter().find(|column| !is_word(column)) {
                    Some(odd) => Err(Error::expected("a name of a column", odd)),
                    None => Ok(()),
                };
            };
            if cpus.len() == cpu {
                cpus.push(cpu.to_string());
            }
            let mut read = Ok(());
            let mut words = line.split_ascii_whitespace();
            for (column, word) in columns.iter().zip(&mut words).filter(|(column, _)| is_word(column)) {
                match hexadecimal(word) {
                    Ok(number) => out.push(&FIELD, [column, name, &cpus[cpu]], number as f64),
                    Err(why) => read = read.and(Err(why)),
                }
            }
            if let Some(word) = words.next() {
                read = read.and(Err(Error::expected(format_args!("{} numbers", columns.len()), word)));
            }
            read
        })?;
        Ok(out.len() > before)
    }
}
