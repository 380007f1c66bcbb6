//! `/sys/class/watchdog`: timers that restart a machine which hangs.

use std::path::Path;

use relink_core::{Collector, Error, Family, Paths, Samples};
use relink_sysfs::{Devices, Figure, Figures, Reader, Words};

const INFO: Family = Family::gauge(
    "node_watchdog_info",
    "Always 1; the labels say what a watchdog is and does (/sys/class/watchdog/*).",
)
.labels(&["name", "options", "identity", "state", "status", "pretimeout_governor"]);

/// The files of its labels but for the first.
const WORDS: [&str; 5] = ["options", "identity", "state", "status", "pretimeout_governor"];

const fn figure(file: &'static str, name: &'static str, help: &'static str) -> Figure {
    Figure::new(file, Family::gauge(name, help).labels(&["name"]))
}

const FIGURES: &[Figure] = &[
    figure(
        "bootstatus",
        "node_watchdog_bootstatus",
        "Bits that say why the machine has started, as the watchdog knows it (bootstatus).",
    ),
    figure("fw_version", "node_watchdog_fw_version", "Version of the watchdog's firmware (fw_version)."),
    figure(
        "nowayout",
        "node_watchdog_nowayout",
        "1 if a watchdog that was started can't be stopped, else 0 (nowayout).",
    ),
    figure(
        "timeleft",
        "node_watchdog_timeleft_seconds",
        "Time until the watchdog restarts the machine (timeleft).",
    ),
    figure(
        "timeout",
        "node_watchdog_timeout_seconds",
        "How long the machine may stay silent until the watchdog restarts it (timeout).",
    ),
    figure(
        "pretimeout",
        "node_watchdog_pretimeout_seconds",
        "How long before the restart the watchdog gives notice (pretimeout).",
    ),
    figure(
        "access_cs0",
        "node_watchdog_access_cs0",
        "1 if the machine has started from its other flash memory, else 0 (access_cs0).",
    ),
];

pub(crate) const FAMILIES: &[Family] = &Figure::families::<{ 1 + FIGURES.len() }>(&[INFO], FIGURES);

pub(crate) struct Watchdogs {
    class: Devices,
    watchdogs: Vec<Watchdog>,
    reader: Reader,
}

struct Watchdog {
    name: String,
    words: Words<{ WORDS.len() }>,
    figures: Figures,
}

impl Watchdogs {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        let class = Devices::new(paths.sysfs("class/watchdog"));
        Ok(Watchdogs { class, watchdogs: Vec::new(), reader: Reader::default() })
    }
}

impl Collector for Watchdogs {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if let Some(entries) = self.class.due(out) {
            self.watchdogs = entries.iter().map(|entry| Watchdog::find(&entry.name, &entry.path)).collect();
        }
        for watchdog in &mut self.watchdogs {
            watchdog.push(&mut self.reader, out);
        }
        Ok(())
    }
}

impl Watchdog {
    fn find(name: &str, folder: &Path) -> Self {
        Watchdog {
            name: name.to_owned(),
            words: Words::find(WORDS, folder),
            figures: Figures::find(FIGURES, folder),
        }
    }

    fn push(&mut self, reader: &mut Reader, out: &mut Samples) {
        let [options, identity, state, status, governor] = self.words.read(reader, out);
        out.push(&INFO, [&self.name, options, identity, state, status, governor], 1.0);
        self.figures.push(&[&self.name], reader, out);
    }
}
