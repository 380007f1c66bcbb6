//! `/proc/cpuinfo`: what kind of CPU each one is.

use relink_core::{Error, Paths, Samples, Source};

use super::INFO;

/// The keys in the order of the family's labels; empty where an architecture has none.
const KEYS: [&str; 10] = [
    "physical id",
    "core id",
    "processor",
    "vendor_id",
    "cpu family",
    "model",
    "model name",
    "microcode",
    "stepping",
    "cache size",
];
const PROCESSOR: usize = 2;

/// The labels of one CPU.
type Labels = [String; KEYS.len()];

/// What `/proc/cpuinfo` said when it was last read. The kernel measures each CPU's frequency for it, so it is read
/// only when CPUs come or go.
pub(crate) struct CpuInfo {
    source: Source,
    cpus: Vec<Labels>,
}

impl CpuInfo {
    pub(crate) fn new(paths: &Paths) -> Self {
        CpuInfo { source: Source::new(paths.procfs("cpuinfo")), cpus: Vec::new() }
    }

    /// Reads it, unless it is known.
    pub(crate) fn read(&mut self) -> Result<(), Error> {
        if self.cpus.is_empty() {
            self.cpus = self.source.parse(parse)?.unwrap_or_default();
        }
        Ok(())
    }

    /// Forgets what is known, as other CPUs are online.
    pub(crate) fn forget(&mut self) {
        self.cpus.clear();
    }

    pub(crate) fn push(&self, out: &mut Samples) {
        for labels in &self.cpus {
            out.push(&INFO, labels.each_ref().map(String::as_str), 1.0);
        }
    }
}

/// Blocks of `key : value` lines, one a CPU, with an empty line between them.
fn parse(text: &str) -> Result<Vec<Labels>, Error> {
    let mut cpus: Vec<Labels> = Vec::new();
    for block in text.split("\n\n") {
        let mut labels = Labels::default();
        for (key, value) in block.lines().filter_map(|line| line.split_once(':')) {
            if let Some(at) = KEYS.iter().position(|known| *known == key.trim()) {
                labels[at] = value.trim().to_owned();
            }
        }
        // ARM ends with a block of the board, which has no processor number.
        let number = &labels[PROCESSOR];
        if number.parse::<u32>().is_ok() && !cpus.iter().any(|cpu| cpu[PROCESSOR] == *number) {
            cpus.push(labels);
        }
    }
    if cpus.is_empty() {
        return Err(Error::new("no line such as \"processor : 0\", expected one for each CPU"));
    }
    Ok(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_a_cpu() {
        let text = "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 167\n\
            model name\t: Some: CPU\nstepping\t: 1\nmicrocode\t: 0x1\ncache size\t: 512 KB\nphysical id\t: 0\n\
            core id\t\t: 3\nflags\t\t: fpu\n\nprocessor\t: 1\n\nHardware\t: Board\nRevision\t: 0\n";
        let cpus = parse(text).unwrap();
        assert_eq!(
            cpus[0],
            ["0", "3", "0", "GenuineIntel", "6", "167", "Some: CPU", "0x1", "1", "512 KB"].map(str::to_owned)
        );
        assert_eq!(cpus[1], ["", "", "1", "", "", "", "", "", "", ""].map(str::to_owned));
        assert_eq!(cpus.len(), 2);
    }

    #[test]
    fn what_is_no_cpuinfo_is_told() {
        for text in ["", "junk\n", "processor : x\n"] {
            assert!(parse(text).unwrap_err().message().contains("expected one for each CPU"), "{text}");
        }
    }
}
