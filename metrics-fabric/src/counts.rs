//! Tables of counters that a file each holds.

use std::path::{Path, PathBuf};

use relink_core::{Family, Samples};
use relink_sysfs::{Reader, is_there, odd};

/// A file of a device's folder that holds a count, and the family that shows it.
#[derive(Clone, Copy)]
pub(crate) struct Count {
    file: &'static str,
    family: Family,
    factor: u64,
    divisor: u64,
}

impl Count {
    /// The count as it stands in the file.
    pub(crate) const fn new(file: &'static str, family: Family) -> Self {
        Count { file, family, factor: 1, divisor: 1 }
    }

    /// Shows the count times this.
    pub(crate) const fn times(mut self, factor: u64) -> Self {
        self.factor = factor;
        self
    }

    /// Shows the count divided by this, without what is behind the point.
    pub(crate) const fn over(mut self, divisor: u64) -> Self {
        assert!(divisor > 0);
        self.divisor = divisor;
        self
    }

    /// Some families, and then those of the counts, as a collector declares them.
    pub(crate) const fn families<const N: usize>(before: &[Family], counts: &[Count]) -> [Family; N] {
        assert!(N == before.len() + counts.len(), "the length is another than that of both lists");
        let mut all = [before[0]; N];
        let mut at = 1;
        while at < N {
            all[at] = if at < before.len() { before[at] } else { counts[at - before.len()].family };
            at += 1;
        }
        all
    }
}

/// The files that one device has of a table. They are looked for once, and read at each collection.
pub(crate) struct Counts {
    files: Vec<(&'static Count, PathBuf)>,
    /// A count that stands for none.
    none: Option<u64>,
}

impl Counts {
    /// Looks for the files in a device's folder.
    pub(crate) fn find(counts: &'static [Count], folder: &Path, none: Option<u64>) -> Self {
        let files = counts.iter().map(|count| (count, folder.join(count.file)));
        Counts { files: files.filter(|(_, path)| is_there(path)).collect(), none }
    }

    /// Pushes what the files hold now, with these label values.
    pub(crate) fn push<const N: usize>(&self, labels: [&str; N], reader: &mut Reader, out: &mut Samples) {
        for (count, path) in &self.files {
            let value = self::count(reader, path, out).filter(|value| Some(*value) != self.none);
            // A product beyond 2^64 begins at 0 again, as the counter does.
            if let Some(value) = value {
                out.push(&count.family, labels, (value.wrapping_mul(count.factor) / count.divisor) as f64);
            }
        }
    }
}

/// The count that a file holds, decimal or with `0x` in front; what is none is told. A driver that has no count says so in
/// words, as in `N/A (no PMA)`, or answers with an error.
fn count(reader: &mut Reader, path: &Path, out: &mut Samples) -> Option<u64> {
    let text = reader.text(path, out)?;
    if text.starts_with("N/A") {
        return None;
    }
    let count = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    if count.is_none() {
        odd(path, "a count", &text, out);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Family = Family::counter("words_total", "Words.").labels(&["device"]);
    const FRAMES: Family = Family::counter("frames_total", "Frames.").labels(&["device"]);
    const COUNTS: &[Count] =
        &[Count::new("n/words", WORDS).times(4), Count::new("frames", FRAMES).over(1000)];
    const FAMILIES: &[Family] = &Count::families::<2>(&[WORDS], &[COUNTS[1]]);

    #[test]
    fn counts_are_decimal_or_hexadecimal() {
        let tree = relink_testing::Tree::new();
        let shown = |words: &str, none: Option<u64>| {
            tree.write("n/words", words);
            let (mut out, mut reader) = (Samples::new(FAMILIES, 10), Reader::default());
            Counts::find(COUNTS, tree.path(), none).push(["a"], &mut reader, &mut out);
            assert!(out.fault().is_none(), "{:?}", out.fault());
            (out.values().to_vec(), out.warned())
        };
        assert_eq!(shown("5\n", None), (vec![20.0], 0));
        assert_eq!(shown("0x1f\n", None), (vec![124.0], 0));
        for none in ["N/A (no PMA)\n", "N/A (not available)\n"] {
            assert_eq!(shown(none, None), (vec![], 0), "{none:?}");
        }
        for odd in ["", "\n", "-1\n", "0xg\n", "many\n", "1.5\n", "0x\n", "18446744073709551616\n"] {
            assert_eq!(shown(odd, None), (vec![], 1), "{odd:?}");
        }
        let most = "0xffffffffffffffff\n";
        assert_eq!(shown(most, None), (vec![18446744073709551612.0], 0));
        assert_eq!(shown(most, Some(u64::MAX)), (vec![], 0));
        tree.write("frames", "1999\n");
        assert_eq!(shown("1\n", None), (vec![4.0, 1.0], 0));
    }
}
