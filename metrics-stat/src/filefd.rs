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
            match count {
                Some(count) => out.push(family, [], count as f64),
                None => out.warn(format!(
                    "{}: line 1: no {}, expected a number",
                    self.0.path().display(),
                    family.name()
                )),
            }
        }
        Ok(())
    }
}

/// The files that are open and the most that may be: the first and the third number. The second, files that are
/// allocated but unused, is always 0.
fn parse(text: &str) -> Result<[Option<u64>; 2], Error> {
    let line = text.lines().next().unwrap_or("");
    let mut words = line.split_ascii_whitespace().map(|word| word.parse().ok());
    match [words.next().flatten(), words.nth(1).flatten()] {
        [None, None] => {
            Err(Error::expected("three numbers such as \"704 0 2466170\"", line)).context("line 1")
        }
        some => Ok(some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_files_are_three_numbers() {
        assert_eq!(parse("704\t0\t9223372036854775807\n").unwrap(), [Some(704), Some(9223372036854775807)]);
        for (text, shown) in [
            ("704", [Some(704), None]),
            ("704 0", [Some(704), None]),
            ("704 x 1", [Some(704), Some(1)]),
            ("-1 0 1", [None, Some(1)]),
        ] {
            assert_eq!(parse(text).unwrap(), shown, "{text}");
        }
        for text in ["", "x", "-1 0 -1"] {
            let message = parse(text).unwrap_err().message().to_owned();
            assert_eq!(
                message,
                format!("line 1: expected three numbers such as \"704 0 2466170\", found {text:?}")
            );
        }
    }
}
