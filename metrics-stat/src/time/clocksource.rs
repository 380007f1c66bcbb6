//! `/sys/devices/system/clocksource`: what the kernel's clock counts with.

use std::path::PathBuf;

use relink_core::{Paths, Samples};
use relink_sysfs::{Devices, Reader};

use super::{AVAILABLE, CURRENT};

/// There is one on all machines that have any.
pub(super) struct ClockSources {
    folder: Devices,
    found: Vec<ClockSource>,
    reader: Reader,
}

struct ClockSource {
    /// Its place among all.
    device: String,
    available: PathBuf,
    current: PathBuf,
}

impl ClockSources {
    pub(super) fn new(paths: &Paths) -> Self {
        let folder = Devices::new(paths.sysfs("devices/system/clocksource")).starting_with("clocksource");
        ClockSources { folder, found: Vec::new(), reader: Reader::default() }
    }

    /// The kernel drops a source that it finds unstable, so the files are read each time.
    pub(super) fn push(&mut self, out: &mut Samples) {
        if let Some(devices) = self.folder.due(out) {
            let devices = devices.iter().filter(|device| is_clock_source(&device.name));
            let found = devices.enumerate().map(|(at, device)| ClockSource {
                device: at.to_string(),
                available: device.path.join("available_clocksource"),
                current: device.path.join("current_clocksource"),
            });
            self.found = found.collect();
        }
        for ClockSource { device, available, current } in &self.found {
            if let Some(text) = self.reader.text(available, out) {
                for (at, name) in text.split_whitespace().enumerate() {
                    if !text.split_whitespace().take(at).any(|before| before == name) {
                        out.push(&AVAILABLE, [device, name], 1.0);
                    }
                }
            }
            if let Some(name) = self.reader.text(current, out).filter(|name| !name.is_empty()) {
                out.push(&CURRENT, [device, &name], 1.0);
            }
        }
    }
}

/// As all devices of the kernel, it has a number behind its name.
fn is_clock_source(name: &str) -> bool {
    name.strip_prefix("clocksource").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_source_has_a_number() {
        assert!(is_clock_source("clocksource0"));
        for other in ["clocksource", "power", "uevent", "clocksources"] {
            assert!(!is_clock_source(other), "{other}");
        }
    }
}
