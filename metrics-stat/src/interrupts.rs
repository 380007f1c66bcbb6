//! `/proc/interrupts`: how often each CPU was interrupted, by interrupt.

use relink_core::{Collector, Error, Family, Paths, Samples, Source};

use crate::columns::Columns;

pub(crate) const INTERRUPTS: Family =
    Family::counter("node_interrupts_total", "Times that an interrupt interrupted a CPU (/proc/interrupts).")
        .labels(&["cpu", "type", "info", "devices"]);

pub(crate) struct Interrupts {
    source: Source,
    table: Table,
}

/// What is known while the lines are read, in buffers that are kept.
#[derive(Default)]
struct Table {
    columns: Columns,
    /// Of one line.
    counts: Vec<u64>,
    info: String,
    devices: String,
}

impl Interrupts {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Interrupts { source: Source::new(paths.procfs("interrupts")), table: Table::default() })
    }
}

impl Collector for Interrupts {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let (mut has_header, table) = (false, &mut self.table);
        self.source.lines(out, |line, out| {
            if has_header {
                return table.push(line, out);
            }
            table.columns.read(line)?;
            has_header = true;
            Ok(())
        })
    }
}

impl Table {
    /// A line such as `24: 1 0 IO-APIC 5-edge ACPI:Ged` or `LOC: 7 9 Local timer interrupts`. A line with fewer numbers
    /// than CPUs, or nothing behind them, is a count of errors of the whole machine.
    fn push(&mut self, line: &str, out: &mut Samples) -> Result<(), Error> {
        let (name, rest) =
            line.split_once(':').ok_or_else(|| Error::expected("an interrupt, a colon and numbers", line))?;
        let name = name.trim_start();
        let (mut words, cpus) = (rest.split_ascii_whitespace(), self.columns.cpus());
        if words.clone().count() <= cpus.len() {
            return Ok(());
        }
        self.counts.clear();
        for word in words.by_ref().take(cpus.len()) {
            self.counts.push(word.parse().map_err(|_| Error::expected("a count", word))?);
        }
        // Only an interrupt with a number tells chip and devices apart.
        let is_numbered = name.bytes().all(|byte| byte.is_ascii_digit());
        join(&mut self.info, words.by_ref().take(if is_numbered { 1 } else { usize::MAX }));
        join(&mut self.devices, words);
        for (cpu, count) in cpus.iter().zip(&self.counts) {
            out.push(&INTERRUPTS, [cpu, name, &self.info, &self.devices], *count as f64);
        }
        Ok(())
    }
}

fn join<'a>(text: &mut String, words: impl Iterator<Item = &'a str>) {
    text.clear();
    for word in words {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
}
