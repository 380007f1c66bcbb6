//! Link and identity of each interface.

mod families;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use relink_core::{Collector, Error, Facts, Paths, Samples};
use relink_pattern::Pattern;

use crate::link::{CARRIER_CHANGES, FLAGS, Link, MTU, NUMBERS, SWITCHED_ON};
use crate::readings::Reader;
use crate::sysfs::{Files, interfaces};
pub(crate) use families::FAMILIES;
use families::{ATTRIBUTES, INFO_AT, SYSFS_ONLY, UP_AT};

/// How often sysfs is asked again for what netlink does not tell: drivers can take long to tell their speed.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

relink_core::options! {
    pub(crate) struct Settings {
        /// Interfaces to leave out, as a pattern over their names.
        ignored_devices: String = String::new(),
    }
}

pub(crate) struct Netclass {
    reader: Reader,
    /// `/sys/class/net`.
    folder: PathBuf,
    ignored: Option<Pattern>,
    /// Where the interfaces are from netlink: one for each of them, in its order.
    rests: Vec<Rest>,
}

/// What only sysfs knows of an interface.
#[derive(Debug, Default)]
struct Rest {
    name: String,
    index: u32,
    /// Whether the pattern leaves it out.
    is_ignored: bool,
    /// Of the last of [`ATTRIBUTES`].
    numbers: [Option<i64>; SYSFS_ONLY],
    duplex: String,
    /// When sysfs was last asked, and what could have changed it since.
    looked: Option<(Instant, [Option<i64>; 2])>,
    files: Files,
}

impl Netclass {
    pub(crate) fn new(paths: &Paths, settings: Settings) -> Result<Self, Error> {
        let ignored = match settings.ignored_devices.as_str() {
            "" => None,
            pattern => Some(Pattern::new("[collectors.netclass]: ignored_devices", pattern)?),
        };
        let (reader, folder) = (Reader::new(paths), paths.sysfs("class/net"));
        Ok(Netclass { reader, folder, ignored, rests: Vec::new() })
    }

    /// Hands out each interface that is shown.
    fn each(
        &mut self,
        out: &mut Samples,
        mut one: impl FnMut(&Link, &Rest, &mut Samples),
    ) -> Result<(), Error> {
        let ignores = |name: &str| self.ignored.as_ref().is_some_and(|pattern| pattern.is_match(name));
        let Some(links) = self.reader.links()? else {
            for (name, folder) in
                interfaces(&self.folder, out)?.into_iter().filter(|(name, _)| !ignores(name))
            {
                let (link, rest) = read(name, &folder);
                rest.files.tell(out);
                one(&link, &rest, out);
            }
            return Ok(());
        };
        for (at, link) in links.iter().enumerate() {
            if !self.rests.get(at).is_some_and(|rest| rest.index == link.index && rest.name == link.name) {
                self.rests.truncate(at);
                let (name, is_ignored) = (link.name.clone(), ignores(&link.name));
                self.rests.push(Rest { name, index: link.index, is_ignored, ..Rest::default() });
            }
            let rest = &mut self.rests[at];
            if rest.is_ignored {
                continue;
            }
            rest.look_again(&self.folder, link);
            rest.files.tell(out);
            one(link, rest, out);
        }
        self.rests.truncate(links.len());
        Ok(())
    }
}

impl Collector for Netclass {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.each(out, push)
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        // What there is to warn of is told when samples are collected.
        self.each(&mut Samples::new(&[], 0), |link, _, _| {
            let mut words = vec![link.state.clone()];
            words.extend((!link.address.is_empty()).then(|| link.address.clone()));
            words.extend(link.numbers[MTU].map(|mtu| format!("MTU {mtu}")));
            out.push(&link.name, words.join(", "));
        })
    }
}

impl Rest {
    /// Asks sysfs, if it is time or if the link may have another speed now.
    fn look_again(&mut self, folder: &Path, link: &Link) {
        let marks = [link.numbers[CARRIER_CHANGES], link.numbers[FLAGS]];
        if self.looked.is_some_and(|(at, then)| then == marks && at.elapsed() < LOOK_AGAIN) {
            return;
        }
        self.read(&folder.join(&link.name));
        self.looked = Some((Instant::now(), marks));
    }

    fn read(&mut self, folder: &Path) {
        self.files = Files::default();
        self.numbers = Default::default();
        self.duplex.clear();
        // One warning in place of one a file.
        if self.files.can_see(folder) {
            for (number, attribute) in self.numbers.iter_mut().zip(&ATTRIBUTES[NUMBERS..]) {
                *number = attribute.read(folder, &mut self.files);
            }
            self.duplex = self.files.word(&folder.join("duplex"));
        }
    }
}

/// All of it by sysfs.
fn read(name: String, folder: &Path) -> (Link, Rest) {
    let mut rest = Rest::default();
    rest.read(folder);
    let files = &mut rest.files;
    let mut link = Link { name, ..Link::default() };
    for (number, attribute) in link.numbers.iter_mut().zip(&ATTRIBUTES) {
        *number = attribute.read(folder, files);
    }
    link.address = files.word(&folder.join("address"));
    link.broadcast = files.word(&folder.join("broadcast"));
    link.state = files.word(&folder.join("operstate"));
    link.alias = files.word(&folder.join("ifalias"));
    (link, rest)
}

fn push(link: &Link, rest: &Rest, out: &mut Samples) {
    let name = link.name.as_str();
    let numbers = link.numbers.iter().chain(&rest.numbers);
    for (at, (number, attribute)) in numbers.zip(&ATTRIBUTES).enumerate() {
        if let Some(number) = number {
            out.push_index(at, &[name], *number as f64 * attribute.worth);
        }
    }
    let up = if link.state == "up" { 1.0 } else { 0.0 };
    out.push_index(UP_AT, &[name], up);
    let admin = match link.numbers[FLAGS] {
        None => "unknown",
        Some(flags) if flags as u32 & SWITCHED_ON != 0 => "up",
        Some(_) => "down",
    };
    let labels = [name, &link.address, &link.broadcast, &rest.duplex, &link.state, admin, &link.alias];
    out.push_index(INFO_AT, &labels, 1.0);
}

#[cfg(test)]
mod tests {
    use relink_testing::{Tree, samples};

    use super::*;

    /// What one sees where `/sys/class` is for root only.
    #[test]
    fn what_sysfs_does_not_show_leaves_what_netlink_tells() {
        let tree = Tree::new().file("sys/class/other", "");
        let folder = tree.paths().sysfs("class/net");
        // Nobody can look into a link to itself, root no more than others.
        std::os::unix::fs::symlink(&folder, &folder).unwrap();
        let mut netclass = Netclass::new(&Paths::default(), Settings::default()).unwrap();
        netclass.folder = folder.clone();
        for _ in 0..2 {
            let mut out = samples("netclass", 10_000);
            netclass.collect(&mut out).unwrap();
            let set = out.series_set().unwrap();
            let names: Vec<&str> = set
                .places()
                .filter(|place| set.labels_of(*place).next() == Some("lo"))
                .map(|place| set.family_of(place).1.name())
                .collect();
            for shown in ["node_network_mtu_bytes", "node_network_up", "node_network_info"] {
                assert!(names.contains(&shown), "{names:?}");
            }
            assert!(!names.contains(&"node_network_device_id"), "{names:?}");
            let told = format!("reading {}: ", folder.join("lo").display());
            let told = out.warnings().iter().filter(|warning| warning.starts_with(&told));
            assert_eq!(told.count(), 1, "{:?}", out.warnings());
        }
    }
}
