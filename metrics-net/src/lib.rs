//! Network interfaces: traffic, link and identity, under the names that node_exporter's dashboards ask for.
//!
//! All of it comes from one question over netlink, but for a few things that only sysfs knows. The README lists families
//! and options.
#![cfg(target_os = "linux")]

mod families;
mod link;
mod message;
mod netlink;
mod options;
mod sysfs;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use relink_core::{Collector, Error, Facts, Options, Samples, register};

use families::{FAMILIES, MTU};
use link::Link;
use netlink::Netlink;
use options::{Filter, From, Settings};

register! {
    name: "net",
    help: "Network interfaces",
    families: FAMILIES,
    new: |options: &Options| Net::new(options),
}

/// How often sysfs is asked again for what netlink does not tell: drivers can take long to tell their speed.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

struct Net {
    /// None: all is from sysfs.
    netlink: Option<Netlink>,
    /// When it was last tried to open netlink; none where it is not wanted.
    tried: Option<Instant>,
    /// `/sys/class/net`.
    folder: PathBuf,
    settings: Settings,
    links: Vec<Link>,
}

impl Net {
    fn new(options: &Options) -> Result<Self, Error> {
        let settings = Settings::new(options)?;
        // Another sysfs is of another namespace than the one that netlink shows.
        let is_own = options.paths().sysfs == Path::new("/sys");
        let (netlink, tried) = match settings.source {
            From::Auto if is_own => (Netlink::open().ok(), Some(Instant::now())),
            From::Auto | From::Sysfs => (None, None),
            From::Netlink => {
                let netlink = Netlink::open()
                    .map_err(|why| why.hint("set source = \"sysfs\" in [plugins.net] to do without"))?;
                (Some(netlink), None)
            }
        };
        Ok(Net { netlink, tried, folder: options.sysfs("class/net"), settings, links: Vec::new() })
    }

    fn read(&mut self) -> Result<(), Error> {
        let devices = &self.settings.devices;
        // There may have been no descriptor for it.
        if self.netlink.is_none() && self.tried.is_some_and(|at| at.elapsed() >= LOOK_AGAIN) {
            self.netlink = Netlink::open().ok();
            self.tried = Some(Instant::now());
        }
        let Some(netlink) = &mut self.netlink else {
            return sysfs::read(&self.folder, &mut self.links, |name| devices.ignores(name));
        };
        netlink.read(&mut self.links, |link| link.ignored = devices.ignores(&link.name))?;
        for link in self.links.iter_mut().filter(|link| !link.ignored) {
            let marks = link.marks();
            if link.looked.is_some_and(|(at, then)| then == marks && at.elapsed() < LOOK_AGAIN) {
                continue;
            }
            sysfs::fill_rest(&self.folder.join(&link.name), link)?;
            link.looked = Some((Instant::now(), marks));
        }
        Ok(())
    }
}

impl Collector for Net {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.read()?;
        for link in self.links.iter().filter(|link| !link.ignored) {
            link.unread.tell(out);
            let shows = |part: &Option<Filter>| part.as_ref().is_some_and(|part| !part.ignores(&link.name));
            if shows(&self.settings.netdev) {
                link.push_traffic(out);
            }
            if shows(&self.settings.netclass) {
                link.push_class(out);
            }
        }
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        self.read()?;
        for link in self.links.iter().filter(|link| !link.ignored) {
            let mut words = vec![link.state.clone()];
            words.extend((!link.address.is_empty()).then(|| link.address.clone()));
            words.extend(link.numbers[MTU].map(|mtu| format!("MTU {mtu}")));
            out.push(&link.name, words.join(", "));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netlink_that_could_not_be_opened_is_tried_again() {
        let mut net = Net::new(&Options::default()).unwrap();
        assert!(net.netlink.is_some(), "this machine has netlink");
        let just_now = Instant::now();
        (net.netlink, net.tried) = (None, Some(just_now));
        net.read().unwrap();
        assert!(net.netlink.is_none(), "it is not yet time");
        net.tried = just_now.checked_sub(LOOK_AGAIN);
        net.read().unwrap();
        assert!(net.netlink.is_some());
        let names: Vec<_> = net.links.iter().map(|link| link.name.as_str()).collect();
        assert!(names.contains(&"lo"), "{names:?}");
    }
}
