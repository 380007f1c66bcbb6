//! `/proc/cgroups`: the controllers of control groups. A kernel that was built without them, or without their
//! first version, has no such file.

use relink_core::{Collector, Error, Family, Paths, Samples, Source};

pub(crate) const FAMILIES: &[Family] = &[
    Family::gauge("node_cgroups_cgroups", "Control groups that a controller has (/proc/cgroups).")
        .labels(&["subsys_name"]),
    Family::gauge("node_cgroups_enabled", "Whether a controller is enabled (/proc/cgroups).")
        .labels(&["subsys_name"]),
];

pub(crate) struct Cgroups(Source);

impl Cgroups {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Cgroups(Source::new(paths.procfs("cgroups"))))
    }
}

impl Collector for Cgroups {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let mut is_known = false;
        self.0.lines(out, |line, out| {
            // The first line names the columns.
            if !line.starts_with('#') {
                let (name, numbers) = controller(line)
                    .ok_or_else(|| Error::expected("a line such as \"memory 7 234 1\"", line))?;
                for (family, number) in FAMILIES.iter().zip(numbers) {
                    out.push(family, [name], number as f64);
                }
            }
            is_known = true;
            Ok(())
        })?;
        if !is_known {
            self.0.parse(|text| Err::<(), _>(Error::expected("a table of controllers", text)))?;
        }
        Ok(())
    }
}

/// The name of a controller, how many groups it has, and whether it is enabled. The second column is the number of its
/// hierarchy.
fn controller(line: &str) -> Option<(&str, [i64; 2])> {
    let mut words = line.split_ascii_whitespace();
    let (name, _hierarchy) = (words.next()?, words.next()?.parse::<u64>().ok()?);
    Some((name, [words.next()?.parse().ok()?, words.next()?.parse().ok()?]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_is_a_name_and_three_numbers() {
        assert_eq!(controller("memory\t7\t234\t1"), Some(("memory", [234, 1])));
        assert_eq!(controller("rdma 0 1 0 more"), Some(("rdma", [1, 0])));
        for line in ["", "memory", "memory 7 234", "memory x 234 1", "memory 7 x 1", "memory 7 234 x"] {
            assert_eq!(controller(line), None, "{line}");
        }
    }
}
