//! A lane's queue on disk: opened when it can be, written to after each collection, and gone on without where that fails.

use std::path::PathBuf;

use relink_core::Error;

use super::lane::{Lane, State};
use super::queue::Batch;
use super::spool::{Damage, Depth, Dropped, Limits, Reached, Spool};
use crate::lock::lock;
use crate::settings::push::Settings;

/// Where a lane keeps its queue on disk.
pub(super) struct Disk {
    folder: PathBuf,
    limits: Limits,
    /// Not open yet; or it can't be, and that is tried again.
    spool: Option<Spool>,
}

impl Disk {
    pub(super) fn new(folder: PathBuf, settings: &Settings) -> Self {
        let limits = Limits { bytes: settings.disk_bytes, sync_interval: *settings.sync_interval };
        Disk { folder, limits, spool: None }
    }

    /// The first request on disk, and its number.
    pub(super) fn front(&mut self) -> Result<Option<(u64, Batch)>, Error> {
        self.spool.as_mut().map_or(Ok(None), Spool::front)
    }

    /// This one, which was the first, is done.
    pub(super) fn acknowledge(&mut self, number: u64, samples: u32) -> Result<(), Error> {
        self.spool.as_mut().map_or(Ok(()), |spool| spool.acknowledge(number, samples))
    }
}

impl Lane {
    /// Writes what waits in memory to disk. Does nothing if somebody does so already, who then takes this along, and
    /// while a reload hands over.
    pub(super) fn flush(&self) {
        let Some(disk) = &self.disk else { return };
        {
            let mut state = self.lock();
            if state.resting || state.flushing {
                return;
            }
            state.flushing = true;
        }
        let mut disk = lock(disk);
        loop {
            let written = self.write_out(&mut disk);
            let mut state = self.lock();
            self.look_at(&mut disk, &mut state);
            // Asked and said under one lock, so that nothing that comes meanwhile is left.
            let more = written.is_ok() && state.queue.batches().next().is_some() && !state.resting;
            if !more {
                state.flushing = false;
                self.tell_of_disk(&mut state, written);
                break;
            }
        }
        self.has_changed();
    }

    /// Has all that is on disk there for sure.
    pub(super) fn sync(&self) {
        let Some(disk) = &self.disk else { return };
        let mut disk = lock(disk);
        let synced = disk.spool.as_mut().map_or(Ok(()), |spool| spool.sync(true));
        if synced.is_err() {
            self.tell_of_disk(&mut self.lock(), synced.map_err(Error::from));
        }
    }

    fn write_out(&self, disk: &mut Disk) -> Result<(), Error> {
        self.opened(disk)?;
        let Some(spool) = &mut disk.spool else { return Ok(()) };
        let oldest_allowed = self.lock().oldest_allowed;
        let aged = spool.drop_older(oldest_allowed)?;
        let mut state = self.lock();
        let aged = samples_left(&mut state, &aged);
        self.count_aged(&mut state, aged);
        let batches = state.queue.begin_to_write(spool.portion());
        drop(state);
        let written = self.write(spool, &batches);
        let (count, first) = written.as_ref().map_or((0, 0), |&first| (batches.len(), first));
        let mut state = self.lock();
        state.queue.written(count, first);
        state.queue.on_disk = spool.depth();
        written.map(drop)
    }

    /// Makes room for batches, and writes them. Returns the number of the first.
    fn write(&self, spool: &mut Spool, batches: &[Batch]) -> Result<u64, Error> {
        if batches.is_empty() {
            return Ok(0);
        }
        let dropped = spool.make_room(batches.iter().map(Spool::size).sum())?;
        let mut state = self.lock();
        let full = samples_left(&mut state, &dropped);
        self.count_full(&mut state, full);
        drop(state);
        spool.append(batches)
    }

    /// Opens the spool if it is not open, or is where nobody would look for it any more.
    fn opened(&self, disk: &mut Disk) -> Result<(), Error> {
        if let Some(gone) = disk.spool.take_if(|spool| !spool.is_there()) {
            let mut state = self.lock();
            state.queue.lose_disk();
            state.reached = Reached::default();
            let Depth { samples, bytes, .. } = gone.depth();
            self.count_damage(&mut state, Damage { samples, bytes });
            tracing::warn!("push to {}: {} was removed", self.name, disk.folder.display());
        }
        if disk.spool.is_some() {
            return Ok(());
        }
        let (done, written): (_, Vec<_>) = {
            let mut state = self.lock();
            (state.reached, state.queue.begin_to_write(u64::MAX))
        };
        let done = Some(done).filter(|done| done.number > 0);
        let opened = Spool::open(&disk.folder, disk.limits, done, &written);
        let mut state = self.lock();
        let already = opened.as_ref().map(|(_, already)| *already).unwrap_or_default();
        state.queue.written(already.count, already.first);
        let spool = disk.spool.insert(opened?.0);
        let Depth { requests, samples, .. } = spool.depth();
        if requests > 0 {
            let (name, folder) = (&self.name, spool.path().display());
            tracing::info!("push to {name}: {requests} requests with {samples} samples wait in {folder}");
        }
        Ok(())
    }

    /// Takes note of what is on disk now.
    pub(super) fn look_at(&self, disk: &mut Disk, state: &mut State) {
        let Some(spool) = &mut disk.spool else {
            state.queue.on_disk = Depth::default();
            return;
        };
        state.oldest_on_disk = spool.oldest();
        state.queue.on_disk = spool.depth();
        state.reached = spool.reached();
        let damage = spool.take_damage();
        self.count_damage(state, damage);
    }

    fn count_damage(&self, state: &mut State, damage: Damage) {
        if damage == Damage::default() {
            return;
        }
        let Damage { samples, bytes } = damage;
        let (name, folder) = (&self.name, self.folder.as_deref().unwrap_or("".as_ref()).display());
        tracing::warn!("push to {name}: {bytes} bytes in {folder} can't be read; {samples} samples are lost");
        state.tally.damaged += samples;
        state.tally.damaged_bytes += bytes;
    }

    /// Tells the log when the disk can't be used, and when it can be again, and nothing in between.
    pub(super) fn tell_of_disk(&self, state: &mut State, result: Result<(), Error>) {
        let name = &self.name;
        match (&state.trouble, &result) {
            (None, Err(error)) => {
                tracing::warn!(
                    "push to {name}: the queue is kept in memory until its disk can be used: {error}"
                )
            }
            (Some(_), Ok(())) => tracing::warn!("push to {name}: the queue is kept on disk again"),
            _ => {}
        }
        state.trouble = result.err().map(|error| error.to_string());
    }
}

/// How many samples were lost with these; the one on its way may still arrive.
fn samples_left(state: &mut State, dropped: &[Dropped]) -> u64 {
    let samples = |one: &Dropped| u64::from(one.samples);
    let on_its_way = state.queue.drop_on_disk(dropped);
    dropped.iter().map(samples).sum::<u64>() - on_its_way.map_or(0, u64::from)
}
