//! Tables of families whose values stand in a file each.

use std::path::{Path, PathBuf};

use relink_core::{Family, Kind, Samples};

use crate::{Reader, is_there, odd};

/// A file of a device's folder that holds one number, and the family that shows it.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    file: &'static str,
    family: Family,
    factor: f64,
    divisor: f64,
}

impl Figure {
    /// The number as it stands in the file. The file may be in a folder of the device's: `counters/port_xmit_data`.
    pub const fn new(file: &'static str, family: Family) -> Self {
        Figure { file, family, factor: 1.0, divisor: 1.0 }
    }

    /// Shows the number times this, as in 512 for sectors as bytes.
    #[must_use]
    pub const fn times(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// Shows the number divided by this, as in 1e3 for milliseconds as seconds: a product with 1e-3 is less exact.
    #[must_use]
    pub const fn over(mut self, divisor: f64) -> Self {
        self.divisor = divisor;
        self
    }

    /// Some families, and then those of the figures, as a collector declares them.
    pub const fn families<const N: usize>(before: &[Family], figures: &[Figure]) -> [Family; N] {
        assert!(N == before.len() + figures.len(), "the length is another than that of both lists");
        let mut all = [if N == before.len() { before[0] } else { figures[0].family }; N];
        let mut at = 0;
        while at < N {
            all[at] = if at < before.len() { before[at] } else { figures[at - before.len()].family };
            at += 1;
        }
        all
    }
}

/// The files that one device has of a table. They are looked for once, and read at each collection.
#[derive(Debug)]
pub struct Figures {
    figures: &'static [Figure],
    files: Vec<(usize, PathBuf)>,
}

impl Figures {
    /// Looks for the files in a device's folder.
    pub fn find(figures: &'static [Figure], folder: &Path) -> Self {
        let files = figures.iter().enumerate().map(|(at, figure)| (at, folder.join(figure.file)));
        Figures { figures, files: files.filter(|(_, path)| is_there(path)).collect() }
    }

    /// Whether the device has none of them.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Pushes what the files hold now, with these label values. What is no number, or a counter below 0, is told.
    pub fn push(&self, labels: &[&str], reader: &mut Reader, out: &mut Samples) {
        for (at, path) in &self.files {
            let figure = &self.figures[*at];
            let Some(number) = reader.number(path, out) else { continue };
            if figure.family.kind() == Kind::Counter && number < 0.0 {
                odd(path, "a count", &number.to_string(), out);
                continue;
            }
            out.push_slice(&figure.family, labels, number * figure.factor / figure.divisor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: Family =
        Family::counter("written_bytes_total", "Bytes written (sectors).").labels(&["device"]);
    const TEMPERATURE: Family =
        Family::gauge("temperature_celsius", "Temperature (temp).").labels(&["device"]);
    const FIGURES: &[Figure] =
        &[Figure::new("io/sectors", WRITTEN).times(512.0), Figure::new("temp", TEMPERATURE).over(1e3)];
    const FAMILIES: &[Family] = &Figure::families::<2>(&[], FIGURES);

    #[test]
    fn the_files_that_are_there_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| {
            std::fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            std::fs::write(folder.path().join(name), content).unwrap();
        };
        let mut reader = Reader::default();
        let mut shown = |figures: &Figures| {
            let mut out = Samples::new(FAMILIES, 10);
            figures.push(&["a"], &mut reader, &mut out);
            assert!(out.fault().is_none(), "{:?}", out.fault());
            (out.values().to_vec(), out.warned())
        };
        assert!(Figures::find(FIGURES, folder.path()).is_empty());
        write("temp", "-4500\n");
        assert_eq!(shown(&Figures::find(FIGURES, folder.path())), (vec![-4.5], 0));
        write("io/sectors", "2\n");
        let both = Figures::find(FIGURES, folder.path());
        assert_eq!(shown(&both), (vec![1024.0, -4.5], 0));
        write("io/sectors", "-1\n");
        write("temp", "warm\n");
        assert_eq!(shown(&both), (vec![], 2));
    }
}
