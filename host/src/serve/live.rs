//! What is known of one connection: its phase, and what the server wishes of it.
//!
//! All of it is written by the connection's own task, but for the wish and the answer, which the server leaves here
//! before it wakes the task. The lock is held for a few instructions and hardly ever contended.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::lock::lock;
use crate::settings::Limits;

/// How long a hand-over waits for a request that is on its way over TLS: a handshake, and the head that follows it. A
/// client far away needs as long for the way there and back.
const LAST_CHANCE: Duration = Duration::from_millis(200);

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Between requests, or before the first.
    Idle,
    /// A request head has begun.
    Head,
    /// A request body is awaited.
    Body,
    /// A request is being answered, or a reload's answer is owed.
    Busy,
}

/// What the server wishes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Serve,
    /// To be taken apart at the next point where no request is in flight.
    Carry,
    /// The same, and a request that can be asked again is put back unanswered.
    PutBack,
    /// To make room, unless a request has come in.
    Evict,
    /// To end after the request in flight.
    Stop,
    /// To end now.
    Abort,
}

/// The answer of a reload that a connection waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owed {
    /// The reload's id.
    pub(crate) id: String,
    /// Whether the connection serves on after the answer.
    pub(crate) keep_alive: bool,
}

/// The answer itself. The server waits until every copy of `written` is dropped.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    pub(super) written: Option<mpsc::Sender<()>>,
}

/// Why a connection's task should leave hyper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// hyper is done with it.
    Ended,
    /// No request is in flight: it can be handed over.
    Carry,
    /// A route owes its answer.
    Owed,
    /// Its request was put back, for the next image to answer.
    PutBack,
    /// The client was too slow with a head or a body.
    Late,
    /// Nothing more is to be said.
    Close,
}

/// What to do after hyper has been polled.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Leave(Leave),
    /// Tell hyper to end after this response.
    Finish,
    /// Wait, at the longest until then.
    Wait(Option<Instant>),
}

pub(super) struct Live {
    pub(super) peer: SocketAddr,
    /// The other end: the agent's own.
    pub(super) local: Option<SocketAddr>,
    /// It came by a listener that the operator has opened to others.
    pub(super) opened: bool,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    /// Since when it has been in this phase.
    since: Instant,
    /// Since when a write has been waiting for the client.
    blocked: Option<Instant>,
    wish: Wish,
    /// Since when it is to go.
    wished: Instant,
    /// TLS has begun: what the two ends have agreed on can't be handed over, so it ends with this image.
    bound: bool,
    /// A request has come on it, in this image.
    used: bool,
    /// hyper has been told to end after this response.
    finishing: bool,
    /// Bytes of a refused request may still arrive: read them before the socket closes.
    lingers: bool,
    owed: Option<Owed>,
    /// The head of the request that was put back.
    put_back: Option<Bytes>,
    parked: Option<String>,
    answer: Option<Answer>,
    waker: Option<Waker>,
}

impl Wish {
    /// Whether a hand-over is near.
    fn is_to_go(self) -> bool {
        matches!(self, Wish::Carry | Wish::PutBack)
    }
}

impl State {
    fn at_rest(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Head) && self.blocked.is_none()
    }

    /// Whether it is to be handed over.
    fn is_to_go(&self) -> bool {
        self.wish.is_to_go() && !self.bound
    }

    /// Whether it is to end before the hand-over, because it can't go along.
    fn is_to_drain(&self) -> bool {
        self.wish.is_to_go() && self.bound
    }

    /// A request is on its way, or all but certain to be: a client that has just connected has something to ask.
    fn expects_request(&self) -> bool {
        self.at_rest() && (self.phase == Phase::Head || !self.used)
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = Instant::now();
    }
}

impl Live {
    pub(super) fn new(
        peer: SocketAddr,
        local: Option<SocketAddr>,
        opened: bool,
        phase: Phase,
        wish: Wish,
    ) -> Self {
        let state = State {
            phase,
            since: Instant::now(),
            blocked: None,
            wish,
            wished: Instant::now(),
            bound: false,
            used: false,
            finishing: false,
            lingers: false,
            owed: None,
            put_back: None,
            parked: None,
            answer: None,
            waker: None,
        };
        Live { peer, local, opened, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    // ---- from the server

    /// Leaves a wish and wakes the task.
    pub(super) fn wish(&self, wish: Wish) {
        let waker = {
            let mut state = self.state();
            if !state.wish.is_to_go() {
                state.wished = Instant::now();
            }
            state.wish = wish;
            state.waker.clone()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// How soon this one goes when room is needed: half-sent heads first, the older the sooner. `None`: not at all.
    pub(super) fn rank(&self) -> Option<(bool, Instant)> {
        let state = self.state();
        (state.at_rest() && state.wish == Wish::Serve).then_some((state.phase == Phase::Idle, state.since))
    }

    pub(super) fn is_condemned(&self) -> bool {
        self.state().wish == Wish::Evict
    }

    /// Hands the answer over if this connection is parked for `id`.
    pub(super) fn offer(&self, id: &str, answer: &Answer) {
        let mut state = self.state();
        if state.parked.as_deref() == Some(id) {
            state.parked = None;
            state.answer = Some(answer.clone());
            let waker = state.waker.clone();
            drop(state);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    #[cfg(test)]
    pub(super) fn phase(&self) -> Phase {
        self.state().phase
    }

    #[cfg(test)]
    pub(super) fn is_blocked(&self) -> bool {
        self.state().blocked.is_some()
    }

    // ---- from the socket

    /// Whether bytes may be read. While a hand-over is near only a body's are: a head that is not read yet stays in
    /// the socket and goes over with it.
    pub(super) fn may_read(&self) -> bool {
        let state = self.state();
        !state.is_to_go() || state.phase == Phase::Body
    }

    pub(super) fn has_read(&self) {
        let mut state = self.state();
        if state.phase == Phase::Idle {
            state.enter(Phase::Head);
        }
    }

    pub(super) fn has_written(&self, done: bool) {
        let mut state = self.state();
        match (done, state.blocked) {
            (true, Some(_)) => {
                state.blocked = None;
                // Idleness begins when the response is out.
                if state.phase == Phase::Idle {
                    state.since = Instant::now();
                }
            }
            (false, None) => state.blocked = Some(Instant::now()),
            _ => {}
        }
    }

    // ---- from the service

    /// A request's head is complete. The request is in flight until the guard is dropped, with the response's body.
    pub(super) fn begin(self: &Arc<Self>, has_body: bool) -> InFlight {
        let mut state = self.state();
        state.enter(if has_body { Phase::Body } else { Phase::Busy });
        state.used = true;
        // It is not the one to make room after all; the next newcomer looks again.
        if state.wish == Wish::Evict {
            state.wish = Wish::Serve;
        }
        drop(state);
        InFlight(self.clone())
    }

    /// A TLS handshake begins.
    pub(super) fn bind(&self) {
        self.state().bound = true;
    }

    pub(super) fn body_is_read(&self) {
        self.state().enter(Phase::Busy);
    }

    pub(super) fn owe(&self, owed: Owed) {
        self.state().owed = Some(owed);
    }

    /// Whether the request in flight, which has no answer yet, is better put back.
    pub(super) fn wants_back(&self) -> bool {
        let state = self.state();
        state.wish == Wish::PutBack && !state.bound
    }

    /// Puts the request in flight back, as the bytes of its head.
    pub(super) fn put_back(&self, head: Bytes) {
        self.state().put_back = Some(head);
    }

    pub(super) fn linger(&self) {
        self.state().lingers = true;
    }

    // ---- from the task

    pub(super) fn set_waker(&self, waker: &Waker) {
        let mut state = self.state();
        if !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
    }

    pub(super) fn wished(&self) -> Wish {
        self.state().wish
    }

    /// Whether it can be handed over before hyper is polled again.
    pub(super) fn is_free_to_go(&self) -> bool {
        let state = self.state();
        state.is_to_go() && state.at_rest()
    }

    /// Whether it is to be handed over as soon as it can be.
    pub(super) fn is_to_go(&self) -> bool {
        self.state().is_to_go()
    }

    /// Whether it has to end because a hand-over is near and it can't go along.
    pub(super) fn is_to_drain(&self) -> bool {
        self.state().is_to_drain()
    }

    /// What to do, now that hyper has done all that it can do without waiting.
    pub(super) fn verdict(&self, limits: &Limits) -> Verdict {
        let mut state = self.state();
        // First, as a request that is owed its answer or put back is in flight to all that follows, and nobody would end it.
        // Not while a write is blocked: the response to the request before would be cut off.
        if state.owed.is_some() && state.blocked.is_none() {
            return Verdict::Leave(Leave::Owed);
        }
        if state.put_back.is_some() && state.blocked.is_none() {
            return Verdict::Leave(Leave::PutBack);
        }
        let ends = state.wish == Wish::Stop || state.is_to_drain();
        match (state.wish, state.at_rest()) {
            (Wish::Carry | Wish::PutBack, true) if !state.bound => return Verdict::Leave(Leave::Carry),
            // Under TLS it can't go along. One that has just been opened, or is in the middle of a head, is served once more:
            // closed in its face, the client would report an error, as it can't know that to ask again is safe.
            (Wish::Carry | Wish::PutBack, true) if !state.expects_request() => {
                return Verdict::Leave(Leave::Close);
            }
            (Wish::Evict | Wish::Stop, true) | (Wish::Abort, _) => return Verdict::Leave(Leave::Close),
            // Once: the task asks again as soon as it has told hyper, and would go round in a circle.
            (_, false) if ends && !state.finishing => {
                state.finishing = true;
                return Verdict::Finish;
            }
            _ => {}
        }
        Verdict::Wait(state.deadline(limits).map(|(deadline, _)| deadline))
    }

    /// How to leave when the deadline has passed, else `None`.
    pub(super) fn overdue(&self, limits: &Limits) -> Option<Leave> {
        let (deadline, leave) = self.state().deadline(limits)?;
        (Instant::now() >= deadline).then_some(leave)
    }

    /// Whether a request that comes now can still be served.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.state();
        state.phase == Phase::Idle && state.blocked.is_none() && state.wish != Wish::Abort
    }

    pub(super) fn take_owed(&self) -> Option<Owed> {
        self.state().owed.take()
    }

    pub(super) fn take_put_back(&self) -> Bytes {
        self.state().put_back.take().unwrap_or_default()
    }

    pub(super) fn lingers(&self) -> bool {
        self.state().lingers
    }

    /// Waits for the answer of `id` from now on. Called under the server's lock, so that no answer slips through
    /// between the look at those already given and this.
    pub(super) fn park(&self, id: &str) {
        let mut state = self.state();
        state.enter(Phase::Busy);
        // It was taken for idle between the request and now.
        if state.wish == Wish::Evict {
            state.wish = Wish::Serve;
        }
        state.parked = Some(id.to_owned());
    }

    /// Whether it waits for the answer of a reload and can't be handed over. It is told last before the hand-over.
    pub(super) fn stays(&self) -> bool {
        let state = self.state();
        state.bound && state.parked.is_some()
    }

    pub(super) fn take_answer(&self) -> Option<Answer> {
        self.state().answer.take()
    }

    pub(super) fn is_idle_again(&self) {
        self.state().enter(Phase::Idle);
    }
}

impl State {
    fn deadline(&self, limits: &Limits) -> Option<(Instant, Leave)> {
        if let Some(blocked) = self.blocked {
            return Some((blocked + *limits.write_timeout, Leave::Close));
        }
        if self.is_to_drain() && self.expects_request() {
            return Some((self.wished + LAST_CHANCE, Leave::Close));
        }
        match self.phase {
            Phase::Idle => Some((self.since + *limits.idle_timeout, Leave::Close)),
            Phase::Head => Some((self.since + *limits.header_timeout, Leave::Late)),
            Phase::Body => Some((self.since + *limits.body_timeout, Leave::Late)),
            Phase::Busy => None,
        }
    }
}

/// A request in flight.
pub(super) struct InFlight(Arc<Live>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.state().enter(Phase::Idle);
    }
}
