//! `/proc/sys/fs/file-nr`: the open files of the machine. A kernel without sysctl has no such file.

use relink_core::{Collector, Context, Error, Family, Paths, Samples, Source};

pub(crate) const FAMILIES: &[Family] = &[
    Family::gauge(
        "node_filefd_allocated",
        "Open files of the whole machine, as the kernel counts them (/proc/sys/fs/file-nr).",
    ),
    Family::gauge(
        "node_filefd_maximum",
        "How many open files the kernel allows on the whole machine (/proc/sys/fs/file-nr).",
    ),
];

pub(crate) struct Filefd(Source);

impl Filefd {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Filefd(Source::new(paths.procfs("sys/fs/file-nr"))))
    }
}

impl Collector for Filefd {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let files = self.0.parse(parse)?;
        for (family, count) in FAMILIES.iter().zip(files.into_iter().flatten()) {
            out.push(family, [], count as f64);
        }
        Ok(())
    }
}

/// The files that are open and the most that may be: the first and the third number. The second, files that are
/// allocated but unused, is always 0.
fn parse(text: &str) -> Result<[u64; 2], Error> {
    let line = text.lines().next().unwrap_or("");
    let mut words = line.split_ascii_whitespace().map(str::parse);
    match (words.next(), words.next(), words.next()) {
        (Some(Ok(allocated)), Some(Ok(_)), Some(Ok(maximum))) => Ok([allocated, maximum]),
        _ => Err(Error::expected("three numbers such as \"704 0 2466170\"", line)).context("line 1"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_files_are_three_numbers() {
        assert_eq!(parse("704\t0\t9223372036854775807\n").unwrap(), [704, 9223372036854775807]);
        for text in ["", "704", "704 0", "704 x 1", "-1 0 1"] {
            let message = parse(text).unwrap_err().message().to_owned();
            assert_eq!(
                message,
                format!("line 1: expected three numbers such as \"704 0 2466170\", found {text:?}")
            );
        }
    }
}
