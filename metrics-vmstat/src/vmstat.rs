//! `/proc/vmstat`: the fields that the operator wants, by default those that node_exporter shows by default.

use relink_core::{Collector, Error, Family, Paths, Samples, Source, options};
use relink_pattern::Pattern;

/// The kernel does not say which fields only count up.
const FIELD: Family = Family::unknown("node_vmstat_{}", "Field {} of /proc/vmstat.");
pub(crate) const FAMILIES: &[Family] = &[FIELD];

options! {
    /// What the operator may set.
    pub(crate) struct Settings {
        /// Which of the fields are shown, as a pattern.
        fields: String = "^(oom_kill|pgpg|pswp|pg.*fault).*".to_owned(),
    }
}

pub(crate) struct Vmstat {
    source: Source,
    fields: Pattern,
    /// The field of each line and whether it is shown: to ask the pattern in each collection would cost more than the rest.
    known: Vec<(Box<str>, bool)>,
}

impl Vmstat {
    pub(crate) fn new(paths: &Paths, settings: Settings) -> Result<Self, Error> {
        let fields = Pattern::new("[collectors.vmstat]: fields", &settings.fields)?;
        Ok(Vmstat { source: Source::new(paths.procfs("vmstat")), fields, known: Vec::new() })
    }
}

impl Collector for Vmstat {
    /// Lines such as `pgfault 94636970`.
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let Vmstat { source, fields, known } = self;
        let mut at = 0;
        source.lines(out, |line, out| {
            let (name, value) =
                line.split_once(' ').ok_or_else(|| Error::expected("a name and a count", line))?;
            if known.get(at).is_none_or(|(known, _)| **known != *name) {
                if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                    return Err(Error::expected("a name and a count", line));
                }
                known.truncate(at);
                known.push((name.into(), fields.is_match(name)));
            }
            let (_, is_shown) = known[at];
            at += 1;
            if is_shown {
                let count: u64 = value.parse().map_err(|_| Error::expected("a count", value))?;
                out.push(&FIELD, [name], count as f64);
            }
            Ok(())
        })
    }
}
