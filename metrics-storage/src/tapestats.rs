//! `/sys/class/scsi_tape`: the traffic of tape drives.

use relink_core::{Collector, Error, Family, Paths, Samples};
use relink_pattern::Pattern;
use relink_sysfs::{Devices, Figure, Figures, Reader};

/// The kind, the file, what the family is called, and what it means.
macro_rules! figure {
    ($kind:ident, $file:literal, $name:literal, $help:literal) => {{
        const HELP: &str = concat!($help, " (", $file, ").");
        const FAMILY: Family = Family::$kind(concat!("node_tape_", $name), HELP).labels(&["device"]);
        Figure::new(concat!("stats/", $file), FAMILY)
    }};
}

const FIGURES: &[Figure] = &[
    figure!(gauge, "in_flight", "io_now", "Requests that a tape drive works on"),
    figure!(
        counter,
        "io_ns",
        "io_time_seconds_total",
        "Time that requests of all kinds have taken a tape drive, with the movement of the tape"
    )
    .over(1e9),
    figure!(counter, "other_cnt", "io_others_total", "Requests to a tape drive but for reading and writing"),
    figure!(counter, "read_byte_cnt", "read_bytes_total", "Data read from a tape drive"),
    figure!(counter, "read_cnt", "reads_completed_total", "Read requests to a tape drive"),
    figure!(counter, "read_ns", "read_time_seconds_total", "Time that reading has taken a tape drive")
        .over(1e9),
    figure!(
        counter,
        "resid_cnt",
        "residual_total",
        "Times that less was read or written than asked for, as with blocks of another size"
    ),
    figure!(counter, "write_byte_cnt", "written_bytes_total", "Data written to a tape drive"),
    figure!(counter, "write_cnt", "writes_completed_total", "Write requests to a tape drive"),
    figure!(counter, "write_ns", "write_time_seconds_total", "Time that writing has taken a tape drive")
        .over(1e9),
];

pub(crate) const FAMILIES: &[Family] = &Figure::families::<{ FIGURES.len() }>(&[], FIGURES);

relink_core::options! {
    pub(crate) struct Settings {
        /// Tape drives to leave out, as a pattern over their names.
        ignored_devices: String = String::new(),
    }
}

pub(crate) struct Tapes {
    class: Devices,
    ignored: Option<Pattern>,
    tapes: Vec<(String, Figures)>,
    reader: Reader,
}

impl Tapes {
    pub(crate) fn new(paths: &Paths, settings: Settings) -> Result<Self, Error> {
        let ignored = settings.ignored_devices;
        let pattern = || Pattern::new("[collectors.tapestats]: ignored_devices", &ignored);
        Ok(Tapes {
            class: Devices::new(paths.sysfs("class/scsi_tape")).starting_with("st"),
            ignored: (!ignored.is_empty()).then(pattern).transpose()?,
            tapes: Vec::new(),
            reader: Reader::default(),
        })
    }
}

impl Collector for Tapes {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if let Some(devices) = self.class.due(out) {
            let is_shown = |name: &str| {
                is_drive(name) && self.ignored.as_ref().is_none_or(|pattern| !pattern.is_match(name))
            };
            let shown = devices.iter().filter(|device| is_shown(&device.name));
            self.tapes =
                shown.map(|device| (device.name.clone(), Figures::find(FIGURES, &device.path))).collect();
        }
        for (name, figures) in &self.tapes {
            figures.push(&[name], &mut self.reader, out);
        }
        Ok(())
    }
}

/// Whether an entry is a drive: `st0`. Others are more names of it, with other ways to write (`st0a`) or without winding
/// back (`nst0`).
fn is_drive(name: &str) -> bool {
    let number = name.strip_prefix("st").unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drive_has_one_of_its_names() {
        assert!(is_drive("st0") && is_drive("st12"));
        assert!(["st", "st0a", "st0l", "nst0", "sta", ""].iter().all(|name| !is_drive(name)));
    }
}
