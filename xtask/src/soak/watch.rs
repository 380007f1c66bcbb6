//! Looks at the agent and at the receiver each minute, says what it sees, and judges at the end.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::disk::Filled;
use super::end::until;
use super::judge::{Sight, Stored, grown, mib};
use super::look::{Held, own_memory};
use super::page::Page;
use super::proxy::Proxy;
use super::receiver::Receiver;
use super::reloads::Reloads;
use crate::failure::{Doing, Failure, Result};
use crate::http::Connection;
use crate::server::Server;

const PATIENCE: Option<Duration> = Some(Duration::from_secs(60));
/// Between two looks; a twelfth of the time where that is less.
const MINUTE: Duration = Duration::from_secs(60);
/// Of a push, in milliseconds.
const INTERVAL: i64 = 1000;
/// A series of each kind, each of which is in every collection: what a scraper adds, a gauge, a counter, the agent's own, and
/// one of a library that is swapped, beside a collector that misbehaves.
const SERIES: [&str; 5] = [
    "up",
    "node_load1",
    "node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"}",
    "relink_generation",
    "soak_beside_total",
];
/// The family whose series come and go: of the collector that misbehaves.
const UNSTEADY: &str = "soak_moody";
/// What counts what must not happen.
const NEVER: [&str; 4] = [
    "relink_push_samples_dropped_total",
    "relink_push_queue_damaged_bytes_total",
    "relink_push_lost_total",
    "relink_history_lost_total",
];

pub(super) struct Watch<'a> {
    agent: &'a mut Server,
    receiver: &'a Receiver,
    proxy: &'a Proxy,
    reloads: &'a Reloads<'a>,
    filled: &'a Filled,
    began: (Instant, i64),
    connection: Option<Connection>,
    /// After the warm-up: over reloads, and in the last generation.
    over_reloads: Vec<Sight>,
    steady: Vec<Sight>,
    figures: String,
}

/// The worst of all series that are held against the receiver.
struct Worst {
    times: usize,
    lost: usize,
    doubled: usize,
    first: i64,
    last: i64,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        agent: &'a mut Server,
        receiver: &'a Receiver,
        proxy: &'a Proxy,
        reloads: &'a Reloads<'a>,
        filled: &'a Filled,
    ) -> Self {
        let (began, connection, figures) = ((Instant::now(), now()), None, String::new());
        let (over_reloads, steady) = (Vec::new(), Vec::new());
        Watch { agent, receiver, proxy, reloads, filled, began, connection, over_reloads, steady, figures }
    }

    /// Looks until the time is over.
    pub(super) fn run(&mut self, time: Duration, steady: Duration) -> Result<()> {
        let period = MINUTE.min(time / 12);
        let (mut due, mut looks) = (period, 0);
        while due <= time {
            self.reloads.tally.end.before(self.began.0 + due);
            let is_steady = due > time - steady;
            let sight = self.look(is_steady)?;
            self.say(&sight)?;
            // A tenth of the time is the warm-up; the first look at the last generation is one as well.
            let is_warm = if is_steady { looks > 0 } else { due > time / 10 };
            let sights = if is_steady { &mut self.steady } else { &mut self.over_reloads };
            looks += usize::from(is_steady);
            if is_warm {
                sights.push(sight);
            }
            due += period;
        }
        Ok(())
    }

    /// Looks at the process with its clients at rest; over reloads right after one, which leaves no replaced library behind.
    fn look(&mut self, is_steady: bool) -> Result<Sight> {
        let _rest = self.reloads.tally.rest();
        self.agent.runs()?;
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.agent.address, PATIENCE)?,
        };
        if !is_steady {
            self.reloads.exec(&mut connection)?;
        }
        // All files that stay open are open, and the history has gone on: each look finds the agent at the same point.
        connection.request("GET", "/metrics", "")?;
        self.connection = Some(connection);
        until("the history goes on", MINUTE, || {
            Page::of(&self.agent.address).ok()?.sum("relink_history_bytes")
        })?;
        let sights = if is_steady { &self.steady } else { &self.over_reloads };
        let before = sights.first().map(|sight| &sight.held);
        let port = self.agent.address.rsplit(':').next().and_then(|port| port.parse().ok());
        let port = port.ok_or_else(|| Failure::new(format!("no port in {}", self.agent.address)))?;
        let held = Held::settled(self.agent.id(), port, before)?;
        let page = Page::of(&self.agent.address)?;
        let history = page.sum("relink_history_bytes").unwrap_or_default();
        let memory = own_memory(self.agent.id())? - history;
        let generation = page.sum("relink_generation");
        if generation != Some(self.reloads.generation() as f64) {
            let expected = self.reloads.generation();
            let failure = Failure::new(format!("generation {generation:?} serves, expected {expected}"));
            self.reloads.tally.failed("a look", &failure);
        }
        Ok(Sight { held, memory, resident: self.agent.resident()? })
    }

    fn say(&mut self, sight: &Sight) -> Result<()> {
        let worst = self.stored()?;
        self.figures = self.told(&worst);
        println!(
            "soak: minute {:.1}: {}; {} descriptors, {} connections, {} threads, {} zombies, {:.1} MiB resident, of its own and beside \
             the history {}, environment {} bytes; generation {}; disk full {} times, {} of them noticed",
            self.began.0.elapsed().as_secs_f64() / 60.0,
            self.figures,
            sight.held.count(),
            sight.held.connections,
            sight.held.threads,
            sight.held.zombies,
            sight.resident,
            mib(sight.memory),
            sight.held.environment,
            self.reloads.generation(),
            self.filled.times.load(Ordering::Relaxed),
            self.filled.noticed.load(Ordering::Relaxed),
        );
        Ok(())
    }

    fn told(&self, worst: &Worst) -> String {
        let (tally, taken) = (self.reloads.tally, self.proxy.taken());
        format!(
            "{} requests, {} failed; {}; {} samples a series, {} lost, {} doubled (of {} pushes {} were sent again for want of an \
             answer, in {} faults)",
            tally.requests(),
            tally.failures(),
            self.reloads.done,
            worst.times,
            worst.lost,
            worst.doubled,
            taken.requests,
            taken.again,
            taken.faults,
        )
    }

    fn stored(&self) -> Result<Worst> {
        let stored: Vec<Stored> = SERIES
            .iter()
            .map(|series| self.receiver.stored(series, self.seconds(), INTERVAL))
            .collect::<Result<_>>()?;
        let most = |of: fn(&Stored) -> usize| stored.iter().map(of).max().unwrap_or_default();
        let spans = || stored.iter().map(|stored| stored.span.unwrap_or((i64::MAX, 0)));
        Ok(Worst {
            times: stored.iter().map(|stored| stored.times).min().unwrap_or_default(),
            lost: most(|stored| stored.lost),
            doubled: most(|stored| stored.doubled),
            first: spans().map(|span| span.0).max().unwrap_or_default(),
            last: spans().map(|span| span.1).min().unwrap_or_default(),
        })
    }

    /// So far back all samples lie.
    fn seconds(&self) -> u64 {
        self.began.0.elapsed().as_secs() + 60
    }

    /// When all is delivered: what is wrong.
    pub(super) fn judge(&mut self) -> Result<Vec<String>> {
        self.agent.runs()?;
        let address = self.agent.address.clone();
        let page = || Page::of(&address).ok();
        until("all is delivered", MINUTE, || {
            page().filter(|page| page.sum("relink_push_queue_length") == Some(0.0))
        })?;
        let until_then = now() - 2 * INTERVAL;
        until("the last samples are stored", MINUTE, || {
            self.stored().ok().filter(|worst| worst.last >= until_then)
        })?;
        let (worst, taken) = (self.stored()?, self.proxy.taken());
        self.figures = self.told(&worst);
        let mut findings = Vec::new();
        let mut found = |is_wrong: bool, what: String| {
            if is_wrong {
                findings.push(what);
            }
        };
        let late = worst.first - self.began.1;
        found(worst.lost > 0, format!("{} samples of a series lost", worst.lost));
        found(late > 3 * INTERVAL, format!("the first sample is {late} ms after the start"));
        found(worst.doubled > taken.again, format!("{} samples of a series doubled", worst.doubled));
        found(taken.twice > 0, format!("{} pushes sent again that had been answered", taken.twice));
        let ended = self.receiver.ended(UNSTEADY, self.seconds())?;
        found(!ended.is_empty(), format!("series ended meanwhile: {}", ended.join(", ")));
        let page = Page::of(&address)?;
        for family in NEVER {
            let sum = page.sum(family);
            found(sum != Some(0.0), format!("{family} is {sum:?}, expected 0"));
        }
        findings.extend(grown(&self.over_reloads));
        findings.extend(grown(&self.steady).iter().map(|what| format!("without reloads {what}")));
        Ok(findings)
    }

    /// What was counted, for the verdict.
    pub(super) fn figures(&self) -> &str {
        &self.figures
    }
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).doing("the clock");
    now.ok().and_then(|now| i64::try_from(now.as_millis()).ok()).unwrap_or_default()
}
