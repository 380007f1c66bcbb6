//! `/proc/zoneinfo`: the zones of memory of each node. What the kernel counts by node stands in the node's first zone.

mod fields;

use relink_core::{Collector, Error, Family, Paths, Samples, Source};

use crate::zone::{ORDINALS, zone};
use fields::{FIELDS, PROTECTION};

pub(crate) use fields::FAMILIES;

pub(crate) struct Zoneinfo {
    source: Source,
    at: Zone,
}

/// The zone that lines are about, in buffers that are kept.
#[derive(Default)]
struct Zone {
    /// Not while its first line makes no sense.
    is_known: bool,
    node: String,
    zone: String,
    /// The place in [`FIELDS`] where the next one is likely.
    next: usize,
}

impl Zoneinfo {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Zoneinfo { source: Source::new(paths.procfs("zoneinfo")), at: Zone::default() })
    }
}

impl Collector for Zoneinfo {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let (at, mut has_zone) = (&mut self.at, false);
        at.is_known = false;
        self.source.lines(out, |line, out| {
            if !line.starts_with(' ') {
                at.begin(line)?;
                has_zone = true;
            } else if at.is_known {
                at.push(line.trim_ascii(), out)?;
            }
            Ok(())
        })?;
        if !has_zone {
            let first = |text: &str| Err::<(), _>(not_a_zone(text.lines().next().unwrap_or("")));
            self.source.parse(first)?;
        }
        Ok(())
    }
}

fn not_a_zone(line: &str) -> Error {
    Error::expected("a line such as \"Node 0, zone DMA\"", line)
}

impl Zone {
    fn begin(&mut self, line: &str) -> Result<(), Error> {
        self.is_known = false;
        let (node, zone, _) = zone(line).ok_or_else(|| not_a_zone(line))?;
        node.clone_into(&mut self.node);
        zone.clone_into(&mut self.zone);
        self.is_known = true;
        Ok(())
    }

    /// A line such as `nr_free_pages 2949`, `scanned  0 (aa: 0 ia: 0 af: 0 if: 0)` or `protection: (0, 2039, 31932)`. What a
    /// CPU has set aside, `high:  378`, has a colon.
    fn push(&mut self, line: &str, out: &mut Samples) -> Result<(), Error> {
        let (key, rest) = line.split_once(|at: char| at.is_ascii_whitespace()).unwrap_or((line, ""));
        if key == "protection:" {
            return self.push_protection(rest, out);
        }
        let found = (self.next..FIELDS.len()).chain(0..self.next).find(|&at| FIELDS[at].0 == key);
        let Some(at) = found else { return Ok(()) };
        self.next = at + 1;
        let word = rest.split_ascii_whitespace().next().unwrap_or("");
        let number = number(&FIELDS[at].1, word)
            .ok_or_else(|| Error::expected(format_args!("a number behind {key}"), word))?;
        out.push(&FIELDS[at].1, [&self.node, &self.zone], number);
        Ok(())
    }

    fn push_protection(&self, text: &str, out: &mut Samples) -> Result<(), Error> {
        let not_numbers = || Error::expected("numbers such as \"(0, 2039, 31932)\" behind protection", text);
        let inner = text.trim_ascii().strip_prefix('(').and_then(|text| text.strip_suffix(')'));
        let words = || inner.unwrap_or("").split(',').map(|word| number(&PROTECTION, word.trim_ascii()));
        if words().count() > ORDINALS.len() || words().any(|number| number.is_none()) {
            return Err(not_numbers());
        }
        for (place, number) in ORDINALS.iter().zip(words().flatten()) {
            out.push(&PROTECTION, [place, &self.node, &self.zone], number);
        }
        Ok(())
    }
}

/// A number that a family can have. One beyond `i64` is one below zero that the kernel printed without its sign.
fn number(family: &Family, word: &str) -> Option<f64> {
    let is_counter = family.kind() == relink_core::Kind::Counter;
    word.parse::<i64>().ok().filter(|number| *number >= 0 || !is_counter).map(|number| number as f64)
}
