//! `/sys/devices/system/node/node*`: the memory of each node, and from which node the kernel took it. A kernel without
//! CONFIG_NUMA has no such folder.

mod keys;

use relink_core::{Collector, Error, Paths, Samples, Source};
use relink_sysfs::{Device, Devices};

use keys::{COUNTERS, GAUGES};

pub(crate) use keys::FAMILIES;

pub(crate) struct MeminfoNuma {
    folder: Devices,
    nodes: Vec<Node>,
}

struct Node {
    number: String,
    meminfo: Source,
    numastat: Source,
}

impl MeminfoNuma {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        let folder = Devices::new(paths.sysfs("devices/system/node")).starting_with("node");
        Ok(MeminfoNuma { folder, nodes: Vec::new() })
    }
}

impl Collector for MeminfoNuma {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if let Some(entries) = self.folder.due(out) {
            self.nodes = entries.iter().filter_map(Node::of).collect();
            // As people count: node2 before node10.
            let length = |node: &Node| node.number.len();
            relink_order::sort_by(&mut self.nodes, |one, other| {
                (length(one), &one.number).cmp(&(length(other), &other.number))
            });
        }
        let (before, mut first) = (out.len(), None);
        for node in &mut self.nodes {
            for outcome in [node.meminfo(out), node.numastat(out)] {
                first = first.or(outcome.err());
            }
        }
        // What is odd is told. It is an error if nothing is left.
        first.filter(|_| out.len() == before).map_or(Ok(()), Err)
    }
}

impl Node {
    fn of(entry: &Device) -> Option<Self> {
        let number = entry.name.strip_prefix("node")?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| Node {
            number: number.to_owned(),
            meminfo: Source::new(entry.path.join("meminfo")),
            numastat: Source::new(entry.path.join("numastat")),
        })
    }

    fn meminfo(&mut self, out: &mut Samples) -> Result<(), Error> {
        let (number, mut next) = (&self.number, 0);
        lines(&mut self.meminfo, out, |line, out| {
            let (key, value) = field(line, number).ok_or_else(|| {
                Error::expected(format_args!("a line such as \"Node {number} MemFree: 1024 kB\""), line)
            })?;
            let found = (next..GAUGES.len()).chain(0..next).find(|&at| GAUGES[at].0 == key);
            let Some(at) = found else { return Ok(()) };
            next = at + 1;
            out.push(&GAUGES[at].1, [number], amount(value)?);
            Ok(())
        })
    }

    fn numastat(&mut self, out: &mut Samples) -> Result<(), Error> {
        let number = &self.number;
        lines(&mut self.numastat, out, |line, out| {
            let not_a_count = || Error::expected("a line such as \"numa_hit 1024\"", line);
            let (key, count) = line.trim_ascii().split_once(' ').ok_or_else(not_a_count)?;
            let count: u64 = count.trim_ascii().parse().map_err(|_| not_a_count())?;
            if let Some((_, family)) = COUNTERS.iter().find(|(known, _)| *known == key) {
                out.push(family, [number], count as f64);
            }
            Ok(())
        })
    }
}

/// As [`Source::lines`], which tells all but that a file may not be read.
fn lines(
    source: &mut Source,
    out: &mut Samples,
    read: impl FnMut(&str, &mut Samples) -> Result<(), Error>,
) -> Result<(), Error> {
    let warned = out.warned();
    source.lines(out, read).inspect_err(|why| {
        if out.warned() == warned {
            out.warn(why.to_string());
        }
    })
}

/// Key and value of a line such as `Node 0 Active(anon):   1576 kB` of this node's file.
fn field<'a>(line: &'a str, node: &str) -> Option<(&'a str, &'a str)> {
    let rest = line.trim_ascii().strip_prefix("Node ")?.strip_prefix(node)?.strip_prefix(' ')?;
    let (key, value) = rest.split_once(':')?;
    Some((key.trim_ascii(), value))
}

/// `1576 kB` in bytes, or `4` as it is.
fn amount(value: &str) -> Result<f64, Error> {
    let mut words = value.split_ascii_whitespace();
    let count = words.next().and_then(|word| word.parse::<u64>().ok()).map(|count| count as f64);
    match (count, words.next(), words.next()) {
        (Some(count), None, _) => Ok(count),
        (Some(count), Some("kB"), None) => Ok(count * 1024.0),
        _ => Err(Error::expected("a number, or one of kB", value.trim_ascii())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_of_its_own_node() {
        for (line, found) in [
            ("Node 0 Active(anon):       1576 kB", Some(("Active(anon)", 1613824.0))),
            ("Node 0 HugePages_Total:     4", Some(("HugePages_Total", 4.0))),
            // A number as wide as its column leaves no blank.
            ("Node 0 ShadowCallStack:12345678 kB", Some(("ShadowCallStack", 12641974272.0))),
            ("Node 0 MemTotal: 18446744073709551615 kB", Some(("MemTotal", 18446744073709551615.0 * 1024.0))),
            ("Node 01 MemTotal: 1 kB", None),
            ("Node 1 MemTotal: 1 kB", None),
            ("Node 0 MemTotal 1 kB", None),
            ("MemTotal: 1 kB", None),
        ] {
            let field = field(line, "0").map(|(key, value)| (key, amount(value).unwrap()));
            assert_eq!(field, found, "{line}");
        }
        for value in ["", "x", " -1 kB", "1 MB", "1 kB kB", "18446744073709551616 kB"] {
            let why = amount(value).unwrap_err();
            assert!(why.message().starts_with("expected a number, or one of kB, found "), "{why}");
        }
    }
}
