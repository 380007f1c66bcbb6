//! What `GET /events` streams, as the frames of server-sent events.
//!
//! Snapshots are not handed around: a subscriber is told that there is a new one, and reads what it has not seen yet
//! from the history. So one that is slow, or comes back, gets all that one got that kept up, and how far behind it is
//! costs nothing. What those get who keep up is rendered and compressed once for all that want the same families.
//! Nothing is rendered while nobody listens.

mod channel;
mod numbers;
mod past;
mod subscriber;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, Weak};

use serde::Serialize;
use tokio::sync::{Semaphore, broadcast, watch};

use self::channel::Channel;
pub(crate) use self::subscriber::{Subscriber, Wanted};
use crate::expose::changes;
use crate::expose::gzip::Text;
use crate::journal::Journal;
use crate::lock::lock;
use crate::store::snapshot::Snapshot;

/// How many steps of reloads a slow subscriber may lag behind. It can do without those it loses: each one tells the
/// whole journal.
const BACKLOG: usize = 16;

/// Hands events to all that listen.
pub(crate) struct Events {
    newest: watch::Sender<Newest>,
    reloads: broadcast::Sender<Text>,
    /// Those that somebody listens to.
    channels: Mutex<Vec<Weak<Channel>>>,
    /// How many more may listen.
    places: Arc<Semaphore>,
}

/// The newest snapshot.
#[derive(Clone)]
struct Newest {
    id: u64,
    /// The snapshot itself, where the history has no room for even one.
    snapshot: Option<Arc<Snapshot>>,
}

impl Events {
    /// Room for so many subscribers; `last` is the number of the newest snapshot there is.
    pub(crate) fn new(max_subscribers: usize, last: u64) -> Self {
        Events {
            newest: watch::Sender::new(Newest { id: last, snapshot: None }),
            reloads: broadcast::Sender::new(BACKLOG),
            channels: Mutex::default(),
            places: Arc::new(Semaphore::new(max_subscribers.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// The history has one more snapshot, or has not been able to keep it.
    pub(crate) fn recorded(&self, id: u64, not_kept: Option<Arc<Snapshot>>) {
        self.newest.send_replace(Newest { id, snapshot: not_kept });
    }

    /// Whether anybody listens for snapshots.
    pub(crate) fn are_followed(&self) -> bool {
        self.newest.receiver_count() > 0
    }

    /// A reload has got on, or is over.
    pub(crate) fn reload(&self, journal: &Journal) {
        if self.reloads.receiver_count() > 0 {
            // The last subscriber may have left just now.
            let _ = self.reloads.send(event("reload", journal));
        }
    }

    /// The events of the reloads' steps from now on.
    pub(crate) fn reloads(&self) -> broadcast::Receiver<Text> {
        self.reloads.subscribe()
    }

    /// The channel of these families, which are sorted.
    fn channel(&self, families: &[String]) -> Arc<Channel> {
        let mut channels = lock(&self.channels);
        channels.retain(|channel| channel.strong_count() > 0);
        let alive = channels.iter().filter_map(Weak::upgrade);
        if let Some(known) = alive.into_iter().find(|channel| channel.is_of(families)) {
            return known;
        }
        let channel = Arc::new(Channel::new(families.into()));
        channels.push(Arc::downgrade(&channel));
        channel
    }
}

/// An event without an id.
pub(crate) fn event(name: &str, data: &impl Serialize) -> Text {
    Text::new(changes::event(name, &serde_json::to_vec(data).unwrap_or_default()))
}
