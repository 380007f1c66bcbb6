//! `/proc/schedstat`: how long each CPU ran tasks and let them wait. A kernel without CONFIG_SCHEDSTATS has no such file.

use relink_core::{Collector, Error, Family, Paths, Samples, Source};

pub(crate) const FAMILIES: &[Family] = &[
    Family::counter(
        "node_schedstat_running_seconds_total",
        "Time in which a CPU ran tasks (/proc/schedstat).",
    )
    .labels(&["cpu"]),
    Family::counter(
        "node_schedstat_waiting_seconds_total",
        "Time for which tasks together waited for a CPU (/proc/schedstat).",
    )
    .labels(&["cpu"]),
    Family::counter("node_schedstat_timeslices_total", "Turns that a CPU gave to tasks (/proc/schedstat).")
        .labels(&["cpu"]),
];

/// By what the columns of the families are divided: times are in nanoseconds.
const DIVISORS: [f64; 3] = [1e9, 1e9, 1.0];
/// The word of a CPU's line at which running, waiting and timeslices begin.
const FIRST: usize = 7;

pub(crate) struct Schedstat(Source);

impl Schedstat {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Schedstat(Source::new(paths.procfs("schedstat"))))
    }
}

impl Collector for Schedstat {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let mut is_known = false;
        self.0.lines(out, |line, out| {
            is_known |= line.starts_with("version ");
            let Some(rest) = line.strip_prefix("cpu") else { return Ok(()) };
            push_cpu(rest, out)?;
            is_known = true;
            Ok(())
        })?;
        if !is_known {
            self.0.parse(|text| Err::<(), _>(Error::expected("version and a number", text)))?;
        }
        Ok(())
    }
}

/// What follows `cpu` in `cpu0 498494191 0 3533438552 2553969831 3853684107 2465731542 2045936778163 343796328169
/// 4767485306`.
fn push_cpu(line: &str, out: &mut Samples) -> Result<(), Error> {
    let mut words = line.split_ascii_whitespace();
    let cpu = words.next().filter(|cpu| cpu.bytes().all(|byte| byte.is_ascii_digit()));
    let cpu = cpu.ok_or_else(|| Error::expected("the number of a CPU", line))?;
    let mut words = words.skip(FIRST - 1);
    let mut numbers = [0_u64; 3];
    for number in &mut numbers {
        let word = words.next().unwrap_or("");
        *number = word.parse().map_err(|_| Error::expected("a count", word))?;
    }
    for ((family, number), divisor) in FAMILIES.iter().zip(numbers).zip(DIVISORS) {
        out.push(family, [cpu], number as f64 / divisor);
    }
    Ok(())
}
