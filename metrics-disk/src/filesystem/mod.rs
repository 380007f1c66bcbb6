//! The collector `filesystem`: which file systems are mounted, and how full they are.

// The other systems' collector is compiled into the tests too, so that it can't rot unseen.
#[cfg(any(not(target_os = "linux"), test))]
mod portable;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod mountinfo;
#[cfg(target_os = "linux")]
mod mounts;
#[cfg(target_os = "linux")]
mod statfs;

use std::time::Duration;

use relink_core::{Error, Family, options};
use relink_pattern::Filter;

#[cfg(target_os = "linux")]
pub(crate) use linux::Filesystem;
#[cfg(not(target_os = "linux"))]
pub(crate) use portable::Filesystem;

const MOUNT_POINTS: &str =
    r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)";
const FS_TYPES: &str = "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|\
    iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$";
/// node_exporter's default for the same.
const TIMEOUT: Duration = Duration::from_secs(5);

options! {
    /// What the operator may set.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    pub(crate) struct Settings {
        /// Mount points to leave out, as a pattern.
        mount_points_exclude: String = MOUNT_POINTS.to_owned(),
        /// The only mount points to show, as a pattern; in place of the exclude.
        mount_points_include: String = String::new(),
        /// Types of file systems to leave out, as a pattern.
        fs_types_exclude: String = FS_TYPES.to_owned(),
        /// The only types of file systems to show, as a pattern; in place of the exclude.
        fs_types_include: String = String::new(),
        /// How long a mount may take to answer before it counts as silent. No collection waits as long.
        mount_timeout: Duration = TIMEOUT,
    }
}

impl Settings {
    fn mount_points(&self) -> Result<Filter, Error> {
        let (exclude, include) = (&self.mount_points_exclude, &self.mount_points_include);
        Filter::new("filesystem", "mount_points", exclude, include, MOUNT_POINTS)
    }

    fn fs_types(&self) -> Result<Filter, Error> {
        let (exclude, include) = (&self.fs_types_exclude, &self.fs_types_include);
        Filter::new("filesystem", "fs_types", exclude, include, FS_TYPES)
    }
}

/// What it emits.
pub(crate) const FAMILIES: &[Family] =
    &[SIZE, FREE, AVAILABLE, FILES, FILES_FREE, READONLY, DEVICE_ERROR, MOUNT_INFO];

const fn filesystem(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help).labels(&["device", "mountpoint", "fstype", "device_error"])
}

const SIZE: Family = filesystem("node_filesystem_size_bytes", "Size of a file system.");
const FREE: Family =
    filesystem("node_filesystem_free_bytes", "Free space, with what is reserved for the superuser.");
const AVAILABLE: Family =
    filesystem("node_filesystem_avail_bytes", "Free space for users other than the superuser.");
const FILES: Family = filesystem("node_filesystem_files", "Number of inodes that a file system has in all.");
const FILES_FREE: Family = filesystem("node_filesystem_files_free", "Number of inodes that are free.");
const READONLY: Family = filesystem("node_filesystem_readonly", "Whether a file system can't be written to.");
const DEVICE_ERROR: Family = filesystem(
    "node_filesystem_device_error",
    "Whether a file system did not tell its size; the label device_error says why.",
);
const MOUNT_INFO: Family =
    Family::gauge("node_filesystem_mount_info", "Always 1; the labels say which device is mounted where.")
        .labels(&["device", "major", "minor", "mountpoint"]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_leave_out_what_is_no_disk() {
        let settings = Settings::default();
        let (mount_points, fs_types) = (settings.mount_points().unwrap(), settings.fs_types().unwrap());
        for ignored in ["/dev", "/dev/shm", "/proc", "/sys/fs/cgroup", "/var/lib/docker/overlay2/x"] {
            assert!(mount_points.ignores(ignored), "{ignored}");
        }
        for shown in ["/", "/device", "/home", "/var/lib/docker", "/run"] {
            assert!(!mount_points.ignores(shown), "{shown}");
        }
        assert!(fs_types.ignores("overlay") && fs_types.ignores("cgroup2"));
        assert!(!fs_types.ignores("ext4") && !fs_types.ignores("tmpfs"));
        assert_eq!(settings.mount_timeout, Duration::from_secs(5));
    }
}
