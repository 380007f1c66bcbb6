//! The collector on Linux: file systems and disks.

use relink_core::{Collector, Error, Facts, Options, Samples};

use crate::diskstats::Diskstats;
use crate::filesystem::Filesystems;
use crate::options::Settings;

pub(crate) struct Disk {
    filesystems: Option<Filesystems>,
    diskstats: Option<Diskstats>,
    warning: Option<String>,
}

impl Disk {
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        let Settings {
            filesystem,
            diskstats,
            mount_points,
            fs_types,
            devices,
            mount_timeout,
            warning,
            udev_data,
        } = Settings::new(options)?;
        Ok(Disk {
            filesystems: filesystem.then(|| Filesystems::new(options, mount_points, fs_types, mount_timeout)),
            diskstats: diskstats.then(|| Diskstats::new(options, devices, udev_data)),
            warning,
        })
    }

    fn read(&mut self) -> Result<(), Error> {
        self.diskstats.as_mut().map_or(Ok(()), Diskstats::read)?;
        self.filesystems.as_mut().map_or(Ok(()), Filesystems::measure)
    }
}

impl Collector for Disk {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.read()?;
        self.warning.iter().for_each(|warning| out.warn(warning));
        self.filesystems.iter_mut().for_each(|part| part.push(out));
        self.diskstats.iter_mut().for_each(|part| part.push(out));
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        self.read()?;
        self.filesystems.iter_mut().for_each(|part| part.facts(out));
        self.diskstats.iter_mut().for_each(|part| part.facts(out));
        Ok(())
    }
}
