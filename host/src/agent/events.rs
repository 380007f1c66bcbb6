//! What `GET /events` streams, as the frames of server-sent events.
//!
//! Snapshots are not handed around: a subscriber is told that there is a new one, and reads what it has not seen yet
//! from the history. So one that is slow, or comes back, gets the very same as one that kept up, and how far behind
//! it is costs nothing. Nothing is rendered while nobody listens.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, watch};

use crate::agent::Agent;
use crate::expose::past;
use crate::journal::Journal;
use crate::lock::lock;
use crate::store::history::Past;
use crate::store::snapshot::Snapshot;

/// How many steps of reloads a slow subscriber may lag behind. It can do without those it loses: each one tells the
/// whole journal.
const BACKLOG: usize = 16;

/// Hands events to all that listen.
pub(crate) struct Events {
    newest: watch::Sender<Newest>,
    reloads: broadcast::Sender<Bytes>,
    rendered: Mutex<Rendered>,
    /// How many more may listen.
    places: Arc<Semaphore>,
}

/// The newest snapshot.
struct Newest {
    id: u64,
    /// The snapshot itself, where the history has no room for even one.
    snapshot: Option<Arc<Snapshot>>,
}

/// The newest snapshot's frames, for those who want the same families.
#[derive(Default)]
struct Rendered {
    id: u64,
    frames: Vec<(Arc<[String]>, Bytes)>,
}

/// One who follows the snapshots.
pub(crate) struct Subscriber<'a> {
    agent: &'a Agent,
    /// The families that are wanted, sorted; all where there is none.
    families: Arc<[String]>,
    /// The number of the snapshot that it got last.
    last: u64,
    /// Out of the history, and not sent yet.
    pending: VecDeque<Past>,
    newest: watch::Receiver<Newest>,
    _place: OwnedSemaphorePermit,
}

impl Events {
    /// Room for so many subscribers; `last` is the number of the newest snapshot there is.
    pub(crate) fn new(max_subscribers: usize, last: u64) -> Self {
        Events {
            newest: watch::Sender::new(Newest { id: last, snapshot: None }),
            reloads: broadcast::Sender::new(BACKLOG),
            rendered: Mutex::default(),
            places: Arc::new(Semaphore::new(max_subscribers.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// The history has one more snapshot, or has not been able to keep it.
    pub(crate) fn recorded(&self, id: u64, not_kept: Option<Arc<Snapshot>>) {
        let mut rendered = lock(&self.rendered);
        *rendered = Rendered { id, frames: Vec::new() };
        drop(rendered);
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
            let _ = self.reloads.send(frame("reload", journal));
        }
    }

    /// The frames of the reloads' steps from now on.
    pub(crate) fn reloads(&self) -> broadcast::Receiver<Bytes> {
        self.reloads.subscribe()
    }
}

impl<'a> Subscriber<'a> {
    /// Listens for these families' samples, from after the snapshot with the number `last`; from now on without one,
    /// or with one that was never given. `None`: too many listen already.
    pub(crate) fn new(agent: &'a Agent, mut families: Vec<String>, last: Option<u64>) -> Option<Self> {
        let place = Arc::clone(&agent.events.places).try_acquire_owned().ok()?;
        families.sort_unstable();
        families.dedup();
        let newest = agent.events.newest.subscribe();
        let newest_id = newest.borrow().id;
        Some(Subscriber {
            agent,
            families: families.into(),
            last: last.filter(|&last| last <= newest_id).unwrap_or(newest_id),
            pending: VecDeque::new(),
            newest,
            _place: place,
        })
    }

    /// Waits until there may be a further snapshot.
    pub(crate) async fn wait(&mut self) {
        // The sender is the agent's, which this borrows.
        let _ = self.newest.changed().await;
    }

    /// The frame of the next snapshot, if there is one already. Three places have it: what another subscriber of the same
    /// families had rendered, which is what most get; the history, for one that is behind; the snapshot itself, where the
    /// history has no room for one.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        let newest = self.newest.borrow();
        let newest_id = newest.id;
        if self.last >= newest_id {
            return None;
        }
        let rendered = || lock(&self.agent.events.rendered);
        if self.last + 1 == newest_id {
            let rendered = rendered();
            let mut frames = rendered.frames.iter();
            if rendered.id == newest_id
                && let Some((_, frame)) = frames.find(|(families, _)| *families == self.families)
            {
                self.last = newest_id;
                // What was taken out of the history may hold this one too: it would be sent twice.
                self.pending.clear();
                return Some(frame.clone());
            }
        }
        if self.pending.is_empty() {
            self.pending = self.agent.history().after(self.last).into();
        }
        // What the history has forgotten can't be sent; the newest can, also where it keeps none.
        let past = match self.pending.pop_front() {
            Some(past) => past,
            None => match &newest.snapshot {
                Some(snapshot) => Past::of(newest_id, snapshot),
                None => return None,
            },
        };
        self.last = past.id;
        let frame = samples(&past, &self.families);
        if past.id == newest_id {
            let mut rendered = rendered();
            // A newer one may have been recorded meanwhile: kept under its number, this frame would go to others in its place.
            if rendered.id == newest_id {
                rendered.frames.push((Arc::clone(&self.families), frame.clone()));
            }
        }
        Some(frame)
    }
}

/// A frame with a name and JSON.
pub(crate) fn frame(name: &str, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event:{name}\ndata:{data}\n\n").into()
}

fn samples(past: &Past, families: &[String]) -> Bytes {
    let mut frame = format!("event:samples\nid:{}\ndata:", past.id).into_bytes();
    // JSON in one line, as a frame's data has to be.
    frame.extend(past::render(past, families));
    frame.extend(b"\n\n");
    frame.into()
}
