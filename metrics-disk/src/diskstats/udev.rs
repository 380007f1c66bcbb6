//! What udev and sysfs know of a disk.

use std::path::PathBuf;

use relink_core::{Error, Paths, Samples, Unread};

use super::{ATA, FILE_SYSTEM, INFO, MAPPER};

/// Where to look.
pub(crate) struct Places {
    /// `/run/udev/data`, a file a device.
    udev: PathBuf,
    /// `/sys/block`.
    block: PathBuf,
}

/// What is known; texts are empty where nothing is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Identity {
    pub(crate) path: String,
    pub(crate) wwn: String,
    pub(crate) model: String,
    pub(crate) serial: String,
    pub(crate) revision: String,
    /// `1` for a disk that turns, `0` for one that does not; empty where sysfs does not tell.
    pub(crate) rotational: String,
    /// Type, usage, UUID and version, if there is a file system on the disk itself.
    file_system: Option<[String; 4]>,
    /// Name, UUID, volume group, logical volume and layer, if the device mapper makes the disk.
    mapper: Option<[String; 5]>,
    /// The values of [`ATA`].
    ata: [Option<f64>; ATA.len()],
    /// What makes no sense.
    odd: Vec<String>,
}

impl Places {
    /// The places; `udev` is the option `udev_data`.
    pub(crate) fn new(paths: &Paths, udev: &str) -> Self {
        let udev = if udev.is_empty() { paths.rootfs.join("run/udev/data") } else { udev.into() };
        Places { udev, block: paths.sysfs("block") }
    }

    /// Reads what there is. Containers and small systems have no udev, so a missing file is no error.
    pub(crate) fn look_up(&self, name: &str, major: u32, minor: u32, unread: &mut Unread) -> Identity {
        let file = self.udev.join(format!("b{major}:{minor}"));
        let mut identity = unread.read(&file).as_deref().map(parse).unwrap_or_default();
        for what in &mut identity.odd {
            *what = format!("{}: {what}", file.display());
        }
        // A name such as cciss/c0d0 is a folder cciss!c0d0 in sysfs.
        let queue = self.block.join(name.replace('/', "!")).join("queue/rotational");
        identity.rotational = unread.read(&queue).unwrap_or_default();
        identity
    }
}

impl Identity {
    /// Pushes the families of which there is one sample a disk.
    pub(crate) fn push(&self, [device, major, minor]: [&str; 3], out: &mut Samples) {
        self.odd.iter().for_each(|what| out.warn(what));
        let Identity { path, wwn, model, serial, revision, rotational, .. } = self;
        // node_exporter says so of a disk without a queue of its own, such as a partition.
        let rotational = if rotational.is_empty() { "0" } else { rotational };
        out.push(&INFO, [device, major, minor, path, wwn, model, serial, revision, rotational], 1.0);
        if let Some([kind, usage, uuid, version]) = &self.file_system {
            out.push(&FILE_SYSTEM, [device, kind, usage, uuid, version], 1.0);
        }
        if let Some([name, uuid, group, volume, layer]) = &self.mapper {
            out.push(&MAPPER, [device, name, uuid, group, volume, layer], 1.0);
        }
        for ((_, family), value) in ATA.iter().zip(self.ata) {
            value.into_iter().for_each(|value| out.push(family, [device], value));
        }
    }
}

/// The properties in udev's database, which are lines such as `E:ID_MODEL=Some_disk`.
fn parse(text: &str) -> Identity {
    let value = |key: &str| {
        let mut properties = text.lines().filter_map(|line| line.strip_prefix("E:")?.split_once('='));
        properties.find(|(known, _)| *known == key).map(|(_, value)| value.trim())
    };
    let word = |key: &str| value(key).unwrap_or_default().to_owned();
    let is_there = |key: &str| value(key).is_some_and(|value| !value.is_empty());
    // The serial number of SCSI's own inquiry is the one on the disk's label.
    let serial = ["SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"].into_iter().find(|key| is_there(key));
    let mut odd = Vec::new();
    let ata = ATA.map(|(key, _)| {
        let value = value(key).filter(|_| is_there("ID_ATA"))?;
        let number = value.parse().ok().filter(|number: &f64| number.is_finite());
        if number.is_none() {
            odd.push(Error::expected(format_args!("a number as {key}"), value).to_string());
        }
        number
    });
    let file_system = ["ID_FS_TYPE", "ID_FS_USAGE", "ID_FS_UUID", "ID_FS_VERSION"];
    let mapper = ["DM_NAME", "DM_UUID", "DM_VG_NAME", "DM_LV_NAME", "DM_LV_LAYER"];
    Identity {
        path: word("ID_PATH"),
        wwn: word("ID_WWN"),
        model: word("ID_MODEL"),
        serial: serial.map(word).unwrap_or_default(),
        revision: word("ID_REVISION"),
        rotational: String::new(),
        file_system: is_there(file_system[0]).then(|| file_system.map(word)),
        mapper: is_there(mapper[0]).then(|| mapper.map(word)),
        ata,
        odd,
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

    #[test]
    fn a_file_system_a_logical_volume_and_an_ata_disk_are_known() {
        let whole =
            parse("E:ID_FS_TYPE=ext4\nE:ID_FS_UUID=u\nE:ID_FS_USAGE=filesystem\nE:ID_FS_VERSION=1.0\n");
        assert_eq!(whole.file_system, Some(["ext4", "filesystem", "u", "1.0"].map(str::to_owned)));
        let text =
            "E:DM_NAME=vg--0-root\nE:DM_UUID=LVM-x\nE:DM_VG_NAME=vg-0\nE:DM_LV_NAME=root\nE:DM_LV_LAYER=\n";
        let volume = parse(text).mapper;
        assert_eq!(volume, Some(["vg--0-root", "LVM-x", "vg-0", "root", ""].map(str::to_owned)));
        assert_eq!(parse("E:DM_NAME=\nE:DM_UUID=x\nE:ID_FS_USAGE=raid\n"), Identity::default());
        let ata = "E:ID_ATA_WRITE_CACHE=1\nE:ID_ATA_WRITE_CACHE_ENABLED=0\nE:ID_ATA_ROTATION_RATE_RPM=7200\n";
        assert_eq!(parse(ata), Identity::default(), "of a disk that is no ATA disk");
        assert_eq!(parse(&format!("{ata}E:ID_ATA=1\n")).ata, [Some(1.0), Some(0.0), Some(7200.0)]);
        let odd = parse("E:ID_ATA=1\nE:ID_ATA_WRITE_CACHE=yes\nE:ID_ATA_ROTATION_RATE_RPM=0\n");
        assert_eq!(odd.ata, [None, None, Some(0.0)]);
        assert_eq!(odd.odd, ["expected a number as ID_ATA_WRITE_CACHE, found \"yes\""]);
    }
}
