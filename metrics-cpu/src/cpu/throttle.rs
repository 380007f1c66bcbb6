//! thermal_throttle: how often cores and packages were slowed down because of heat (x86).

use relink_core::{Error, Samples, Unread};

use super::{CORE_THROTTLES, PACKAGE_THROTTLES};
use crate::folders::CpuFolder;
use crate::sysfs::{Page, SysfsFile};

/// One counter a core and one a package. Empty where the CPUs have no such counters.
pub(crate) struct Throttle {
    counters: Vec<Counter>,
}

struct Counter {
    package: String,
    /// Nothing for the counter of the whole package.
    core: Option<String>,
    file: SysfsFile,
}

impl Throttle {
    /// Finds the counters.
    pub(crate) fn look(cpus: &[CpuFolder], unread: &mut Unread) -> Self {
        let mut counters: Vec<Counter> = Vec::new();
        for cpu in cpus {
            let folder = cpu.path.join("thermal_throttle");
            if unread.unless(&folder, std::fs::metadata(&folder)).is_none() {
                continue;
            }
            let mut topology = |name: &str| unread.read(&cpu.path.join("topology").join(name));
            let (Some(package), Some(core)) = (topology("physical_package_id"), topology("core_id")) else {
                continue;
            };
            for (core, name) in [(Some(&core), "core_throttle_count"), (None, "package_throttle_count")] {
                // The threads of a core, and the cores of a package, show the same counter.
                let known = counters.iter().any(|c| c.package == package && c.core.as_ref() == core);
                let path = folder.join(name);
                if !known && unread.unless(&path, std::fs::metadata(&path)).is_some() {
                    let file = SysfsFile::new(path);
                    counters.push(Counter { package: package.clone(), core: core.cloned(), file });
                }
            }
        }
        Throttle { counters }
    }

    pub(crate) fn collect(&mut self, page: &mut Page, out: &mut Samples) {
        for Counter { package, core, file } in &mut self.counters {
            match (file.parse(page, out, parse_count), core) {
                (Some(count), Some(core)) => out.push(&CORE_THROTTLES, [package, core], count),
                (Some(count), None) => out.push(&PACKAGE_THROTTLES, [package], count),
                (None, _) => {}
            }
        }
    }
}

fn parse_count(text: &str) -> Result<f64, Error> {
    text.parse::<u64>().map(|count| count as f64).map_err(|_| Error::expected("a number of times", text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        assert_eq!(parse_count("18446744073709551615").unwrap(), u64::MAX as f64);
        assert_eq!(parse_count("-1").unwrap_err().message(), "expected a number of times, found \"-1\"");
    }
}
