//! `/sys/class/power_supply`: mains, batteries and USB.

mod figures;

use std::path::{Path, PathBuf};

use relink_core::{Collector, Error, Family, Paths, Samples, Unread};
use relink_pattern::Pattern;
use relink_sysfs::{Devices, Figure, Figures, Reader};

use crate::pattern;
use figures::FIGURES;

const INFO: Family = Family::gauge(
    "node_power_supply_info",
    "Always 1; the labels say what kind of supply it is, and its state.",
)
.labels(&[
    "power_supply",
    "type",
    "status",
    "health",
    "technology",
    "manufacturer",
    "model_name",
    "serial_number",
    "capacity_level",
    "charge_type",
    "usb_type",
    "scope",
]);

pub(crate) const FAMILIES: &[Family] = &Figure::families::<{ 1 + FIGURES.len() }>(&[INFO], FIGURES);

relink_core::options! {
    pub(crate) struct Settings {
        /// Power supplies to leave out, as a pattern over their names.
        ignored_supplies: String = String::new(),
    }
}

pub(crate) struct Supplies {
    class: Devices,
    ignored: Option<Pattern>,
    supplies: Vec<Supply>,
    reader: Reader,
}

/// How many labels [`INFO`] has.
const LABELS: usize = INFO.label_names().len();

struct Supply {
    /// The label values of [`INFO`], of which the first is the name.
    labels: [String; LABELS],
    /// The files that it has for labels, by the label's place.
    words: Vec<(usize, PathBuf)>,
    figures: Figures,
    unread: Unread,
}

impl Supplies {
    pub(crate) fn new(paths: &Paths, settings: Settings) -> Result<Self, Error> {
        let option = "[collectors.powersupplyclass]: ignored_supplies";
        Ok(Supplies {
            class: Devices::new(paths.sysfs("class/power_supply")),
            ignored: pattern(option, &settings.ignored_supplies)?,
            supplies: Vec::new(),
            reader: Reader::default(),
        })
    }
}

impl Collector for Supplies {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if let Some(entries) = self.class.due(out) {
            let shown = entries
                .iter()
                .filter(|entry| self.ignored.as_ref().is_none_or(|pattern| !pattern.is_match(&entry.name)));
            self.supplies = shown.map(|entry| Supply::find(&entry.name, &entry.path)).collect();
        }
        for supply in &mut self.supplies {
            supply.push(&mut self.reader, out);
        }
        Ok(())
    }
}

impl Supply {
    fn find(name: &str, folder: &Path) -> Self {
        let mut unread = Unread::default();
        let files = unread.list(folder);
        // The labels are called as the files are; but the name is the folder's.
        let names = INFO.label_names().iter().enumerate().skip(1);
        let there = names.filter(|(_, name)| files.iter().any(|file| file == *name));
        let words = there.map(|(at, name)| (at, folder.join(name))).collect();
        let mut labels: [String; LABELS] = Default::default();
        name.clone_into(&mut labels[0]);
        Supply { labels, words, figures: Figures::find(FIGURES, folder), unread }
    }

    fn push(&mut self, reader: &mut Reader, out: &mut Samples) {
        self.unread.tell(out);
        for (label, file) in &self.words {
            self.labels[*label].clear();
            self.labels[*label].push_str(&reader.text(file, out).unwrap_or_default());
        }
        out.push(&INFO, self.labels.each_ref().map(String::as_str), 1.0);
        self.figures.push(&[&self.labels[0]], reader, out);
    }
}

#[cfg(test)]
mod tests {
    use relink_testing::{Tree, collect};

    use super::*;

    #[test]
    fn the_files_of_a_supply_are_looked_for_again() {
        let tree = Tree::new().file("sys/class/power_supply/BAT0/capacity", "50\n");
        let mut supplies = Supplies::new(&tree.paths(), Settings::default()).unwrap();
        let first = collect(&mut supplies, "powersupplyclass").unwrap();
        tree.write("sys/class/power_supply/BAT0/voltage_now", "12000000\n");
        tree.write("sys/class/power_supply/BAT0/status", "Full\n");
        assert_eq!(collect(&mut supplies, "powersupplyclass").unwrap(), first, "it is not yet time");
        supplies.class.half_a_minute_passes();
        let text = collect(&mut supplies, "powersupplyclass").unwrap();
        assert!(text.contains("node_power_supply_voltage_volt{power_supply=\"BAT0\"} 12\n"), "{text}");
        assert!(text.contains("status=\"Full\""), "{text}");
    }
}
