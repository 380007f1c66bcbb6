//! What udev and sysfs know of a disk, for `node_disk_info`.

use std::path::PathBuf;

use relink_core::{Paths, Unread};

/// Where to look.
pub(crate) struct Places {
    /// `/run/udev/data`, a file a device.
    udev: PathBuf,
    /// `/sys/block`.
    block: PathBuf,
}

/// The labels; empty where nothing is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) path: String,
    pub(crate) wwn: String,
    pub(crate) model: String,
    pub(crate) serial: String,
    pub(crate) revision: String,
    /// `1` for a disk that turns, `0` for one that does not.
    pub(crate) rotational: String,
}

impl Places {
    /// The places; `udev` is the option `udev_data`.
    pub(crate) fn new(paths: &Paths, udev: &str) -> Self {
        let udev = if udev.is_empty() { paths.rootfs.join("run/udev/data") } else { udev.into() };
        Places { udev, block: paths.sysfs("block") }
    }

    /// Reads what there is. Containers and small systems have no udev, so a missing file is no error.
    pub(crate) fn look_up(&self, name: &str, major: u32, minor: u32, unread: &mut Unread) -> Identity {
        let database = unread.read(&self.udev.join(format!("b{major}:{minor}")));
        let mut identity = database.as_deref().map(parse).unwrap_or_default();
        // A name such as cciss/c0d0 is a folder cciss!c0d0 in sysfs.
        let queue = self.block.join(name.replace('/', "!")).join("queue/rotational");
        identity.rotational = unread.read(&queue).unwrap_or_default();
        identity
    }
}

/// The properties in udev's database, which are lines such as `E:ID_MODEL=Some_disk`.
fn parse(text: &str) -> Identity {
    let value = |key: &str| {
        let mut properties = text.lines().filter_map(|line| line.strip_prefix("E:")?.split_once('='));
        properties.find(|(known, _)| *known == key).map(|(_, value)| value.trim().to_owned())
    };
    // The serial number of SCSI's own inquiry is the one on the disk's label.
    let serial = ["SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"]
        .iter()
        .find_map(|key| value(key).filter(|serial| !serial.is_empty()));
    Identity {
        path: value("ID_PATH").unwrap_or_default(),
        wwn: value("ID_WWN").unwrap_or_default(),
        model: value("ID_MODEL").unwrap_or_default(),
        serial: serial.unwrap_or_default(),
        revision: value("ID_REVISION").unwrap_or_default(),
        rotational: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_of_a_disk() {
        let text = "S:disk/by-id/x\nI:123\nE:ID_MODEL=Some_disk\nE:ID_SERIAL=Some_disk_0:1=2\n\
            E:ID_SERIAL_SHORT=0:1=2\nE:ID_WWN=0x5000\nE:ID_PATH=pci-0\nE:ID_REVISION=9\nG:systemd\n";
        let identity = parse(text);
        assert_eq!(identity.model, "Some_disk");
        assert_eq!(identity.serial, "0:1=2");
        assert_eq!([identity.wwn, identity.path, identity.revision], ["0x5000", "pci-0", "9"]);
        assert_eq!(parse("E:ID_SERIAL=a\nE:SCSI_IDENT_SERIAL=b\n").serial, "b");
        assert_eq!(parse("E:ID_SERIAL=a\nE:ID_SERIAL_SHORT=\n").serial, "a");
        assert_eq!(parse("\u{fffd}\0junk\nE:ID_MODEL"), Identity::default());
    }
}
