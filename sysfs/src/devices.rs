//! Folders with an entry for each device, which come and go.

use std::fs::DirEntry;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use relink_core::{Samples, Unread};

/// How often the files of a device are looked for again: drivers add some to a device that has been there for long, as
/// coretemp does when a CPU comes online, and what could not be read at first may be readable now. Only time can tell,
/// as sysfs does not change the date of a folder when a file comes.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// A folder such as `/sys/class/hwmon`, and what stood in it when it was last looked at.
#[derive(Debug)]
pub struct Devices {
    folder: PathBuf,
    /// What the names of the devices begin with.
    prefix: &'static str,
    entries: Vec<Device>,
    /// When the files of the devices were last looked for.
    looked: Option<Instant>,
}

/// A device of a folder. The link's target tells a device from another one that has taken its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Device {
    /// The entry's name. One that is no UTF-8 is passed over.
    pub name: String,
    /// The entry itself, which is mostly a link to a folder.
    pub path: PathBuf,
    target: Option<PathBuf>,
}

impl Devices {
    /// None yet; a machine without such devices mostly has no such folder.
    pub fn new(folder: PathBuf) -> Self {
        Devices { folder, prefix: "", entries: Vec::new(), looked: None }
    }

    /// Only entries whose names begin with this. A folder of many sorts of devices, such as `/sys/block`, may have
    /// thousands of others, and they cost more than their name is worth.
    #[must_use]
    pub fn starting_with(mut self, prefix: &'static str) -> Self {
        self.prefix = prefix;
        self
    }

    /// The folder, for messages.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The devices, in the order of their names, if their files have to be looked for: the devices are others than at
    /// the last call, or half a minute has gone by. `None` is for "as before".
    pub fn due(&mut self, out: &mut Samples) -> Option<&[Device]> {
        let mut unread = Unread::default();
        let found = std::fs::read_dir(&self.folder).and_then(|entries| {
            let mut found = Vec::new();
            for entry in entries {
                found.extend(Device::of(&entry?, self.prefix));
            }
            Ok(found)
        });
        let mut found = unread.unless(&self.folder, found).unwrap_or_default();
        unread.tell(out);
        relink_order::sort_by(&mut found, Ord::cmp);
        if found == self.entries && self.looked.is_some_and(|at| at.elapsed() < LOOK_AGAIN) {
            return None;
        }
        self.entries = found;
        self.looked = Some(Instant::now());
        Some(&self.entries)
    }

    /// For tests: the next call of [`due`](Devices::due) has the devices.
    #[doc(hidden)]
    pub fn half_a_minute_passes(&mut self) {
        self.looked = None;
    }
}

impl Device {
    /// The device of an entry whose name begins with this.
    fn of(entry: &DirEntry, prefix: &str) -> Option<Self> {
        let name = entry.file_name().into_string().ok().filter(|name| name.starts_with(prefix))?;
        // The list says which entries are links. To ask a file or a folder for its target would cost a call that fails.
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        let path = entry.path();
        let target = is_link.then(|| std::fs::read_link(&path).ok()).flatten();
        Some(Device { name, path, target })
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn devices_are_due_when_they_are_others_and_when_time_has_gone_by() {
        let tree = tempfile::tempdir().unwrap();
        let mut out = Samples::new(&[], 0);
        let mut devices = Devices::new(tree.path().join("class"));
        let mut due = |devices: &mut Devices| {
            let names = |found: &[Device]| found.iter().map(|device| device.name.clone()).collect::<Vec<_>>();
            devices.due(&mut out).map(names)
        };
        assert_eq!(due(&mut devices), Some(vec![]));
        assert_eq!(due(&mut devices), None);
        std::fs::create_dir_all(tree.path().join("class/b")).unwrap();
        std::fs::create_dir_all(tree.path().join("class/a")).unwrap();
        assert_eq!(due(&mut devices), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(due(&mut devices), None);
        devices.half_a_minute_passes();
        assert!(due(&mut devices).is_some());
        // Another device has taken the name.
        std::fs::remove_dir(tree.path().join("class/b")).unwrap();
        std::os::unix::fs::symlink("a", tree.path().join("class/b")).unwrap();
        assert!(due(&mut devices).is_some());
        let mut some = Devices::new(tree.path().join("class")).starting_with("b");
        assert_eq!(due(&mut some), Some(vec!["b".to_owned()]));
    }
}
