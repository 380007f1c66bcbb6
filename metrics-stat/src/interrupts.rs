//! `/proc/interrupts`: how often each CPU was interrupted, by interrupt.

use relink_core::{Context, Error, Options, Samples, Source};

use crate::families::INTERRUPTS_BY_CPU;

pub(crate) struct Interrupts {
    source: Source,
}

impl Interrupts {
    pub(crate) fn new(options: &Options) -> Self {
        Interrupts { source: Source::new(options.procfs("interrupts")) }
    }

    pub(crate) fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let pushed = push_lines(self.source.read()?, out);
        pushed.context(self.source.path().display())
    }
}

/// A line of CPUs, then a line for each interrupt.
fn push_lines(text: &str, out: &mut Samples) -> Result<(), Error> {
    let mut lines = text.lines();
    let header = lines.next().unwrap_or("");
    let cpus: Option<Vec<&str>> =
        header.split_ascii_whitespace().map(|word| word.strip_prefix("CPU")).collect();
    let cpus = cpus.filter(|cpus| !cpus.is_empty());
    let cpus =
        cpus.ok_or_else(|| Error::expected("a line of CPUs such as CPU0 CPU1", header).context("line 1"))?;
    for (at, line) in lines.enumerate() {
        push_line(line, &cpus, out).context(format_args!("line {}", at + 2))?;
    }
    Ok(())
}

/// A line such as `24: 1 0 IO-APIC 5-edge ACPI:Ged` or `LOC: 7 9 Local timer interrupts`. A line with fewer numbers
/// than CPUs, or nothing behind them, is a count of errors of the whole machine.
fn push_line(line: &str, cpus: &[&str], out: &mut Samples) -> Result<(), Error> {
    let (name, rest) =
        line.split_once(':').ok_or_else(|| Error::expected("an interrupt, a colon and numbers", line))?;
    let name = name.trim_start();
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    if words.len() <= cpus.len() {
        return Ok(());
    }
    let (counts, described) = words.split_at(cpus.len());
    // Only an interrupt with a number tells chip and devices apart.
    let is_numbered = name.bytes().all(|byte| byte.is_ascii_digit());
    let (info, devices) = described.split_at(if is_numbered { 1 } else { described.len() });
    let (info, devices) = (info.join(" "), devices.join(" "));
    for (cpu, count) in cpus.iter().zip(counts) {
        let count: u64 = count.parse().map_err(|_| Error::expected("a count", count))?;
        out.push(&INTERRUPTS_BY_CPU, [cpu, name, &info, &devices], count as f64);
    }
    Ok(())
}
