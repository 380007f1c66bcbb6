//! How an image begins: afresh, or by a hand-over from the image before.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use relink_core::Error;
use serde::de::DeserializeOwned;

use crate::journal::{Entry, Journal, Outcome, Step};
use crate::own::counters::Counters;
use crate::reload::handed::{self, Carry, State};
use crate::reload::transaction::{Reloader, milliseconds};
use crate::serve::Server;
use crate::settings::Config;
use crate::store::history::History;
use relink_handover::Boot;

/// What `main` knows before anything else happens.
pub(crate) struct Start {
    pub(crate) boot: &'static Boot,
    pub(crate) arrival: Option<Arrival>,
}

/// An image that another one handed over to; or the other one again, because the new one failed.
pub(crate) struct Arrival {
    start: relink_handover::Start,
    /// `None`: nobody can read the hand-over, and all but the listening sockets is lost.
    state: Option<State>,
    /// What of the hand-over could not be read, in words.
    lost: Vec<String>,
    pub(crate) carry: Carry,
    began: Instant,
}

impl Start {
    /// To be called first thing in `main`: takes the hand-over, records the start and sets the trap.
    pub(crate) fn new() -> Result<Self, Error> {
        let (boot, mut start) = relink_handover::boot()
            .map_err(|error| Error::from(error).context("recording how relink was started"))?;
        let began = Instant::now();
        if let Some(rejected) = boot.refused() {
            crate::telemetry::tell(format_args!("relink: {rejected}; starting afresh"));
        }
        relink_handover::raise_open_files();
        let is_back = match &start {
            relink_handover::Start::Fresh => return Ok(Start { boot, arrival: None }),
            relink_handover::Start::TakenOver(_) => false,
            relink_handover::Start::RolledBack(..) => true,
        };
        let mut lost = Vec::new();
        let state: Option<State> = read(&start, handed::STATE).map_err(|why| lost.push(why)).ok();
        if state.is_none() {
            start.roll_back(&lost.join("; "));
        }
        let carry = read(&start, handed::JOURNAL).map_err(|why| lost.push(why));
        let mut carry: Carry = carry.unwrap_or_default();
        let generation = state.as_ref().map_or(0, |state| state.generation);
        carry.counted.generation = generation.saturating_sub(u64::from(is_back));
        if is_back {
            carry = carry.taken_back();
        } else {
            // It begins now.
            carry.counted.since = 0.0;
        }
        Ok(Start { boot, arrival: Some(Arrival { start, state, lost, carry, began }) })
    }

    /// This image can't serve. One that was handed over to returns to the image before; else nothing happens.
    pub(crate) fn give_back(&mut self, error: &Error) {
        if let Some(arrival) = &mut self.arrival {
            arrival.start.roll_back(&error.to_string());
        }
    }
}

/// What was handed over under this name, as JSON.
fn read<T: DeserializeOwned>(start: &relink_handover::Start, name: &str) -> Result<T, String> {
    let bytes = start.bytes(name).map_err(|rejected| rejected.to_string())?;
    let bytes = bytes.ok_or_else(|| format!("the hand-over has no {name}"))?;
    serde_json::from_slice(bytes).map_err(|error| format!("the {name} that was handed over: {error}"))
}

impl Arrival {
    /// The history that was handed over; an empty one, counted, if it can't be read.
    pub(crate) fn history(&self, config: &Config, counters: &Counters) -> History {
        for what in &self.lost {
            tracing::warn!("not handed over: {what}");
        }
        let span = *config.history.seconds;
        let bytes = self.start.bytes(handed::HISTORY).map_err(|rejected| rejected.to_string());
        let decode =
            |bytes: Option<&[u8]>| History::decode(bytes.unwrap_or_default(), span, config.history.bytes);
        bytes.and_then(decode).unwrap_or_else(|why| {
            tracing::warn!("the history that was handed over is lost: {why}");
            counters.history_was_lost();
            History::new(span, config.history.bytes)
        })
    }

    /// The queues of the push that were handed over, if the image before had some; of damaged ones nothing, which is
    /// counted like what can't be decoded.
    pub(crate) fn push(&self) -> Option<&[u8]> {
        self.start.bytes(handed::PUSH).unwrap_or(Some(&[]))
    }

    /// The listening sockets: all that the image before had, whatever the configuration says by now, because a client
    /// that is on its way to one of them must not be refused.
    pub(crate) fn listeners(&mut self) -> Result<Vec<TcpListener>, Error> {
        let listeners = match self.start.unreadable() {
            None => self.start.listeners(handed::LISTENER)?,
            Some(_) => self.start.salvage_listeners(),
        };
        if listeners.is_empty() {
            return Err(Error::new("the hand-over has no listening socket"));
        }
        Ok(listeners)
    }

    /// Adopts the connections and closes the journal: from here on this image serves. Nothing was read from any
    /// connection before.
    pub(crate) fn complete(
        mut self,
        boot: &Boot,
        server: &Arc<Server>,
        reloader: &Reloader,
    ) -> Option<Journal> {
        let mut carried = Vec::new();
        for (socket, note) in self.start.connections(handed::CONNECTION) {
            match handed::connection(socket, &note) {
                Ok(one) => carried.push(one),
                Err(error) => tracing::warn!("a connection is lost: {error}"),
            }
        }
        let reason = match &self.start {
            relink_handover::Start::RolledBack(_, reason) => Some(reason.clone()),
            _ => None,
        };
        boot.ready(self.start);
        server.adopt(carried);
        let state = self.state?;
        let paused = SystemTime::UNIX_EPOCH + Duration::from_millis(state.paused_unix_ms);
        let pause = SystemTime::now().duration_since(paused).unwrap_or_default();
        reloader.conclude(&state.reload_id, |journal| {
            let outcome = if reason.is_some() { Outcome::RolledBack } else { Outcome::Committed };
            journal.outcome = Some(outcome);
            journal.generation = self.carry.counted.generation;
            journal.pause_ms = Some(milliseconds(pause));
            let ready = milliseconds(self.began.elapsed());
            let quiesce = journal.ms_of(Step::Quiesce);
            if let Some(exec) = journal.steps.last_mut() {
                exec.ms = ((milliseconds(pause) - quiesce - ready).max(0.0) * 1000.0).round() / 1000.0;
            }
            let detail = reason.as_ref().map_or("the new image serves", |_| "the old image serves again");
            journal.steps.push(Entry { step: Step::Ready, ms: ready, detail: detail.to_owned() });
            journal.error =
                reason.map(|reason| format!("the new image failed before it was ready: {reason}"));
        })
    }
}
