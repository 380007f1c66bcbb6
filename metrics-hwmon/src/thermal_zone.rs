//! `/sys/class/thermal`: zones and their temperature, cooling devices and how hard they work.

use std::path::PathBuf;

use relink_core::{Collector, Error, Family, Paths, Samples, Unread};
use relink_sysfs::{Device, Devices, Reader};

const TEMPERATURE: Family =
    Family::gauge("node_thermal_zone_temp", "Temperature of a thermal zone, in degrees Celsius.")
        .labels(&["zone", "type"]);
const COOLING_STATE: Family =
    Family::gauge("node_cooling_device_cur_state", "How hard a cooling device works, in steps of its own.")
        .labels(&["name", "type"]);
const COOLING_LIMIT: Family = Family::gauge(
    "node_cooling_device_max_state",
    "How hard a cooling device can work, in steps of its own.",
)
.labels(&["name", "type"]);

pub(crate) const FAMILIES: &[Family] = &[TEMPERATURE, COOLING_STATE, COOLING_LIMIT];

pub(crate) struct Thermal {
    class: Devices,
    parts: Vec<Part>,
    unread: Unread,
    reader: Reader,
}

/// A zone or a cooling device.
struct Part {
    number: String,
    kind: String,
    /// Families and the files that hold their values.
    figures: Vec<(Family, PathBuf, f64)>,
}

impl Thermal {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        let class = Devices::new(paths.sysfs("class/thermal"));
        Ok(Thermal { class, parts: Vec::new(), unread: Unread::default(), reader: Reader::default() })
    }
}

impl Collector for Thermal {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if let Some(entries) = self.class.due(out) {
            self.unread = Unread::default();
            self.parts = entries.iter().filter_map(|entry| Part::find(entry, &mut self.unread)).collect();
        }
        self.unread.tell(out);
        for Part { number, kind, figures } in &self.parts {
            for (family, path, divisor) in figures {
                if let Some(value) = self.reader.number(path, out) {
                    out.push(family, [number, kind], value / divisor);
                }
            }
        }
        Ok(())
    }
}

impl Part {
    fn find(entry: &Device, unread: &mut Unread) -> Option<Self> {
        let file = |name: &str| entry.path.join(name);
        let (number, figures) = match entry.name.strip_prefix("thermal_zone") {
            Some(number) => (number, vec![(TEMPERATURE, file("temp"), 1e3)]),
            None => {
                let figures =
                    vec![(COOLING_STATE, file("cur_state"), 1.0), (COOLING_LIMIT, file("max_state"), 1.0)];
                (entry.name.strip_prefix("cooling_device")?, figures)
            }
        };
        Some(Part { number: number.to_owned(), kind: unread.read(&file("type"))?, figures })
    }
}

#[cfg(test)]
mod tests {
    use relink_testing::{Tree, collect};

    use super::*;

    #[test]
    fn the_files_of_a_zone_are_looked_for_again() {
        let tree = Tree::new().file("sys/class/thermal/thermal_zone0/temp", "20000\n");
        let mut thermal = Thermal::new(&tree.paths()).unwrap();
        assert_eq!(collect(&mut thermal, "thermal_zone").unwrap(), "");
        tree.write("sys/class/thermal/thermal_zone0/type", "acpitz\n");
        assert_eq!(collect(&mut thermal, "thermal_zone").unwrap(), "", "it is not yet time");
        thermal.class.half_a_minute_passes();
        let text = collect(&mut thermal, "thermal_zone").unwrap();
        assert_eq!(text, "node_thermal_zone_temp{zone=\"0\",type=\"acpitz\"} 20\n");
    }
}
