//! `/sys/class/thermal`: zones and their temperature, cooling devices and how hard they work.

use std::path::PathBuf;

use relink_core::{Family, Samples, Unread};

use crate::families::{COOLING_LIMIT, COOLING_STATE, ZONE_TEMPERATURE};
use crate::files::{Class, Entry, Page, read_number};

pub(crate) struct Thermal {
    pub(crate) class: Class,
    parts: Vec<Part>,
    unread: Unread,
    page: Box<Page>,
}

/// A zone or a cooling device.
struct Part {
    number: String,
    kind: String,
    /// Families and the files that hold their values.
    figures: Vec<(Family, PathBuf, f64)>,
}

impl Thermal {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Thermal {
            class: Class::new(folder),
            parts: Vec::new(),
            unread: Unread::default(),
            page: Box::new([0; 4096]),
        }
    }

    pub(crate) fn collect(&mut self, out: &mut Samples) {
        if let Some(entries) = self.class.due(out) {
            self.unread = Unread::default();
            self.parts = entries.iter().filter_map(|entry| Part::find(entry, &mut self.unread)).collect();
        }
        self.unread.tell(out);
        for Part { number, kind, figures } in &self.parts {
            for (family, path, divisor) in figures {
                if let Some(value) = read_number(path, &mut self.page, out) {
                    out.push(family, [number, kind], value / divisor);
                }
            }
        }
    }
}

impl Part {
    fn find(entry: &Entry, unread: &mut Unread) -> Option<Self> {
        let file = |name: &str| entry.path.join(name);
        let (number, figures) = match entry.name.strip_prefix("thermal_zone") {
            Some(number) => (number, vec![(ZONE_TEMPERATURE, file("temp"), 1e3)]),
            None => {
                let figures =
                    vec![(COOLING_STATE, file("cur_state"), 1.0), (COOLING_LIMIT, file("max_state"), 1.0)];
                (entry.name.strip_prefix("cooling_device")?, figures)
            }
        };
        Some(Part { number: number.to_owned(), kind: unread.read(&file("type"))?, figures })
    }
}
