//! `/sys/class/infiniband`: adapters for InfiniBand, RoCE, iWARP and Omni-Path, and their ports.

mod counters;
mod hardware;

use std::path::{Path, PathBuf};

use relink_core::{Collector, Error, Family, Paths, Samples, Unread};
use relink_pattern::Filter;
use relink_sysfs::{Device, Devices, Reader, Words, existing, odd};

use crate::counts::{Count, Counts};
use counters::COUNTS;
use hardware::COUNTS as HARDWARE;

const INFO: Family = Family::gauge(
    "node_infiniband_info",
    "Always 1; the labels say which board it is, and which firmware it has (/sys/class/infiniband).",
)
.labels(&["device", "board_id", "firmware_version", "hca_type"]);
const PHYSICAL_STATE: Family = Family::gauge(
    "node_infiniband_physical_state_id",
    "State of the line: 0 no change, 1 sleep, 2 polling, 3 disabled, 4 training, 5 up, 6 recovery, 7 test (phys_state).",
)
.labels(&["device", "port"]);
const RATE: Family =
    Family::gauge("node_infiniband_rate_bytes_per_second", "Fastest that the port can send now (rate).")
        .labels(&["device", "port"]);
const STATE: Family = Family::gauge(
    "node_infiniband_state_id",
    "State of the port: 0 no change, 1 down, 2 initialised, 3 armed, 4 active, 5 active and deferred (state).",
)
.labels(&["device", "port"]);

/// The families of all ports.
const COMMON: [Family; 4 + COUNTS.len()] = Count::families(&[INFO, PHYSICAL_STATE, RATE, STATE], COUNTS);

pub(crate) const FAMILIES: &[Family] =
    &Count::families::<{ COMMON.len() + HARDWARE.len() }>(&COMMON, HARDWARE);

/// Bytes a second of a gigabit a second.
const GIGABIT: f64 = 125e6;

relink_core::options! {
    pub(crate) struct Settings {
        /// Devices to leave out, as a pattern over their names. Nothing of them is read.
        device_exclude: String = String::new(),
        /// The only devices to show, as a pattern over their names.
        device_include: String = String::new(),
    }
}

pub(crate) struct Infiniband {
    class: Devices,
    filter: Filter,
    adapters: Vec<Adapter>,
    reader: Reader,
}

impl Infiniband {
    pub(crate) fn new(paths: &Paths, settings: Settings) -> Result<Self, Error> {
        let Settings { device_exclude, device_include } = settings;
        Ok(Infiniband {
            class: Devices::new(paths.sysfs("class/infiniband")),
            filter: Filter::new("infiniband", "device", &device_exclude, &device_include, "")?,
            adapters: Vec::new(),
            reader: Reader::default(),
        })
    }
}

impl Collector for Infiniband {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if let Some(devices) = self.class.due(out) {
            let shown = devices.iter().filter(|device| !self.filter.ignores(&device.name));
            self.adapters = shown.map(Adapter::find).collect();
        }
        for adapter in &mut self.adapters {
            adapter.push(&mut self.reader, out);
        }
        Ok(())
    }
}

/// A device and its ports.
struct Adapter {
    name: String,
    /// In the order of the labels of [`INFO`].
    words: Words<3>,
    ports: Vec<Port>,
    unread: Unread,
}

impl Adapter {
    fn find(device: &Device) -> Self {
        let mut unread = Unread::default();
        let folder = device.path.join("ports");
        let number = |name: String| Some((name.parse::<u32>().ok()?, name));
        let mut names: Vec<_> = unread.list(&folder).into_iter().filter_map(number).collect();
        names.sort_unstable();
        names.dedup_by_key(|(number, _)| *number);
        let ports = names.into_iter().map(|(number, name)| Port::find(number, &folder.join(name))).collect();
        let words = Words::find(["board_id", "fw_ver", "hca_type"], &device.path);
        Adapter { name: device.name.clone(), words, ports, unread }
    }

    fn push(&mut self, reader: &mut Reader, out: &mut Samples) {
        self.unread.tell(out);
        let [board, firmware, kind] = self.words.read(reader, out);
        out.push(&INFO, [&self.name, board, firmware, kind], 1.0);
        for port in &self.ports {
            port.push(&self.name, reader, out);
        }
    }
}

struct Port {
    number: String,
    /// In the order of [`STATES`]; none for one that the driver does not have.
    states: [Option<PathBuf>; STATES.len()],
    counts: [Counts; 2],
}

/// What a port is in, besides its counts.
struct State {
    file: &'static str,
    family: Family,
    expected: &'static str,
    read: fn(&str) -> Option<f64>,
}

const STATES: [State; 3] = [
    State { file: "phys_state", family: PHYSICAL_STATE, expected: "a state such as 5: LinkUp", read: number },
    State { file: "rate", family: RATE, expected: "a rate such as 40 Gb/sec (4X QDR)", read: rate },
    State { file: "state", family: STATE, expected: "a state such as 4: ACTIVE", read: number },
];

impl Port {
    fn find(number: u32, folder: &Path) -> Self {
        let states = STATES.map(|state| existing(folder, state.file));
        let counts = [COUNTS, HARDWARE].map(|counts| Counts::find(counts, folder, None));
        Port { number: number.to_string(), states, counts }
    }

    fn push(&self, device: &str, reader: &mut Reader, out: &mut Samples) {
        let labels = [device, &self.number];
        for (state, path) in STATES.iter().zip(&self.states) {
            let Some(path) = path else { continue };
            let Some(text) = reader.text(path, out) else { continue };
            match (state.read)(text.trim()) {
                Some(value) => out.push(&state.family, labels, value),
                None => odd(path, state.expected, &text, out),
            }
        }
        for counts in &self.counts {
            counts.push(labels, reader, out);
        }
    }
}

/// The number of a state such as `4: ACTIVE`.
fn number(text: &str) -> Option<f64> {
    let (number, _) = text.split_once(':')?;
    number.trim_ascii().parse::<u32>().ok().map(f64::from)
}

/// Bytes a second of a rate such as `40 Gb/sec (4X QDR)`, read with the precision that node_exporter has.
fn rate(text: &str) -> Option<f64> {
    let (number, _) = text.split_once(' ')?;
    let number: f32 = number.parse().ok()?;
    Some((f64::from(number) * GIGABIT).trunc()).filter(|rate| rate.is_finite() && *rate >= 0.0)
}

#[cfg(test)]
mod tests {
    use relink_testing::{Tree, collect};

    use super::*;

    #[test]
    fn states_and_rates() {
        assert_eq!(number("4: ACTIVE"), Some(4.0));
        assert_eq!(number("1: DOWN"), Some(1.0));
        assert_eq!(number("5:LinkUp"), Some(5.0));
        for odd in ["ACTIVE", "x: ACTIVE", "-1: DOWN", "4294967296: NEW"] {
            assert_eq!(number(odd), None, "{odd}");
        }
        assert_eq!(rate("40 Gb/sec (4X QDR)"), Some(5e9));
        assert_eq!(rate("2.5 Gb/sec (1X SDR)"), Some(312_500_000.0));
        assert_eq!(rate("56.25 Gb/sec (4X FDR)"), Some(7_031_250_000.0));
        assert_eq!(rate("10.3 Gb/sec"), Some(1_287_500_023.0), "as a float of 32 bits");
        for odd in ["40", "fast Gb/sec", "-1 Gb/sec", "NaN Gb/sec", "inf Gb/sec"] {
            assert_eq!(rate(odd), None, "{odd}");
        }
    }

    #[test]
    fn ports_are_looked_for_again() {
        let tree = Tree::new().file("sys/class/infiniband/mlx5_0/fw_ver", "1\n");
        let mut infiniband = Infiniband::new(&tree.paths(), Settings::default()).unwrap();
        let first = collect(&mut infiniband, "infiniband").unwrap();
        tree.write("sys/class/infiniband/mlx5_0/ports/1/counters/link_downed", "3\n");
        assert_eq!(collect(&mut infiniband, "infiniband").unwrap(), first, "it is not yet time");
        infiniband.class.half_a_minute_passes();
        let text = collect(&mut infiniband, "infiniband").unwrap();
        assert!(
            text.ends_with("node_infiniband_link_downed_total{device=\"mlx5_0\",port=\"1\"} 3\n"),
            "{text}"
        );
    }
}
