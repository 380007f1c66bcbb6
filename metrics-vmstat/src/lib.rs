//! Paging, swapping and out-of-memory kills (`/proc/vmstat`), and how much entropy the kernel has gathered.
//!
//! The README lists the families.

use relink_core::{Collector, Context, Error, Family, Options, Samples, Source, register};

const FAMILIES: &[Family] = &[
    Family::unknown("node_vmstat_oom_kill", "Processes killed for want of memory (/proc/vmstat oom_kill)."),
    Family::unknown("node_vmstat_pgfault", "Page faults (/proc/vmstat pgfault)."),
    Family::unknown("node_vmstat_pgmajfault", "Page faults that needed I/O (/proc/vmstat pgmajfault)."),
    Family::unknown(
        "node_vmstat_pgpgin",
        "KiB read from disks through the page cache (/proc/vmstat pgpgin).",
    ),
    Family::unknown(
        "node_vmstat_pgpgout",
        "KiB written to disks from the page cache (/proc/vmstat pgpgout).",
    ),
    Family::unknown("node_vmstat_pswpin", "Pages read from swap (/proc/vmstat pswpin)."),
    Family::unknown("node_vmstat_pswpout", "Pages written to swap (/proc/vmstat pswpout)."),
    AVAILABLE,
    POOL_SIZE,
];

const AVAILABLE: Family =
    Family::gauge("node_entropy_available_bits", "Entropy that is available (random/entropy_avail).");
const POOL_SIZE: Family = Family::gauge(
    "node_entropy_pool_size_bits",
    "Entropy that the kernel's pool can hold (random/poolsize).",
);

const PREFIX: &str = "node_vmstat_";

register! {
    name: "vmstat",
    help: "Paging, swapping, out-of-memory kills, entropy",
    families: FAMILIES,
    new: |options: &Options| Vmstat::new(options),
}

struct Vmstat {
    vmstat: Source,
    /// The files of `/proc/sys/kernel/random`, one number each, which some containers hide.
    entropy: [(Family, Source); 2],
}

impl Vmstat {
    fn new(options: &Options) -> Result<Self, Error> {
        options.expect_none()?;
        let random = |name: &str| Source::new(options.procfs("sys/kernel/random").join(name));
        Ok(Vmstat {
            vmstat: Source::new(options.procfs("vmstat")),
            entropy: [(AVAILABLE, random("entropy_avail")), (POOL_SIZE, random("poolsize"))],
        })
    }
}

impl Collector for Vmstat {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        // Other systems have no such file.
        if cfg!(target_os = "linux") {
            let pushed = push_fields(self.vmstat.read()?, out);
            pushed.context(self.vmstat.path().display())?;
        }
        for (family, source) in &mut self.entropy {
            let Some(text) = source.read_if_present()? else { continue };
            let bits = text.trim_end().parse::<u32>().map_err(|_| Error::expected("a number of bits", text));
            out.push(family, [], f64::from(bits.context(source.path().display())?));
        }
        Ok(())
    }
}

/// Lines such as `pgfault 94636970`, of which only a few have a family.
fn push_fields(text: &str, out: &mut Samples) -> Result<(), Error> {
    let before = out.len();
    for (at, line) in text.lines().enumerate() {
        let (name, value) = line.split_once(' ').ok_or_else(|| {
            Error::expected("a name and a count", line).context(format_args!("line {}", at + 1))
        })?;
        let is_it = |family: &Family| family.name().strip_prefix(PREFIX) == Some(name);
        if let Some(family) = FAMILIES.iter().position(is_it) {
            let count = value.parse::<u64>().map_err(|_| Error::expected("a count", value));
            out.push_index(family, &[], count.context(format_args!("line {}", at + 1))? as f64);
        }
    }
    if out.len() == before {
        return Err(Error::new("no line such as pgfault 123, expected at least that"));
    }
    Ok(())
}
