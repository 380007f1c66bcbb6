//! Which CPUs are online, and which of them the scheduler leaves alone.

use std::path::Path;

use relink_core::{Context, Error, Samples, Unread};

use super::{ISOLATED, ONLINE};
use crate::folders::CpuFolder;

/// What sysfs says of the CPUs that are plugged in.
pub(crate) struct Online {
    cpus: Vec<(String, bool)>,
    isolated: Vec<String>,
}

impl Online {
    /// Looks at each CPU. One without the file `online` can't be switched off; `counted` says whether it counts.
    pub(crate) fn look(
        folder: &Path,
        cpus: &[CpuFolder],
        counted: impl Fn(u32) -> bool,
        unread: &mut Unread,
        odd: &mut Vec<Error>,
    ) -> Self {
        let mut online = Vec::new();
        for cpu in cpus {
            let file = cpu.path.join("online");
            match unread.read(&file).map(|text| parse_switch(&text).context(file.display())) {
                None => online.push((cpu.label.clone(), counted(cpu.number))),
                Some(Ok(is_online)) => online.push((cpu.label.clone(), is_online)),
                Some(Err(why)) => odd.push(why),
            }
        }
        let file = folder.join("isolated");
        let isolated = unread.read(&file).map_or(Ok(Vec::new()), |list| parse_list(&list));
        let isolated = isolated.context(file.display()).unwrap_or_else(|why| {
            odd.push(why);
            Vec::new()
        });
        Online { cpus: online, isolated: isolated.iter().map(u32::to_string).collect() }
    }

    pub(crate) fn push(&self, out: &mut Samples) {
        for cpu in &self.isolated {
            out.push(&ISOLATED, [cpu], 1.0);
        }
        for (cpu, is_online) in &self.cpus {
            out.push(&ONLINE, [cpu], f64::from(u8::from(*is_online)));
        }
    }
}

fn parse_switch(text: &str) -> Result<bool, Error> {
    match text {
        "0" => Ok(false),
        "1" => Ok(true),
        other => Err(Error::expected("0 or 1", other)),
    }
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
}
