//! The collector on Linux: `cpu*/cpufreq` below `/sys/devices/system/cpu`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use relink_core::{Collector, Error, Facts, Family, Paths, Samples, Unread};

use super::{FREQUENCY, FREQUENCY_MAX, FREQUENCY_MIN, GOVERNOR, facts};
use crate::folders::{self, LOOK_AGAIN};
use crate::sysfs::{Page, SysfsFile, is_sysfs};

pub(crate) struct Cpufreq {
    /// `/sys/devices/system/cpu`.
    folder: PathBuf,
    /// Its file `online`, which changes when a CPU comes or goes.
    online: SysfsFile,
    last_online: String,
    found: Option<Found>,
    page: Box<Page>,
}

/// What is found for a set of CPUs, and again when that set has changed and from time to time. Without policies on machines
/// without cpufreq, such as most virtual ones: then nothing more is read.
struct Found {
    policies: Vec<Policy>,
    unread: Unread,
    looked: Instant,
}

/// CPUs that change their frequency together. The kernel links each one's `cpufreq` to the common folder, and reading
/// `scaling_cur_freq` may ask the hardware, so it is read once a policy.
struct Policy {
    /// What the `cpufreq` of its CPUs links to.
    folder: PathBuf,
    cpus: Vec<String>,
    frequencies: [(&'static Family, SysfsFile); 3],
    governor: SysfsFile,
    governors: Vec<String>,
    /// The last present frequency in hertz.
    last: Option<f64>,
}

impl Cpufreq {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        let folder = paths.sysfs("devices/system/cpu");
        Ok(Cpufreq {
            online: SysfsFile::kept(folder.join("online"), is_sysfs(&folder)),
            folder,
            last_online: String::new(),
            found: None,
            page: Box::new([0; 4096]),
        })
    }
}

impl Collector for Cpufreq {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let online = self.online.read(&mut self.page, out).unwrap_or_default();
        if online != self.last_online {
            self.last_online = online.to_owned();
            self.found = None;
        }
        self.found.take_if(|found| found.looked.elapsed() >= LOOK_AGAIN);
        let found = self.found.get_or_insert_with(|| Found::look(&self.folder));
        found.unread.tell(out);
        found.policies.iter_mut().for_each(|policy| policy.collect(&mut self.page, out));
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        let policies = self.found.iter().flat_map(|found| &found.policies);
        facts::push(policies.filter_map(|policy| policy.last), out)
    }
}

impl Found {
    fn look(folder: &Path) -> Self {
        let keep = is_sysfs(folder);
        let mut unread = Unread::default();
        let mut policies: Vec<Policy> = Vec::new();
        for cpu in folders::list(folder, &mut unread) {
            let path = cpu.path.join("cpufreq");
            let Some(folder) = unread.unless(&path, std::fs::canonicalize(&path)) else { continue };
            match policies.iter_mut().find(|policy| policy.folder == folder) {
                Some(policy) => policy.cpus.push(cpu.label),
                None => policies.push(Policy::new(folder, cpu.label, keep, &mut unread)),
            }
        }
        Found { policies, unread, looked: Instant::now() }
    }
}

impl Policy {
    fn new(folder: PathBuf, cpu: String, keep: bool, unread: &mut Unread) -> Self {
        let file = |name: &str| SysfsFile::new(folder.join(name));
        let governors = unread.read(&folder.join("scaling_available_governors")).unwrap_or_default();
        let mut governors: Vec<String> = governors.split_ascii_whitespace().map(str::to_owned).collect();
        governors.sort_unstable();
        governors.dedup();
        Policy {
            cpus: vec![cpu],
            frequencies: [
                (&FREQUENCY, SysfsFile::kept(folder.join("scaling_cur_freq"), keep)),
                (&FREQUENCY_MIN, file("scaling_min_freq")),
                (&FREQUENCY_MAX, file("scaling_max_freq")),
            ],
            governor: file("scaling_governor"),
            governors,
            folder,
            last: None,
        }
    }

    fn collect(&mut self, page: &mut Page, out: &mut Samples) {
        self.last = None;
        for (at, (family, file)) in self.frequencies.iter_mut().enumerate() {
            let Some(hertz) = file.parse(page, out, parse_kilohertz).flatten() else { continue };
            if at == 0 {
                self.last = Some(hertz);
            }
            for cpu in &self.cpus {
                out.push(family, [cpu], hertz);
            }
        }
        let Some(governor) = self.governor.read(page, out).filter(|name| !name.is_empty()) else { return };
        if self.governors.is_empty() {
            self.governors.push(governor.to_owned());
        }
        for cpu in &self.cpus {
            for known in &self.governors {
                out.push(&GOVERNOR, [cpu, known], f64::from(u8::from(known == governor)));
            }
        }
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
    use relink_testing::{Tree, collect};

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

    #[test]
    fn a_driver_that_comes_later_is_found() {
        let cpu = "sys/devices/system/cpu";
        let tree =
            Tree::new().file(&format!("{cpu}/online"), "0\n").file(&format!("{cpu}/cpu0/online"), "1\n");
        let mut code = Cpufreq::new(&tree.paths()).unwrap();
        assert_eq!(collect(&mut code, "cpufreq").unwrap(), "");
        tree.write(&format!("{cpu}/cpu0/cpufreq/scaling_cur_freq"), "1000\n");
        assert_eq!(collect(&mut code, "cpufreq").unwrap(), "", "it is not yet time");
        let found = code.found.as_mut().unwrap();
        found.looked = found.looked.checked_sub(LOOK_AGAIN).expect("the machine has been up for a while");
        let text = collect(&mut code, "cpufreq").unwrap();
        assert_eq!(text, "node_cpu_scaling_frequency_hertz{cpu=\"0\"} 1000000\n");
        // A CPU that comes or goes is seen at once.
        tree.write(&format!("{cpu}/online"), "0-1\n");
        tree.write(&format!("{cpu}/cpu1/cpufreq/scaling_cur_freq"), "2000\n");
        assert_eq!(collect(&mut code, "cpufreq").unwrap().lines().count(), 2);
    }

    #[test]
    fn one_file_a_frequency_is_kept_and_no_other() {
        let mut code = Cpufreq::new(&Paths::default()).unwrap();
        collect(&mut code, "cpufreq").unwrap();
        let links = std::fs::read_dir("/proc/self/fd").unwrap();
        let targets = links.filter_map(|link| std::fs::read_link(link.ok()?.path()).ok());
        for file in targets.filter(|target| target.starts_with("/sys/devices/system/cpu")) {
            let name = file.file_name().unwrap();
            assert!(name == "online" || name == "scaling_cur_freq", "{}", file.display());
        }
    }
}
