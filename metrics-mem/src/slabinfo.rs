//! `/proc/slabinfo`: the kernel's own objects, which it keeps in slabs, one cache a kind. Only root may read it.

use relink_core::{Collector, Error, Family, Paths, Samples, Source, options};
use relink_pattern::Pattern;

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help).labels(&["slab"])
}

/// In the order of the file's columns.
pub(crate) const FAMILIES: &[Family] = &[
    gauge("node_slabinfo_active_objects", "Objects of a cache that are in use (active_objs)."),
    gauge("node_slabinfo_objects", "Objects that a cache has memory for, used or not (num_objs)."),
    gauge("node_slabinfo_object_size_bytes", "Size of an object of a cache (objsize)."),
    gauge("node_slabinfo_objects_per_slab", "Objects that fit into a slab of a cache (objperslab)."),
    gauge("node_slabinfo_pages_per_slab", "Pages that a slab of a cache has (pagesperslab)."),
];

options! {
    pub(crate) struct Settings {
        /// Slabs to show, as a pattern over their names.
        slabs_include: String = ".*".to_owned(),
        /// Slabs to leave out, as a pattern over their names.
        slabs_exclude: String = String::new(),
    }
}

pub(crate) struct Slabinfo {
    source: Source,
    include: Option<Pattern>,
    exclude: Option<Pattern>,
    /// The name of each line and whether it is shown: to ask the patterns in each collection would cost more than the rest.
    known: Vec<(Box<str>, bool)>,
}

impl Slabinfo {
    pub(crate) fn new(paths: &Paths, settings: Settings) -> Result<Self, Error> {
        let pattern = |key: &str, text: &str| {
            let option = format!("[collectors.slabinfo]: {key}");
            (!text.is_empty()).then(|| Pattern::new(&option, text)).transpose()
        };
        Ok(Slabinfo {
            source: Source::new(paths.procfs("slabinfo")),
            include: pattern("slabs_include", &settings.slabs_include)?,
            exclude: pattern("slabs_exclude", &settings.slabs_exclude)?,
            known: Vec::new(),
        })
    }
}

impl Collector for Slabinfo {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let Slabinfo { source, include, exclude, known } = self;
        let is_shown = |name: &str| {
            include.as_ref().is_none_or(|pattern| pattern.is_match(name))
                && !exclude.as_ref().is_some_and(|pattern| pattern.is_match(name))
        };
        let mut at = 0;
        source.lines(out, |line, out| {
            if line.starts_with("slabinfo - ") || line.starts_with('#') {
                return Ok(());
            }
            let (name, counts) = slab(line)
                .ok_or_else(|| Error::expected("a name, five numbers and \" : tunables\"", line))?;
            if known.get(at).is_none_or(|(known, _)| **known != *name) {
                known.truncate(at);
                known.push((name.into(), is_shown(name)));
            }
            let is_shown = known.get(at).is_some_and(|(_, is_shown)| *is_shown);
            at += 1;
            for (family, count) in FAMILIES.iter().zip(counts).filter(|_| is_shown) {
                out.push(family, [name], count as f64);
            }
            Ok(())
        })
    }
}

/// The name and the first five numbers of a line such as
/// `kmalloc-8192  132  148  8192  4  8 : tunables  0  0  0 : slabdata  37  37  0`. A module may put blanks into a name, so
/// the numbers are counted from behind.
fn slab(line: &str) -> Option<(&str, [u64; 5])> {
    let (mut rest, _) = line.split_once(" : tunables")?;
    let mut counts = [0; 5];
    for count in counts.iter_mut().rev() {
        let (before, word) = rest.trim_ascii_end().rsplit_once(|at: char| at.is_ascii_whitespace())?;
        *count = word.parse().ok()?;
        rest = before;
    }
    Some((rest.trim_ascii(), counts)).filter(|(name, _)| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slab_is_a_name_and_numbers() {
        // SLUB, of Linux 6; SLAB with statistics, of 2.6; a name with blanks, as modules of some vendors have it.
        for (line, name, counts) in [
            (
                "tw_sock_TCP          704    864    256   32    2 : tunables    0    0    0 : slabdata     27     27      0",
                "tw_sock_TCP",
                [704, 864, 256, 32, 2],
            ),
            (
                "ndisc_cache            1     15    256   15    1 : tunables   32   16    8 : slabdata      1      1      0 \
                 : globalstat      30     30     2    1 \t\t\t\t   0    0    0    1 : cpustat      2      2      2      0",
                "ndisc_cache",
                [1, 15, 256, 15, 1],
            ),
            ("a b 7 1 2 3 4 5 : tunables 0 0 0 : slabdata 0 0 0", "a b 7", [1, 2, 3, 4, 5]),
        ] {
            assert_eq!(slab(line), Some((name, counts)), "{line}");
        }
        for line in [
            "",
            "a 1 2 3 4 5",
            "1 2 3 4 5 : tunables",
            " 1 2 3 4 5 : tunables",
            "a 1 2 x 4 5 : tunables 0 0 0",
            "a 1 2 -3 4 5 : tunables 0 0 0",
            // Of version 1.1, Linux 2.4.
            "kmem_cache            59     78    100    2    2    1",
        ] {
            assert_eq!(slab(line), None, "{line}");
        }
    }
}
