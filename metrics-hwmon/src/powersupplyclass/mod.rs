//! `/sys/class/power_supply`: mains, batteries and USB.

use std::path::{Path, PathBuf};

use relink_core::{Samples, Unread};
use relink_pattern::Pattern;

use crate::families::{FIRST_FIGURE, SUPPLY_INFO};
use crate::files::{Class, Page, read, read_number};
use crate::supplies::FIGURES;

pub(crate) struct Supplies {
    pub(crate) class: Class,
    exclude: Option<Pattern>,
    supplies: Vec<Supply>,
    page: Box<Page>,
}

/// How many labels [`SUPPLY_INFO`] has.
const LABELS: usize = SUPPLY_INFO.label_names().len();

struct Supply {
    /// The label values of [`SUPPLY_INFO`], of which the first is the name.
    labels: [String; LABELS],
    /// The files that it has for labels, by the label's place.
    words: Vec<(usize, PathBuf)>,
    /// The files that it has for numbers, by their place in [`FIGURES`].
    figures: Vec<(usize, PathBuf)>,
    unread: Unread,
}

impl Supplies {
    pub(crate) fn new(folder: PathBuf, exclude: Option<Pattern>) -> Self {
        Supplies { class: Class::new(folder), exclude, supplies: Vec::new(), page: Box::new([0; 4096]) }
    }

    pub(crate) fn collect(&mut self, out: &mut Samples) {
        if let Some(entries) = self.class.due(out) {
            let shown = entries
                .iter()
                .filter(|entry| self.exclude.as_ref().is_none_or(|pattern| !pattern.is_match(&entry.name)));
            self.supplies = shown.map(|entry| Supply::find(&entry.name, &entry.path)).collect();
        }
        for supply in &mut self.supplies {
            supply.push(&mut self.page, out);
        }
    }
}

impl Supply {
    fn find(name: &str, folder: &Path) -> Self {
        let mut unread = Unread::default();
        let files = unread.list(folder);
        let found = |names: &mut dyn Iterator<Item = &str>| -> Vec<(usize, PathBuf)> {
            let there = names.enumerate().filter(|(_, name)| files.iter().any(|file| file == name));
            there.map(|(at, name)| (at, folder.join(name))).collect()
        };
        // The labels are called as the files are; but the name is the folder's.
        let mut words = found(&mut SUPPLY_INFO.label_names().iter().copied());
        words.retain(|(label, _)| *label > 0);
        let mut labels: [String; LABELS] = Default::default();
        name.clone_into(&mut labels[0]);
        Supply { labels, words, figures: found(&mut FIGURES.iter().map(|figure| figure.file)), unread }
    }

    fn push(&mut self, page: &mut Page, out: &mut Samples) {
        self.unread.tell(out);
        for (label, file) in &self.words {
            let word = read(file, page, out).unwrap_or_default();
            word.clone_into(&mut self.labels[*label]);
        }
        out.push(&SUPPLY_INFO, self.labels.each_ref().map(String::as_str), 1.0);
        for (figure, file) in &self.figures {
            if let Some(number) = read_number(file, page, out) {
                let value = number / FIGURES[*figure].divisor;
                out.push_index(FIRST_FIGURE + figure, &[&self.labels[0]], value);
            }
        }
    }
}
