//! The collector on Linux: `/proc/diskstats`, and what udev and sysfs know of the disks.

use std::time::{Duration, Instant};

use relink_core::{Collector, Error, Facts, Paths, Samples, Source, Unread};
use relink_pattern::Filter;

use super::udev::{Identity, Places};
use super::{COLUMNS, MILLISECOND, READ, Settings, WRITTEN};
use crate::facts::traffic;

/// Kernels before 4.18 have 11 columns, before 5.5 they have 15.
const FEWEST_COLUMNS: usize = 11;

/// How often the devices are looked up again: udev may come to know one a little after it appeared, or another disk in its
/// place, and what is in its queue's files can be set.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

pub(crate) struct Diskstats {
    source: Source,
    places: Places,
    filter: Filter,
    devices: Devices,
    looked: Option<Instant>,
    /// What the last look could not read.
    unread: Unread,
}

/// The devices, in the order of their lines.
#[derive(Default)]
struct Devices {
    all: Vec<Device>,
    /// So many of them stand in what was read so far of the present text.
    taken: usize,
    /// Whether it has others than the text before.
    changed: bool,
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
    pub(crate) fn new(paths: &Paths, settings: Settings) -> Result<Self, Error> {
        Ok(Diskstats {
            source: Source::new(paths.procfs("diskstats")).may_be_empty(),
            places: Places::new(paths, &settings.udev_data),
            filter: settings.devices()?,
            devices: Devices::default(),
            looked: None,
            unread: Unread::default(),
        })
    }

    /// Reads the counters. A machine without disks has an empty file, and so have some containers.
    fn read(&mut self, out: &mut Samples) -> Result<(), Error> {
        let Diskstats { source, devices, filter, .. } = self;
        let read = source.lines(out, |line, _| devices.take(line, |name| filter.ignores(name)));
        if devices.end() {
            self.looked = None;
        }
        read?;
        self.identify();
        Ok(())
    }

    /// Looks up what seldom changes: at once if the devices are others, else now and then.
    fn identify(&mut self) {
        if self.looked.is_some_and(|at| at.elapsed() < LOOK_AGAIN) {
            return;
        }
        self.unread = Unread::default();
        for at in 0..self.devices.all.len() {
            let (before, rest) = self.devices.all.split_at_mut(at);
            let device = &mut rest[0];
            device.shown = !device.ignored && !before.iter().any(|other| other.name == device.name);
            if device.shown {
                let Line { major, minor, .. } = device.line;
                device.identity = self.places.look_up(&device.name, major, minor, &mut self.unread);
            }
        }
        self.looked = Some(Instant::now());
    }

    fn shown(&self) -> impl Iterator<Item = &Device> {
        self.devices.all.iter().filter(|device| device.shown)
    }
}

impl Collector for Diskstats {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.read(out)?;
        self.unread.tell(out);
        for Device { line, name, major, minor, identity, .. } in self.shown() {
            for ((family, worth), count) in COLUMNS.iter().zip(&line.counts[..line.columns]) {
                out.push(family, [name], value(*count, *worth));
            }
            identity.push([name, major, minor], out);
        }
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        // What is odd is told with the samples.
        self.read(&mut Samples::new(&[], 0))?;
        for device in self.shown() {
            let [read, written] =
                [READ, WRITTEN].map(|column| value(device.line.counts[column], COLUMNS[column].1));
            let kind = kind(&device.name, &device.identity.rotational);
            out.push(&device.name, traffic(read, written, kind));
        }
        Ok(())
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

impl Devices {
    /// Takes in a line. A device that was there before keeps its identity; `ignores` is asked once a device.
    fn take(&mut self, line: &str, ignores: impl Fn(&str) -> bool) -> Result<(), Error> {
        let (name, line) = parse_line(line)?;
        let is_it = |device: &Device| {
            device.name == name && (device.line.major, device.line.minor) == (line.major, line.minor)
        };
        let taken = self.taken;
        if self.all[..taken].iter().any(is_it) {
            return Err(Error::new(format!("{name} stands there twice, the first is shown")));
        }
        match self.all[taken..].iter().position(is_it) {
            Some(later) => {
                self.changed |= later > 0;
                self.all[taken..=taken + later].rotate_right(1);
                self.all[taken].line = line;
            }
            None => {
                self.changed = true;
                self.all.insert(taken, Device::new(name, line, ignores(name)));
            }
        }
        self.taken += 1;
        Ok(())
    }

    /// Drops the devices that are no longer in the text; `true` if it had others than the one before.
    fn end(&mut self) -> bool {
        let changed = self.changed || self.taken < self.all.len();
        self.all.truncate(self.taken);
        (self.taken, self.changed) = (0, false);
        changed
    }
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
    fn what_is_no_disk_is_told() {
        let message = |line: &str| parse_line(line).unwrap_err().message().to_owned();
        assert_eq!(message("junk"), "expected the major number of a device, found \"junk\"");
        assert_eq!(message("8"), "expected the minor number of a device, found \"\"");
        assert_eq!(message("8 1"), "expected the name of a device, found \"\"");
        assert_eq!(message("8 1 sda1 1 2 3 4"), "4 counts for \"sda1\", expected at least 11");
        assert_eq!(message("8 1 sda1 1 2 3 4 -5 6"), "expected a count, found \"-5\"");
    }

    #[test]
    fn devices_come_and_go_and_keep_what_is_known_of_them() {
        let line = |name: &str, minor: u32| format!("8 {minor} {name} 1 2 3 4 5 6 7 8 9 10 11");
        let mut devices = Devices::default();
        let changes = |devices: &mut Devices, lines: &[String]| {
            lines.iter().for_each(|line| devices.take(line, |_| false).unwrap());
            devices.end()
        };
        assert!(changes(&mut devices, &[line("sda", 0), line("sdc", 2)]));
        devices.all[1].identity.model = "known".to_owned();
        assert!(!changes(&mut devices, &[line("sda", 0), line("sdc", 2)]));
        assert!(changes(&mut devices, &[line("sda", 0), line("sdb", 1), line("sdc", 2)]));
        assert_eq!(devices.all[2].identity.model, "known");
        assert!(changes(&mut devices, &[line("sdc", 2)]));
        assert_eq!((devices.all.len(), devices.all[0].identity.model.as_str()), (1, "known"));
        assert!(changes(&mut devices, &[line("sdc", 3)]), "another device under the old name");
        assert_eq!(devices.all[0].identity.model, "");
    }

    #[test]
    fn what_is_known_of_a_disk_is_looked_up_again() {
        let tree = relink_testing::Tree::new()
            .file("proc/diskstats", "8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n")
            .file("root/run/udev/data/b8:0", "E:ID_MODEL=Old\n");
        let mut disks = Diskstats::new(&tree.paths(), Settings::default()).unwrap();
        let look = |disks: &mut Diskstats| {
            disks.read(&mut Samples::new(&[], 0)).unwrap();
            let Identity { model, rotational, .. } = disks.devices.all[0].identity.clone();
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
        assert_eq!(value(3, crate::diskstats::SECTOR), 1536.0);
    }
}
