//! The collector on systems other than Linux: what `sysinfo` gives.
//!
//! Its usage percentages are no counters of seconds, so the families of CPU time are Linux's alone.

use relink_core::{Collector, Error, Facts, Paths, Samples};
use sysinfo::{CpuRefreshKind, System};

use super::facts::CpuFacts;
use super::{INFO, Settings};

pub(crate) struct Cpu {
    /// If the option `info` asks for it.
    system: Option<System>,
    facts: CpuFacts,
}

impl Cpu {
    pub(crate) fn new(_: &Paths, settings: Settings) -> Result<Self, Error> {
        let mut system = if settings.info { Some(System::new()?) } else { None };
        system.iter_mut().for_each(|system| system.refresh_cpu_list(CpuRefreshKind::nothing()));
        Ok(Cpu { system, facts: CpuFacts::default() })
    }
}

impl Collector for Cpu {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        for (number, cpu) in self.system.iter().flat_map(System::cpus).enumerate() {
            let labels = ["", "", &number.to_string(), cpu.vendor_id(), "", "", cpu.brand(), "", "", ""];
            out.push(&INFO, labels, 1.0);
        }
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        self.facts.push(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cpu_is_described_once() {
        let settings = Settings { info: true, ..Settings::default() };
        let mut cpu = Cpu::new(&Paths::default(), settings).unwrap();
        let mut out = Samples::new(relink_testing::collector("cpu").families, 10_000);
        cpu.collect(&mut out).unwrap();
        assert_eq!(out.fault(), None);
        let set = out.series_set().unwrap();
        let infos = set.places().filter(|&at| set.family_of(at).1 == &INFO).count();
        assert_eq!(infos, cpu.system.unwrap().cpus().len());
        assert!(infos > 0);
    }
}
