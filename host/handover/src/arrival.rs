//! How an image begins: afresh, by a hand-over, or once more because the image after it failed.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use crate::blob::{self, Rejected};
use crate::boot::Boot;
use crate::inherited::{self, Inherited};
use crate::state::Kept;
use crate::trap::Trap;

/// How this image begins, and what was handed over to it. After a fresh start there is nothing to take.
#[derive(Debug)]
pub enum Start {
    /// Somebody has started the process.
    Fresh,
    /// The image before has handed over. Until [`Boot::ready`] is called, whatever ends this image runs that one again.
    TakenOver(Arrival),
    /// This image has handed over to one that failed, and runs once more, from its `main` on; the text says how the
    /// other failed. There is no image to return to now.
    RolledBack(Arrival, String),
}

/// What the image before has left. The methods of [`Start`] take it.
#[derive(Debug)]
pub struct Arrival {
    inherited: Inherited,
    contents: Result<Contents, Rejected>,
    trap: Option<Trap>,
}

/// What a hand-over holds for its reader.
#[derive(Debug)]
struct Contents {
    /// `None`: damaged.
    bytes: BTreeMap<String, Option<Vec<u8>>>,
    kept: BTreeMap<String, Vec<Kept>>,
}

/// Tells how this image begins, and records how the process was started. To be called once, first thing in `main`: no
/// thread may have been started, and it takes each descriptor above 2 that is not close-on-exec for handed over.
///
/// If the image before has left a hand-over that can't be read, this does not return, and that image runs again.
///
/// Fails where `/proc` is missing or the executable can't be read; then there is no way back from a new image.
pub fn boot() -> io::Result<(&'static Boot, Start)> {
    let (inherited, refused) = match inherited::take_from_env() {
        Ok(inherited) => (inherited, None),
        Err(rejected) => (None, Some(rejected)),
    };
    let mut boot = Boot::record(refused)?;
    let Some(mut inherited) = inherited else { return Ok((Box::leak(Box::new(boot)), Start::Fresh)) };
    let rolled_back = inherited.take_reason();
    let contents = blob::read(inherited.blob()).map(|(state, bytes)| {
        boot.inherit(&state, rolled_back.is_some());
        Contents { bytes, kept: state.kept }
    });
    let boot: &'static Boot = Box::leak(Box::new(boot));
    if let Some(reason) = rolled_back {
        return Ok((boot, Start::RolledBack(Arrival { inherited, contents, trap: None }, reason)));
    }
    let trap = Trap::arm(&inherited, boot)?;
    match contents {
        Err(rejected) => trap.roll_back(&rejected.to_string()),
        contents => Ok((boot, Start::TakenOver(Arrival { inherited, contents, trap: Some(trap) }))),
    }
}

impl Start {
    /// The bytes of this name; `None` where none were handed over, an error where they were damaged.
    pub fn bytes(&self, name: &str) -> Result<Option<&[u8]>, Rejected> {
        let (Start::TakenOver(arrival) | Start::RolledBack(arrival, _)) = self else { return Ok(None) };
        let contents = arrival.contents.as_ref().map_err(Rejected::clone)?;
        match contents.bytes.get(name) {
            None => Ok(None),
            Some(Some(bytes)) => Ok(Some(bytes)),
            Some(None) => Err(Rejected(format!("its {name:?} is damaged"))),
        }
    }

    /// Takes the descriptors that were kept under this name, in that order, with their notes. An error stands for one
    /// that is not the file it was.
    pub fn take(&mut self, name: &str) -> Vec<io::Result<(OwnedFd, Vec<u8>)>> {
        let Some(Arrival { inherited, contents: Ok(contents), .. }) = self.arrival() else { return vec![] };
        let kept = contents.kept.remove(name).unwrap_or_default().into_iter();
        kept.map(|kept| Ok((inherited.claim(&kept)?, kept.note))).collect()
    }

    /// Takes the listening TCP sockets that were kept under this name, in the mode, blocking or not, that they were left
    /// in; an error if one is not what it was.
    pub fn listeners(&mut self, name: &str) -> io::Result<Vec<TcpListener>> {
        self.take(name).into_iter().map(|taken| inherited::listener(taken?.0)).collect()
    }

    /// Takes the TCP connections that were kept under this name, with their notes. One that is not what it was is left
    /// out, which the log tells: it costs one client its connection, and the others nothing.
    pub fn connections(&mut self, name: &str) -> Vec<(TcpStream, Vec<u8>)> {
        let taken = self.take(name).into_iter();
        let taken = taken.map(|taken| taken.and_then(|(fd, note)| Ok((inherited::connection(fd)?, note))));
        taken
            .filter_map(|one| one.inspect_err(|error| tracing::warn!("a connection is lost: {error}")).ok())
            .collect()
    }

    /// Why nothing can be taken by its name: the hand-over can't be read. Seen by an image that runs once more, after
    /// something has destroyed what it wrote itself.
    pub fn unreadable(&self) -> Option<&Rejected> {
        match self {
            Start::Fresh => None,
            Start::TakenOver(arrival) | Start::RolledBack(arrival, _) => arrival.contents.as_ref().err(),
        }
    }

    /// Finds the sockets that listen without help of the hand-over, and closes the connections that were accepted from
    /// them: for an image that can't read its own hand-over, and must serve all the same.
    pub fn salvage_listeners(&mut self) -> Vec<TcpListener> {
        self.arrival().map(|arrival| arrival.inherited.salvage_listeners()).unwrap_or_default()
    }

    /// Runs the image before again, which learns `reason`: this one has found out itself that it can't serve. Returns
    /// if no image has handed over to this one; then the caller has to end.
    pub fn roll_back(&mut self, reason: &str) {
        if let Some(trap) = self.arrival().and_then(|arrival| arrival.trap.take()) {
            trap.roll_back(reason);
        }
    }

    fn arrival(&mut self) -> Option<&mut Arrival> {
        match self {
            Start::Fresh => None,
            Start::TakenOver(arrival) | Start::RolledBack(arrival, _) => Some(arrival),
        }
    }
}

impl fmt::Display for Start {
    /// `started`, `taken over`, or `rolled back: ` and the reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Start::Fresh => f.write_str("started"),
            Start::TakenOver(_) => f.write_str("taken over"),
            Start::RolledBack(_, reason) => write!(f, "rolled back: {reason}"),
        }
    }
}

impl Boot {
    /// This image is ready: from here on there is no way back. The timer stops, what was handed over and nobody has
    /// taken is closed, and signals come in again, as they were let in and ignored at the first start.
    ///
    /// To be called once the sockets are taken and the handlers of signals are in place: until then, all signals but
    /// the fatal ones have been kept waiting. Also to be called after a fresh start.
    pub fn ready(&self, mut start: Start) {
        if let Some(arrival) = start.arrival() {
            if let Some(trap) = arrival.trap.take() {
                trap.disarm();
            }
            if let Ok(contents) = &arrival.contents {
                contents.kept.values().flatten().for_each(|kept| drop(arrival.inherited.claim(kept)));
            }
        }
        self.unblock_signals();
    }
}
