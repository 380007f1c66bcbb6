//! Metrics that scripts and cron jobs leave in files: each `*.prom` in a folder, as node_exporter's textfile collector.
//!
//! The README lists families and options.

mod textfile;

use textfile::{MTIME, SCRAPE_ERROR, Settings, Textfile};

relink_core::register! {
    plugin: "textfile",
    collector: "textfile",
    help: "Metrics that scripts leave in files",
    families: [SCRAPE_ERROR, MTIME],
    options: Settings,
    new: Textfile::new,
}
