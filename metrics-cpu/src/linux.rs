//! The collector on Linux: `/proc/stat` at each collection, sysfs as far as it changes.

use std::path::PathBuf;

use relink_core::{Collector, Error, Facts, Options, Samples, Source};

use crate::cpufreq::Cpufreq;
use crate::cpuinfo::CpuInfo;
use crate::facts::CpuFacts;
use crate::options::Settings;
use crate::stat::Stat;
use crate::sysfs::{Page, SysfsFile, is_sysfs};
use crate::throttle::Throttle;
use crate::topology::Topology;

pub(crate) struct Cpu {
    stat: Stat,
    /// `/sys/devices/system/cpu`.
    folder: PathBuf,
    /// Its file `online`, which changes when a CPU comes or goes.
    online: SysfsFile,
    last_online: String,
    settings: Settings,
    /// `/proc/cpuinfo`, if the option `info` asks for it.
    cpuinfo: Option<Source>,
    parts: Option<Parts>,
    facts: CpuFacts,
    page: Box<Page>,
}

/// What is found once for a set of CPUs, and again when that set has changed.
struct Parts {
    topology: Topology,
    cpufreq: Cpufreq,
    throttle: Throttle,
    info: CpuInfo,
}

impl Cpu {
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        let settings: Settings = options.parse()?;
        let folder = options.sysfs("devices/system/cpu");
        let keep = is_sysfs(&folder);
        Ok(Cpu {
            stat: Stat::new(options),
            online: SysfsFile::new(folder.join("online"), keep),
            folder,
            last_online: String::new(),
            cpuinfo: settings.info.then(|| Source::new(options.procfs("cpuinfo"))),
            parts: None,
            facts: CpuFacts::default(),
            settings,
            page: Box::new([0; 4096]),
        })
    }

    /// Reads what changes all the time, and drops the parts if they were found for other CPUs.
    fn read(&mut self) -> Result<(), Error> {
        let changed = self.stat.read();
        // After an error nobody knows which CPUs there are.
        if !matches!(changed, Ok(false)) {
            self.parts = None;
        }
        changed?;
        let online = self.online.read(&mut self.page).unwrap_or_default();
        if online != self.last_online {
            self.last_online = online.to_owned();
            self.parts = None;
        }
        Ok(())
    }

    fn find_parts(&mut self) -> Result<Parts, Error> {
        // CPUs came or went, so readings of usage before and after can't be compared.
        self.facts.forget();
        let topology = Topology::scan(&self.folder, |number| self.stat.has(number))?;
        let keep = is_sysfs(&self.folder);
        Ok(Parts {
            cpufreq: Cpufreq::scan(&topology.cpus, keep),
            throttle: Throttle::scan(&topology.cpus, keep),
            info: self.cpuinfo.as_mut().map(CpuInfo::read).transpose()?.unwrap_or_default(),
            topology,
        })
    }
}

impl Collector for Cpu {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.read()?;
        let mut parts = match self.parts.take() {
            Some(parts) => parts,
            None => self.find_parts()?,
        };
        if self.settings.cpu {
            self.stat.push(self.settings.guest, out);
        }
        if self.settings.cpufreq {
            parts.cpufreq.collect(&mut self.page, out)?;
        }
        if self.settings.cpu {
            parts.throttle.collect(&mut self.page, out)?;
            parts.topology.push(out);
            parts.info.push(out);
        }
        self.parts = Some(parts);
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        let range = self.parts.as_ref().and_then(|parts| parts.cpufreq.range());
        self.facts.push(range, out)
    }
}
