//! `/proc/net/arp`: the neighbours that the machine knows, by network device.

use relink_core::{Context, Error, Options, Samples, Source};

use crate::families::ARP_ENTRIES;

/// How many words a line has; the last is the device.
const COLUMNS: usize = 6;

pub(crate) struct Arp {
    source: Source,
    /// A device and how many neighbours are behind it. They stay in the order in which they were first seen.
    devices: Vec<(String, u32)>,
}

impl Arp {
    pub(crate) fn new(options: &Options) -> Self {
        Arp { source: Source::new(options.procfs("net/arp")), devices: Vec::new() }
    }

    pub(crate) fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.devices.iter_mut().for_each(|(_, count)| *count = 0);
        let Some(text) = self.source.read_if_present(out)? else { return Ok(()) };
        let counted = count(text, &mut self.devices);
        counted.context(self.source.path().display())?;
        self.devices.retain(|(_, count)| *count > 0);
        for (device, count) in &self.devices {
            out.push(&ARP_ENTRIES, [device], f64::from(*count));
        }
        Ok(())
    }
}

fn count(text: &str, devices: &mut Vec<(String, u32)>) -> Result<(), Error> {
    let mut lines = text.lines();
    if !lines.next().unwrap_or("").starts_with("IP address") {
        return Err(Error::expected("a line that begins with IP address", text));
    }
    for (at, line) in lines.enumerate() {
        let device = line.split_ascii_whitespace().nth(COLUMNS - 1);
        let device = device.ok_or_else(|| Error::expected(format_args!("{COLUMNS} words"), line));
        let device = device.context(format_args!("line {}", at + 2))?;
        match devices.iter_mut().find(|(name, _)| name == device) {
            Some((_, count)) => *count += 1,
            None => devices.push((device.to_owned(), 1)),
        }
    }
    Ok(())
}
