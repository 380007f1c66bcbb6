//! `/sys/class/powercap`: the energy that a CPU's package, its cores and its memory have used.

use std::collections::HashMap;
use std::path::PathBuf;

use relink_core::{Collector, Error, Family, Paths, Samples, Unread};
use relink_sysfs::{Device, Devices, Reader};

use crate::count;

const OF_ZONE: Family = Family::counter(
    "node_rapl_{}_joules_total",
    "Energy that the zone {} has used, until its counter begins anew (/sys/class/powercap/*/energy_uj).",
)
.labels(&["index", "path"]);
const OF_ALL: Family = Family::counter(
    "node_rapl_joules_total",
    "Energy that a zone has used, until its counter begins anew (/sys/class/powercap/*/energy_uj).",
)
.labels(&["index", "path", "rapl_zone"]);

pub(crate) const FAMILIES: &[Family] = &[OF_ZONE, OF_ALL];

relink_core::options! {
    pub(crate) struct Settings {
        /// One family for all zones, with the zone as a label.
        enable_zone_label: bool = false,
    }
}

pub(crate) struct Rapl {
    class: Devices,
    settings: Settings,
    zones: Vec<Zone>,
    unread: Unread,
    reader: Reader,
}

/// A part of the machine whose energy is counted.
struct Zone {
    name: String,
    index: String,
    /// The folder, as a label.
    path: String,
    energy: PathBuf,
}

impl Rapl {
    pub(crate) fn new(paths: &Paths, settings: Settings) -> Result<Self, Error> {
        Ok(Rapl {
            class: Devices::new(paths.sysfs("class/powercap")),
            settings,
            zones: Vec::new(),
            unread: Unread::default(),
            reader: Reader::default(),
        })
    }
}

impl Collector for Rapl {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if let Some(entries) = self.class.due(out) {
            self.unread = Unread::default();
            self.zones = find(entries, &mut self.unread);
        }
        self.unread.tell(out);
        for Zone { name, index, path, energy } in &self.zones {
            let Some(energy) = count(energy, &mut self.reader, out) else { continue };
            let joules = energy / 1e6;
            if self.settings.enable_zone_label {
                out.push(&OF_ALL, [index, path, name], joules);
            } else {
                out.push(&OF_ZONE, [name, index, path], joules);
            }
        }
        Ok(())
    }
}

/// The zones: the entries that have a name. That of a kind of zones has none.
fn find(entries: &[Device], unread: &mut Unread) -> Vec<Zone> {
    let mut used = HashMap::new();
    let mut zones = Vec::new();
    for entry in entries {
        let Some(name) = unread.read(&entry.path.join("name")) else { continue };
        let (name, index) = numbered(name.trim(), &used);
        if name.is_empty() {
            continue;
        }
        used.insert(name.to_owned(), index.saturating_add(1));
        zones.push(Zone {
            name: name.to_owned(),
            index: index.to_string(),
            path: entry.path.to_string_lossy().into_owned(),
            energy: entry.path.join("energy_uj"),
        });
    }
    zones
}

/// A zone's name and number. `package-1` has it in the name. Others, as `dram`, have one name in all packages, and are
/// numbered in their order.
fn numbered<'a>(name: &'a str, used: &HashMap<String, i64>) -> (&'a str, i64) {
    match name.split_once('-').map(|(name, index)| (name, index.parse())) {
        Some((name, Ok(index))) if index >= 0 => (name, index),
        _ => (name, used.get(name).copied().unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use relink_testing::{Tree, collect};

    use super::*;

    #[test]
    fn a_zone_has_its_number_in_the_name_or_by_its_place() {
        let used = HashMap::from([("dram".to_owned(), 1)]);
        for (name, expected) in [
            ("package-0", ("package", 0)),
            ("package-12", ("package", 12)),
            ("package-1-die-0", ("package-1-die-0", 0)),
            ("core", ("core", 0)),
            ("dram", ("dram", 1)),
            ("a-b", ("a-b", 0)),
            ("a--1", ("a--1", 0)),
            ("package-99999999999999999999", ("package-99999999999999999999", 0)),
            ("", ("", 0)),
        ] {
            assert_eq!(numbered(name, &used), expected, "{name}");
        }
    }

    #[test]
    fn zones_are_looked_for_again() {
        let zone = "sys/class/powercap/intel-rapl:0";
        let tree = Tree::new().file(&format!("{zone}/energy_uj"), "2500000\n");
        let mut rapl = Rapl::new(&tree.paths(), Settings::default()).unwrap();
        assert_eq!(collect(&mut rapl, "rapl").unwrap(), "");
        tree.write(&format!("{zone}/name"), "psys\n");
        rapl.class.half_a_minute_passes();
        let path = tree.path().join(zone);
        let expected = format!("node_rapl_psys_joules_total{{index=\"0\",path={path:?}}} 2.5\n");
        assert_eq!(collect(&mut rapl, "rapl").unwrap(), expected);
    }
}
