//! What `GET /events` streams.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::reload::journal::Journal;

/// One event: the snapshot's number where it is one, a name, and JSON.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) id: Option<u64>,
    pub(crate) name: &'static str,
    pub(crate) data: String,
}

/// How many events a slow listener may lag behind before it loses the oldest.
const BACKLOG: usize = 64;

/// Hands events to all that listen. Costs nothing while none does.
pub(crate) struct Events(broadcast::Sender<Arc<Event>>);

impl Events {
    pub(crate) fn new() -> Self {
        Events(broadcast::Sender::new(BACKLOG))
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<Event>> {
        self.0.subscribe()
    }

    pub(crate) fn send(&self, id: Option<u64>, name: &'static str, data: impl FnOnce() -> String) {
        if self.0.receiver_count() > 0 {
            // The last listener may have left just now.
            let _ = self.0.send(Arc::new(Event { id, name, data: data() }));
        }
    }

    pub(crate) fn reload(&self, journal: &Journal) {
        self.send(None, "reload", || serde_json::to_string(journal).unwrap_or_default());
    }
}
