//! The collector on Linux: `/proc/stat` at each collection, sysfs as far as it changes.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use relink_core::{Collector, Error, Facts, Options, Samples, Source, Unread};

use crate::cpufreq::Cpufreq;
use crate::cpuinfo::CpuInfo;
use crate::facts::CpuFacts;
use crate::options::Settings;
use crate::stat::Stat;
use crate::sysfs::{Page, SysfsFile, is_sysfs};
use crate::throttle::Throttle;
use crate::topology::Topology;

/// How often the files of the CPUs are looked for again: a driver may bring them, as cpufreq's modules do, long after the
/// CPU is there, and a CPU may be plugged in that is not online yet. Only time can tell, as sysfs does not change the date of
/// a folder when a file comes.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

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
    /// What it said; nothing when CPUs have come or gone since.
    info: Option<CpuInfo>,
    parts: Option<Parts>,
    facts: CpuFacts,
    page: Box<Page>,
}

/// What is found for a set of CPUs, and again when that set has changed and from time to time.
struct Parts {
    topology: Topology,
    cpufreq: Cpufreq,
    throttle: Throttle,
    unread: Unread,
    looked: Instant,
}

impl Cpu {
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        let settings: Settings = options.parse()?;
        let folder = options.sysfs("devices/system/cpu");
        let keep = is_sysfs(&folder);
        Ok(Cpu {
            stat: Stat::new(options),
            online: SysfsFile::kept(folder.join("online"), keep),
            folder,
            last_online: String::new(),
            cpuinfo: settings.info.then(|| Source::new(options.procfs("cpuinfo"))),
            info: None,
            parts: None,
            facts: CpuFacts::default(),
            settings,
            page: Box::new([0; 4096]),
        })
    }

    /// Reads what changes all the time, and drops the parts if they were found for other CPUs.
    fn read(&mut self, out: &mut Samples) -> Result<(), Error> {
        let changed = self.stat.read();
        // After an error nobody knows which CPUs there are.
        let mut others = !matches!(changed, Ok(false));
        let online = self.online.read(&mut self.page, out).unwrap_or_default();
        if online != self.last_online {
            self.last_online = online.to_owned();
            others = true;
        }
        if others {
            (self.parts, self.info) = (None, None);
            // Readings of usage before and after can't be compared.
            self.facts.forget();
        }
        changed.map(drop)
    }

    fn find_parts(&mut self) -> Result<Parts, Error> {
        if self.info.is_none() {
            self.info = self.cpuinfo.as_mut().map(CpuInfo::read).transpose()?;
        }
        let mut unread = Unread::default();
        let topology = Topology::scan(&self.folder, |number| self.stat.has(number), &mut unread)?;
        let keep = is_sysfs(&self.folder);
        Ok(Parts {
            cpufreq: Cpufreq::scan(&topology.cpus, keep, &mut unread),
            throttle: Throttle::scan(&topology.cpus, &mut unread),
            topology,
            unread,
            looked: Instant::now(),
        })
    }
}

impl Collector for Cpu {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.read(out)?;
        let mut parts = match self.parts.take().filter(|parts| parts.looked.elapsed() < LOOK_AGAIN) {
            Some(parts) => parts,
            None => self.find_parts()?,
        };
        parts.unread.tell(out);
        if self.settings.cpu {
            self.stat.push(self.settings.guest, out);
        }
        if self.settings.cpufreq {
            parts.cpufreq.collect(&mut self.page, out)?;
        }
        if self.settings.cpu {
            parts.throttle.collect(&mut self.page, out)?;
            parts.topology.push(out);
            self.info.iter().for_each(|info| info.push(out));
        }
        self.parts = Some(parts);
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        let range = self.parts.as_ref().and_then(|parts| parts.cpufreq.range());
        self.facts.push(range, out)
    }
}

#[cfg(test)]
mod tests {
    use relink_testing::{Tree, collect};

    use super::*;

    #[test]
    fn the_files_of_a_cpu_are_looked_for_again() {
        let cpu = "sys/devices/system/cpu";
        let tree = Tree::new()
            .file("proc/stat", "cpu 1 2 3 4\ncpu0 1 2 3 4\n")
            .file(&format!("{cpu}/online"), "0\n")
            .file(&format!("{cpu}/cpu0/topology/physical_package_id"), "0\n");
        let mut plugin = Cpu::new(&Options::new("cpu", tree.paths(), Default::default())).unwrap();
        let first = collect(&mut plugin, "cpu").unwrap();
        // A module for cpufreq, a file that could not be read at first, a CPU that is plugged in and not yet online.
        for (file, content) in [
            ("cpu0/cpufreq/scaling_cur_freq", "1000\n"),
            ("cpu0/topology/core_id", "0\n"),
            ("cpu0/thermal_throttle/core_throttle_count", "5\n"),
            ("cpu1/online", "0\n"),
            ("isolated", "0\n"),
        ] {
            tree.write(&format!("{cpu}/{file}"), content);
        }
        assert_eq!(collect(&mut plugin, "cpu").unwrap(), first, "it is not yet time");
        let parts = plugin.parts.as_mut().unwrap();
        parts.looked = parts.looked.checked_sub(LOOK_AGAIN).expect("the machine has been up for a while");
        let text = collect(&mut plugin, "cpu").unwrap();
        for line in [
            r#"node_cpu_scaling_frequency_hertz{cpu="0"} 1000000"#,
            r#"node_cpu_core_throttles_total{package="0",core="0"} 5"#,
            r#"node_cpu_online{cpu="1"} 0"#,
            r#"node_cpu_isolated{cpu="0"} 1"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn one_file_a_frequency_is_kept_and_no_other() {
        let paths = relink_core::Paths::default();
        let mut plugin = Cpu::new(&Options::new("cpu", paths, Default::default())).unwrap();
        let mut files = || {
            collect(&mut plugin, "cpu").unwrap();
            let links = std::fs::read_dir("/proc/self/fd").unwrap();
            let targets = links.filter_map(|link| std::fs::read_link(link.ok()?.path()).ok());
            targets.filter(|target| target.starts_with("/sys/devices/system/cpu")).collect::<Vec<_>>()
        };
        for file in files() {
            let name = file.file_name().unwrap();
            assert!(name == "online" || name == "scaling_cur_freq", "{}", file.display());
        }
    }
}
