//! `/sys/kernel/mm/ksm`: pages of the same content that the kernel keeps once.

use std::path::PathBuf;

use relink_core::{Collector, Error, Family, Paths, Samples};
use relink_sysfs::{Figure, Figures, Reader, is_there};

/// The kind, the file, what the family is called, and what it means.
macro_rules! figure {
    ($kind:ident, $file:literal, $name:literal, $help:literal) => {
        Figure::new($file, Family::$kind(concat!("node_ksmd_", $name), concat!($help, " (", $file, ").")))
    };
}

const FIGURES: &[Figure] = &[
    figure!(
        gauge,
        "general_profit",
        "general_profit_bytes",
        "Memory that merging saves, less what it costs; below 0 if it costs more"
    ),
    figure!(gauge, "merge_across_nodes", "merge_across_nodes", "Whether pages of different nodes are merged"),
    figure!(gauge, "pages_shared", "pages_shared", "Merged pages that are in use"),
    figure!(
        gauge,
        "pages_sharing",
        "pages_sharing",
        "Places that use a merged page besides the first: pages that are saved"
    ),
    figure!(gauge, "pages_to_scan", "pages_to_scan", "Pages that are looked at before each pause"),
    figure!(
        gauge,
        "pages_unshared",
        "pages_unshared",
        "Pages that are looked at again and again, and are like no other"
    ),
    figure!(gauge, "pages_volatile", "pages_volatile", "Pages that change too often to be merged"),
    figure!(gauge, "run", "run", "0 if merging is stopped, 1 if it runs, 2 if it is undone"),
    figure!(gauge, "sleep_millisecs", "sleep_seconds", "How long each pause is").over(1e3),
    figure!(
        counter,
        "full_scans",
        "full_scans_total",
        "Times that all memory which may be merged was looked at"
    ),
];

pub(crate) const FAMILIES: &[Family] = &Figure::families::<{ FIGURES.len() }>(&[], FIGURES);

pub(crate) struct Ksmd {
    folder: PathBuf,
    /// None until there is the folder, which a kernel without CONFIG_KSM does not have. It has all its files at once.
    figures: Option<Figures>,
    reader: Reader,
}

impl Ksmd {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Ksmd { folder: paths.sysfs("kernel/mm/ksm"), figures: None, reader: Reader::default() })
    }
}

impl Collector for Ksmd {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if self.figures.is_none() && is_there(&self.folder) {
            let found = Figures::find(FIGURES, &self.folder);
            self.figures = Some(found).filter(|found| !found.is_empty());
        }
        if let Some(figures) = &self.figures {
            figures.push(&[], &mut self.reader, out);
        }
        Ok(())
    }
}
