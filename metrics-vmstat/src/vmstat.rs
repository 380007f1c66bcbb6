//! `/proc/vmstat`, of which is shown what node_exporter shows by default.

use relink_core::{Collector, Error, Facts, Family, Paths, Samples, Source, options};
use relink_pattern::Pattern;

pub(crate) const FAMILIES: &[Family] = &[
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
];

const PREFIX: &str = "node_vmstat_";

options! {
    /// What the operator may set.
    pub(crate) struct Settings {
        /// Which of the fields are shown, as a pattern.
        fields: String = String::new(),
    }
}

pub(crate) struct Vmstat {
    source: Source,
    /// Without one, all fields that have a family are shown.
    fields: Option<Pattern>,
}

impl Vmstat {
    pub(crate) fn new(paths: &Paths, settings: Settings) -> Result<Self, Error> {
        Ok(Vmstat { source: Source::new(paths.procfs("vmstat")), fields: fields(&settings.fields)? })
    }
}

impl Collector for Vmstat {
    /// Lines such as `pgfault 94636970`, of which only a few have a family.
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let mut is_known = false;
        self.source.lines(out, |line, out| {
            let (name, value) =
                line.split_once(' ').ok_or_else(|| Error::expected("a name and a count", line))?;
            let Some(family) = family_of(name) else { return Ok(()) };
            is_known = true;
            if self.fields.as_ref().is_none_or(|fields| fields.is_match(name)) {
                let count: u64 = value.parse().map_err(|_| Error::expected("a count", value))?;
                out.push_index(family, &[], count as f64);
            }
            Ok(())
        })?;
        if !is_known {
            let why = "no line such as pgfault 123, expected at least that";
            self.source.parse(|_| Err::<(), _>(Error::new(why)))?;
        }
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        let Some(fields) = &self.fields else { return Ok(()) };
        let text = self.source.text()?.unwrap_or_default();
        let names = text.lines().filter_map(|line| line.split_once(' ')).map(|(name, _)| name);
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
    const OPTION: &str = "[collectors.vmstat]: fields";
    if pattern.is_empty() {
        return Ok(None);
    }
    let fields = Pattern::new(OPTION, pattern)?;
    let names: Vec<_> = FAMILIES.iter().filter_map(|family| family.name().strip_prefix(PREFIX)).collect();
    if !names.iter().any(|name| fields.is_match(name)) {
        let wrong = format!("{OPTION} is {pattern:?}, which is none of the fields that this collector shows");
        return Err(Error::new(wrong).hint(format!("they are {}", names.join(", "))));
    }
    Ok(Some(fields))
}

/// The place of the family of this field.
fn family_of(name: &str) -> Option<usize> {
    FAMILIES.iter().position(|family| family.name().strip_prefix(PREFIX) == Some(name))
}
