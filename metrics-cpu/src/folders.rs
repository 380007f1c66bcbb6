//! The folders of the CPUs, as in `/sys/devices/system/cpu/cpu3`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use relink_core::Unread;

/// How often the files of the CPUs are looked for again: a driver may bring them, as cpufreq's modules do, long after the
/// CPU is there, and a CPU may be plugged in that is not online yet. Only time can tell, as sysfs does not change the date of
/// a folder when a file comes.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// The folder of one CPU that is plugged in, online or not.
pub(crate) struct CpuFolder {
    pub(crate) number: u32,
    pub(crate) label: String,
    pub(crate) path: PathBuf,
}

/// Those in `/sys/devices/system/cpu`, in the order of their numbers; none on a machine without it.
pub(crate) fn list(folder: &Path, unread: &mut Unread) -> Vec<CpuFolder> {
    let mut cpus: Vec<CpuFolder> = unread
        .list(folder)
        .iter()
        .filter_map(|name| {
            let number = cpu_number(name)?;
            Some(CpuFolder { number, label: number.to_string(), path: folder.join(name) })
        })
        .collect();
    relink_order::sort_by(&mut cpus, |one, other| one.number.cmp(&other.number));
    cpus
}

/// The number in `cpu7`; nothing for the folders `cpufreq`, `cpuidle` and so on, or for `cpu07`.
fn cpu_number(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("cpu")?;
    let number: u32 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_cpus() {
        assert_eq!(cpu_number("cpu12"), Some(12));
        for other in ["cpu", "cpufreq", "cpuidle", "cpu+1", "cpu07", "cp1", "cpu99999999999"] {
            assert_eq!(cpu_number(other), None, "{other}");
        }
    }
}
