//! `/sys/bus/pci/devices`: what PCI devices are, how they are linked, and their virtual functions.

mod device;
mod names;

use std::collections::BTreeMap;

use relink_core::{Collector, Error, Paths, Samples, Unread};
use relink_sysfs::{Devices, Reader};

pub(crate) use device::FAMILIES;
use device::PciDevice;
use names::Names;

relink_core::options! {
    pub(crate) struct Settings {
        /// Whether devices, vendors and classes are shown by name as well, from a file pci.ids.
        names: bool = false,
        /// The file pci.ids to use in place of the system's.
        idsfile: String = String::new(),
    }
}

pub(crate) struct PciDevices {
    bus: Devices,
    names: Option<Names>,
    /// By their place on the bus.
    devices: BTreeMap<device::Location, PciDevice>,
    unread: Unread,
    /// What made no sense at the last look.
    odd: Vec<String>,
    reader: Reader,
}

impl PciDevices {
    pub(crate) fn new(paths: &Paths, settings: Settings) -> Result<Self, Error> {
        Ok(PciDevices {
            bus: Devices::new(paths.sysfs("bus/pci/devices")),
            names: settings.names.then(|| Names::new(paths, &settings.idsfile)),
            devices: BTreeMap::new(),
            unread: Unread::default(),
            odd: Vec::new(),
            reader: Reader::default(),
        })
    }
}

impl Collector for PciDevices {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if let Some(entries) = self.bus.due(out) {
            (self.unread, self.odd, self.devices) = Default::default();
            for entry in entries {
                if let Some((location, device)) = PciDevice::find(entry, &mut self.unread, &mut self.odd) {
                    self.devices.entry(location).or_insert(device);
                }
            }
            if let Some(names) = &mut self.names {
                names.give(self.devices.values_mut(), &mut self.unread, &mut self.odd);
            }
        }
        self.unread.tell(out);
        self.odd.iter().for_each(|what| out.warn(what));
        for (location, device) in &self.devices {
            device.push(location, &mut self.reader, out);
        }
        Ok(())
    }
}
