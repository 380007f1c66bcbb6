//! `/sys/fs/bcache`: a folder for each cache set, with those of the disks that are cached and of those that cache.

mod families;
mod quantity;

use std::path::{Path, PathBuf};

use relink_core::{Collector, Error, Family, Kind, Paths, Samples, Unread};
use relink_sysfs::{Device, Devices, Reader, is_there, odd};

use families::{BACKING, CACHE, Measure, PRIORITY, Report, SET, WRITEBACK};
use quantity::quantity;

pub(crate) use families::FAMILIES;

relink_core::options! {
    pub(crate) struct Settings {
        /// Whether to show how the buckets of a cache are used. The kernel looks at each of them for it.
        priority_stats: bool = false,
    }
}

pub(crate) struct Bcache {
    sets: Devices,
    priority_stats: bool,
    parts: Vec<Part>,
    unread: Unread,
    reader: Reader,
}

/// A cache set, or one of its devices.
struct Part {
    uuid: String,
    device: Option<String>,
    files: Vec<(&'static Measure, PathBuf)>,
    report: Option<(&'static Report, PathBuf)>,
}

impl Bcache {
    pub(crate) fn new(paths: &Paths, settings: Settings) -> Result<Self, Error> {
        Ok(Bcache {
            sets: Devices::new(paths.sysfs("fs/bcache")),
            priority_stats: settings.priority_stats,
            parts: Vec::new(),
            unread: Unread::default(),
            reader: Reader::default(),
        })
    }
}

impl Collector for Bcache {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if let Some(entries) = self.sets.due(out) {
            self.unread = Unread::default();
            self.parts.clear();
            // Beside the sets there are files to register devices with.
            for set in entries.iter().filter(|entry| entry.name.contains('-')) {
                find(set, self.priority_stats, &mut self.unread, &mut self.parts);
            }
        }
        self.unread.tell(out);
        for part in &self.parts {
            part.push(&mut self.reader, out);
        }
        Ok(())
    }
}

/// Finds a cache set and its devices.
fn find(set: &Device, priority_stats: bool, unread: &mut Unread, parts: &mut Vec<Part>) {
    parts.push(Part::find(set, None, SET, None));
    for name in unread.list(&set.path) {
        let is_called = |kind: &str| {
            name.strip_prefix(kind).is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
        };
        let (files, report) = if is_called("bdev") {
            (BACKING, Some(&WRITEBACK))
        } else if is_called("cache") {
            (CACHE, priority_stats.then_some(&PRIORITY))
        } else {
            continue;
        };
        parts.push(Part::find(set, Some(name), files, report));
    }
}

impl Part {
    fn find(
        set: &Device,
        device: Option<String>,
        files: &'static [Measure],
        report: Option<&'static Report>,
    ) -> Self {
        let folder = device.as_ref().map_or_else(|| set.path.clone(), |device| set.path.join(device));
        let files = files.iter().map(|measure| (measure, folder.join(measure.file)));
        let report = report.map(|report| (report, folder.join(report.file)));
        Part {
            uuid: set.name.clone(),
            device,
            files: files.filter(|(_, path)| is_there(path)).collect(),
            report: report.filter(|(_, path)| is_there(path)),
        }
    }

    fn push(&self, reader: &mut Reader, out: &mut Samples) {
        for (measure, path) in &self.files {
            let Some(text) = reader.text(path, out) else { continue };
            let number = self.number(&measure.family, &text, path, out);
            if let Some(number) = number.filter(|number| *number != 0.0 || measure.shows_zero) {
                self.show(&measure.family, number * measure.factor, out);
            }
        }
        if let Some((report, path)) = &self.report {
            self.push_report(report, path, reader, out);
        }
    }

    fn push_report(&self, report: &Report, path: &Path, reader: &mut Reader, out: &mut Samples) {
        let Some(text) = reader.text(path, out) else { return };
        let mut shown = [false; 8];
        let mut is_known = false;
        for line in text.lines() {
            let Some((key, value)) = line.split_once(':') else { continue };
            let mut fields = report.fields.iter().zip(&mut shown);
            let Some(((_, family), shown)) = fields.find(|((known, _), _)| *known == key) else { continue };
            is_known = true;
            let value = value.trim_ascii();
            let bare = report.units.iter().find_map(|unit| value.strip_suffix(unit)).unwrap_or(value);
            if let Some(number) = self.number(family, bare, path, out).filter(|_| !*shown) {
                *shown = true;
                self.show(family, number, out);
            }
        }
        if !is_known {
            odd(path, "lines with a key and a number", &text, out);
        }
    }

    /// A number of a family; what is none, or a counter below 0, is told.
    fn number(&self, family: &Family, text: &str, path: &Path, out: &mut Samples) -> Option<f64> {
        let number = quantity(text).filter(|number| *number >= 0.0 || family.kind() == Kind::Gauge);
        if number.is_none() {
            odd(path, "a number", text, out);
        }
        number
    }

    fn show(&self, family: &Family, number: f64, out: &mut Samples) {
        match &self.device {
            Some(device) => out.push(family, [&self.uuid, device], number),
            None => out.push(family, [&self.uuid], number),
        }
    }
}
