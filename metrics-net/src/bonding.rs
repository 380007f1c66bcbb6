//! Bonds: interfaces that are made of several, and how many of those have a link.

use std::path::{Path, PathBuf};

use relink_core::{Collector, Error, Family, Paths, Samples, Source, Unread};

const ACTIVE: Family =
    Family::gauge("node_bonding_active", "Interfaces of a bond that have a link (bonding_slave/mii_status).")
        .labels(&["master"]);
const SLAVES: Family =
    Family::gauge("node_bonding_slaves", "Interfaces of a bond (bonding/slaves).").labels(&["master"]);
pub(crate) const FAMILIES: &[Family] = &[ACTIVE, SLAVES];

/// What the link from a bond to one of its interfaces begins with: old kernels have the second.
const LINKS: [&str; 2] = ["lower_", "slave_"];

pub(crate) struct Bonding {
    /// `/sys/class/net`.
    folder: PathBuf,
    /// The names of all bonds. It is missing while the module is not loaded.
    masters: Source,
}

impl Bonding {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        let folder = paths.sysfs("class/net");
        Ok(Bonding { masters: Source::new(folder.join("bonding_masters")), folder })
    }
}

impl Collector for Bonding {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let Some(names) = self.masters.text()? else { return Ok(()) };
        let mut unread = Unread::default();
        for name in words(&names) {
            // No interface is called so, and it would name another file.
            if name.contains(['/', '\0']) {
                let masters = self.folder.join("bonding_masters");
                let odd = Error::expected("the name of an interface", name).context(masters.display());
                out.warn(odd.to_string());
                continue;
            }
            let master = self.folder.join(name);
            // One that has gone since is none.
            let Some(slaves) = unread.read(&master.join("bonding/slaves")) else { continue };
            let slaves = words(&slaves);
            let active = slaves.iter().filter(|slave| is_active(&master, slave, &mut unread)).count();
            out.push(&ACTIVE, [name], active as f64);
            out.push(&SLAVES, [name], slaves.len() as f64);
        }
        unread.tell(out);
        Ok(())
    }
}

/// Each word once, as a series can't be there twice.
fn words(text: &str) -> Vec<&str> {
    let mut words: Vec<&str> = text.split_ascii_whitespace().collect();
    words.sort_unstable();
    words.dedup();
    words
}

fn is_active(master: &Path, slave: &str, unread: &mut Unread) -> bool {
    let mut paths = LINKS.iter().map(|link| master.join(format!("{link}{slave}/bonding_slave/mii_status")));
    paths.find_map(|path| unread.read(&path)).is_some_and(|state| state == "up")
}
