//! How an image begins: afresh, or by a hand-over from the image before.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use relink_core::Error;

use crate::journal::{Journal, Outcome, Step};
use crate::own::counters::Counters;
use crate::reload::transaction::{Carry, Reloader, milliseconds};
use crate::serve::{Carried, Owed, Server};
use crate::settings::Config;
use crate::store::history::History;
use relink_handover::exec::{self, Boot};
use relink_handover::handover::{self, Handover, Inherited, Rejected};
use relink_handover::trap::Trap;

/// What `main` knows before anything else happens.
pub(crate) struct Start {
    pub(crate) boot: &'static Boot,
    pub(crate) arrival: Option<Arrival>,
}

/// An image that another one handed over to; or the other one again, because the new one failed.
pub(crate) struct Arrival {
    inherited: Inherited,
    handover: Option<Handover>,
    /// What of the hand-over could not be read, in words.
    dropped: Vec<String>,
    pub(crate) carry: Carry,
    trap: Option<Trap>,
    began: Instant,
}

impl Start {
    /// To be called first thing in `main`: takes the hand-over, records the start and sets the trap.
    pub(crate) fn new() -> Result<Self, Error> {
        let inherited = handover::take_from_env().unwrap_or_else(|rejected| {
            crate::telemetry::tell(format_args!("relink: {rejected}; starting afresh"));
            None
        });
        let mut boot =
            Boot::record().map_err(|error| Error::from(error).context("recording how relink was started"))?;
        exec::raise_open_files();
        let Some(inherited) = inherited else {
            return Ok(Start { boot: Box::leak(Box::new(boot)), arrival: None });
        };
        let began = Instant::now();
        let read = handover::read(inherited.blob());
        let is_back = inherited.rolled_back().is_some();
        if let Ok(read) = &read {
            boot.inherit(&read.handover, is_back);
        }
        let boot: &'static Boot = Box::leak(Box::new(boot));
        // The old image has nothing to return to.
        let trap = if is_back { None } else { Some(Trap::arm(&inherited, boot)?) };
        let handover = match (read, trap) {
            (Err(Rejected(why)), Some(trap)) => {
                trap.roll_back(&format!("the hand-over can't be used: {why}"))
            }
            (Err(_), None) => return Ok(Start { boot, arrival: Some(Arrival::without(inherited, began)) }),
            (Ok(read), trap) => (read, trap),
        };
        let (handover::Read { handover, dropped }, trap) = handover;
        let mut carry: Carry = serde_json::from_slice(&handover.journal).unwrap_or_default();
        carry.counted.generation = handover.generation - u64::from(is_back);
        if is_back {
            carry = carry.taken_back();
        } else {
            // It begins now.
            carry.counted.since = 0.0;
        }
        let arrival = Arrival { inherited, handover: Some(handover), dropped, carry, trap, began };
        Ok(Start { boot, arrival: Some(arrival) })
    }

    /// This image can't serve. One that was handed over to returns to the image before; else nothing happens.
    pub(crate) fn give_back(&mut self, error: &Error) {
        if let Some(trap) = self.arrival.as_mut().and_then(|arrival| arrival.trap.take()) {
            trap.roll_back(&error.to_string());
        }
    }
}

impl Arrival {
    /// The old image again, with a hand-over that nobody can read: all but the listening sockets is lost.
    fn without(inherited: Inherited, began: Instant) -> Self {
        Arrival { inherited, handover: None, dropped: Vec::new(), carry: Carry::default(), trap: None, began }
    }

    /// The history that was handed over; an empty one, counted, if it can't be read.
    pub(crate) fn history(&self, config: &Config, counters: &Counters) -> History {
        for what in &self.dropped {
            tracing::warn!("not handed over: {what}");
        }
        let span = *config.history.seconds;
        let bytes = self.handover.as_ref().map_or(&[][..], |handover| &handover.history);
        History::decode(bytes, span, config.history.bytes).unwrap_or_else(|why| {
            tracing::warn!("the history that was handed over is lost: {why}");
            counters.history_was_lost();
            History::new(span, config.history.bytes)
        })
    }

    /// The queues of the push that were handed over, if the image before had some.
    pub(crate) fn push(&self) -> Option<&[u8]> {
        let handover = self.handover.as_ref().filter(|handover| handover.pushes)?;
        Some(&handover.push)
    }

    /// The listening sockets: all that the image before had, whatever the configuration says by now, because a client
    /// that is on its way to one of them must not be refused.
    pub(crate) fn listeners(&mut self) -> Result<Vec<TcpListener>, Error> {
        let listeners = match &self.handover {
            Some(handover) => {
                let handed_over = handover.listeners.iter();
                handed_over
                    .map(|one| self.inherited.adopt_listener(one.fd, one.address))
                    .collect::<Result<_, _>>()?
            }
            None => self.inherited.salvage_listeners(),
        };
        if listeners.is_empty() {
            return Err(Error::new("the hand-over has no listening socket"));
        }
        Ok(listeners)
    }

    /// Adopts the connections and closes the journal: from here on this image serves. Nothing was read from any
    /// connection before.
    pub(crate) fn complete(mut self, server: &Arc<Server>, reloader: &Reloader) -> Option<Journal> {
        let handover = self.handover.take();
        let mut carried = Vec::new();
        for connection in handover.iter().flat_map(|handover| &handover.connections) {
            match self.inherited.adopt_stream(connection.fd) {
                Ok(socket) => carried.push(Carried {
                    socket,
                    unread: connection.unread.clone().into(),
                    peer: connection.peer,
                    opened: connection.opened,
                    owed: connection.owed.clone().map(|id| Owed { id, keep_alive: connection.keep_alive }),
                }),
                Err(error) => tracing::warn!("a connection is lost: {error}"),
            }
        }
        let left = handover.as_ref().map(|handover| handover::reap(&handover.children));
        if let Some(left) = left.filter(|left| !left.is_empty()) {
            tracing::warn!("child processes of the image before still run: {left:?}");
        }
        let reason = self.inherited.rolled_back().map(str::to_owned);
        if let Some(trap) = self.trap.take() {
            trap.disarm();
        }
        server.adopt(carried);
        let handover = handover?;
        let paused = SystemTime::UNIX_EPOCH + Duration::from_millis(handover.paused_unix_ms);
        let pause = SystemTime::now().duration_since(paused).unwrap_or_default();
        reloader.conclude(&handover.reload_id, |journal| {
            let outcome = if reason.is_some() { Outcome::RolledBack } else { Outcome::Committed };
            journal.outcome = Some(outcome);
            journal.generation = self.carry.counted.generation;
            journal.pause_ms = Some(milliseconds(pause));
            let ready = milliseconds(self.began.elapsed());
            let quiesce =
                journal.steps.iter().find(|step| step.step == "quiesce").map_or(0.0, |step| step.ms);
            if let Some(exec) = journal.steps.last_mut() {
                exec.ms = (milliseconds(pause) - quiesce - ready).max(0.0);
            }
            let detail = reason.as_ref().map_or("the new image serves", |_| "the old image serves again");
            journal.steps.push(Step { step: "ready".to_owned(), ms: ready, detail: detail.to_owned() });
            journal.error =
                reason.map(|reason| format!("the new image failed before it was ready: {reason}"));
        })
    }
}
