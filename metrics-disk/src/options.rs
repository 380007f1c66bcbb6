//! The table `[plugins.disk]` of `relink.toml`.

use std::path::PathBuf;
use std::time::Duration;

use relink_core::{Error, Options};
use relink_pattern::Pattern;
use serde::Deserialize;

const MOUNT_POINTS: &str =
    r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)";
const FS_TYPES: &str = "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|\
    iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$";
const DEVICES: &str = r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$";

/// node_exporter's default for the same.
const TIMEOUT: f64 = 5.0;
/// The shortest time that counts as silence: with less, also a mount that answers at once would be silent, which it is not
/// for node_exporter with a timeout of 0.
const LEAST_TIMEOUT: f64 = 0.05;
/// The longest `mount_timeout`.
const LONGEST_TIMEOUT: f64 = 60.0;

/// What the operator wrote.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Table {
    filesystem: bool,
    diskstats: bool,
    mount_points_exclude: Option<String>,
    mount_points_include: Option<String>,
    fs_types_exclude: Option<String>,
    fs_types_include: Option<String>,
    devices_exclude: Option<String>,
    devices_include: Option<String>,
    mount_timeout: Option<f64>,
    udev_data: Option<PathBuf>,
}

impl Default for Table {
    fn default() -> Self {
        Table {
            filesystem: true,
            diskstats: true,
            mount_points_exclude: None,
            mount_points_include: None,
            fs_types_exclude: None,
            fs_types_include: None,
            devices_exclude: None,
            devices_include: None,
            mount_timeout: None,
            udev_data: None,
        }
    }
}

/// The same, checked.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Whether file systems are shown.
    pub(crate) filesystem: bool,
    /// Whether the traffic of disks is shown.
    pub(crate) diskstats: bool,
    pub(crate) mount_points: Filter,
    pub(crate) fs_types: Filter,
    pub(crate) devices: Filter,
    /// How long a mount may take to answer before it counts as silent. No collection waits as long.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    pub(crate) mount_timeout: Duration,
    /// What of the options is not as the operator wrote it.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    pub(crate) warning: Option<String>,
    /// Where udev keeps what it knows, if not at `run/udev/data` below the root.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    pub(crate) udev_data: Option<PathBuf>,
}

impl Settings {
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        let table: Table = options.parse()?;
        let (mount_timeout, warning) = timeout(table.mount_timeout.unwrap_or(TIMEOUT))?;
        Ok(Settings {
            filesystem: table.filesystem,
            diskstats: table.diskstats,
            mount_points: Filter::new(
                "mount_points",
                table.mount_points_exclude,
                table.mount_points_include,
                MOUNT_POINTS,
            )?,
            fs_types: Filter::new("fs_types", table.fs_types_exclude, table.fs_types_include, FS_TYPES)?,
            devices: Filter::new("devices", table.devices_exclude, table.devices_include, DEVICES)?,
            mount_timeout,
            warning,
            udev_data: table.udev_data,
        })
    }
}

/// The timeout, and a warning where it is not what was asked for: node_exporter takes any, so this is no reason to end.
fn timeout(seconds: f64) -> Result<(Duration, Option<String>), Error> {
    let given = format!("[plugins.disk]: mount_timeout is {seconds}");
    if seconds.is_nan() || seconds < 0.0 {
        return Err(Error::new(format!("{given}, expected seconds from 0 to {LONGEST_TIMEOUT}")));
    }
    let used = seconds.clamp(LEAST_TIMEOUT, LONGEST_TIMEOUT);
    let warning =
        (used != seconds).then(|| format!("{given}, and {used} is used: the nearest that makes sense"));
    Ok((Duration::from_secs_f64(used), warning))
}

/// Which mount points, types or devices are left out.
#[derive(Debug)]
pub(crate) struct Filter {
    pattern: Option<Pattern>,
    matches_are_ignored: bool,
}

impl Filter {
    /// An empty pattern filters nothing, and the default gives way to an include pattern.
    fn new(
        what: &str,
        exclude: Option<String>,
        include: Option<String>,
        default: &str,
    ) -> Result<Self, Error> {
        let include = include.filter(|pattern| !pattern.is_empty());
        let explicit = exclude.filter(|pattern| include.is_none() || !pattern.is_empty());
        let (key, pattern) = match (explicit, include) {
            (Some(_), Some(_)) => {
                return Err(Error::new(format!(
                    "[plugins.disk]: {what}_exclude and {what}_include are both set, expected at most one"
                )));
            }
            (None, Some(include)) => ("include", include),
            (Some(exclude), None) => ("exclude", exclude),
            (None, None) => ("exclude", default.to_owned()),
        };
        let compiled = Pattern::new(&format!("[plugins.disk]: {what}_{key}"), &pattern)?;
        Ok(Filter {
            pattern: (!pattern.is_empty()).then_some(compiled),
            matches_are_ignored: key == "exclude",
        })
    }

    /// Whether this name is left out.
    pub(crate) fn ignores(&self, name: &str) -> bool {
        self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(name) == self.matches_are_ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(table: &[(&str, &str)]) -> Result<Settings, Error> {
        let table = table.iter().map(|(key, value)| (key.to_string(), (*value).into())).collect();
        Settings::new(&Options::new("disk", Default::default(), table))
    }

    fn refused(table: &[(&str, &str)]) -> String {
        settings(table).unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_leave_out_what_is_no_disk() {
        let settings = settings(&[]).unwrap();
        for ignored in ["/dev", "/dev/shm", "/proc", "/sys/fs/cgroup", "/var/lib/docker/overlay2/x"] {
            assert!(settings.mount_points.ignores(ignored), "{ignored}");
        }
        for shown in ["/", "/device", "/home", "/var/lib/docker", "/run"] {
            assert!(!settings.mount_points.ignores(shown), "{shown}");
        }
        assert!(settings.fs_types.ignores("overlay") && settings.fs_types.ignores("cgroup2"));
        assert!(!settings.fs_types.ignores("ext4") && !settings.fs_types.ignores("tmpfs"));
        for ignored in ["ram0", "zram1", "loop7", "sda1", "nvme0n1p2", "xvdb3", "fd0"] {
            assert!(settings.devices.ignores(ignored), "{ignored}");
        }
        for shown in ["sda", "nvme0n1", "vda", "dm-0", "md127", "mmcblk0p1", "sr0"] {
            assert!(!settings.devices.ignores(shown), "{shown}");
        }
        assert_eq!(settings.mount_timeout, Duration::from_secs(5));
    }

    #[test]
    fn include_takes_the_place_of_the_default() {
        let settings = settings(&[("devices_include", "^sda1$"), ("fs_types_exclude", "")]).unwrap();
        assert!(!settings.devices.ignores("sda1") && settings.devices.ignores("sda"));
        assert!(!settings.fs_types.ignores("overlay"));
    }

    #[test]
    fn bad_options_are_refused_by_name() {
        let both = refused(&[("devices_include", "a"), ("devices_exclude", "b")]);
        assert!(both.contains("devices_exclude and devices_include are both set"), "{both}");
        let pattern = refused(&[("mount_points_exclude", "(")]);
        assert!(
            pattern.contains("mount_points_exclude is \"(\", expected a regular expression"),
            "{pattern}"
        );
        let unknown = refused(&[("mount_point_exclude", "x")]);
        assert!(unknown.contains("unknown field `mount_point_exclude`"), "{unknown}");
        assert!(unknown.contains("`mount_timeout`"), "the known ones are listed: {unknown}");
    }

    #[test]
    fn a_timeout_is_a_short_time() {
        assert_eq!(timeout(1.5).unwrap(), (Duration::from_millis(1500), None));
        assert_eq!(timeout(LONGEST_TIMEOUT).unwrap(), (Duration::from_secs_f64(LONGEST_TIMEOUT), None));
        for long in [LONGEST_TIMEOUT + 0.1, 3600.0, f64::INFINITY] {
            let (cut, warning) = timeout(long).unwrap();
            assert_eq!(cut, Duration::from_secs_f64(LONGEST_TIMEOUT));
            assert!(warning.unwrap().contains(&format!("mount_timeout is {long}, and 60 is used")), "{long}");
        }
        let (least, warning) = timeout(0.0).unwrap();
        assert_eq!(least, Duration::from_millis(50), "what answers at once is not silent");
        assert!(warning.unwrap().contains("mount_timeout is 0, and 0.05 is used"));
        for bad in [-1.0, f64::NAN] {
            assert!(timeout(bad).unwrap_err().message().contains("mount_timeout is"), "{bad}");
        }
    }
}
