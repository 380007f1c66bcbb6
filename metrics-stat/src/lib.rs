//! What the kernel counts for the machine as a whole: boot time, switches, interrupts, processes, open files; and the
//! clock and the kernel's name. Under the names that node_exporter's dashboards ask for.
//!
//! The README lists families and options.

mod families;
mod interrupts;
mod stat;
#[cfg(target_os = "linux")]
mod timex;

use std::time::{SystemTime, UNIX_EPOCH};

use relink_core::{Collector, Context, Error, Facts, Options, Samples, Source, register};
use serde::Deserialize;

use families::*;
use interrupts::Interrupts;
use stat::{parse_file_nr, parse_stat};

register! {
    name: "stat",
    help: "Clock, its discipline, boot time, interrupts, processes, open files, kernel",
    families: [
        BOOT_TIME,
        TIME,
        CONTEXT_SWITCHES,
        INTERRUPTS,
        FORKS,
        PROCS_RUNNING,
        PROCS_BLOCKED,
        FILES_ALLOCATED,
        FILES_MAXIMUM,
        UNAME,
        INTERRUPTS_BY_CPU,
        TIMEX_SYNC_STATUS,
        TIMEX_OFFSET,
        TIMEX_FREQUENCY,
        TIMEX_MAX_ERROR,
        TIMEX_ESTIMATED_ERROR,
        TIMEX_STATUS,
        TIMEX_LOOP_CONSTANT,
        TIMEX_TICK,
        TIMEX_PPS_FREQUENCY,
        TIMEX_PPS_JITTER,
        TIMEX_PPS_SHIFT,
        TIMEX_PPS_STABILITY,
        TIMEX_PPS_JITTERS,
        TIMEX_PPS_CALIBRATIONS,
        TIMEX_PPS_ERRORS,
        TIMEX_PPS_STABILITIES,
        TIMEX_TAI_OFFSET,
    ],
    new: |options: &Options| Machine::new(options),
}

/// What the operator may set.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Whether the figures of `/proc/stat` are shown.
    stat: bool,
    /// Whether the clock is shown.
    time: bool,
    /// Whether the discipline of the clock is shown.
    timex: bool,
    /// Whether the kernel's name is shown.
    uname: bool,
    /// Whether open files are counted.
    filefd: bool,
    /// Whether interrupts are shown one by one.
    interrupts: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { stat: true, time: true, timex: true, uname: true, filefd: true, interrupts: false }
    }
}

struct Machine {
    settings: Settings,
    stat: Source,
    file_nr: Source,
    interrupts: Option<Interrupts>,
}

impl Machine {
    fn new(options: &Options) -> Result<Self, Error> {
        let settings: Settings = options.parse()?;
        Ok(Machine {
            interrupts: settings.interrupts.then(|| Interrupts::new(options)),
            stat: Source::new(options.procfs("stat")),
            file_nr: Source::new(options.procfs("sys/fs/file-nr")),
            settings,
        })
    }
}

impl Machine {
    /// A kernel without sysctl has no such file.
    fn push_files(&mut self, out: &mut Samples) -> Result<(), Error> {
        let Some(text) = self.file_nr.read_if_present(out)? else { return Ok(()) };
        let [allocated, maximum] = parse_file_nr(text).context(self.file_nr.path().display())?;
        out.push(&FILES_ALLOCATED, [], allocated as f64);
        out.push(&FILES_MAXIMUM, [], maximum as f64);
        Ok(())
    }
}

impl Collector for Machine {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if self.settings.stat {
            let outcome = parse_stat(self.stat.read()?, |family, value| out.push(family, [], value as f64));
            outcome.context(self.stat.path().display())?;
        }
        if self.settings.filefd {
            self.push_files(out)?;
        }
        if self.settings.time {
            out.push(&TIME, [], now());
        }
        #[cfg(target_os = "linux")]
        if self.settings.uname {
            push_uname(out);
        }
        #[cfg(target_os = "linux")]
        if self.settings.timex {
            timex::collect(out)?;
        }
        match &mut self.interrupts {
            Some(interrupts) => interrupts.collect(out),
            None => Ok(()),
        }
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        let mut boot = None;
        let outcome = parse_stat(self.stat.read()?, |family, value| {
            if *family == BOOT_TIME {
                boot = Some(value as f64);
            }
        });
        outcome.context(self.stat.path().display())?;
        #[cfg(target_os = "linux")]
        {
            let name = rustix::system::uname();
            let [system, release, machine] =
                [name.sysname(), name.release(), name.machine()].map(|text| text.to_string_lossy());
            out.push("kernel", format!("{system} {release}, {machine}"));
        }
        if let Some(boot) = boot {
            out.push("up", duration(now() - boot));
        }
        Ok(())
    }
}

/// Seconds since 1970. A clock that is set to an earlier time is shown so.
fn now() -> f64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

/// The system call answers for the namespace that the agent is in; no file of procfs has all six.
#[cfg(target_os = "linux")]
fn push_uname(out: &mut Samples) {
    let name = rustix::system::uname();
    let texts =
        [name.sysname(), name.release(), name.version(), name.machine(), name.nodename(), name.domainname()]
            .map(|text| text.to_string_lossy());
    out.push(&UNAME, texts.each_ref().map(AsRef::as_ref), 1.0);
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
