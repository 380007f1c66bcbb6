//! `/proc/diskstats`: the traffic of each disk.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use relink_core::{Context, Error, Facts, Family, Options, Samples, Source, Unread};

use crate::facts::traffic;
use crate::families::*;
use crate::options::Filter;
use crate::udev::{Identity, Places};

/// The kernel counts in sectors of this size, whatever the disk's own are.
const SECTOR: f64 = 512.0;
const MILLISECOND: f64 = 1e-3;

/// The columns after the device's name, each with what one count of it is worth.
const COLUMNS: [(Family, f64); 17] = [
    (READS_COMPLETED, 1.0),
    (READS_MERGED, 1.0),
    (READ_BYTES, SECTOR),
    (READ_TIME, MILLISECOND),
    (WRITES_COMPLETED, 1.0),
    (WRITES_MERGED, 1.0),
    (WRITTEN_BYTES, SECTOR),
    (WRITE_TIME, MILLISECOND),
    (IO_NOW, 1.0),
    (IO_TIME, MILLISECOND),
    (IO_TIME_WEIGHTED, MILLISECOND),
    (DISCARDS_COMPLETED, 1.0),
    (DISCARDS_MERGED, 1.0),
    (DISCARDED_SECTORS, 1.0),
    (DISCARD_TIME, MILLISECOND),
    (FLUSH_REQUESTS, 1.0),
    (FLUSH_REQUESTS_TIME, MILLISECOND),
];
const READ: usize = 2;
const WRITTEN: usize = 6;

/// Kernels before 4.18 have 11 columns, before 5.5 they have 15.
const FEWEST_COLUMNS: usize = 11;

/// How often the devices are looked up again: udev may come to know one a little after it appeared, or another disk in its
/// place, and what is in its queue's files can be set.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

pub(crate) struct Diskstats {
    source: Source,
    places: Places,
    filter: Filter,
    devices: Vec<Device>,
    looked: Option<Instant>,
    /// What the last look could not read.
    unread: Unread,
}

struct Device {
    line: Line,
    name: String,
    major: String,
    minor: String,
    /// Whether the filter leaves it out.
    ignored: bool,
    /// Whether it is not left out, and no device before it has its name.
    shown: bool,
    identity: Identity,
}

/// The numbers of one line, as in `254 0 vda 37946 9097 …`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line {
    major: u32,
    minor: u32,
    counts: [u64; COLUMNS.len()],
    columns: usize,
}

impl Diskstats {
    pub(crate) fn new(options: &Options, filter: Filter, udev: Option<PathBuf>) -> Self {
        Diskstats {
            source: Source::new(options.procfs("diskstats")),
            places: Places::new(options, udev),
            filter,
            devices: Vec::new(),
            looked: None,
            unread: Unread::default(),
        }
    }

    /// Reads the counters.
    pub(crate) fn read(&mut self) -> Result<(), Error> {
        let changed = update(&mut self.devices, self.source.read()?, |name| self.filter.ignores(name));
        // After an error nobody knows which devices are new.
        if !matches!(changed, Ok(false)) {
            self.looked = None;
        }
        changed.context(self.source.path().display())?;
        if self.devices.is_empty() && !has_no_entries(&self.places.block) {
            return Err(Error::new("the file is empty, expected a line for each disk"))
                .context(self.source.path().display());
        }
        self.identify();
        Ok(())
    }

    /// Looks up what seldom changes: at once if the devices are others, else now and then.
    fn identify(&mut self) {
        if self.looked.is_some_and(|at| at.elapsed() < LOOK_AGAIN) {
            return;
        }
        self.unread = Unread::default();
        for at in 0..self.devices.len() {
            let (before, rest) = self.devices.split_at_mut(at);
            let device = &mut rest[0];
            device.shown = !device.ignored && !before.iter().any(|other| other.name == device.name);
            if device.shown {
                let Line { major, minor, .. } = device.line;
                device.identity = self.places.look_up(&device.name, major, minor, &mut self.unread);
            }
        }
        self.looked = Some(Instant::now());
    }

    pub(crate) fn push(&self, out: &mut Samples) {
        self.unread.tell(out);
        for Device { line, name, major, minor, identity, .. } in self.devices.iter().filter(|d| d.shown) {
            for ((family, worth), count) in COLUMNS.iter().zip(&line.counts[..line.columns]) {
                out.push(family, [name], value(*count, *worth));
            }
            let Identity { path, wwn, model, serial, revision, rotational, .. } = identity;
            out.push(&DISK_INFO, [name, major, minor, path, wwn, model, serial, revision, rotational], 1.0);
        }
    }

    pub(crate) fn facts(&self, out: &mut Facts) {
        for device in self.devices.iter().filter(|device| device.shown) {
            let [read, written] =
                [READ, WRITTEN].map(|column| value(device.line.counts[column], COLUMNS[column].1));
            let kind = kind(&device.name, &device.identity.rotational);
            out.push(&device.name, traffic(read, written, kind));
        }
    }
}

/// The kind of disk, where sysfs knows it: virtual disks call themselves rotational whatever lies beneath.
fn kind(name: &str, rotational: &str) -> &'static str {
    match rotational {
        "0" => "SSD",
        "1" if !name.starts_with("vd") && !name.starts_with("xvd") => "HDD",
        _ => "",
    }
}

/// A whole number divided is exact where a product is not: 35 ms are 0.035 s.
fn value(count: u64, worth: f64) -> f64 {
    if worth == MILLISECOND { count as f64 / 1000.0 } else { count as f64 * worth }
}

/// A machine with no disks at all, as sysfs confirms it.
fn has_no_entries(folder: &std::path::Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// Takes in a new text, and returns `true` if the devices are others than before. Those that stay keep their identity.
///
/// `ignores` is asked once a device.
fn update(devices: &mut Vec<Device>, text: &str, ignores: impl Fn(&str) -> bool) -> Result<bool, Error> {
    let mut count = 0;
    let mut changed = false;
    for (at, words) in text.lines().enumerate() {
        let (name, line) = parse_line(words).context(format_args!("line {}", at + 1))?;
        let is_it = |device: &Device| {
            device.name == name && (device.line.major, device.line.minor) == (line.major, line.minor)
        };
        match devices[count..].iter().position(is_it) {
            Some(0) => devices[count].line = line,
            Some(later) => {
                changed = true;
                devices[count..=count + later].rotate_right(1);
                devices[count].line = line;
            }
            None => {
                changed = true;
                devices.insert(count, Device::new(name, line, ignores(name)));
            }
        }
        count += 1;
    }
    changed |= count < devices.len();
    devices.truncate(count);
    Ok(changed)
}

impl Device {
    fn new(name: &str, line: Line, ignored: bool) -> Self {
        Device {
            line,
            name: name.to_owned(),
            major: line.major.to_string(),
            minor: line.minor.to_string(),
            ignored,
            shown: false,
            identity: Identity::default(),
        }
    }
}

/// The name and the numbers. Columns that a later kernel may add are left out.
fn parse_line(line: &str) -> Result<(&str, Line), Error> {
    let mut words = line.split_ascii_whitespace();
    let major = number(words.next(), "the major number of a device")?;
    let minor = number(words.next(), "the minor number of a device")?;
    let name = words.next().ok_or_else(|| Error::expected("the name of a device", ""))?;
    let mut counts = [0; COLUMNS.len()];
    let mut columns = 0;
    for (count, word) in counts.iter_mut().zip(words) {
        *count = number(Some(word), "a count")?;
        columns += 1;
    }
    if columns < FEWEST_COLUMNS {
        return Err(Error::new(format!("{columns} counts for {name:?}, expected at least {FEWEST_COLUMNS}")));
    }
    Ok((name, Line { major, minor, counts, columns }))
}

fn number<T: std::str::FromStr>(word: Option<&str>, expected: &str) -> Result<T, Error> {
    let word = word.unwrap_or("");
    word.parse().map_err(|_| Error::expected(expected, word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Settings;

    #[test]
    fn a_line_has_as_many_counts_as_its_kernel_knows() {
        let (name, line) = parse_line("   8       0 sda 1 2 3 4 5 6 7 8 9 10 11").unwrap();
        assert_eq!((name, line.major, line.minor, line.columns), ("sda", 8, 0, 11));
        assert_eq!(line.counts[..11], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        assert_eq!(parse_line("8 0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15").unwrap().1.columns, 15);
        let seventeen = "8 0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17";
        assert_eq!(parse_line(seventeen).unwrap().1.columns, 17);
        assert_eq!(parse_line(&format!("{seventeen} later kernel")).unwrap().1.columns, 17);
    }

    #[test]
    fn what_is_no_diskstats_is_told_with_its_line() {
        let message = |text: &str| update(&mut Vec::new(), text, |_| false).unwrap_err().message().to_owned();
        let good = "8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n";
        assert_eq!(message("junk"), "line 1: expected the major number of a device, found \"junk\"");
        assert_eq!(message(&format!("{good}8")), "line 2: expected the minor number of a device, found \"\"");
        assert_eq!(message("8 1"), "line 1: expected the name of a device, found \"\"");
        assert_eq!(message("8 1 sda1 1 2 3 4"), "line 1: 4 counts for \"sda1\", expected at least 11");
        assert_eq!(message("8 1 sda1 1 2 3 4 -5 6"), "line 1: expected a count, found \"-5\"");
        assert_eq!(message("\n"), "line 1: expected the major number of a device, found \"\"");
    }

    #[test]
    fn devices_come_and_go_and_keep_what_is_known_of_them() {
        let line = |name: &str, minor: u32| format!("8 {minor} {name} 1 2 3 4 5 6 7 8 9 10 11\n");
        let mut devices = Vec::new();
        assert!(update(&mut devices, &(line("sda", 0) + &line("sdc", 2)), |_| false).unwrap());
        devices[1].identity.model = "known".to_owned();
        assert!(!update(&mut devices, &(line("sda", 0) + &line("sdc", 2)), |_| false).unwrap());
        assert!(
            update(&mut devices, &(line("sda", 0) + &line("sdb", 1) + &line("sdc", 2)), |_| false).unwrap()
        );
        assert_eq!(devices[2].identity.model, "known");
        assert!(update(&mut devices, &line("sdc", 2), |_| false).unwrap());
        assert_eq!((devices.len(), devices[0].identity.model.as_str()), (1, "known"));
        assert!(
            update(&mut devices, &line("sdc", 3), |_| false).unwrap(),
            "another device under the old name"
        );
        assert_eq!(devices[0].identity.model, "");
    }

    #[test]
    fn what_is_known_of_a_disk_is_looked_up_again() {
        let tree = relink_testing::Tree::new()
            .file("proc/diskstats", "8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n")
            .file("root/run/udev/data/b8:0", "E:ID_MODEL=Old\n");
        let options = Options::new("disk", tree.paths(), Default::default());
        let mut disks = Diskstats::new(&options, Settings::new(&options).unwrap().devices, None);
        let look = |disks: &mut Diskstats| {
            disks.read().unwrap();
            let Identity { model, rotational, .. } = disks.devices[0].identity.clone();
            [model, rotational]
        };
        assert_eq!(look(&mut disks), ["Old", ""]);
        tree.write("root/run/udev/data/b8:0", "E:ID_MODEL=New\n");
        tree.write("sys/block/sda/queue/rotational", "0\n");
        assert_eq!(look(&mut disks), ["Old", ""], "it is not yet time");
        disks.looked = None;
        assert_eq!(look(&mut disks), ["New", "0"]);
    }

    #[test]
    fn a_virtual_disk_is_not_taken_for_a_turning_one() {
        assert_eq!([kind("sda", "1"), kind("sda", "0"), kind("sda", "")], ["HDD", "SSD", ""]);
        assert_eq!([kind("vda", "1"), kind("xvda", "1"), kind("vda", "0")], ["", "", "SSD"]);
    }

    #[test]
    fn milliseconds_are_exact() {
        assert_eq!(value(35, MILLISECOND), 0.035);
        assert_eq!(value(3, SECTOR), 1536.0);
    }
}
