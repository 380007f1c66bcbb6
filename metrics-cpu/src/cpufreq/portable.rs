//! The collector on systems other than Linux: what `sysinfo` gives.

use relink_core::{Collector, Error, Facts, Paths, Samples};
use sysinfo::{CpuRefreshKind, System};

use super::{FREQUENCY, facts};

pub(crate) struct Cpufreq {
    system: System,
}

impl Cpufreq {
    pub(crate) fn new(_: &Paths) -> Result<Self, Error> {
        let mut system = System::new()?;
        system.refresh_cpu_list(CpuRefreshKind::nothing());
        Ok(Cpufreq { system })
    }

    /// The frequency of each CPU in hertz; 0 where it is not known.
    fn hertz(&self) -> impl Iterator<Item = f64> {
        self.system.cpus().iter().map(|cpu| cpu.frequency() as f64 * 1e6)
    }
}

impl Collector for Cpufreq {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.system.refresh_cpu_frequency();
        for (number, hertz) in self.hertz().enumerate().filter(|(_, hertz)| *hertz > 0.0) {
            out.push(&FREQUENCY, [&number.to_string()], hertz);
        }
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        facts::push(self.hertz().filter(|hertz| *hertz > 0.0), out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cpu_has_a_frequency_at_most_once() {
        let mut cpufreq = Cpufreq::new(&Paths::default()).unwrap();
        let mut out = Samples::new(relink_testing::collector("cpufreq").families, 10_000);
        cpufreq.collect(&mut out).unwrap();
        assert_eq!(out.fault(), None);
        let count = out.series_set().unwrap().len();
        assert_eq!(count, cpufreq.hertz().filter(|hertz| *hertz > 0.0).count());
    }
}
