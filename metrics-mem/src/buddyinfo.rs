//! `/proc/buddyinfo`: how many free blocks of each size a zone has.

use relink_core::{Collector, Error, Family, Paths, Samples, Source};

use crate::zone::{ORDINALS, zone};

pub(crate) const BLOCKS: Family = Family::gauge(
    "node_buddyinfo_blocks",
    "Free blocks of a zone that have 2 to the power of size pages (/proc/buddyinfo).",
)
.labels(&["node", "zone", "size"]);

pub(crate) struct Buddyinfo(Source);

impl Buddyinfo {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Buddyinfo(Source::new(paths.procfs("buddyinfo"))))
    }
}

impl Collector for Buddyinfo {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.0.lines(out, push)
    }
}

/// A line such as `Node 0, zone   Normal   6116   3568   1080`. What is no count is told, and the others are shown.
fn push(line: &str, out: &mut Samples) -> Result<(), Error> {
    let not_a_zone = || Error::expected("a line such as \"Node 0, zone DMA 1 0 3\"", line);
    let (node, zone, counts) = zone(line).ok_or_else(not_a_zone)?;
    if !(1..=ORDINALS.len()).contains(&counts.clone().count()) {
        return Err(not_a_zone());
    }
    let mut odd = None;
    for (size, word) in ORDINALS.iter().zip(counts) {
        match word.parse::<u64>() {
            Ok(count) => out.push(&BLOCKS, [node, zone, size], count as f64),
            Err(_) => odd = odd.or(Some(Error::expected("a count", word))),
        }
    }
    odd.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_count_for_each_size() {
        let pushed = |line: &str| {
            let mut out = Samples::new(&[BLOCKS], 100);
            let outcome = push(line, &mut out).map_err(|why| why.message().to_owned());
            (out.values().to_vec(), outcome)
        };
        // Linux 6.1 has 11 sizes, and a blank behind the last one; 2.6.9 had 11 as well.
        let line = "Node 0, zone      DMA      0      0      0      0      0      0      0      0      1      1      3 ";
        assert_eq!(pushed(line), (vec![0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 3.0], Ok(())));
        let (values, outcome) = pushed("Node 1, zone Normal 1 x -1 18446744073709551615");
        assert_eq!(values, [1.0, 18446744073709551615.0]);
        assert_eq!(outcome.unwrap_err(), "expected a count, found \"x\"");
        for line in ["Node 0, zone DMA", "Node 0, zone", &format!("Node 0, zone DMA{}", " 1".repeat(25))] {
            let (values, outcome) = pushed(line);
            assert!(
                values.is_empty() && outcome.unwrap_err().starts_with("expected a line such as"),
                "{line}"
            );
        }
    }
}
