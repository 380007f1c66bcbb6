//! Paging, swapping and out-of-memory kills (`/proc/vmstat`), and how much entropy the kernel has gathered.
//!
//! The README lists families and options.

use relink_core::{Collector, Context, Error, Facts, Family, Options, Samples, Source, register};
use relink_pattern::Pattern;
use serde::Deserialize;

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

/// What the operator may set.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Whether the figures of `/proc/vmstat` are shown.
    vmstat: bool,
    /// Whether entropy is shown.
    entropy: bool,
    /// Which fields of `/proc/vmstat` are shown.
    fields: String,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { vmstat: true, entropy: true, fields: String::new() }
    }
}

struct Vmstat {
    vmstat: Option<Source>,
    /// Without one, all fields that have a family are shown.
    fields: Option<Pattern>,
    /// The files of `/proc/sys/kernel/random`, one number each, which some containers hide.
    entropy: Vec<(Family, Source)>,
}

impl Vmstat {
    fn new(options: &Options) -> Result<Self, Error> {
        let settings: Settings = options.parse()?;
        let random = |(family, name): (Family, &str)| {
            (family, Source::new(options.procfs("sys/kernel/random").join(name)))
        };
        let entropy = [(AVAILABLE, "entropy_avail"), (POOL_SIZE, "poolsize")];
        Ok(Vmstat {
            vmstat: settings.vmstat.then(|| Source::new(options.procfs("vmstat"))),
            fields: fields(&settings.fields)?,
            entropy: entropy.into_iter().filter(|_| settings.entropy).map(random).collect(),
        })
    }
}

impl Collector for Vmstat {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        // Other systems have no such file.
        if let Some(vmstat) = self.vmstat.as_mut().filter(|_| cfg!(target_os = "linux")) {
            let pushed = push_fields(vmstat.read()?, self.fields.as_ref(), out);
            pushed.context(vmstat.path().display())?;
        }
        for (family, source) in &mut self.entropy {
            let Some(text) = source.read_if_present(out)? else { continue };
            let bits = text.trim_end().parse::<u32>().map_err(|_| Error::expected("a number of bits", text));
            out.push(family, [], f64::from(bits.context(source.path().display())?));
        }
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        let (Some(vmstat), Some(fields)) = (&mut self.vmstat, &self.fields) else { return Ok(()) };
        let names = vmstat.read()?.lines().filter_map(|line| line.split_once(' ')).map(|(name, _)| name);
        let missing: Vec<_> =
            names.filter(|name| fields.is_match(name) && family_of(name).is_none()).collect();
        if !missing.is_empty() {
            let more = if missing.len() > 3 { ", …" } else { "" };
            let first = missing[..missing.len().min(3)].join(", ");
            out.push("fields", format!("{} match and have no family here: {first}{more}", missing.len()));
        }
        Ok(())
    }
}

/// The pattern of the option `fields`: nothing for an empty one, and an error for one that leaves nothing over.
fn fields(pattern: &str) -> Result<Option<Pattern>, Error> {
    if pattern.is_empty() {
        return Ok(None);
    }
    let fields = Pattern::new("[plugins.vmstat]: fields", pattern)?;
    let names: Vec<_> = FAMILIES.iter().filter_map(|family| family.name().strip_prefix(PREFIX)).collect();
    if !names.iter().any(|name| fields.is_match(name)) {
        let wrong = format!(
            "[plugins.vmstat]: fields is {pattern:?}, which is none of the fields that this plugin shows"
        );
        return Err(Error::new(wrong).hint(format!("they are {}", names.join(", "))));
    }
    Ok(Some(fields))
}

/// The place of the family of this field.
fn family_of(name: &str) -> Option<usize> {
    FAMILIES.iter().position(|family| family.name().strip_prefix(PREFIX) == Some(name))
}

/// Lines such as `pgfault 94636970`, of which only a few have a family.
fn push_fields(text: &str, fields: Option<&Pattern>, out: &mut Samples) -> Result<(), Error> {
    let mut known = 0;
    for (at, line) in text.lines().enumerate() {
        let (name, value) = line.split_once(' ').ok_or_else(|| {
            Error::expected("a name and a count", line).context(format_args!("line {}", at + 1))
        })?;
        if let Some(family) = family_of(name) {
            known += 1;
            if fields.is_some_and(|fields| !fields.is_match(name)) {
                continue;
            }
            let count = value.parse::<u64>().map_err(|_| Error::expected("a count", value));
            out.push_index(family, &[], count.context(format_args!("line {}", at + 1))? as f64);
        }
    }
    if known == 0 {
        return Err(Error::new("no line such as pgfault 123, expected at least that"));
    }
    Ok(())
}
