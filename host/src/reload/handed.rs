//! What goes over to the next image: under which names, and in which form. The history and the push's queues have their
//! own.

use std::net::{SocketAddr, TcpStream};

use bytes::Bytes;
use relink_core::{Context, Error};
use serde::{Deserialize, Serialize};

use crate::access::Remembered;
use crate::journal::Journals;
use crate::own::counters::Counted;
use crate::plugins::dylib::Generations;
use crate::serve::{Carried, Owed};
use crate::settings::Choice;

/// The [`State`], as JSON.
pub(crate) const STATE: &str = "state";
/// The [`Carry`], as JSON.
pub(crate) const JOURNAL: &str = "journal";
pub(crate) const HISTORY: &str = "history";
/// Only where something is pushed.
pub(crate) const PUSH: &str = "push";
pub(crate) const LISTENER: &str = "listener";
pub(crate) const CONNECTION: &str = "connection";

/// What the next image can't do without.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    /// The generation that the new image will be.
    pub(crate) generation: u64,
    /// The reload that this is.
    pub(crate) reload_id: String,
    /// When quiescing began, in milliseconds since 1970: the pause is counted from here.
    pub(crate) paused_unix_ms: u64,
}

/// What it needs to go on as this one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Carry {
    pub(crate) journals: Journals,
    pub(crate) counted: Counted,
    /// What reloads chose.
    pub(crate) chosen: Choice,
    /// How often each library was loaded.
    pub(crate) library_generations: Generations,
    /// The passwords that were right, so that no client waits for a hash again.
    pub(crate) passwords: Remembered,
    /// The hash of the image that is handed over to.
    pub(crate) hash: String,
    /// The same two of the image that hands over, for when it comes back.
    pub(super) before: (Choice, String),
}

impl Carry {
    /// What the image that handed over goes on with, when it has come back.
    pub(crate) fn taken_back(self) -> Self {
        let (chosen, hash) = self.before.clone();
        Carry { chosen, hash, ..self }
    }
}

/// What goes over with a connection: this as JSON, a line's end, and what was read from it and not used.
#[derive(Serialize, Deserialize)]
struct Note {
    peer: SocketAddr,
    #[serde(default)]
    opened: bool,
    #[serde(default)]
    owed: Option<Owed>,
}

/// The note of a connection.
pub(super) fn note(carried: &Carried) -> Result<Vec<u8>, Error> {
    let Carried { peer, opened, owed, unread, .. } = carried;
    let mut note = serde_json::to_vec(&Note { peer: *peer, opened: *opened, owed: owed.clone() })?;
    note.push(b'\n');
    note.extend_from_slice(unread);
    Ok(note)
}

/// The connection that this note was written for.
pub(crate) fn connection(socket: TcpStream, note: &[u8]) -> Result<Carried, Error> {
    let end = note.iter().position(|byte| *byte == b'\n').unwrap_or(note.len());
    let (json, unread) = note.split_at(end);
    let Note { peer, opened, owed } = serde_json::from_slice(json).context("reading its note")?;
    Ok(Carried {
        socket,
        unread: Bytes::copy_from_slice(unread.get(1..).unwrap_or_default()),
        peer,
        opened,
        owed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_connection_goes_over_with_what_is_known_of_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let again = socket.try_clone().unwrap();
        let owed = Owed { id: "7".to_owned(), keep_alive: true };
        let unread = Bytes::from_static(b"GET /\n\xff");
        let peer = listener.local_addr().unwrap();
        let carried =
            Carried { socket, unread: unread.clone(), peer, opened: true, owed: Some(owed.clone()) };
        let back = connection(again, &note(&carried).unwrap()).unwrap();
        assert_eq!((back.unread, back.peer, back.opened, back.owed), (unread, peer, true, Some(owed)));
    }
}
