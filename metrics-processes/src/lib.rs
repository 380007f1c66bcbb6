//! Processes and threads by state, how many there may be, and how long each CPU ran tasks and let them wait, under the
//! names that node_exporter's dashboards ask for.
//!
//! The README lists families and options.

mod schedstat;
mod tasks;

use relink_core::{Collector, Context, Error, Family, Options, Samples, Source, register};
use serde::Deserialize;

use schedstat::Schedstat;
use tasks::Tasks;

const MAX_PROCESSES: Family =
    Family::gauge("node_processes_max_processes", "Limit of process ids (/proc/sys/kernel/pid_max).");
const MAX_THREADS: Family =
    Family::gauge("node_processes_max_threads", "Limit of threads (/proc/sys/kernel/threads-max).");
const PIDS: Family = Family::gauge("node_processes_pids", "How many processes there are (/proc).");
const STATES: Family =
    Family::gauge("node_processes_state", "Processes by state (/proc/<pid>/stat).").labels(&["state"]);
const THREADS: Family =
    Family::gauge("node_processes_threads", "How many threads there are (/proc/<pid>/stat).");
const THREAD_STATES: Family =
    Family::gauge("node_processes_threads_state", "Threads by state (/proc/<pid>/task/<tid>/stat).")
        .labels(&["thread_state"]);
const RUNNING: Family = Family::counter(
    "node_schedstat_running_seconds_total",
    "Time in which a CPU ran tasks (/proc/schedstat).",
)
.labels(&["cpu"]);
const WAITING: Family = Family::counter(
    "node_schedstat_waiting_seconds_total",
    "Time for which tasks together waited for a CPU (/proc/schedstat).",
)
.labels(&["cpu"]);
const TIMESLICES: Family =
    Family::counter("node_schedstat_timeslices_total", "Turns that a CPU gave to tasks (/proc/schedstat).")
        .labels(&["cpu"]);

register! {
    name: "processes",
    help: "Processes and threads by state, scheduling",
    families: [
        MAX_PROCESSES,
        MAX_THREADS,
        PIDS,
        STATES,
        THREADS,
        THREAD_STATES,
        RUNNING,
        WAITING,
        TIMESLICES,
    ],
    new: |options: &Options| Processes::new(options),
}

/// What the operator may set.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Whether processes and threads are counted.
    states: bool,
    /// Whether it is shown how long each CPU ran tasks and let them wait.
    schedstat: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { states: false, schedstat: true }
    }
}

struct Processes {
    limits: [(Family, Source); 2],
    tasks: Option<Tasks>,
    schedstat: Option<Schedstat>,
}

impl Processes {
    fn new(options: &Options) -> Result<Self, Error> {
        let settings: Settings = options.parse()?;
        let limit = |file: &str| Source::new(options.procfs("sys/kernel").join(file));
        Ok(Processes {
            limits: [(MAX_PROCESSES, limit("pid_max")), (MAX_THREADS, limit("threads-max"))],
            tasks: settings.states.then(|| Tasks::new(options)),
            schedstat: settings.schedstat.then(|| Schedstat::new(options)),
        })
    }
}

impl Collector for Processes {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        // Other systems show none of this in files.
        if !cfg!(target_os = "linux") {
            return Ok(());
        }
        for (family, source) in &mut self.limits {
            let text = source.read()?;
            let limit = text.trim_end().parse::<u32>().map_err(|_| Error::expected("a limit", text));
            out.push(family, [], f64::from(limit.context(source.path().display())?));
        }
        if let Some(tasks) = &mut self.tasks {
            tasks.collect(out)?;
        }
        self.schedstat.as_mut().map_or(Ok(()), |part| part.collect(out))
    }
}
