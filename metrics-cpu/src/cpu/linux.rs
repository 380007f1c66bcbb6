//! The collector on Linux: `/proc/stat` and throttle counts at each collection, the rest of sysfs now and then.

use std::path::{Path, PathBuf};
use std::time::Instant;

use relink_core::{Collector, Error, Facts, Paths, Samples, Unread};

use super::Settings;
use super::cpuinfo::CpuInfo;
use super::facts::CpuFacts;
use super::online::Online;
use super::stat::Stat;
use super::throttle::Throttle;
use crate::folders::{self, LOOK_AGAIN};
use crate::sysfs::Page;

pub(crate) struct Cpu {
    stat: Stat,
    guest: bool,
    /// If the options ask for it.
    info: Option<CpuInfo>,
    /// `/sys/devices/system/cpu`.
    folder: PathBuf,
    found: Option<Found>,
    facts: CpuFacts,
    page: Box<Page>,
}

/// What is found for a set of CPUs, and again when that set has changed and from time to time.
struct Found {
    online: Online,
    throttle: Throttle,
    unread: Unread,
    /// What makes no sense.
    odd: Vec<Error>,
    looked: Instant,
}

impl Cpu {
    pub(crate) fn new(paths: &Paths, settings: Settings) -> Result<Self, Error> {
        Ok(Cpu {
            stat: Stat::new(paths),
            guest: settings.guest,
            info: CpuInfo::new(paths, &settings)?,
            folder: paths.sysfs("devices/system/cpu"),
            found: None,
            facts: CpuFacts::default(),
            page: Box::new([0; 4096]),
        })
    }
}

impl Found {
    fn look(folder: &Path, stat: &Stat) -> Self {
        let (mut unread, mut odd) = (Unread::default(), Vec::new());
        let cpus = folders::list(folder, &mut unread);
        let online = Online::look(folder, &cpus, |number| stat.has(number), &mut unread, &mut odd);
        let throttle = Throttle::look(&cpus, &mut unread);
        Found { online, throttle, unread, odd, looked: Instant::now() }
    }
}

impl Collector for Cpu {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if self.stat.read(out)? {
            self.found = None;
            // Readings of usage before and after can't be compared.
            self.facts = CpuFacts::default();
        }
        self.stat.push(self.guest, out);
        self.found.take_if(|found| found.looked.elapsed() >= LOOK_AGAIN);
        let found = self.found.get_or_insert_with(|| Found::look(&self.folder, &self.stat));
        found.unread.tell(out);
        found.odd.iter().for_each(|what| out.warn(what.message()));
        found.throttle.collect(&mut self.page, out);
        found.online.push(out);
        self.info.iter_mut().for_each(|info| info.collect(out));
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        self.facts.push(out)
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
            .file(&format!("{cpu}/cpu0/topology/physical_package_id"), "0\n");
        let mut code = Cpu::new(&tree.paths(), Settings::default()).unwrap();
        let first = collect(&mut code, "cpu").unwrap();
        // A file that could not be read at first, a CPU that is plugged in and not yet online.
        for (file, content) in [
            ("cpu0/topology/core_id", "0\n"),
            ("cpu0/thermal_throttle/core_throttle_count", "5\n"),
            ("cpu1/online", "0\n"),
            ("isolated", "0\n"),
        ] {
            tree.write(&format!("{cpu}/{file}"), content);
        }
        assert_eq!(collect(&mut code, "cpu").unwrap(), first, "it is not yet time");
        let found = code.found.as_mut().unwrap();
        found.looked = found.looked.checked_sub(LOOK_AGAIN).expect("the machine has been up for a while");
        let text = collect(&mut code, "cpu").unwrap();
        for line in [
            r#"node_cpu_core_throttles_total{package="0",core="0"} 5"#,
            r#"node_cpu_online{cpu="1"} 0"#,
            r#"node_cpu_isolated{cpu="0"} 1"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
