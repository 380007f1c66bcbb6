//! The collector on Linux: file systems and disks.

use relink_core::{Collector, Error, Facts, Options, Samples};

use crate::diskstats::Diskstats;
use crate::filesystem::Filesystems;
use crate::options::Settings;

pub(crate) struct Disk {
    filesystems: Filesystems,
    diskstats: Diskstats,
}

impl Disk {
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        let Settings { mount_points, fs_types, devices, mount_timeout } = Settings::new(options)?;
        Ok(Disk {
            filesystems: Filesystems::new(options, mount_points, fs_types, mount_timeout),
            diskstats: Diskstats::new(options, devices),
        })
    }
}

impl Collector for Disk {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.diskstats.read()?;
        self.filesystems.measure()?;
        self.filesystems.push(out);
        self.diskstats.push(out);
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        self.diskstats.read()?;
        self.filesystems.measure()?;
        self.filesystems.facts(out);
        self.diskstats.facts(out);
        Ok(())
    }
}
