//! The end of the spool, where batches are put.

use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::time::Instant;

use relink_core::{Context, Error};

use super::super::queue::Batch;
use super::record::{self, Head, SEGMENT_HEAD};
use super::{Segment, Spool};

impl Spool {
    /// How many bytes one call of [`Spool::append`] should bring at most, if it can be helped.
    pub(in crate::agent::push) fn portion(&self) -> u64 {
        self.limits.segment()
    }

    /// How many bytes a batch takes here.
    pub(in crate::agent::push) fn size(batch: &Batch) -> u64 {
        (record::RECORD_HEAD + batch.body.len()) as u64
    }

    /// Puts batches at the end: all of them or none. Returns the number of the first. What is on disk for sure, and what
    /// only after the next call, is a matter of the limits.
    pub(in crate::agent::push) fn append(&mut self, batches: &[Batch]) -> Result<u64, Error> {
        let mut last = self.last;
        let (mut bytes, mut depth) = (Vec::new(), self.depth);
        for batch in batches {
            let head = Head::of(last.number + 1, batch.time, last.samples, batch.samples, &batch.body);
            last = head.reached();
            depth.add(&head);
            bytes.extend_from_slice(&head.bytes());
            bytes.extend_from_slice(&batch.body);
        }
        let first = self.last.number + 1;
        let room = self.segments.back().filter(|_| self.writer.is_some());
        if room.is_none_or(|segment| segment.end + bytes.len() as u64 > self.limits.segment()) {
            self.begin_segment(first)?;
        }
        let written = self.write(&bytes).and_then(|()| self.sync(false));
        written.context(format_args!("writing to {}", self.folder.segment(self.last_segment()).display()))?;
        (self.last, self.depth) = (last, depth);
        if let Some(segment) = self.segments.back_mut() {
            segment.end += bytes.len() as u64;
        }
        Ok(first)
    }

    fn last_segment(&self) -> u64 {
        self.segments.back().map_or(0, |segment| segment.number)
    }

    fn begin_segment(&mut self, number: u64) -> Result<(), Error> {
        self.writer = None;
        if self.last_segment() == number {
            // Begun before, and nothing could be written to it.
            self.segments.pop_back();
        }
        let begun = self.folder.create(number).and_then(|file| {
            file.write_all_at(&record::segment_head(), 0)?;
            self.folder.sync()?;
            Ok(file)
        });
        let path = self.folder.segment(number);
        if begun.is_err() {
            // What is not there need not be passed over; if it stays, it is empty.
            let _ = self.folder.remove(number);
        }
        self.writer = Some(begun.context(format_args!("making {}", path.display()))?);
        self.segments.push_back(Segment { number, end: SEGMENT_HEAD as u64 });
        Ok(())
    }

    /// Writes behind what is used of the last segment. What fails leaves nothing that would be read one day.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = self.segments.back().map_or(0, |segment| segment.end);
        let Some(writer) = &self.writer else { return Err(ErrorKind::NotFound.into()) };
        let written = writer.write_all_at(bytes, end);
        if written.is_err() {
            self.take_back(end);
        }
        written
    }

    fn take_back(&mut self, end: u64) {
        if let Some(writer) = &self.writer
            && writer.set_len(end).is_err()
        {
            // Nothing more goes there; whole records in it have numbers that are given again, and are passed over.
            self.writer = None;
        }
    }

    /// Has all that was written on disk, if it is time or `now`.
    pub(in crate::agent::push) fn sync(&mut self, now: bool) -> io::Result<()> {
        if !now && self.synced.elapsed() < self.limits.sync_interval {
            return Ok(());
        }
        let end = self.segments.back().map_or(0, |segment| segment.end);
        let synced = match &self.writer {
            Some(writer) => writer.sync_data(),
            None => Ok(()),
        };
        if synced.is_err() {
            self.take_back(end);
        }
        synced?;
        self.marks[0].sync_data()?;
        self.synced = Instant::now();
        Ok(())
    }
}
