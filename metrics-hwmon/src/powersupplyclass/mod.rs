//! `/sys/class/power_supply`: mains, batteries and USB.

mod figures;

use std::path::Path;

use relink_core::{Collector, Error, Family, Paths, Samples};
use relink_pattern::Pattern;
use relink_sysfs::{Devices, Figure, Figures, Reader, Words};

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

/// The labels behind the name, which are called as the files are.
const WORDS: [&str; INFO.label_names().len() - 1] = Words::labels_behind_the_name(&INFO);

struct Supply {
    name: String,
    words: Words<{ WORDS.len() }>,
    figures: Figures,
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
        let (words, figures) = (Words::find(WORDS, folder), Figures::find(FIGURES, folder));
        Supply { name: name.to_owned(), words, figures }
    }

    fn push(&mut self, reader: &mut Reader, out: &mut Samples) {
        let mut labels = [self.name.as_str(); WORDS.len() + 1];
        labels[1..].copy_from_slice(&self.words.read(reader, out));
        out.push(&INFO, labels, 1.0);
        self.figures.push(&[&self.name], reader, out);
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
