//! `dev-*`: the devices of a file system.

use std::path::{Path, PathBuf};

use relink_core::{Error, Family, Samples, Source};
use relink_sysfs::{Figure, Figures, Reader, Words, existing};

use super::size_in;
use crate::lines::{count, lines, source};

pub(super) const INFO: Family =
    Family::gauge("node_bcachefs_device_info", "Always 1; the labels say what device it is (label, state).")
        .labels(&["uuid", "device", "label", "state"]);
pub(super) const BUCKET: Family =
    Family::gauge("node_bcachefs_device_bucket_size_bytes", "Size of a bucket (bucket_size).")
        .labels(&["uuid", "device"]);
pub(super) const BUCKETS: Family =
    Family::gauge("node_bcachefs_device_buckets", "Buckets that there are (nbuckets).")
        .labels(&["uuid", "device"]);
pub(super) const DURABILITY: Family = Family::gauge(
    "node_bcachefs_device_durability",
    "How many copies one on this device counts as (durability).",
)
.labels(&["uuid", "device"]);
pub(super) const DONE: Family =
    Family::counter("node_bcachefs_device_io_done_bytes_total", "Bytes read and written (io_done).")
        .labels(&["uuid", "device", "operation", "data_type"]);
pub(super) const ERRORS: Family = Family::counter(
    "node_bcachefs_device_io_errors_total",
    "Errors of a device since the file system was made (io_errors).",
)
.labels(&["uuid", "device", "type"]);

const FIGURES: &[Figure] = &[Figure::new("nbuckets", BUCKETS), Figure::new("durability", DURABILITY)];

pub(super) struct Member {
    /// Its number in the file system.
    name: String,
    /// Label and state.
    words: Words<2>,
    bucket: Option<PathBuf>,
    figures: Figures,
    done: Option<Source>,
    errors: Option<Source>,
}

impl Member {
    pub(super) fn find(name: &str, folder: &Path) -> Self {
        Member {
            name: name.to_owned(),
            words: Words::find(["label", "state"], folder),
            bucket: existing(folder, "bucket_size"),
            figures: Figures::find(FIGURES, folder),
            done: source(folder, "io_done"),
            errors: source(folder, "io_errors"),
        }
    }

    pub(super) fn push(&mut self, uuid: &str, reader: &mut Reader, out: &mut Samples) {
        let Member { name, words, bucket, figures, done, errors } = self;
        let [label, state] = words.read(reader, out);
        out.push(&INFO, [uuid, name, label, state], 1.0);
        if let Some(size) = bucket.as_ref().and_then(|path| size_in(path, reader, out)) {
            out.push(&BUCKET, [uuid, name], size);
        }
        figures.push(&[uuid, name], reader, out);
        push_done(done.as_mut(), [uuid, name], out);
        push_errors(errors.as_mut(), [uuid, name], out);
    }
}

/// Lines such as `btree       :  4411097088`, below one that says `read:` or `write:`.
fn push_done(source: Option<&mut Source>, [uuid, device]: [&str; 2], out: &mut Samples) {
    let mut operation = "";
    lines(source, out, |line, out| {
        match line.trim_ascii() {
            "read:" => operation = "read",
            "write:" => operation = "write",
            line => {
                let (kind, bytes) = entry(line)?;
                if operation.is_empty() {
                    return Err(Error::expected("\"read:\" or \"write:\"", line));
                }
                out.push(&DONE, [uuid, device, operation, kind], bytes);
            }
        }
        Ok(())
    });
}

/// Lines such as `  read:    197346`, below one that says since when. The second time is since somebody has set them to 0.
fn push_errors(source: Option<&mut Source>, [uuid, device]: [&str; 2], out: &mut Samples) {
    let mut is_shown = false;
    lines(source, out, |line, out| {
        if let Some(since) = line.strip_prefix("IO errors since ") {
            is_shown = since.starts_with("filesystem creation");
            return Ok(());
        }
        let (kind, errors) = entry(line)?;
        if is_shown {
            out.push(&ERRORS, [uuid, device, kind], errors);
        }
        Ok(())
    });
}

fn entry(line: &str) -> Result<(&str, f64), Error> {
    let (name, number) = line.split_once(':').ok_or_else(|| Error::expected("a name and a count", line))?;
    Ok((name.trim_ascii(), count(number.trim_ascii())?))
}
