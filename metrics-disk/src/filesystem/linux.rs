//! The collector on Linux: mountinfo, and statvfs(3) on each mount point.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use relink_core::{Collector, Error, Facts, Family, Paths, Samples};
use relink_pattern::Filter;
use rustix::fs::StatVfs;

use super::mountinfo::MountInfo;
use super::mounts::{Line, parse, strip};
use super::statfs::{Answer, Helper, Helpers, Told, ask, describe};
use super::{AVAILABLE, DEVICE_ERROR, FILES, FILES_FREE, FREE, MOUNT_INFO, READONLY, SIZE, Settings};
use crate::facts::space;

/// The shortest time that counts as silence: with less, also a mount that answers at once would be silent, which it is not
/// for node_exporter with a timeout of 0.
const LEAST_TIMEOUT: Duration = Duration::from_millis(50);
/// The longest `mount_timeout`.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);

/// The mounts that pass the filters.
pub(crate) struct Filesystem {
    mountinfo: MountInfo,
    rootfs: PathBuf,
    mount_points: Filter,
    fs_types: Filter,
    /// How long a question may be open before its mount counts as silent.
    timeout: Duration,
    helpers: Helpers,
    mounts: Vec<Mount>,
    /// What of the options is not as the operator wrote it.
    warning: Option<String>,
    /// The lines of mountinfo that make no sense.
    odd: Vec<Error>,
}

struct Mount {
    line: Line,
    /// The label: the mount point as seen from the rootfs, as UTF-8.
    mount_point: String,
    major: String,
    minor: String,
    /// Where to ask: the mount point below the rootfs.
    path: PathBuf,
    readonly: bool,
    /// Whether no mount before it has the same labels of `node_filesystem_mount_info`.
    shows_info: bool,
    asker: Asker,
}

/// Who asks the file system for its size.
enum Asker {
    /// The collecting thread. The last answer.
    Inline(Option<Answer>),
    /// A thread of its own, because the answer may never come.
    Helper(Helper),
    /// Nobody, because no thread could be started: the mount counts as not answering.
    Nobody,
}

impl Filesystem {
    pub(crate) fn new(paths: &Paths, settings: Settings) -> Result<Self, Error> {
        let (timeout, warning) = timeout(settings.mount_timeout);
        Ok(Filesystem {
            mountinfo: MountInfo::new(paths),
            rootfs: paths.rootfs.clone(),
            mount_points: settings.mount_points()?,
            fs_types: settings.fs_types()?,
            timeout,
            helpers: Helpers::new(),
            mounts: Vec::new(),
            warning,
            odd: Vec::new(),
        })
    }

    /// Looks for new mounts.
    fn look(&mut self) -> Result<(), Error> {
        if !self.mountinfo.refresh()? {
            return Ok(());
        }
        self.odd.clear();
        match self.mountinfo.text().map_or(Ok(Vec::new()), |text| parse(text, &mut self.odd)) {
            Ok(lines) => self.take(lines),
            Err(error) => {
                self.mountinfo.forget();
                return Err(error.context(self.mountinfo.path().display()));
            }
        }
        Ok(())
    }

    /// Looks for new mounts and asks each for its size.
    fn measure(&mut self) -> Result<(), Error> {
        self.look()?;
        let (mut slow, mut fast) = (Vec::new(), Vec::new());
        for mount in &mut self.mounts {
            match &mut mount.asker {
                Asker::Helper(helper) => slow.push(helper),
                Asker::Inline(answer) => fast.push((&mount.path, answer)),
                Asker::Nobody => {}
            }
        }
        self.helpers.ask_all(&mut slow, || {
            for (path, answer) in fast {
                *answer = Some(ask(path));
            }
        });
        Ok(())
    }

    /// Makes the mounts again from mountinfo; those that were there before keep their helpers.
    fn take(&mut self, lines: Vec<Line>) {
        let mut before: HashMap<u32, Mount> = self.mounts.drain(..).map(|old| (old.line.id, old)).collect();
        let mut places = HashMap::new();
        for line in lines {
            let below_rootfs = strip(&line.mount_point, self.rootfs.as_os_str().as_bytes());
            let rest = below_rootfs.unwrap_or(&line.mount_point);
            let mount_point = if rest.is_empty() { "/".into() } else { String::from_utf8_lossy(rest) };
            if self.fs_types.ignores(&line.fstype) || self.mount_points.ignores(&mount_point) {
                continue;
            }
            let path = below(&self.rootfs, rest);
            // How a mount is mounted is the agent's own doing (ProtectSystem=, a volume with `:ro`) where the mounts are
            // those of its namespace: its own list, or a machine's root that was mounted for it. Whether the file
            // system is read-only is the same from everywhere.
            let is_own =
                !self.mountinfo.is_the_machines() || self.rootfs.parent().is_some() && below_rootfs.is_some();
            let readonly = line.super_readonly || line.mount_readonly && !is_own;
            // A mount that is only remounted stays the same, and so does the question that may still be open.
            let old = before.remove(&line.id);
            let asker = match old.filter(|old| old.path == path && old.line.is_same_as(&line)) {
                Some(old) => old.asker,
                None => self.asker(line.suspect, &path),
            };
            let mount_point = mount_point.into_owned();
            // Of mounts with the same labels the later one counts: it lies on top, and the path leads to it.
            let place = (line.device.clone(), mount_point.clone(), line.fstype.clone());
            let (major, minor) = (line.major.to_string(), line.minor.to_string());
            let mount = Mount { line, mount_point, major, minor, path, readonly, shows_info: true, asker };
            match places.entry(place) {
                Entry::Occupied(place) => self.mounts[*place.get()] = mount,
                Entry::Vacant(place) => {
                    place.insert(self.mounts.len());
                    self.mounts.push(mount);
                }
            }
        }
        let mut infos = HashSet::new();
        for mount in &mut self.mounts {
            let Line { device, major, minor, .. } = &mount.line;
            mount.shows_info = infos.insert((device.clone(), *major, *minor, mount.mount_point.clone()));
        }
    }

    fn asker(&mut self, suspect: bool, path: &Path) -> Asker {
        if !suspect {
            return Asker::Inline(None);
        }
        match self.helpers.start(path.to_owned()) {
            Ok(helper) => Asker::Helper(helper),
            Err(_) => {
                // The next collection takes the mounts again, and tries again.
                self.mountinfo.forget();
                Asker::Nobody
            }
        }
    }
}

impl Collector for Filesystem {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.measure()?;
        self.warning.iter().for_each(|warning| out.warn(warning));
        for what in &self.odd {
            out.warn(format!("{}: {what}", self.mountinfo.path().display()));
        }
        self.mounts.iter().for_each(|mount| mount.push(self.timeout, out));
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        self.measure()?;
        for mount in &self.mounts {
            let Line { fstype, device, .. } = &mount.line;
            let told = match mount.answer(self.timeout) {
                Ok(Some(stat)) => {
                    let used = stat.f_blocks.saturating_sub(stat.f_bfree);
                    space(bytes(used, stat), bytes(stat.f_blocks, stat))
                }
                Ok(None) => "no answer yet".to_owned(),
                Err(why) => why,
            };
            out.push(&mount.mount_point, format!("{fstype} on {device}, {told}"));
        }
        Ok(())
    }
}

impl Mount {
    /// What the file system said, if it has by now, or why it did not.
    fn answer(&self, timeout: Duration) -> Result<Option<&StatVfs>, String> {
        let told = match &self.asker {
            Asker::Inline(answer) => answer.as_ref().map_or(Told::NotYet, Told::Answer),
            Asker::Helper(helper) => helper.told(timeout),
            Asker::Nobody => return Err("no thread to ask it".to_owned()),
        };
        match told {
            Told::Answer(Ok(stat)) => Ok(Some(stat)),
            Told::Answer(Err(error)) => Err(describe(*error)),
            Told::NotYet => Ok(None),
            Told::Silent => Err("mountpoint timeout".to_owned()),
        }
    }

    fn push(&self, timeout: Duration, out: &mut Samples) {
        let Line { device, fstype, .. } = &self.line;
        let push = |out: &mut Samples, family: &Family, why: &str, value: f64| {
            out.push(family, [device, &self.mount_point, fstype, why], value);
        };
        // Not ST_RDONLY of the answer: that is about the agent's own view of the file system.
        let readonly = f64::from(u8::from(self.readonly));
        match self.answer(timeout) {
            Ok(Some(stat)) => {
                push(out, &SIZE, "", bytes(stat.f_blocks, stat));
                push(out, &FREE, "", bytes(stat.f_bfree, stat));
                push(out, &AVAILABLE, "", bytes(stat.f_bavail, stat));
                push(out, &FILES, "", stat.f_files as f64);
                push(out, &FILES_FREE, "", stat.f_ffree as f64);
                push(out, &READONLY, "", readonly);
                push(out, &DEVICE_ERROR, "", 0.0);
            }
            // Neither well nor in error so far.
            Ok(None) => push(out, &READONLY, "", readonly),
            Err(why) => {
                push(out, &READONLY, &why, readonly);
                push(out, &DEVICE_ERROR, &why, 1.0);
            }
        }
        if self.shows_info {
            out.push(&MOUNT_INFO, [device, &self.major, &self.minor, &self.mount_point], 1.0);
        }
    }
}

/// The timeout, and a warning where it is less than was asked for: node_exporter takes any, so this is no reason to end.
fn timeout(asked: Duration) -> (Duration, Option<String>) {
    let warning = (asked > LONGEST_TIMEOUT).then(|| {
        let (asked, longest) = (asked.as_secs_f64(), LONGEST_TIMEOUT.as_secs());
        format!(
            "[collectors.filesystem]: mount_timeout is {asked}, and more than {longest} seconds are not waited for"
        )
    });
    (asked.clamp(LEAST_TIMEOUT, LONGEST_TIMEOUT), warning)
}

fn bytes(blocks: u64, stat: &StatVfs) -> f64 {
    blocks as f64 * stat.f_bsize as f64
}

/// A mount point below the rootfs.
fn below(rootfs: &Path, mount_point: &[u8]) -> PathBuf {
    let relative = mount_point.strip_prefix(b"/").unwrap_or(mount_point);
    if relative.is_empty() { rootfs.to_owned() } else { rootfs.join(OsStr::from_bytes(relative)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_asked_below_the_rootfs() {
        assert_eq!(below(Path::new("/"), b"/home"), Path::new("/home"));
        assert_eq!(below(Path::new("/host"), b""), Path::new("/host"));
        assert_eq!(below(Path::new("/host"), b"/a/b"), Path::new("/host/a/b"));
    }

    #[test]
    fn the_rootfs_is_stripped_folder_by_folder() {
        assert_eq!(strip(b"/host/home", b"/host"), Some(&b"/home"[..]));
        assert_eq!(strip(b"/host", b"/host/"), Some(&b""[..]));
        assert_eq!(strip(b"/hostile", b"/host"), None);
        assert_eq!(strip(b"/home", b"/"), Some(&b"/home"[..]));
    }

    #[test]
    fn a_timeout_is_a_short_time() {
        assert_eq!(timeout(Duration::from_millis(1500)), (Duration::from_millis(1500), None));
        assert_eq!(timeout(LONGEST_TIMEOUT), (LONGEST_TIMEOUT, None));
        for long in [60.1, 3600.0] {
            let (cut, warning) = timeout(Duration::from_secs_f64(long));
            assert_eq!(cut, LONGEST_TIMEOUT);
            assert!(warning.unwrap().contains(&format!("mount_timeout is {long}, and more than")), "{long}");
        }
        assert_eq!(timeout(Duration::MAX).0, LONGEST_TIMEOUT);
        assert_eq!(timeout(Duration::ZERO).0, LEAST_TIMEOUT, "what answers at once is not silent");
    }
}
