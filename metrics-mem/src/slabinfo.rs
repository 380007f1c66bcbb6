//! `/proc/slabinfo`: the kernel's own objects, which it keeps in slabs, one cache a kind. Only root may read it.

use std::time::{Duration, Instant};

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

/// From when on a reading is costly: the kernel goes through the slabs of each cache for it, which is milliseconds on most
/// machines. One that is costly is shown for a hundred times as long, so that who asks more often costs a hundredth of a
/// CPU, and who asks once a second gets a new one each time; and at most for so long.
const COSTLY: Duration = Duration::from_millis(1);
const LONGEST_KEPT: Duration = Duration::from_secs(10);

pub(crate) struct Slabinfo {
    source: Source,
    include: Option<Pattern>,
    exclude: Option<Pattern>,
    /// The lines of the last reading.
    known: Vec<Slab>,
    /// Until when that reading is shown.
    kept_until: Option<Instant>,
}

struct Slab {
    name: Box<str>,
    /// To ask the patterns in each collection would cost more than the rest.
    is_shown: bool,
    counts: [u64; 5],
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
            kept_until: None,
        })
    }
}

impl Collector for Slabinfo {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let Slabinfo { source, include, exclude, known, kept_until } = self;
        let began = Instant::now();
        if kept_until.is_some_and(|until| began < until) {
            known.iter().for_each(|slab| slab.push(out));
            return Ok(());
        }
        let is_shown = |name: &str| {
            include.as_ref().is_none_or(|pattern| pattern.is_match(name))
                && !exclude.as_ref().is_some_and(|pattern| pattern.is_match(name))
        };
        let mut at = 0;
        let read = source.lines(out, |line, out| {
            if line.starts_with("slabinfo - ") || line.starts_with('#') {
                return Ok(());
            }
            let (name, counts) = slab(line)
                .ok_or_else(|| Error::expected("a name, five numbers and \" : tunables\"", line))?;
            if known.get(at).is_none_or(|known| *known.name != *name) {
                known.truncate(at);
                known.push(Slab { name: name.into(), is_shown: is_shown(name), counts });
            }
            known[at].counts = counts;
            known[at].push(out);
            at += 1;
            Ok(())
        });
        known.truncate(at);
        // What is odd is to be told in each collection.
        let is_whole = read.is_ok() && out.warnings().is_empty();
        *kept_until = kept_for(began.elapsed()).filter(|_| is_whole).map(|time| began + time);
        read
    }
}

/// How long a reading is shown that took so long.
fn kept_for(took: Duration) -> Option<Duration> {
    (took >= COSTLY).then(|| (took * 100).min(LONGEST_KEPT))
}

impl Slab {
    fn push(&self, out: &mut Samples) {
        for (family, count) in FAMILIES.iter().zip(self.counts).filter(|_| self.is_shown) {
            out.push(family, [&*self.name], count as f64);
        }
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
    fn a_reading_that_was_costly_is_shown_for_a_while() {
        assert_eq!(kept_for(Duration::from_micros(999)), None);
        assert_eq!(kept_for(Duration::from_millis(5)), Some(Duration::from_millis(500)));
        assert_eq!(kept_for(Duration::from_secs(1)), Some(Duration::from_secs(10)));

        let tree = relink_testing::Tree::new()
            .file("proc/slabinfo", "a 1 2 3 4 5 : tunables\nb 1 2 3 4 5 : tunables\n");
        let paths = Paths { procfs: tree.path().join("proc"), ..Paths::default() };
        let mut slabinfo = Slabinfo::new(&paths, Settings::default()).unwrap();
        let shown = |slabinfo: &mut Slabinfo| {
            let mut out = Samples::new(FAMILIES, 100);
            slabinfo.collect(&mut out).map(|()| out.len()).map_err(|why| why.to_string())
        };
        assert_eq!(shown(&mut slabinfo), Ok(10));
        std::fs::write(paths.procfs("slabinfo"), "a 1 2 3 4 5 : tunables\n").unwrap();
        slabinfo.kept_until = Some(Instant::now() + LONGEST_KEPT);
        assert_eq!(shown(&mut slabinfo), Ok(10));
        slabinfo.kept_until = Some(Instant::now());
        assert_eq!(shown(&mut slabinfo), Ok(5));
    }

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
