//! `/sys/kernel/mm/ksm`: pages of the same content that the kernel keeps once.

use std::path::PathBuf;

use relink_core::{Collector, Error, Family, Paths, Samples};
use relink_sysfs::{Figure, Figures, Reader, is_there};

const FIGURES: &[Figure] = &[
    Figure::new(
        "general_profit",
        Family::gauge(
            "node_ksmd_general_profit_bytes",
            "Memory that merging saves, less what it costs; below 0 if it costs more (general_profit).",
        ),
    ),
    Figure::new(
        "merge_across_nodes",
        Family::gauge(
            "node_ksmd_merge_across_nodes",
            "Whether pages of different nodes are merged (merge_across_nodes).",
        ),
    ),
    Figure::new(
        "pages_shared",
        Family::gauge("node_ksmd_pages_shared", "Merged pages that are in use (pages_shared)."),
    ),
    Figure::new(
        "pages_sharing",
        Family::gauge(
            "node_ksmd_pages_sharing",
            "Places that use a merged page besides the first: pages that are saved (pages_sharing).",
        ),
    ),
    Figure::new(
        "pages_to_scan",
        Family::gauge(
            "node_ksmd_pages_to_scan",
            "Pages that are looked at before each pause (pages_to_scan).",
        ),
    ),
    Figure::new(
        "pages_unshared",
        Family::gauge(
            "node_ksmd_pages_unshared",
            "Pages that are looked at again and again, and are like no other (pages_unshared).",
        ),
    ),
    Figure::new(
        "pages_volatile",
        Family::gauge(
            "node_ksmd_pages_volatile",
            "Pages that change too often to be merged (pages_volatile).",
        ),
    ),
    Figure::new(
        "run",
        Family::gauge("node_ksmd_run", "0 if merging is stopped, 1 if it runs, 2 if it is undone (run)."),
    ),
    Figure::new(
        "sleep_millisecs",
        Family::gauge("node_ksmd_sleep_seconds", "How long each pause is (sleep_millisecs)."),
    )
    .over(1e3),
    Figure::new(
        "full_scans",
        Family::counter(
            "node_ksmd_full_scans_total",
            "Times that all memory which may be merged was looked at (full_scans).",
        ),
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
