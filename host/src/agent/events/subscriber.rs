//! One who listens: where it is, and what it is told next.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, watch};

use super::Newest;
use super::channel::{Channel, Inner, Step};
use super::numbers::State;
use super::past::Plan;
use crate::agent::Agent;
use crate::expose::changes::{self, Labels};
use crate::expose::gzip::Text;
use crate::expose::past;
use crate::store::history::Past;

/// What a subscriber wants.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// The families, in the order in which their past is told; all where there is none.
    pub(crate) families: Vec<String>,
    /// The number of the snapshot that it saw last.
    pub(crate) last: Option<u64>,
    /// How much of the past it wants to be told where there is no such snapshot.
    pub(crate) span: Option<Duration>,
}

/// One who follows the snapshots.
pub(crate) struct Subscriber<'a> {
    agent: &'a Agent,
    channel: Arc<Channel>,
    newest: watch::Receiver<Newest>,
    /// How many series it has been told the numbers of.
    told: usize,
    /// The number of the snapshot that it got last; nothing before the first, which is told whole.
    last: Option<u64>,
    /// Where it is, while that is not where the channel is.
    own: Option<State>,
    /// Out of the history, and not sent yet.
    pending: VecDeque<Past>,
    /// How much of the past it wants, in which order; until that is known to be what.
    span: Option<(Duration, Vec<String>)>,
    /// The past that it is still to be told.
    past: Option<Plan>,
    /// To be sent before anything else.
    ready: Option<Text>,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

impl<'a> Subscriber<'a> {
    /// Listens for these families' samples, from after the snapshot that it saw last; from now on without one, or with one
    /// that was never given, or is forgotten. `None`: too many listen already.
    pub(crate) fn new(agent: &'a Agent, wanted: Wanted) -> Option<Self> {
        let place = Arc::clone(&agent.events.places).try_acquire_owned().ok()?;
        let mut families = wanted.families.clone();
        families.sort_unstable();
        families.dedup();
        agent.history().asked_for(&families);
        let newest = agent.events.newest.subscribe();
        let newest_id = newest.borrow().id;
        // Valid is what has missed nothing that is forgotten.
        let is_known = |last: &u64| {
            let history = agent.history();
            *last <= newest_id && (history.time_of(*last).is_some() || history.time_of(last + 1).is_some())
        };
        let last = wanted.last.filter(is_known);
        Some(Subscriber {
            agent,
            channel: agent.events.channel(&families),
            newest,
            told: 0,
            last,
            own: last.map(|_| State::default()),
            pending: VecDeque::new(),
            span: wanted.span.map(|span| (span, wanted.families)),
            past: None,
            ready: None,
            is_over: false,
            _place: place,
        })
    }

    /// Waits until there may be a further snapshot.
    pub(crate) async fn wait(&mut self) {
        // The sender is the agent's, which this borrows.
        let _ = self.newest.changed().await;
    }

    /// Whether the stream has to end, for the subscriber to come back and get new numbers.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// What is to be sent next, if there is something already.
    pub(crate) fn next(&mut self) -> Option<Text> {
        if let Some(ready) = self.ready.take() {
            return Some(ready);
        }
        let newest = self.newest.borrow().clone();
        if self.last.is_some_and(|last| last >= newest.id) {
            return None;
        }
        let channel = Arc::clone(&self.channel);
        let mut inner = channel.inner();
        self.is_over = inner.is_worn;
        if self.is_over {
            return None;
        }
        let text = match self.past(&mut inner, &newest) {
            Some(past) => past,
            None => self.samples(&mut inner, &newest)?,
        };
        if self.told == inner.numbers.len() {
            return Some(text);
        }
        let from = std::mem::replace(&mut self.told, inner.numbers.len());
        self.ready = Some(text);
        Some(Text::new(changes::series(inner.numbers.named(from))))
    }

    /// An event of the past, as long as there is more of it. It ends before the newest snapshot of now, which comes next.
    fn past(&mut self, channel: &mut Inner, newest: &Newest) -> Option<Text> {
        let history = self.agent.history();
        if self.last.is_none()
            && newest.id != 0
            && let Some((span, families)) = self.span.take()
        {
            let now = history.after(newest.id - 1).pop()?;
            let interval = *self.agent.config.history.interval;
            self.past = Some(Plan::new(&history, &now, &families, span, interval));
            (self.last, self.own) = (Some(newest.id - 1), Some(State::default()));
        }
        let plan = self.past.as_mut()?;
        let Some(columns) = plan.next(&history) else {
            self.past = None;
            return None;
        };
        drop(history);
        let numbers: Vec<_> = columns
            .series
            .iter()
            .map(|series| {
                let labels = series.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                channel.numbers.of(&series.family, series.kind, Labels::of(labels))
            })
            .collect();
        Some(Text::new(past::render(&columns, &numbers, plan.step)))
    }

    /// The event of the next snapshot. Where the channel goes on from where this one is, it is the same for all; one that
    /// comes back, or is behind, goes its own way through the history until it is where the channel is.
    fn samples(&mut self, channel: &mut Inner, newest: &Newest) -> Option<Text> {
        let Some(last) = self.last else { return self.whole(channel, newest) };
        if self.own.as_ref().is_none_or(|own| own.id != 0) {
            if let Some(Step { from, to, text }) = &channel.step
                && *from == last
            {
                self.keep_up(*to);
                return Some(text.clone());
            }
            if channel.state.id == last {
                let Some(past) = self.following(last, newest) else { return self.whole(channel, newest) };
                let Step { to, text, .. } = channel.go_on(&past);
                self.keep_up(to);
                return Some(text);
            }
        }
        if self.own.is_none() {
            // The channel has gone on without it.
            self.pending = self.agent.history().after(last - 1).into();
            let here = self.pending.pop_front().filter(|past| past.id == last);
            let Some(here) = here else { return self.whole(channel, newest) };
            self.own.get_or_insert_default().go_on(&here, &mut channel.numbers);
        }
        let Some(past) = self.following(last, newest) else { return self.whole(channel, newest) };
        let own = self.own.get_or_insert_default();
        let from = own.id;
        let changes = own.go_on(&past, &mut channel.numbers);
        let text = Text::new(changes::samples(past.id, &changes));
        if past.id > channel.state.id {
            // The others follow here.
            channel.state = std::mem::take(own);
            channel.step =
                (from != 0 && past.id == from + 1).then(|| Step { from, to: past.id, text: text.clone() });
        }
        if past.id == channel.state.id {
            self.own = None;
        }
        self.last = Some(past.id);
        Some(text)
    }

    /// It is where the channel is.
    fn keep_up(&mut self, id: u64) {
        self.last = Some(id);
        self.own = None;
        self.pending.clear();
    }

    /// All of the newest snapshot, which is where the channel is then.
    fn whole(&mut self, channel: &mut Inner, newest: &Newest) -> Option<Text> {
        if !channel.catch_up(self.agent, newest) {
            return None;
        }
        self.keep_up(channel.state.id);
        Some(Text::new(changes::samples(channel.state.id, &channel.state.whole(self.told))))
    }

    /// The snapshot after that one: out of the history, or the newest itself where the history has no room for one.
    fn following(&mut self, last: u64, newest: &Newest) -> Option<Past> {
        if self.pending.front().is_none_or(|next| next.id != last + 1) {
            self.pending = self.agent.history().after(last).into();
        }
        self.pending.pop_front().or_else(|| newest.past())
    }
}
