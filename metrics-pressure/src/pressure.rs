//! A file for each resource, with a line `some` and a line `full`.

use std::io::Read;

use relink_core::{Collector, Error, Family, Paths, Samples, Source};

pub(crate) const FAMILIES: &[Family] =
    &[CPU_WAITING, MEMORY_WAITING, MEMORY_STALLED, IO_WAITING, IO_STALLED, IRQ_STALLED];

const CPU_WAITING: Family = Family::counter(
    "node_pressure_cpu_waiting_seconds_total",
    "Time in which at least one task waited for a CPU (/proc/pressure/cpu).",
);
const MEMORY_WAITING: Family = Family::counter(
    "node_pressure_memory_waiting_seconds_total",
    "Time in which at least one task waited for memory (/proc/pressure/memory).",
);
const MEMORY_STALLED: Family = Family::counter(
    "node_pressure_memory_stalled_seconds_total",
    "Time in which no task could go on for want of memory (/proc/pressure/memory).",
);
const IO_WAITING: Family = Family::counter(
    "node_pressure_io_waiting_seconds_total",
    "Time in which at least one task waited for I/O (/proc/pressure/io).",
);
const IO_STALLED: Family = Family::counter(
    "node_pressure_io_stalled_seconds_total",
    "Time in which no task could go on because of I/O (/proc/pressure/io).",
);
const IRQ_STALLED: Family = Family::counter(
    "node_pressure_irq_stalled_seconds_total",
    "Time in which no task could go on because of interrupts (/proc/pressure/irq).",
);

pub(crate) struct Pressure {
    resources: [Resource; 4],
}

/// One file, and the families of its lines `some` and `full`. The line `full` of `cpu` means nothing for the whole
/// system.
struct Resource {
    source: Source,
    some: Option<Family>,
    full: Option<Family>,
}

impl Pressure {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        let resource = |name: &str, some, full| {
            let source = Source::new(paths.procfs("pressure").join(name));
            Resource { source, some, full }
        };
        Ok(Pressure {
            resources: [
                resource("cpu", Some(CPU_WAITING), None),
                resource("memory", Some(MEMORY_WAITING), Some(MEMORY_STALLED)),
                resource("io", Some(IO_WAITING), Some(IO_STALLED)),
                resource("irq", None, Some(IRQ_STALLED)),
            ],
        })
    }
}

impl Collector for Pressure {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        for resource in &mut self.resources {
            let warned = out.warned();
            if let Err(why) = resource.collect(out)
                && !is_switched_off(&resource.source)
            {
                // Of a file in which no line makes sense, the lines have been told.
                if out.warned() == warned {
                    out.warn(why.to_string());
                }
            }
        }
        Ok(())
    }
}

impl Resource {
    /// A kernel before 4.20 or without CONFIG_PSI has no such file (`irq` is since 6.1).
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.source.lines(out, |line, out| {
            let (kind, seconds) = parse(line)?;
            if let Some(family) = if kind == "some" { &self.some } else { &self.full } {
                out.push(family, [], seconds);
            }
            Ok(())
        })
    }
}

/// Whether the kernel was started with `psi=0`: then the files are there, and can't be read.
fn is_switched_off(source: &Source) -> bool {
    let read = std::fs::File::open(source.path()).and_then(|mut file| file.read(&mut [0; 64]));
    read.is_err_and(|error| error.kind() == std::io::ErrorKind::Unsupported)
}

/// A line such as `some avg10=0.00 avg60=0.00 avg300=0.00 total=1234`, the total in microseconds.
fn parse(line: &str) -> Result<(&str, f64), Error> {
    let kind = line.split(' ').next().unwrap_or("");
    if kind != "some" && kind != "full" {
        return Err(Error::expected("some or full", line));
    }
    let total = line.rsplit(' ').next().and_then(|word| word.strip_prefix("total="));
    let total: Option<u64> = total.and_then(|number| number.parse().ok());
    let total = total.ok_or_else(|| Error::expected("total= and microseconds at the end", line))?;
    Ok((kind, total as f64 / 1e6))
}
