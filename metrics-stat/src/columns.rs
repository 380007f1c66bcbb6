//! The first line of tables with a column for each CPU, `CPU0 CPU2`.

use relink_core::Error;

/// The CPUs' numbers, in buffers that are kept.
#[derive(Default)]
pub(crate) struct Columns {
    line: String,
    cpus: Vec<String>,
}

impl Columns {
    /// Reads the line; without one, no other can be understood.
    pub(crate) fn read(&mut self, line: &str) -> Result<(), Error> {
        if self.line == line {
            return Ok(());
        }
        self.line.clear();
        let cpus = line.split_ascii_whitespace().map(|word| Some(word.strip_prefix("CPU")?.to_owned()));
        let cpus: Option<Vec<String>> = cpus.collect();
        let cpus = cpus.filter(|cpus| !cpus.is_empty());
        self.cpus = cpus.ok_or_else(|| Error::expected("a line of CPUs such as CPU0 CPU1", line))?;
        self.line.push_str(line);
        Ok(())
    }

    /// The numbers, in the order of the columns.
    pub(crate) fn cpus(&self) -> &[String] {
        &self.cpus
    }
}
