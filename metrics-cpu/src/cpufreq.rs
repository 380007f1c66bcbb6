//! cpufreq: frequency and governor of the CPUs.

use std::path::Path;

use relink_core::{Context, Error, Family, Samples, Unread};

use crate::families::{FREQUENCY, FREQUENCY_MAX, FREQUENCY_MIN, GOVERNOR};
use crate::sysfs::{Page, SysfsFile};
use crate::topology::CpuFolder;

/// The policies of all CPUs. Empty on machines without cpufreq, such as most virtual ones: then nothing is read.
#[derive(Default)]
pub(crate) struct Cpufreq {
    policies: Vec<Policy>,
}

/// CPUs that change their frequency together. The kernel links each one's `cpufreq` to the common folder, and reading
/// `scaling_cur_freq` may ask the hardware, so it is read once a policy.
struct Policy {
    /// What the `cpufreq` of its CPUs links to.
    folder: std::path::PathBuf,
    cpus: Vec<String>,
    frequencies: [(&'static Family, SysfsFile); 3],
    governor: SysfsFile,
    governors: Vec<String>,
    /// The last present frequency in hertz.
    last: Option<f64>,
}

impl Cpufreq {
    /// Finds the policies; `keep` says whether the folders are of the real sysfs.
    pub(crate) fn scan(cpus: &[CpuFolder], keep: bool, unread: &mut Unread) -> Self {
        let mut policies: Vec<Policy> = Vec::new();
        for cpu in cpus {
            let path = cpu.path.join("cpufreq");
            let Some(folder) = unread.unless(&path, std::fs::canonicalize(&path)) else { continue };
            match policies.iter_mut().find(|policy| policy.folder == folder) {
                Some(policy) => policy.cpus.push(cpu.label.clone()),
                None => policies.push(Policy::new(&folder, &cpu.label, keep, unread)),
            }
        }
        Cpufreq { policies }
    }

    pub(crate) fn collect(&mut self, page: &mut Page, out: &mut Samples) -> Result<(), Error> {
        self.policies.iter_mut().try_for_each(|policy| policy.collect(page, out))
    }

    /// The lowest and highest present frequency in hertz of the last collection.
    pub(crate) fn range(&self) -> Option<(f64, f64)> {
        let mut range = None;
        for hertz in self.policies.iter().filter_map(|policy| policy.last) {
            let (low, high) = range.unwrap_or((hertz, hertz));
            range = Some((hertz.min(low), hertz.max(high)));
        }
        range
    }
}

impl Policy {
    fn new(folder: &Path, cpu: &str, keep: bool, unread: &mut Unread) -> Self {
        let file = |name: &str| SysfsFile::new(folder.join(name));
        let governors = unread.read(&folder.join("scaling_available_governors")).unwrap_or_default();
        let mut governors: Vec<String> = governors.split_ascii_whitespace().map(str::to_owned).collect();
        governors.sort_unstable();
        governors.dedup();
        Policy {
            folder: folder.to_owned(),
            cpus: vec![cpu.to_owned()],
            frequencies: [
                (&FREQUENCY, SysfsFile::kept(folder.join("scaling_cur_freq"), keep)),
                (&FREQUENCY_MIN, file("scaling_min_freq")),
                (&FREQUENCY_MAX, file("scaling_max_freq")),
            ],
            governor: file("scaling_governor"),
            governors,
            last: None,
        }
    }

    fn collect(&mut self, page: &mut Page, out: &mut Samples) -> Result<(), Error> {
        self.last = None;
        for (at, (family, file)) in self.frequencies.iter_mut().enumerate() {
            let Some(text) = file.read(page, out) else { continue };
            let Some(hertz) = parse_kilohertz(text).context(file.path().display())? else { continue };
            if at == 0 {
                self.last = Some(hertz);
            }
            for cpu in &self.cpus {
                out.push(family, [cpu], hertz);
            }
        }
        if let Some(governor) = self.governor.read(page, out).filter(|name| !name.is_empty()) {
            if self.governors.is_empty() {
                self.governors.push(governor.to_owned());
            }
            for cpu in &self.cpus {
                for known in &self.governors {
                    out.push(&GOVERNOR, [cpu, known], f64::from(u8::from(known == governor)));
                }
            }
        }
        Ok(())
    }
}

/// Hertz, or nothing where the driver writes `<unknown>`.
fn parse_kilohertz(text: &str) -> Result<Option<f64>, Error> {
    if text.starts_with('<') {
        return Ok(None);
    }
    let kilohertz: u64 = text.parse().map_err(|_| Error::expected("a frequency in kHz", text))?;
    Ok(Some(kilohertz as f64 * 1000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_are_in_kilohertz() {
        assert_eq!(parse_kilohertz("2600000").unwrap(), Some(2.6e9));
        assert_eq!(parse_kilohertz("<unknown>").unwrap(), None);
        assert_eq!(
            parse_kilohertz("fast").unwrap_err().message(),
            "expected a frequency in kHz, found \"fast\""
        );
        assert!(parse_kilohertz("").is_err());
    }
}
