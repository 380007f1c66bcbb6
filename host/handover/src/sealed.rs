//! Sealed memory: what is in it can't be changed any more, by nobody.

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::fs::SealFlags;
use rustix::io::Errno;

fn seals() -> SealFlags {
    SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL
}

/// Seals the memory. The kernel refuses (`EBUSY`) while it handles one of the pages itself, as when it moves pages together
/// on a machine with much to do. It waits some 70 ms for that to end, which was seen not to be enough once in a
/// thousand copies of 30 MB; so it is asked again, for as long as `patience` lasts.
pub(crate) fn seal(memory: &File, patience: Duration) -> io::Result<()> {
    let began = Instant::now();
    loop {
        match rustix::fs::fcntl_add_seals(memory, seals()) {
            Err(Errno::BUSY) if began.elapsed() < patience => {}
            outcome => return Ok(outcome?),
        }
    }
}

/// Whether the memory is sealed; an error if it is no memory that could be.
pub(crate) fn is_sealed(fd: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(rustix::fs::fcntl_get_seals(fd)?.contains(seals()))
}
