//! The time zone: `TZ` of the agent's environment, or else the machine's `/etc/localtime`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use relink_core::{Paths, Samples, Unread};
use tz::TimeZone;

use super::OFFSET;

/// How often the file is read again: the machine may move, and rules for summer time change.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// A file of time zones has some kilobytes; none has more than this.
const LARGEST: u64 = 1 << 20;

pub(super) struct Zone {
    /// The root of the file systems.
    root: PathBuf,
    /// The environment's `TZ`.
    environment: Option<String>,
    found: Option<Found>,
}

struct Found {
    zone: Option<TimeZone>,
    unread: Unread,
    /// What makes no sense.
    odd: Option<String>,
    looked: Instant,
}

impl Zone {
    pub(super) fn new(paths: &Paths, environment: Option<String>) -> Self {
        Zone { root: paths.rootfs.clone(), environment, found: None }
    }

    /// Pushes how far it is ahead at this time.
    pub(super) fn push(&mut self, now: f64, out: &mut Samples) {
        self.found.take_if(|found| found.looked.elapsed() >= LOOK_AGAIN);
        let found = self.found.get_or_insert_with(|| match &self.environment {
            Some(name) => Found::of_environment(name),
            None => Found::of_machine(&self.root),
        });
        found.unread.tell(out);
        found.odd.iter().for_each(|what| out.warn(what));
        let kind = found.zone.as_ref().and_then(|zone| zone.find_local_time_type(now.floor() as i64).ok());
        if let Some(kind) = kind {
            // UTC that comes from no file has no name.
            let name = Some(kind.time_zone_designation()).filter(|name| !name.is_empty()).unwrap_or("UTC");
            out.push(&OFFSET, [name], f64::from(kind.ut_offset()));
        }
    }
}

impl Found {
    /// A name such as `Europe/Berlin`, a path, or a rule of its own; nothing is UTC.
    fn of_environment(name: &str) -> Self {
        let found = if name.is_empty() { Ok(TimeZone::utc()) } else { TimeZone::from_posix_tz(name) };
        let (zone, odd) = match found {
            Ok(zone) => (Some(zone), None),
            Err(why) => (None, Some(format!("TZ is {name:?}, expected a time zone: {why}"))),
        };
        Found { zone, unread: Unread::default(), odd, looked: Instant::now() }
    }

    /// A machine without the file has UTC.
    fn of_machine(root: &Path) -> Self {
        let mut path = root.join("etc/localtime");
        // It mostly is a link to a file of /usr/share/zoneinfo, of the machine's and not the container's.
        if let Some(target) = std::fs::read_link(&path).ok().filter(|target| target.is_absolute()) {
            path = root.join(target.strip_prefix("/").unwrap_or(&target));
        }
        let mut unread = Unread::default();
        let content = File::open(&path).and_then(|file| {
            let mut content = Vec::new();
            file.take(LARGEST).read_to_end(&mut content)?;
            Ok(content)
        });
        let is_missing = content.as_ref().is_err_and(|why| why.kind() == io::ErrorKind::NotFound);
        let (mut zone, mut odd) = ((is_missing && cfg!(unix)).then(TimeZone::utc), None);
        if let Some(content) = unread.unless(&path, content) {
            match TimeZone::from_tz_data(&content) {
                Ok(known) => zone = Some(known),
                Err(why) => odd = Some(format!("{}: expected a time zone: {why}", path.display())),
            }
        }
        Found { zone, unread, odd, looked: Instant::now() }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use relink_testing::Tree;

    use super::*;

    /// A file of version 2 without changes but for those of the rule at its end.
    fn file(rule: &str) -> Vec<u8> {
        let block = |version: u8| {
            let mut block = [b"TZif".as_slice(), &[version], &[0; 15]].concat();
            // Of leap seconds and so on none; one type of time with a name of four bytes.
            [0u32, 0, 0, 0, 1, 4].iter().for_each(|count| block.extend(count.to_be_bytes()));
            [block.as_slice(), &3600i32.to_be_bytes(), &[0, 0], b"CET\0"].concat()
        };
        [block(b'2'), block(b'2'), format!("\n{rule}\n").into_bytes()].concat()
    }

    /// Name and offset in January and in July 2026, and what was warned of.
    fn shown(zone: &mut Zone) -> (Vec<String>, Vec<String>) {
        let (mut all, mut warnings) = (Vec::new(), Vec::new());
        for now in [1_767_225_600.5, 1_782_864_000.5] {
            let mut out = Samples::new(super::super::FAMILIES, 10);
            zone.push(now, &mut out);
            let set = out.series_set().unwrap();
            let names = set.places().flat_map(|place| set.labels_of(place));
            all.extend(names.zip(out.values()).map(|(name, value)| format!("{name} {value}")));
            warnings.extend_from_slice(out.warnings());
        }
        (all, warnings)
    }

    #[test]
    fn the_machines_time_zone_is_shown() {
        let tree = Tree::new();
        let new = |tree: &Tree| Zone::new(&tree.paths(), None);
        assert_eq!(shown(&mut new(&tree)).0, ["UTC 0", "UTC 0"]);
        let tree = tree.file("root/usr/share/zoneinfo/Berlin", file("CET-1CEST,M3.5.0,M10.5.0/3"));
        let link = tree.path().join("root/etc/localtime");
        std::fs::create_dir(tree.path().join("root/etc")).unwrap();
        std::os::unix::fs::symlink("/usr/share/zoneinfo/Berlin", &link).unwrap();
        let mut zone = new(&tree);
        assert_eq!(shown(&mut zone), (vec!["CET 3600".to_owned(), "CEST 7200".to_owned()], vec![]));
        std::fs::remove_file(&link).unwrap();
        tree.write("root/etc/localtime", "junk");
        assert_eq!(shown(&mut zone).0[0], "CET 3600", "it is not yet time");
        zone.found = None;
        let (none, warnings) = shown(&mut zone);
        assert!(none.is_empty() && warnings.len() == 2, "{warnings:?}");
        assert!(warnings[0].contains("/root/etc/localtime: expected a time zone: "), "{warnings:?}");
        // Nobody can open a link to itself.
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink("localtime", &link).unwrap();
        let (none, warnings) = shown(&mut new(&tree));
        assert!(none.is_empty() && warnings[0].starts_with("reading /"), "{warnings:?}");
    }

    #[test]
    fn the_environments_time_zone_goes_before() {
        let tree = Tree::new().file("root/etc/localtime", file("CET-1"));
        let of = |name: &str| shown(&mut Zone::new(&tree.paths(), Some(name.to_owned())));
        assert_eq!(of("").0, ["UTC 0", "UTC 0"]);
        assert_eq!(of("IST-5:30").0, ["IST 19800", "IST 19800"]);
        let (none, warnings) = of("Nowhere/At all");
        assert!(none.is_empty(), "{none:?}");
        assert!(warnings[0].starts_with("TZ is \"Nowhere/At all\", expected a time zone: "), "{warnings:?}");
    }
}
