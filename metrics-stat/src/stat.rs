//! `/proc/stat`, as far as it is not about single CPUs, and `/proc/sys/fs/file-nr`.

use relink_core::{Context, Error, Family};

use crate::families::*;

/// The lines and their families.
const LINES: [(&str, Family); 6] = [
    ("intr", INTERRUPTS),
    ("ctxt", CONTEXT_SWITCHES),
    ("btime", BOOT_TIME),
    ("processes", FORKS),
    ("procs_running", PROCS_RUNNING),
    ("procs_blocked", PROCS_BLOCKED),
];

/// Hands out what `/proc/stat` says. Kernels differ in which lines they have, but one without any is no kernel's.
pub(crate) fn parse_stat(text: &str, mut one: impl FnMut(&Family, u64)) -> Result<(), Error> {
    let mut found = false;
    for (number, line) in text.lines().enumerate() {
        let (key, rest) = line.split_once(' ').unwrap_or((line, ""));
        let Some((_, family)) = LINES.iter().find(|(known, _)| *known == key) else { continue };
        // Behind the sum, `intr` has a number for each interrupt.
        let word = rest.split(' ').next().unwrap_or("");
        let value = word.parse().map_err(|_| Error::expected(format_args!("a number after {key}"), word));
        one(family, value.context(format_args!("line {}", number + 1))?);
        found = true;
    }
    if found { Ok(()) } else { Err(Error::new("no line such as \"ctxt 388277\", expected one")) }
}

/// The files that are open and the most that may be: the first and the third number. The second, files that are
/// allocated but unused, is always 0.
pub(crate) fn parse_file_nr(text: &str) -> Result<[u64; 2], Error> {
    let line = text.lines().next().unwrap_or("");
    let mut words = line.split_ascii_whitespace().map(str::parse);
    match (words.next(), words.next(), words.next()) {
        (Some(Ok(allocated)), Some(Ok(_)), Some(Ok(maximum))) => Ok([allocated, maximum]),
        _ => Err(Error::expected("three numbers such as \"704 0 2466170\"", line).context("line 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Result<Vec<(&'static str, u64)>, Error> {
        let mut values = Vec::new();
        parse_stat(text, |family, value| values.push((family.name(), value)))?;
        Ok(values)
    }

    #[test]
    fn the_lines_that_are_not_about_one_cpu() {
        let found = values("cpu 1 2\nintr 213356 0 9\nctxt 388277\nsoftirq 5 1\nnew 3\n").unwrap();
        assert_eq!(found, [("node_intr_total", 213356), ("node_context_switches_total", 388277)]);
    }

    #[test]
    fn what_is_no_stat_is_told() {
        let message = |text: &str| values(text).unwrap_err().message().to_owned();
        assert_eq!(message(""), "no line such as \"ctxt 388277\", expected one");
        assert_eq!(message("junk\nctx 3"), "no line such as \"ctxt 388277\", expected one");
        assert_eq!(message("cpu 1\nctxt x"), "line 2: expected a number after ctxt, found \"x\"");
        assert_eq!(message("btime"), "line 1: expected a number after btime, found \"\"");
    }

    #[test]
    fn open_files_are_three_numbers() {
        assert_eq!(parse_file_nr("704\t0\t9223372036854775807\n").unwrap(), [704, 9223372036854775807]);
        for text in ["", "704", "704 0", "704 x 1", "-1 0 1"] {
            let message = parse_file_nr(text).unwrap_err().message().to_owned();
            assert_eq!(
                message,
                format!("line 1: expected three numbers such as \"704 0 2466170\", found {text:?}")
            );
        }
    }
}
