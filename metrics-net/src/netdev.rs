//! Traffic: what each interface has received and sent.

use std::path::{Path, PathBuf};

use relink_core::{Collector, Error, Family, Paths, Samples};
use relink_pattern::Filter;

use crate::link::{Counts, STATISTICS};
use crate::readings::Reader;
use crate::sysfs::{Files, interfaces};

/// A family of traffic, and which of the kernel's counters are summed up in it.
struct Traffic {
    family: Family,
    of: &'static [usize],
}

const fn traffic(name: &'static str, of: &'static [usize], help: &'static str) -> Traffic {
    Traffic { family: Family::counter(name, help).labels(&["device"]), of }
}

const TRAFFIC: [Traffic; 17] = [
    traffic("node_network_receive_bytes_total", &[2], "Bytes received."),
    traffic("node_network_receive_compressed_total", &[21], "Compressed packets received."),
    traffic(
        "node_network_receive_drop_total",
        &[6, 15],
        "Packets received but dropped, or missed for want of room.",
    ),
    traffic("node_network_receive_errs_total", &[4], "Packets received with an error of whatever kind."),
    traffic("node_network_receive_fifo_total", &[14], "Packets lost because the receiving queue was full."),
    traffic(
        "node_network_receive_frame_total",
        &[13, 10, 11, 12],
        "Packets received with a wrong alignment, length or checksum, or too long.",
    ),
    traffic("node_network_receive_multicast_total", &[8], "Multicast packets received."),
    traffic("node_network_receive_nohandler_total", &[23], "Packets received that no protocol wanted."),
    traffic("node_network_receive_packets_total", &[0], "Packets received."),
    traffic("node_network_transmit_bytes_total", &[3], "Bytes sent."),
    traffic(
        "node_network_transmit_carrier_total",
        &[17, 16, 19, 20],
        "Packets not sent because the link was lost, broken off, silent or late.",
    ),
    traffic("node_network_transmit_colls_total", &[9], "Collisions while sending."),
    traffic("node_network_transmit_compressed_total", &[22], "Compressed packets sent."),
    traffic("node_network_transmit_drop_total", &[7], "Packets dropped before they were sent."),
    traffic(
        "node_network_transmit_errs_total",
        &[5],
        "Packets not sent because of an error of whatever kind.",
    ),
    traffic(
        "node_network_transmit_fifo_total",
        &[18],
        "Packets lost because the sending queue ran empty or over.",
    ),
    traffic("node_network_transmit_packets_total", &[1], "Packets sent."),
];

pub(crate) const FAMILIES: &[Family] = &{
    let mut families = [TRAFFIC[0].family; TRAFFIC.len()];
    let mut at = 0;
    while at < TRAFFIC.len() {
        families[at] = TRAFFIC[at].family;
        at += 1;
    }
    families
};

relink_core::options! {
    pub(crate) struct Settings {
        /// Interfaces to leave out, as a pattern over their names.
        device_exclude: String = String::new(),
        /// The only interfaces to show, as a pattern over their names.
        device_include: String = String::new(),
    }
}

pub(crate) struct Netdev {
    reader: Reader,
    /// `/sys/class/net`.
    folder: PathBuf,
    devices: Filter,
}

impl Netdev {
    pub(crate) fn new(paths: &Paths, settings: Settings) -> Result<Self, Error> {
        let devices =
            Filter::new("netdev", "device", &settings.device_exclude, &settings.device_include, "")?;
        Ok(Netdev { reader: Reader::new(paths), folder: paths.sysfs("class/net"), devices })
    }
}

impl Collector for Netdev {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if let Some(links) = self.reader.links()? {
            for link in links.iter().filter(|link| !self.devices.ignores(&link.name)) {
                push(&link.name, &link.counts, out);
            }
            return Ok(());
        }
        for (name, folder) in interfaces(&self.folder, out)? {
            if !self.devices.ignores(&name) {
                push(&name, &read(&folder, out), out);
            }
        }
        Ok(())
    }
}

/// The counters by sysfs, a file for each.
fn read(folder: &Path, out: &mut Samples) -> Counts {
    let (mut files, folder) = (Files::default(), folder.join("statistics"));
    let counts = STATISTICS.map(|file| files.count(&folder.join(file)));
    files.tell(out);
    counts
}

fn push(name: &str, counts: &Counts, out: &mut Samples) {
    for (at, traffic) in TRAFFIC.iter().enumerate() {
        if let Some(sum) = sum(counts, traffic.of) {
            out.push_index(at, &[name], sum as f64);
        }
    }
}

/// The first counter must be known; the others are added as far as they are.
fn sum(counts: &Counts, of: &[usize]) -> Option<u64> {
    let (first, others) = of.split_first()?;
    let others = others.iter().filter_map(|other| counts[*other]);
    Some(others.fold(counts[*first]?, u64::saturating_add))
}
