//! The front of the spool: the first record that is not done, and how it becomes done.

use std::fs::File;
use std::io::{self, ErrorKind};

use relink_core::Error;
use rustix::io::Errno;

use super::super::queue::Batch;
use super::record::{self, Found, Head, Reached, SEGMENT_HEAD};
use super::{Depth, Dropped, Spool};

impl Spool {
    /// The first record that is not done, with its number.
    pub(in crate::agent::push) fn front(&mut self) -> Result<Option<(u64, Batch)>, Error> {
        while let Some(head) = self.find()? {
            let read = self.reader.as_ref().map(|file| record::body(file, self.at, &head));
            match read.transpose() {
                Ok(Some(Some(body))) => {
                    let batch = Batch { body, samples: head.samples, time: head.time };
                    return Ok(Some((head.number, batch)));
                }
                Err(error) if !is_of_the_data(&error) => return Err(self.not_read(error)),
                _ => {
                    self.damage.samples += u64::from(head.samples);
                    self.damage.bytes += head.size();
                    self.pass(&head);
                    // The next mark says so as well.
                    let _ = self.write_mark();
                }
            }
        }
        Ok(None)
    }

    /// The record with this number, which was at the front, is done: it will not be sent again, whatever happens.
    pub(in crate::agent::push) fn acknowledge(&mut self, number: u64, samples: u32) -> Result<(), Error> {
        match self.front.filter(|head| head.number == number) {
            Some(head) => self.pass(&head),
            None if number > self.done() => {
                let samples = self.reached().samples.saturating_add(samples.into());
                self.done = Some(Reached { number, samples });
            }
            // It was dropped while it was on its way.
            None => {}
        }
        self.write_mark()
    }

    /// Drops the oldest until there is room for so many bytes.
    pub(in crate::agent::push) fn make_room(&mut self, bytes: u64) -> Result<Vec<Dropped>, Error> {
        let mut dropped = Vec::new();
        loop {
            let used: u64 = self.segments.iter().map(|segment| segment.end).sum();
            if used + bytes + SEGMENT_HEAD as u64 <= self.limits.bytes {
                break;
            }
            match self.find()? {
                Some(head) => dropped.push(self.drop(&head)),
                // All is done, and the segment can go.
                None if self.segments.is_empty() => break,
                None => self.writer = None,
            }
        }
        self.mark_dropped(&dropped);
        Ok(dropped)
    }

    /// Drops what was due before this time, in milliseconds since 1970.
    pub(in crate::agent::push) fn drop_older(&mut self, than: u64) -> Result<Vec<Dropped>, Error> {
        let mut dropped = Vec::new();
        while let Some(head) = self.find()?.filter(|head| head.time < than) {
            dropped.push(self.drop(&head));
        }
        self.mark_dropped(&dropped);
        Ok(dropped)
    }

    fn drop(&mut self, head: &Head) -> Dropped {
        self.pass(head);
        Dropped { number: head.number, samples: head.samples }
    }

    fn mark_dropped(&mut self, dropped: &[Dropped]) {
        if !dropped.is_empty() {
            // They are dropped all the same; the next mark says so.
            let _ = self.write_mark();
        }
    }

    /// Goes on behind the first record.
    fn pass(&mut self, head: &Head) {
        self.at += head.size();
        self.front = None;
        self.done = Some(head.reached());
        self.depth.take(head);
    }

    /// Looks for the first record that is not done, deletes the segments before it, and counts what is missing.
    pub(super) fn find(&mut self) -> Result<Option<Head>, Error> {
        while self.front.is_none() {
            let Some(segment) = self.segments.front() else { break };
            let (number, end) = (segment.number, segment.end);
            if self.at >= end {
                if self.segments.len() == 1 && self.writer.is_some() {
                    break;
                }
                self.leave_segment(number);
                continue;
            }
            if self.reader.is_none() {
                match File::open(self.folder.segment(number)) {
                    Ok(file) => self.reader = Some(file),
                    Err(error) if is_of_the_data(&error) => {
                        self.skip(end);
                        continue;
                    }
                    Err(error) => return Err(self.not_read(error)),
                }
            }
            let Some(file) = &self.reader else { break };
            match record::find(file, self.at, end) {
                Ok(Found::Record(head)) if head.number <= self.done() => self.at += head.size(),
                Ok(Found::Record(head)) => self.come_to(head),
                Ok(Found::Damaged { until }) => self.skip(until),
                Ok(Found::Cut(_)) => self.skip(end),
                Err(error) if is_of_the_data(&error) => self.skip(end),
                Err(error) => return Err(self.not_read(error)),
            }
        }
        if self.front.is_none() {
            self.come_to_the_end();
        }
        Ok(self.front)
    }

    fn skip(&mut self, until: u64) {
        self.skipped += until.saturating_sub(self.at);
        self.at = until;
    }

    /// The first record that is not done is found.
    fn come_to(&mut self, head: Head) {
        self.front = Some(head);
        self.missing_up_to(Reached { number: head.number - 1, samples: head.before });
    }

    /// There is none.
    fn come_to_the_end(&mut self) {
        self.depth = Depth::default();
        self.missing_up_to(self.last);
    }

    /// Counts what is missing between what is done and here. If nothing is, what was skipped has been counted by the
    /// process before, or was no record.
    fn missing_up_to(&mut self, here: Reached) {
        let skipped = std::mem::take(&mut self.skipped);
        if self.done.is_some_and(|done| done.number == here.number) {
            return;
        }
        // Without a mark, nobody knows how many there were before.
        let counted = self.done.map_or(here.samples, |done| done.samples);
        self.damage.samples += here.samples.saturating_sub(counted);
        self.damage.bytes += skipped;
        self.done = Some(here);
        let _ = self.write_mark();
    }

    fn leave_segment(&mut self, number: u64) {
        // One that can't be deleted now is met again by the next process, and passed over.
        let _ = self.folder.remove(number);
        self.segments.pop_front();
        self.reader = None;
        self.at = SEGMENT_HEAD as u64;
        if self.segments.is_empty() {
            self.writer = None;
        }
    }

    fn not_read(&mut self, error: io::Error) -> Error {
        let number = self.segments.front().map_or(0, |segment| segment.number);
        (self.reader, self.front) = (None, None);
        Error::from(error).context(format_args!("reading {}", self.folder.segment(number).display()))
    }
}

/// Whether an error says that the data is gone, and not that it can't be had now.
fn is_of_the_data(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof)
        || error.raw_os_error() == Some(Errno::IO.raw_os_error())
}
