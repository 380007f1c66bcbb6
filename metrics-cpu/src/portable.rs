//! The collector on systems other than Linux: what `sysinfo` gives.
//!
//! Its usage percentages are no counters of seconds, so the families of CPU time are Linux's alone.

use relink_core::{Collector, Error, Facts, Options, Samples};
use sysinfo::{CpuRefreshKind, System};

use crate::facts::CpuFacts;
use crate::families::{FREQUENCY, INFO};
use crate::options::Settings;

pub(crate) struct Cpu {
    system: System,
    labels: Vec<String>,
    settings: Settings,
    facts: CpuFacts,
}

impl Cpu {
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        let settings: Settings = options.parse()?;
        let mut system = System::new()?;
        system.refresh_cpu_list(CpuRefreshKind::nothing().with_frequency());
        let labels = (0..system.cpus().len()).map(|number| number.to_string()).collect();
        Ok(Cpu { system, labels, settings, facts: CpuFacts::default() })
    }
}

impl Collector for Cpu {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.system.refresh_cpu_frequency();
        for (label, cpu) in self.labels.iter().zip(self.system.cpus()) {
            if self.settings.cpufreq && cpu.frequency() > 0 {
                out.push(&FREQUENCY, [label], cpu.frequency() as f64 * 1e6);
            }
            if self.settings.cpu && self.settings.info {
                let labels = ["", "", label, cpu.vendor_id(), "", "", cpu.brand(), "", "", ""];
                out.push(&INFO, labels, 1.0);
            }
        }
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        self.facts.push(None, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cpu_is_described_once() {
        let table = [("info".to_owned(), true.into())].into_iter().collect();
        let mut cpu = Cpu::new(&Options::new("cpu", Default::default(), table)).unwrap();
        let mut out = Samples::new(relink_testing::plugin("cpu").families, 10_000);
        cpu.collect(&mut out).unwrap();
        assert_eq!(out.fault(), None);
        let set = out.series_set().unwrap();
        let infos = set.places().filter(|&at| set.family_of(at).1 == &INFO).count();
        assert_eq!(infos, cpu.system.cpus().len());
        assert!(infos > 0);
    }
}
