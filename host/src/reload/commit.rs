//! The commit: quiesce, hand over, exec. The point after which the new image decides.

use std::time::SystemTime;

use relink_core::Error;

use super::handed::{self, Carry, State};
use super::run::Run;
use super::transaction::{Candidate, Stop};
use crate::journal::{Outcome, Step};
use crate::serve::{Carried, Server};
use crate::settings::Choice;
use relink_handover::Handover;

impl Run<'_> {
    /// Quiesce, hand over, exec. Returns only if that failed, after everything is served on.
    pub(super) async fn take_the_leap(&self, candidate: Candidate, chosen: Choice) -> Stop {
        let Some(server) = self.reloader.server.get() else {
            return Stop::with(Outcome::Failed, Error::new("the agent does not serve yet"));
        };
        let config = &self.reloader.agent.config.reload;
        let _resting = match &self.reloader.agent.push {
            Some(push) => Some(push.rest().await),
            None => None,
        };
        self.step(Step::Quiesce);
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
        let plural = if carried.len() == 1 { "" } else { "s" };
        self.detail(format!("{} connection{plural} at rest", carried.len()));
        if *self.reloader.stop.borrow() {
            server.resume(carried);
            return Stop::with(Outcome::Failed, Error::new("the agent ends"));
        }
        self.step(Step::Exec);
        let body = serde_json::to_string(&self.account.journal()).unwrap_or_default() + "\n";
        server.answer_ahead(&self.account.id, body.into()).await;
        let error = match self.handover(&carried, server, paused, &candidate, chosen) {
            Ok(handover) => {
                let deadline = *config.ready_timeout;
                self.reloader.boot.exec(candidate.image(), &handover, deadline).into()
            }
            Err(error) => error,
        };
        server.resume(carried);
        Stop::with(Outcome::RolledBack, error.context("handing over to the new image"))
    }

    fn handover<'a>(
        &self,
        carried: &'a [Carried],
        server: &'a Server,
        paused: SystemTime,
        candidate: &Candidate,
        chosen: Choice,
    ) -> Result<Handover<'a>, Error> {
        let Run { reloader, account } = *self;
        let (agent, web) = (&reloader.agent, reloader.agent.config.web.as_ref());
        let paused = paused.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let state = State {
            generation: agent.counters.generation() + 1,
            reload_id: account.id.clone(),
            paused_unix_ms: paused.as_millis() as u64,
        };
        let mut journals = reloader.lock().ended.clone();
        journals.keep(account.journal());
        let carry = Carry {
            journals,
            counted: agent.counters.counted(),
            chosen,
            library_generations: agent.libraries().generations(),
            passwords: web.map(|web| web.remembered()).unwrap_or_default(),
            hash: candidate.hash.clone(),
            before: (agent.chosen.clone(), reloader.hash.get().cloned().unwrap_or_default()),
        };
        let mut handover = Handover::new();
        server.listeners().for_each(|socket| handover.keep(handed::LISTENER, socket, []));
        for one in carried {
            handover.keep(handed::CONNECTION, &one.socket, handed::note(one)?);
        }
        handover.bytes(handed::STATE, serde_json::to_vec(&state)?);
        handover.bytes(handed::JOURNAL, serde_json::to_vec(&carry)?);
        handover.bytes(handed::HISTORY, agent.history().encode());
        if let Some(push) = &agent.push {
            handover.bytes(handed::PUSH, push.carry());
        }
        Ok(handover)
    }
}
