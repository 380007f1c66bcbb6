//! The agent's own families: how each collection went, and what the process costs.

pub(crate) mod counters;
#[cfg(test)]
mod documented;
pub(crate) mod push;

use std::sync::Arc;
use std::time::{Duration, Instant};

use relink_core::{Error, Family, Samples, Source, registry};
use rustix::param::page_size;
use rustix::process::{Resource, getrlimit};

use crate::journal::{Outcome, unix_seconds};
use crate::own::counters::Counters;
use crate::plugins::status::State;
use crate::store::snapshot::{Frame, Layout, LeftOut, Reading};

const COLLECTOR_DURATION: Family =
    Family::gauge("node_scrape_collector_duration_seconds", "How long a collector's collection took.")
        .labels(&["collector"]);
const COLLECTOR_SUCCESS: Family =
    Family::gauge("node_scrape_collector_success", "Whether a collector's collection succeeded.")
        .labels(&["collector"]);
const WARNINGS: Family = Family::counter(
    "relink_collector_warnings_total",
    "How often a collector passed over something odd, or could not read a part while it could read the rest.",
)
.labels(&["collector"]);
const DROPPED: Family = Family::counter(
    "relink_collector_dropped_total",
    "Samples that were left out because they are beyond a limit, mostly [collect] series.",
)
.labels(&["collector"]);
const BUILD_INFO: Family =
    Family::gauge("relink_build_info", "Which relink this is; always 1.").labels(&["version", "registry"]);
const NODE_EXPORTER: Family = Family::gauge(
    "node_exporter_build_info",
    "Always 1, for dashboards that look for machines by it. The version is relink's own; what only Go or a repository \
     knows is empty.",
)
.labels(&["branch", "goarch", "goos", "goversion", "revision", "tags", "version"]);
const GENERATION: Family =
    Family::gauge("relink_generation", "How often new code went live in this process, its start included.");
const PLUGINS: Family = Family::gauge(
    "relink_plugins",
    "Plugins by the state of their worst collector: off are those that nobody has chosen, refused those with a fault.",
)
.labels(&["state"]);
const RELOADS: Family =
    Family::counter("relink_reloads_total", "Reloads that ended, by outcome.").labels(&["outcome"]);
const LAST_SUCCESS: Family = Family::gauge(
    "relink_reload_last_success_timestamp_seconds",
    "When a reload last ended well, in seconds since 1970; 0 before the first.",
);
const HISTORY_SECONDS: Family = Family::gauge(
    "relink_history_seconds",
    "How far back the history goes: with each snapshot, with rows of 10 seconds, and with rows of a minute.",
)
.labels(&["tier"]);
const HISTORY_BYTES: Family =
    Family::gauge("relink_history_bytes", "About how much memory the history takes.");
const HISTORY_LIMIT: Family =
    Family::gauge("relink_history_limit_bytes", "How much memory the history may take: [history] bytes.");
const HISTORY_LOST: Family = Family::counter(
    "relink_history_lost_total",
    "How often an image started with an empty history because the one handed over could not be read.",
);
const REQUESTS_REFUSED: Family =
    Family::counter("relink_requests_refused_total", "Requests to change the agent that were not allowed.");
const RETIRED: Family = Family::gauge(
    "relink_plugin_retired_bytes",
    "Libraries that were replaced and stay mapped until the next re-exec.",
);
const WEB_CONFIG: Family = Family::gauge(
    "relink_web_config_last_reload_successful",
    "Whether the web configuration file and the certificates it names are in force as they are now; 0 when they \
     could not be read, and those before serve on.",
);
const CERTIFICATE: Family = Family::gauge(
    "relink_tls_certificate_not_after_timestamp_seconds",
    "When the TLS certificate in use is no longer valid, in seconds since 1970.",
);
const CPU: Family = Family::counter(
    "process_cpu_seconds_total",
    "CPU time of the agent, user and system (/proc/self/stat, in ticks of 10 ms).",
);
const MAX_FDS: Family =
    Family::gauge("process_max_fds", "How many descriptors the agent may have open (soft limit).");
const OPEN_FDS: Family = Family::gauge("process_open_fds", "How many descriptors the agent has open.");
const RESIDENT: Family = Family::gauge("process_resident_memory_bytes", "Resident memory of the agent.");
const VIRTUAL: Family = Family::gauge("process_virtual_memory_bytes", "Virtual memory of the agent.");
const VIRTUAL_MAX: Family = Family::gauge(
    "process_virtual_memory_max_bytes",
    "How much virtual memory the agent may have; 1.8446744073709552e+19 without a limit.",
);
const START_TIME: Family =
    Family::gauge("process_start_time_seconds", "When the process started, in seconds since 1970.");

/// No collector may declare one of these.
pub(crate) const FAMILIES: &[Family] = &[
    COLLECTOR_DURATION,
    COLLECTOR_SUCCESS,
    WARNINGS,
    DROPPED,
    BUILD_INFO,
    NODE_EXPORTER,
    GENERATION,
    PLUGINS,
    RELOADS,
    LAST_SUCCESS,
    HISTORY_SECONDS,
    HISTORY_BYTES,
    HISTORY_LIMIT,
    HISTORY_LOST,
    REQUESTS_REFUSED,
    RETIRED,
    WEB_CONFIG,
    CERTIFICATE,
    CPU,
    MAX_FDS,
    OPEN_FDS,
    RESIDENT,
    VIRTUAL,
    VIRTUAL_MAX,
    START_TIME,
    push::SENT,
    push::DROPPED,
    push::FAILED,
    push::RETRIED,
    push::QUEUE_LENGTH,
    push::QUEUE_BYTES,
    push::QUEUE_SAMPLES,
    push::QUEUE_AGE,
    push::QUEUE_ON_DISK,
    push::DAMAGED,
    push::LAST_SUCCESS,
    push::LOST,
];

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What Go calls this kind of machine.
const GOARCH: &str = match std::env::consts::ARCH.as_bytes() {
    b"x86_64" => "amd64",
    b"x86" => "386",
    b"aarch64" => "arm64",
    b"loongarch64" => "loong64",
    b"powerpc64" if cfg!(target_endian = "little") => "ppc64le",
    b"powerpc64" => "ppc64",
    b"mips" if cfg!(target_endian = "little") => "mipsle",
    b"mips64" if cfg!(target_endian = "little") => "mips64le",
    // arm, mips, mips64, riscv64 and s390x have one name.
    _ => std::env::consts::ARCH,
};

/// What Go calls this system.
const GOOS: &str = match std::env::consts::OS.as_bytes() {
    b"macos" => "darwin",
    _ => std::env::consts::OS,
};

/// The name under which the agent's own reading stands in a snapshot. No collector can have it: it has a space.
pub(crate) const NAME: &str = "relink itself";

/// A part of the agent that stands on a higher floor, and has something of its own to show.
pub(crate) trait SelfReport: Send + Sync {
    /// Pushes samples of families that stand in [`FAMILIES`].
    fn report(&self, out: &mut Samples);
}

/// Makes the agent's own reading.
pub(crate) struct Own {
    counters: Arc<Counters>,
    /// None: what the process costs is not shown.
    process: Option<Process>,
    samples: Samples,
    layout: Option<Arc<Layout>>,
}

impl Own {
    pub(crate) fn new(counters: Arc<Counters>) -> Self {
        Own { counters, process: Some(Process::new()), samples: Samples::new(FAMILIES, 10_000), layout: None }
    }

    /// Leaves out what the process costs from now on.
    pub(crate) fn hide_process(&mut self) {
        self.process = None;
    }

    /// The agent's own reading next to these of the collectors, of whose plugins so many are in each state; and beside collectors that
    /// are `lacking`: for whoever watches those, they fail.
    pub(crate) fn read(
        &mut self,
        readings: &[Reading],
        lacking: &[String],
        states: [usize; State::ALL.len()],
    ) -> Reading {
        let began = Instant::now();
        let out = &mut self.samples;
        out.clear();
        // Family by family, so that each sample's is the one before.
        for reading in readings {
            out.push(&COLLECTOR_DURATION, [reading.collector], reading.duration.as_secs_f64());
        }
        for reading in readings {
            out.push(&COLLECTOR_SUCCESS, [reading.collector], f64::from(u8::from(reading.result.is_ok())));
        }
        for reading in readings {
            out.push(&WARNINGS, [reading.collector], reading.left_out.warned as f64);
        }
        for reading in readings {
            out.push(&DROPPED, [reading.collector], reading.left_out.dropped as f64);
        }
        for collector in lacking {
            out.push(&COLLECTOR_DURATION, [collector.as_str()], 0.0);
            out.push(&COLLECTOR_SUCCESS, [collector.as_str()], 0.0);
        }
        out.push(&BUILD_INFO, [VERSION, registry::NAME], 1.0);
        out.push(&NODE_EXPORTER, ["", GOARCH, GOOS, "", "", "relink", VERSION], 1.0);
        let counted = self.counters.counted();
        out.push(&GENERATION, [], counted.generation as f64);
        for (state, count) in State::ALL.iter().zip(states) {
            out.push(&PLUGINS, [state.name()], count as f64);
        }
        for (outcome, count) in Outcome::ALL.iter().zip(&counted.reloads) {
            out.push(&RELOADS, [outcome.name()], *count as f64);
        }
        out.push(&LAST_SUCCESS, [], counted.last_success);
        if let Some(reach) = self.counters.history() {
            let now = unix_seconds();
            for (tier, name) in reach.tiers.iter().zip(["snapshots", "10s", "60s"]) {
                let seconds = tier.oldest_ms.map_or(0.0, |oldest| (now - oldest as f64 / 1e3).max(0.0));
                out.push(&HISTORY_SECONDS, [name], seconds);
            }
            out.push(&HISTORY_BYTES, [], reach.bytes as f64);
            out.push(&HISTORY_LIMIT, [], reach.bytes_limit as f64);
        }
        out.push(&HISTORY_LOST, [], counted.history_lost as f64);
        out.push(&REQUESTS_REFUSED, [], counted.requests_refused as f64);
        out.push(&RETIRED, [], self.counters.retired_bytes() as f64);
        if let Some(web) = self.counters.web() {
            out.push(&WEB_CONFIG, [], f64::from(u8::from(web.is_current())));
            if let Some(not_after) = web.not_after() {
                out.push(&CERTIFICATE, [], not_after);
            }
        }
        if let Some(push) = self.counters.push() {
            push.report(out);
        }
        // A system without /proc has no such samples, and nothing else is missing.
        let _ = self.process.as_mut().map(|process| process.push(out));
        Reading {
            collector: NAME,
            duration: began.elapsed(),
            result: Frame::of(&mut self.samples, &mut self.layout),
            left_out: LeftOut::default(),
        }
    }
}

/// Reads what the kernel says of this process, whatever `--path.procfs` says of the machine to look at.
///
/// That costs as much as all collectors together (listing the descriptors above all), so it is read once a second at
/// most: CPU time comes in ticks of 10 ms anyway.
struct Process {
    stat: Source,
    fixed: Option<Fixed>,
    read: Option<(Instant, Usage)>,
}

/// What changes.
#[derive(Clone, Copy)]
struct Usage {
    cpu: f64,
    resident: f64,
    mapped: f64,
    open_fds: f64,
}

/// What stays the same while the image runs.
struct Fixed {
    max_fds: f64,
    max_virtual: f64,
    start: f64,
}

/// The kernel's USER_HZ, which is 100 on every architecture that Rust's std supports.
const TICKS: f64 = 100.0;

impl Process {
    fn new() -> Self {
        Process { stat: Source::new("/proc/self/stat"), fixed: None, read: None }
    }

    fn push(&mut self, out: &mut Samples) -> Result<(), Error> {
        let usage = match self.read {
            Some((when, usage)) if when.elapsed() < Duration::from_secs(1) => usage,
            _ => {
                let usage = self.usage()?;
                self.read = Some((Instant::now(), usage));
                usage
            }
        };
        out.push(&CPU, [], usage.cpu);
        out.push(&OPEN_FDS, [], usage.open_fds);
        out.push(&RESIDENT, [], usage.resident);
        out.push(&VIRTUAL, [], usage.mapped);
        if let Some(fixed) = &self.fixed {
            out.push(&MAX_FDS, [], fixed.max_fds);
            out.push(&VIRTUAL_MAX, [], fixed.max_virtual);
            out.push(&START_TIME, [], fixed.start);
        }
        Ok(())
    }

    fn usage(&mut self) -> Result<Usage, Error> {
        let stat = self.stat.text()?.unwrap_or_default();
        // The second field is the name in brackets and may hold spaces; the third follows the last bracket.
        let fields: Vec<&str> =
            stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace().collect();
        let field = |number: usize| -> Result<f64, Error> {
            let text = fields.get(number - 3).copied().unwrap_or_default();
            Ok(text.parse::<f64>()?)
        };
        if self.fixed.is_none() {
            self.fixed = Some(Fixed::read(field(22)?)?);
        }
        // Linux 6.2 and later tell how many there are in the folder's size, which spares the listing.
        let open_fds = match std::fs::metadata("/proc/self/fd")?.len() {
            // One of the descriptors is the listing's own.
            0 => std::fs::read_dir("/proc/self/fd")?.count().saturating_sub(1) as f64,
            count => count as f64,
        };
        let cpu = (field(14)? + field(15)?) / TICKS;
        Ok(Usage { cpu, resident: resident_bytes(field(24)?, page_size()), mapped: field(23)?, open_fds })
    }
}

/// `stat` counts resident memory in pages, which on arm64 and ppc64 may have 64 KiB.
fn resident_bytes(pages: f64, page_size: usize) -> f64 {
    pages * page_size as f64
}

impl Fixed {
    fn read(started: f64) -> Result<Self, Error> {
        let stat = std::fs::read_to_string("/proc/stat")?;
        let boot = stat.lines().find_map(|line| line.strip_prefix("btime ")).unwrap_or("0");
        Ok(Fixed {
            max_fds: soft_limit(Resource::Nofile),
            max_virtual: soft_limit(Resource::As),
            start: boot.trim().parse::<f64>()? + started / TICKS,
        })
    }
}

/// A soft limit of this process. Where there is none, the kernel has the largest number for it, which is also what Go's
/// library shows: one below all others would leave a logarithmic scale.
fn soft_limit(of: Resource) -> f64 {
    getrlimit(of).current.unwrap_or(u64::MAX) as f64
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn no_plugin_can_have_a_family_of_the_agents() {
        let free = FAMILIES.iter().find(|family| !crate::plugins::set::is_reserved(family.name()));
        assert!(free.is_none(), "{:?} is not reserved in plugins/set.rs", free.map(Family::name));
    }

    #[test]
    fn limits_are_those_that_the_kernel_shows_and_none_is_the_largest_number() {
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
        for (name, resource) in [("Max open files", Resource::Nofile), ("Max address space", Resource::As)] {
            let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            let shown = line.split_whitespace().next().unwrap().replace("unlimited", "18446744073709552000");
            assert_eq!(soft_limit(resource).to_string(), shown, "{name}");
        }
    }

    #[test]
    fn resident_memory_is_counted_in_the_systems_pages() {
        assert_eq!(resident_bytes(3.0, 64 * 1024), 196_608.0);
        // What the kernel says in kilobytes, whatever its pages are. Other tests of this process take and give memory.
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let told = line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0;
        let shown = Process::new().usage().unwrap().resident;
        assert!((0.5..2.0).contains(&(shown / told)), "{shown} and {told}");
    }
}
