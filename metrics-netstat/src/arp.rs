//! `/proc/net/arp`: the neighbours that the machine knows, by network device.

use std::net::Ipv4Addr;

use relink_core::{Collector, Error, Family, Paths, Samples, Source};

pub(crate) const ENTRIES: Family =
    Family::gauge("node_arp_entries", "How many neighbours a device has (/proc/net/arp).")
        .labels(&["device"]);

/// The fewest words of a line: address, type, flags, mask, device. One more is the hardware's address, if the device has
/// such.
const FEWEST: usize = 5;

pub(crate) struct Arp {
    source: Source,
    /// A device and how many neighbours are behind it. They stay in the order in which they were first seen.
    devices: Vec<(String, u32)>,
}

impl Arp {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Arp { source: Source::new(paths.procfs("net/arp")), devices: Vec::new() })
    }
}

impl Collector for Arp {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let Arp { source, devices } = self;
        devices.iter_mut().for_each(|(_, count)| *count = 0);
        source.lines(out, |line, _| {
            // The head.
            if line.starts_with("IP address") {
                return Ok(());
            }
            let device = device(line)?;
            match devices.iter_mut().find(|(name, _)| name == device) {
                Some((_, count)) => *count += 1,
                None => devices.push((device.to_owned(), 1)),
            }
            Ok(())
        })?;
        devices.retain(|(_, count)| *count > 0);
        for (device, count) in devices {
            out.push(&ENTRIES, [device], f64::from(*count));
        }
        Ok(())
    }
}

/// The device of a line such as `192.0.2.1  0x1  0x2  02:fc:00:00:00:05  *  eth0`.
fn device(line: &str) -> Result<&str, Error> {
    let mut words = line.split_ascii_whitespace();
    let is_address = words.next().is_some_and(|word| word.parse::<Ipv4Addr>().is_ok());
    let device = words.nth(FEWEST - 2).map(|device| words.next_back().unwrap_or(device));
    device
        .filter(|_| is_address)
        .ok_or_else(|| Error::expected("an IP address, and its device as the last word", line))
}
