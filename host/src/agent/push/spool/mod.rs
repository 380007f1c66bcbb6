//! The part of a target's queue that is on disk: records in segments, oldest first, and a mark of what is done.
//!
//! What was written can be read again whatever ends the process; whatever is damaged is left out and counted, and the
//! rest is read. One process has a spool at a time. Segments are only appended to, and deleted when all in them is done; a
//! process appends to segments of its own, so that no torn end of another is ever written over.

mod append;
mod folder;
mod front;
mod mark;
mod record;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use relink_core::{Context, Error};

use self::folder::Folder;
pub(super) use self::folder::{check, others, path};
use self::mark::Mark;
pub(super) use self::record::Reached;
use self::record::{Found, Head, SEGMENT_HEAD};
use super::queue::Batch;

/// How a spool is bounded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// How many bytes its segments may take.
    pub(super) bytes: u64,
    /// How long what is written may stay in the kernel's memory only.
    pub(super) sync_interval: Duration,
}

impl Limits {
    /// How long a segment becomes: room is made by whole ones, so a part of the bound that is small.
    fn segment(&self) -> u64 {
        (self.bytes / 16).min(8 << 20)
    }
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Depth {
    pub(super) requests: u64,
    pub(super) samples: u64,
    /// Of the bodies.
    pub(super) bytes: u64,
}

impl Depth {
    fn add(&mut self, head: &Head) {
        self.requests += 1;
        self.samples += u64::from(head.samples);
        self.bytes += u64::from(head.length);
    }

    fn take(&mut self, head: &Head) {
        self.requests = self.requests.saturating_sub(1);
        self.samples = self.samples.saturating_sub(head.samples.into());
        self.bytes = self.bytes.saturating_sub(head.length.into());
    }
}

/// What could not be read and was left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Damage {
    /// As far as what is left tells.
    pub(super) samples: u64,
    pub(super) bytes: u64,
}

/// A record that was dropped before it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dropped {
    pub(super) number: u64,
    pub(super) samples: u32,
}

/// Of batches that were to be written, those that are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Already {
    pub(super) count: usize,
    /// The number of the first.
    pub(super) first: u64,
}

struct Segment {
    /// Of its first record.
    number: u64,
    /// Up to where it is used.
    end: u64,
}

/// The spool of one target.
pub(super) struct Spool {
    folder: Folder,
    marks: [File; 2],
    limits: Limits,
    /// Oldest first.
    segments: VecDeque<Segment>,
    /// The last segment, if this process has begun it.
    writer: Option<File>,
    /// The first segment.
    reader: Option<File>,
    /// Where in the first segment to look for a record.
    at: u64,
    /// The first record that is not done, once it was looked for; it stands at `at`.
    front: Option<Head>,
    /// Up to where all is done; nothing if no mark could be read.
    done: Option<Reached>,
    /// What the last record has.
    last: Reached,
    /// Bytes that could not be read, until it is known whether a record was in them.
    skipped: u64,
    depth: Depth,
    damage: Damage,
    synced: Instant,
}

impl Spool {
    /// Opens it, or makes it. `done` is what the image before may not have been able to write into the mark; `written`
    /// are batches that it may have been writing in its last moment.
    pub(super) fn open(
        path: &Path,
        limits: Limits,
        done: Option<Reached>,
        written: &[Batch],
    ) -> Result<(Self, Already), Error> {
        let folder = Folder::open(path)?;
        check(path)?;
        let marks = folder.marks()?;
        let read = |mark: &File| {
            let mut bytes = [0; mark::LENGTH];
            match mark.read_exact_at(&mut bytes, 0).map(|()| mark::read(&bytes)) {
                Ok(Mark::Done(done)) => Some(done),
                _ => None,
            }
        };
        let done = marks.iter().filter_map(read).chain(done).max_by_key(|done| done.number);
        let mut spool = Spool {
            marks,
            limits,
            segments: VecDeque::new(),
            writer: None,
            reader: None,
            at: SEGMENT_HEAD as u64,
            front: None,
            done,
            last: done.unwrap_or_default(),
            skipped: 0,
            depth: Depth::default(),
            damage: Damage::default(),
            synced: Instant::now(),
            folder,
        };
        for number in spool.folder.segments().context(format_args!("reading {}", path.display()))? {
            let end = std::fs::metadata(spool.folder.segment(number)).map_or(0, |file| file.len());
            spool.segments.push_back(Segment { number, end });
        }
        if spool.done.is_none() && spool.segments.is_empty() {
            // A new one. So there is a mark from the start, and room for it.
            spool.done = Some(Reached::default());
            spool.write_mark()?;
        }
        let already = spool.survey(written);
        Ok((spool, already))
    }

    /// Finds out how much waits, which number is the next, and which of these batches are there. Nothing is counted as
    /// damaged yet: that is done when its turn comes, so once.
    fn survey(&mut self, written: &[Batch]) -> Already {
        let (mut already, mut torn) = (Already::default(), false);
        let mut written = written.iter().peekable();
        for segment in &self.segments {
            torn = false;
            let Ok(file) = File::open(self.folder.segment(segment.number)) else { continue };
            let mut at = SEGMENT_HEAD as u64;
            while at < segment.end {
                let found = record::find(&file, at, segment.end);
                torn = !matches!(found, Ok(Found::Record(_) | Found::Cut(_)));
                let Ok(found) = found else { break };
                if let Found::Record(head) | Found::Cut(head) = &found
                    && head.number > self.last.number
                {
                    self.last = head.reached();
                }
                match found {
                    Found::Record(head) => {
                        if head.number > self.done() {
                            self.depth.add(&head);
                        }
                        if written.next_if(|batch| head.is_of(batch.time, &batch.body)).is_some() {
                            already.first = if already.count == 0 { head.number } else { already.first };
                            already.count += 1;
                        }
                        at += head.size();
                    }
                    Found::Damaged { until } => at = until,
                    Found::Cut(_) => at = segment.end,
                }
            }
        }
        // So that the next record tells that one before it is missing. Of one that was cut behind its head it is known.
        self.last.number += u64::from(torn);
        already
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn depth(&self) -> Depth {
        self.depth
    }

    /// Up to which record all is done.
    pub(super) fn reached(&self) -> Reached {
        self.done.unwrap_or_default()
    }

    fn done(&self) -> u64 {
        self.reached().number
    }

    /// When the oldest was due, if one waits and can be read.
    pub(super) fn oldest(&mut self) -> Option<u64> {
        self.find().ok()?.map(|head| head.time)
    }

    /// What could not be read since this was asked last.
    pub(super) fn take_damage(&mut self) -> Damage {
        std::mem::take(&mut self.damage)
    }

    /// Whether the folder is still there.
    pub(super) fn is_there(&self) -> bool {
        self.folder.is_there()
    }

    fn write_mark(&mut self) -> Result<(), Error> {
        let bytes = mark::bytes(self.done.unwrap_or_default());
        for mark in &self.marks {
            mark.write_all_at(&bytes, 0)
                .context(format_args!("writing the mark in {}", self.folder.path().display()))?;
        }
        Ok(())
    }
}
