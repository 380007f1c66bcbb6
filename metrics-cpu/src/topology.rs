//! `/sys/devices/system/cpu`: which CPUs there are, which of them are online or isolated.

use std::path::{Path, PathBuf};

use relink_core::{Context, Error, Samples, Unread};

use crate::families::{ISOLATED, ONLINE};

/// The folder of one CPU, as in `/sys/devices/system/cpu/cpu3`.
pub(crate) struct CpuFolder {
    pub(crate) number: u32,
    pub(crate) label: String,
    pub(crate) path: PathBuf,
    /// `topology/physical_package_id`, where the kernel knows it.
    pub(crate) package: Option<String>,
    /// `topology/core_id`.
    pub(crate) core: Option<String>,
    online: bool,
}

/// The CPUs that are plugged in, online or not.
#[derive(Default)]
pub(crate) struct Topology {
    pub(crate) cpus: Vec<CpuFolder>,
    isolated: Vec<String>,
}

impl Topology {
    /// Looks through the folder. A machine without it has no CPUs here, which is no error: `/proc/stat` has the
    /// counters all the same. A CPU without the file `online` can't be switched off; `counted` says whether it counts.
    pub(crate) fn scan(
        folder: &Path,
        counted: impl Fn(u32) -> bool,
        unread: &mut Unread,
    ) -> Result<Self, Error> {
        let mut cpus = Vec::new();
        for name in unread.list(folder) {
            let Some(number) = cpu_number(&name) else { continue };
            let path = folder.join(name);
            cpus.push(CpuFolder {
                number,
                label: number.to_string(),
                package: unread.read(&path.join("topology/physical_package_id")),
                core: unread.read(&path.join("topology/core_id")),
                online: unread.read(&path.join("online")).map_or_else(|| counted(number), |text| text == "1"),
                path,
            });
        }
        cpus.sort_by_key(|cpu| cpu.number);
        let file = folder.join("isolated");
        let isolated = match unread.read(&file) {
            Some(list) => parse_list(&list).context(file.display())?,
            None => Vec::new(),
        };
        Ok(Topology { cpus, isolated: isolated.iter().map(u32::to_string).collect() })
    }

    pub(crate) fn push(&self, out: &mut Samples) {
        for cpu in &self.isolated {
            out.push(&ISOLATED, [cpu], 1.0);
        }
        for cpu in &self.cpus {
            out.push(&ONLINE, [&cpu.label], f64::from(u8::from(cpu.online)));
        }
    }
}

/// The number in `cpu7`; nothing for the folders `cpufreq`, `cpuidle` and so on, or for `cpu07`.
fn cpu_number(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("cpu")?;
    let number: u32 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

/// A list of CPUs as the kernel writes it: `0-3,8`.
fn parse_list(text: &str) -> Result<Vec<u32>, Error> {
    /// More CPUs than Linux can be built for; an absurd range must not fill the memory.
    const LIMIT: u32 = 1 << 16;
    let mut numbers = Vec::new();
    for range in text.split(',').map(str::trim).filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        match (first.parse::<u32>(), last.parse::<u32>()) {
            (Ok(first), Ok(last)) if first <= last && last < LIMIT => numbers.extend(first..=last),
            _ => return Err(Error::expected("a list of CPUs such as 0-3,8", range)),
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus() {
        assert!(parse_list("").unwrap().is_empty());
        assert_eq!(parse_list("1,3-5,4\n").unwrap(), [1, 3, 4, 5]);
        for bad in ["x", "3-1", "1-", "-1", "0-4294967295", "1 2"] {
            assert!(parse_list(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn folders_of_cpus() {
        assert_eq!(cpu_number("cpu12"), Some(12));
        for other in ["cpu", "cpufreq", "cpuidle", "cpu+1", "cpu07", "cp1", "cpu99999999999"] {
            assert_eq!(cpu_number(other), None, "{other}");
        }
    }
}
