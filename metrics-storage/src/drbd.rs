//! `/proc/drbd`: disks that DRBD mirrors to another machine. DRBD 9 has only its version there.

use relink_core::{Collector, Error, Family, Kind, Paths, Samples, Source};

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help).labels(&["device"])
}

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family::counter(name, help).labels(&["device"])
}

const fn of_both(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help).labels(&["device", "node"])
}

/// The key of a number, its family, and what a unit of it is.
const NUMBERS: [(&str, Family, f64); 12] = [
    ("al", counter("node_drbd_activitylog_writes_total", "Updates of the activity log of a disk (al)."), 1.0),
    ("ap", gauge("node_drbd_application_pending", "Requests that a disk has not yet answered (ap)."), 1.0),
    ("bm", counter("node_drbd_bitmap_writes_total", "Updates of the bitmap of a disk (bm)."), 1.0),
    ("dr", counter("node_drbd_disk_read_bytes_total", "Data read from the local disk (dr)."), 1024.0),
    ("dw", counter("node_drbd_disk_written_bytes_total", "Data written to the local disk (dw)."), 1024.0),
    ("ep", gauge("node_drbd_epochs", "Epochs under way (ep)."), 1.0),
    ("lo", gauge("node_drbd_local_pending", "Requests that the local disk has not yet answered (lo)."), 1.0),
    (
        "nr",
        counter(
            "node_drbd_network_received_bytes_total",
            "Data received from the other machine, in KiB in spite of the name (nr).",
        ),
        1.0,
    ),
    ("ns", counter("node_drbd_network_sent_bytes_total", "Data sent to the other machine (ns)."), 1024.0),
    ("oos", gauge("node_drbd_out_of_sync_bytes", "Data in which both machines differ (oos)."), 1024.0),
    (
        "pe",
        gauge("node_drbd_remote_pending", "Requests that the other machine has not yet answered (pe)."),
        1.0,
    ),
    (
        "ua",
        gauge(
            "node_drbd_remote_unacknowledged",
            "Requests of the other machine that are not yet answered (ua).",
        ),
        1.0,
    ),
];

/// The key of a pair of words, its family, and the word that is 1.
const PAIRS: [(&str, Family, &str); 2] = [
    (
        "ds",
        of_both(
            "node_drbd_disk_state_is_up_to_date",
            "Whether the disk of a node is up to date: 1 or 0 (ds).",
        ),
        "UpToDate",
    ),
    (
        "ro",
        of_both("node_drbd_node_role_is_primary", "Whether a node is the primary one: 1 or 0 (ro)."),
        "Primary",
    ),
];

const CONNECTED: Family =
    gauge("node_drbd_connected", "Whether the other machine is connected: 1 or 0 (cs).");

pub(crate) const FAMILIES: &[Family] = &{
    let mut all = [CONNECTED; NUMBERS.len() + PAIRS.len() + 1];
    let mut at = 0;
    while at < NUMBERS.len() {
        all[at] = NUMBERS[at].1;
        at += 1;
    }
    while at < NUMBERS.len() + PAIRS.len() {
        all[at] = PAIRS[at - NUMBERS.len()].1;
        at += 1;
    }
    all
};

pub(crate) struct Drbd {
    source: Source,
    /// The disk whose lines are read, as a label.
    device: String,
}

impl Drbd {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Drbd { source: Source::new(paths.procfs("drbd")), device: String::new() })
    }
}

impl Collector for Drbd {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let Drbd { source, device } = self;
        device.clear();
        let mut has_begun = false;
        source.lines(out, |line, out| {
            has_begun |= line.starts_with("version:");
            if !has_begun {
                return Err(Error::expected("version:", line));
            }
            // One word that is odd takes none of the others along.
            let mut outcome = Ok(());
            for word in line.split_ascii_whitespace() {
                outcome = outcome.and(push(word, device, out));
            }
            outcome
        })
    }
}

/// Takes a word of the file: `1:` begins a disk, `ns:17` is a number of it. Most others are for people.
fn push(word: &str, device: &mut String, out: &mut Samples) -> Result<(), Error> {
    let Some((key, value)) = word.split_once(':').filter(|(_, value)| !value.contains(':')) else {
        return Ok(());
    };
    if value.is_empty() {
        if let Ok(minor) = key.parse::<u32>() {
            *device = format!("drbd{minor}");
        }
        return Ok(());
    }
    if device.is_empty() {
        return Ok(());
    }
    if let Some((_, family, unit)) = NUMBERS.iter().find(|(known, ..)| *known == key) {
        let number = value.parse::<i64>().ok();
        let number = number.filter(|number| *number >= 0 || family.kind() == Kind::Gauge);
        let number = number.ok_or_else(|| Error::expected(format_args!("a number behind {key}:"), value))?;
        out.push(family, [device], number as f64 * unit);
    } else if let Some((_, family, good)) = PAIRS.iter().find(|(known, ..)| *known == key) {
        let (local, remote) = value
            .split_once('/')
            .ok_or_else(|| Error::expected(format_args!("two words behind {key}:"), value))?;
        out.push(family, [device, "local"], f64::from(local == *good));
        out.push(family, [device, "remote"], f64::from(remote == *good));
    } else if key == "cs" {
        out.push(&CONNECTED, [device], f64::from(value == "Connected"));
    }
    Ok(())
}
