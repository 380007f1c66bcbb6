//! `/proc/schedstat`: how long each CPU ran tasks and let them wait.

use relink_core::{Context, Error, Options, Samples, Source};

use crate::{RUNNING, TIMESLICES, WAITING};

/// Times are in nanoseconds.
const NANOSECONDS: f64 = 1e9;
/// The word of a CPU's line at which running, waiting and timeslices begin.
const FIRST: usize = 7;

/// A kernel without CONFIG_SCHEDSTATS has no such file.
pub(crate) struct Schedstat {
    source: Source,
}

impl Schedstat {
    pub(crate) fn new(options: &Options) -> Self {
        Schedstat { source: Source::new(options.procfs("schedstat")) }
    }

    pub(crate) fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let Some(text) = self.source.read_if_present(out)? else { return Ok(()) };
        let pushed = push_lines(text, out);
        pushed.context(self.source.path().display())
    }
}

fn push_lines(text: &str, out: &mut Samples) -> Result<(), Error> {
    if !text.starts_with("version ") {
        return Err(Error::expected("version and a number", text));
    }
    for (at, line) in text.lines().enumerate() {
        if let Some(rest) = line.strip_prefix("cpu") {
            push_cpu(rest, out).context(format_args!("line {}", at + 1))?;
        }
    }
    Ok(())
}

/// What follows `cpu` in `cpu0 498494191 0 3533438552 2553969831 3853684107 2465731542 2045936778163 343796328169
/// 4767485306`.
fn push_cpu(line: &str, out: &mut Samples) -> Result<(), Error> {
    let mut words = line.split_ascii_whitespace();
    let cpu = words.next().filter(|cpu| cpu.bytes().all(|byte| byte.is_ascii_digit()));
    let cpu = cpu.ok_or_else(|| Error::expected("the number of a CPU", line))?;
    let mut words = words.skip(FIRST - 1);
    for (family, divisor) in [(RUNNING, NANOSECONDS), (WAITING, NANOSECONDS), (TIMESLICES, 1.0)] {
        let word = words.next().unwrap_or("");
        let number: u64 = word.parse().map_err(|_| Error::expected("a count", word))?;
        out.push(&family, [cpu], number as f64 / divisor);
    }
    Ok(())
}
