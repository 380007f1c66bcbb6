//! The commit: quiesce, hand over, exec. The point after which the new image decides.

use std::os::fd::{AsFd, AsRawFd};
use std::time::SystemTime;

use relink_core::{Context, Error};

use super::transaction::{Candidate, Carry, Reloader, Stop};
use crate::journal::Outcome;
use crate::serve::{Carried, Server};
use relink_handover::exec;
use relink_handover::handover::{Connection, Handover, Listener};

impl Reloader {
    /// Quiesce, hand over, exec. Returns only if that failed, after everything is served on.
    pub(super) async fn take_the_leap(
        &self,
        id: &str,
        candidate: Candidate,
        chosen: Option<Vec<String>>,
    ) -> Stop {
        let Some(server) = self.server.get() else {
            return Stop::with(Outcome::Failed, Error::new("the agent does not serve yet"));
        };
        let config = &self.agent.config.reload;
        let _resting = match &self.agent.push {
            Some(push) => Some(push.rest().await),
            None => None,
        };
        self.step(id, "quiesce");
        let paused = SystemTime::now();
        let carried = match server.quiesce(*config.quiesce_timeout).await {
            Ok(carried) => carried,
            Err(busy) => {
                let (requests, time) = (busy.in_flight, config.quiesce_timeout.as_secs_f64());
                let error = Error::new(format!("{requests} requests were still in flight after {time} s"));
                let hint = "try again, or raise [reload] quiesce_timeout";
                return Stop::with(Outcome::Failed, error.hint(hint));
            }
        };
        self.detail(id, format!("{} connections at rest", carried.len()));
        if *self.stop.borrow() {
            server.resume(carried);
            return Stop::with(Outcome::Failed, Error::new("the agent ends"));
        }
        self.step(id, "exec");
        if let Some(journal) = self.journal(id) {
            let body = serde_json::to_string(&journal).unwrap_or_default() + "\n";
            server.answer_ahead(id, body.into()).await;
        }
        let error = match self.handover(id, &carried, server, paused, &candidate, chosen) {
            Ok(handover) => self.exec(&candidate, &handover),
            Err(error) => error,
        };
        server.resume(carried);
        Stop::with(Outcome::RolledBack, error.context("handing over to the new image"))
    }

    fn exec(&self, candidate: &Candidate, handover: &Handover) -> Error {
        let deadline = *self.agent.config.reload.ready_timeout;
        match handover.write() {
            Ok(blob) => {
                let keep = handover.descriptors();
                exec::exec_into(candidate.image.as_fd(), self.boot, blob.as_fd(), &keep, deadline).into()
            }
            Err(error) => error.into(),
        }
    }

    fn handover(
        &self,
        id: &str,
        carried: &[Carried],
        server: &Server,
        paused: SystemTime,
        candidate: &Candidate,
        chosen: Option<Vec<String>>,
    ) -> Result<Handover, Error> {
        let connections = carried.iter().map(|one| Connection {
            fd: one.socket.as_raw_fd(),
            peer: one.peer,
            opened: one.opened,
            unread: one.unread.to_vec(),
            owed: one.owed.as_ref().map(|owed| owed.id.clone()),
            keep_alive: one.owed.as_ref().is_none_or(|owed| owed.keep_alive),
        });
        let carry = Carry {
            journals: self.lock().journals.clone(),
            counted: self.agent.counters.counted(),
            chosen,
            library_generations: self.agent.libraries().generations(),
            passwords: self.agent.config.web.as_ref().map(|web| web.remembered()).unwrap_or_default(),
            hash: candidate.hash.clone(),
            before: (self.agent.chosen.clone(), self.hash.get().cloned().unwrap_or_default()),
        };
        let listeners = server.listeners().map(|socket| {
            let address = socket.local_addr().context("asking a listener for its address")?;
            Ok(Listener { fd: socket.as_raw_fd(), address })
        });
        Ok(Handover {
            generation: self.agent.counters.generation() + 1,
            reload_id: id.to_owned(),
            paused_unix_ms: paused.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis()
                as u64,
            listeners: listeners.collect::<Result<_, Error>>()?,
            connections: connections.collect(),
            boot: self.boot.to_record(),
            executable: candidate.source.clone(),
            journal: serde_json::to_vec(&carry)?,
            history: self.agent.history().encode(),
            pushes: self.agent.push.as_ref().is_some(),
            push: self.agent.push.as_ref().map(|push| push.carry()).unwrap_or_default(),
            ..Handover::default()
        })
    }
}
