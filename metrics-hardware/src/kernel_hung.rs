//! `/proc/sys/kernel/hung_task_detect_count`: tasks that have hung. Older kernels have no such file.

use relink_core::{Collector, Error, Family, Paths, Samples, Source};

const HUNG: Family = Family::counter(
    "node_kernel_hung_tasks_total",
    "Tasks that have not run for so long that the kernel counts them as hung (hung_task_detect_count).",
);

pub(crate) const FAMILIES: &[Family] = &[HUNG];

pub(crate) struct KernelHung(Source);

impl KernelHung {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(KernelHung(Source::new(paths.procfs("sys/kernel/hung_task_detect_count"))))
    }
}

impl Collector for KernelHung {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if let Some(count) = self.0.parse(parse)? {
            out.push(&HUNG, [], count as f64);
        }
        Ok(())
    }
}

fn parse(text: &str) -> Result<u64, Error> {
    let text = text.trim();
    text.parse().map_err(|_| Error::expected("a count", text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_the_whole_file() {
        assert_eq!(parse("0\n").unwrap(), 0);
        assert_eq!(parse("18446744073709551615\n").unwrap(), u64::MAX);
        for text in ["", "-1\n", "1 2\n", "18446744073709551616\n"] {
            let message = parse(text).unwrap_err().message().to_owned();
            assert_eq!(message, format!("expected a count, found {:?}", text.trim()));
        }
    }
}
