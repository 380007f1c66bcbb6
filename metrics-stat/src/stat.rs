//! `/proc/stat`, as far as it is not about single CPUs.

use relink_core::{Collector, Error, Facts, Family, Paths, Samples, Source};

use crate::time::now;

pub(crate) const FAMILIES: &[Family] = &[
    BOOT_TIME,
    Family::counter(
        "node_context_switches_total",
        "Times that a CPU went from one task to another since boot (/proc/stat).",
    ),
    Family::counter("node_intr_total", "Interrupts since boot, of all kinds together (/proc/stat)."),
    Family::counter("node_forks_total", "Processes and threads that were started since boot (/proc/stat)."),
    Family::gauge("node_procs_running", "Tasks that run or wait for a CPU (/proc/stat)."),
    Family::gauge("node_procs_blocked", "Tasks that wait for I/O and can't be interrupted (/proc/stat)."),
    SOFTIRQS,
];

const BOOT_TIME: Family =
    Family::gauge("node_boot_time_seconds", "When the machine started, in Unix time (/proc/stat).");

const SOFTIRQS: Family =
    Family::counter("node_softirqs_total", "Soft interrupts since boot, by vector (/proc/stat).")
        .labels(&["vector"]);

relink_core::options! {
    /// What the operator may set.
    pub(crate) struct Settings {
        /// Whether soft interrupts are shown by vector.
        softirq: bool = false,
    }
}

/// The numbers of the line `softirq` behind their sum, as node_exporter calls them.
const VECTORS: [&str; 10] =
    ["hi", "timer", "net_tx", "net_rx", "block", "block_iopoll", "tasklet", "sched", "hrtimer", "rcu"];

/// The lines of the families with one number, in their order.
const KEYS: [&str; 6] = ["btime", "ctxt", "intr", "processes", "procs_running", "procs_blocked"];

pub(crate) struct Stat {
    source: Source,
    softirq: bool,
}

impl Stat {
    pub(crate) fn new(paths: &Paths, settings: Settings) -> Result<Self, Error> {
        Ok(Stat { source: Source::new(paths.procfs("stat")), softirq: settings.softirq })
    }
}

impl Collector for Stat {
    /// Kernels differ in which lines they have, but one without any is no kernel's.
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let (mut is_known, softirq) = (false, self.softirq);
        self.source.lines(out, |line, out| {
            if let Some(counts) = line.strip_prefix("softirq ").filter(|_| softirq) {
                return push_softirqs(counts, out);
            }
            let Some(at) = family_of(line) else { return Ok(()) };
            is_known = true;
            out.push_index(at, &[], number(line)? as f64);
            Ok(())
        })?;
        if !is_known {
            self.source
                .parse(|_| Err::<(), _>(Error::new("no line such as \"ctxt 388277\", expected one")))?;
        }
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        let text = self.source.text()?.unwrap_or_default();
        let boot = text.lines().find(|line| line.starts_with("btime ")).and_then(|line| number(line).ok());
        if let Some(boot) = boot {
            out.push("up", duration(now() - boot as f64));
        }
        Ok(())
    }
}

/// The place of the family of a line such as `ctxt 388277`.
fn family_of(line: &str) -> Option<usize> {
    let key = line.split_ascii_whitespace().next();
    KEYS.iter().position(|known| key == Some(known))
}

/// The number of such a line. Behind the sum, `intr` has one for each interrupt.
fn number(line: &str) -> Result<u64, Error> {
    let mut words = line.split_ascii_whitespace();
    let (key, word) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    word.parse().map_err(|_| Error::expected(format_args!("a number after {key}"), word))
}

/// The sum, which is left out, and the count of each vector.
fn push_softirqs(counts: &str, out: &mut Samples) -> Result<(), Error> {
    let mut all = [0; VECTORS.len()];
    let mut words = counts.split_ascii_whitespace().skip(1);
    for (count, vector) in all.iter_mut().zip(VECTORS) {
        let word = words.next().unwrap_or("");
        *count =
            word.parse::<u64>().map_err(|_| Error::expected(format_args!("a count of {vector}"), word))?;
    }
    for (vector, count) in VECTORS.iter().zip(all) {
        out.push(&SOFTIRQS, [vector], count as f64);
    }
    Ok(())
}

/// The two largest parts of a time: `3 d 4 h`.
fn duration(seconds: f64) -> String {
    let minutes = (seconds.max(0.0) / 60.0) as u64;
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_for_people() {
        let shown = [-5.0, 59.0, 3600.0, 86_399.0, 273_600.0].map(duration);
        assert_eq!(shown, ["0 min", "0 min", "1 h 0 min", "23 h 59 min", "3 d 4 h"]);
    }
}
