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
        let netlink = match settings.source {
            From::Auto if is_own => Netlink::open().ok(),
            From::Auto | From::Sysfs => None,
            From::Netlink => Some(
                Netlink::open()
                    .map_err(|why| why.hint("set source = \"sysfs\" in [plugins.net] to do without"))?,
            ),
        };
        Ok(Net { netlink, folder: options.sysfs("class/net"), settings, links: Vec::new() })
    }

    fn read(&mut self) -> Result<(), Error> {
        let devices = &self.settings.devices;
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
