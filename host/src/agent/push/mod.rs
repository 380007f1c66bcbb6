//! Push: where one machine's view is outgrown, every collection goes to targets, over Prometheus remote write or OTLP.
//!
//! Four stages that never wait for each other: a collection at each time that is [`due`], encoded once a protocol
//! and put into the queue of each target ([`queue`]); the disk, where there is one, to which that is written at once
//! ([`disk`], [`spool`]); a thread a target that sends what is queued, in order ([`lane`]); and the hand-over of what is
//! in memory and of live series to the next image ([`carry`]). A dead target costs its queue's bounds, and nobody else
//! anything.
//!
//! The agent speaks for itself as a scraper would speak for it: with labels `job` and `instance`, with `up`, and with
//! an end ([`series::LiveSeries`]) for each series that is there no more.

mod carry;
mod client;
mod disk;
mod due;
mod lane;
mod otlp;
mod queue;
mod remote_write;
mod report;
mod series;
mod spool;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use prost::Message;
use relink_core::Error;

use self::carry::CarriedPush;
pub(crate) use self::client::client;
use self::due::Due;
use self::lane::Lane;
use self::otlp::Origin;
use self::queue::Batch;
use self::series::{LiveSeries, Metric};
use crate::agent::Agent;
use crate::lock::lock;
use crate::settings::push::{Kind, Settings};

/// How long a reload waits for the answers to requests on their way. Serving goes on meanwhile.
const REST: Duration = Duration::from_millis(250);

/// All that is pushed.
pub(crate) struct Push {
    interval: Duration,
    flush_timeout: Duration,
    due: Due,
    labels: BTreeMap<String, String>,
    origin: Origin,
    lanes: Vec<Arc<Lane>>,
    state: Mutex<State>,
    /// How often a state that was handed over could not be read.
    lost: u64,
}

struct State {
    /// When the last collection that is queued was due, in milliseconds since 1970.
    last: u64,
    /// The series in it.
    live: LiveSeries,
    /// The ends of all series are queued; nothing may follow.
    ended: bool,
}

impl Push {
    /// What the configuration asks for, going on with what the image before handed over; nothing without a target.
    pub(crate) fn new(settings: &Settings, handed: Option<&[u8]>) -> Result<Option<Arc<Self>>, Error> {
        if settings.targets.is_empty() {
            if handed.is_some() {
                tracing::warn!("push is no longer configured; what was not delivered is dropped");
            }
            return Ok(None);
        }
        let mut carried = match handed.map(CarriedPush::read) {
            Some(Ok(carried)) => carried,
            Some(Err(why)) => {
                tracing::warn!("the push queues that were handed over are lost: {why}");
                let mut carried = CarriedPush::new(0, Vec::new());
                carried.lost = 1;
                carried
            }
            None => CarriedPush::new(0, Vec::new()),
        };
        let mut lanes = Vec::new();
        for target in &settings.targets {
            let lane = Lane::new(target, settings)?;
            if let Some(inherited) = carried.take(&lane.name, lane.kind) {
                lane.take_over(inherited);
            }
            lanes.push(Arc::new(lane));
        }
        for (name, requests) in carried.left().filter(|(_, requests)| *requests > 0) {
            tracing::warn!("push to {name} is no longer configured; its {requests} requests are dropped");
        }
        let labels = settings.all_labels();
        let began = if carried.began == 0 { unix_ms() } else { carried.began };
        let booted = if carried.booted == 0 { booted_ms().unwrap_or(began) } else { carried.booted };
        Ok(Some(Arc::new(Push {
            interval: *settings.interval,
            flush_timeout: *settings.flush_timeout,
            due: Due::new(*settings.interval, &labels["instance"]),
            origin: Origin { host: crate::settings::push::host_name(), booted, began },
            labels,
            lanes,
            lost: carried.lost,
            state: Mutex::new(State {
                last: carried.last,
                live: LiveSeries::inherit(carried.live),
                ended: false,
            }),
        })))
    }

    /// Begins to collect and to send. Not before this image serves: until then the other one may come back, and it
    /// would send the same.
    pub(crate) fn start(self: &Arc<Self>, agent: &Arc<Agent>) -> Result<(), Error> {
        for lane in &self.lanes {
            lane.start()?;
        }
        self.tell_of_folders();
        tokio::spawn(Arc::clone(self).keep_collecting(Arc::clone(agent)));
        Ok(())
    }

    /// Says where queues are kept, and which of those that are there belong to no target.
    fn tell_of_folders(&self) {
        let known: Vec<_> = self.lanes.iter().filter_map(|lane| lane.folder.clone()).collect();
        let Some(dir) = known.first().and_then(|folder| folder.parent()) else {
            tracing::info!("push: what is not delivered is kept in memory only; [push] dir keeps it on disk");
            return;
        };
        tracing::info!("push: what is not delivered is kept in {}", dir.display());
        for folder in spool::others(dir, &known) {
            tracing::warn!(
                "push: the requests in {} are for no target of the configuration, and stay there; if nobody wants them: \
                 rm -r {0}",
                folder.display()
            );
        }
    }

    async fn keep_collecting(self: Arc<Self>, agent: Arc<Agent>) {
        loop {
            let now = unix_ms();
            let due = self.due.after(&mut self.lock().last, now);
            if due > now {
                // sleep: until the next collection is due; the time is all that is waited for. Looked at again after
                // it, because the clock may have been set.
                tokio::time::sleep(Duration::from_millis(due - now).min(self.interval)).await;
            } else {
                self.collect(&agent, due).await;
            }
        }
    }

    async fn collect(self: &Arc<Self>, agent: &Agent, due: u64) {
        let began = Instant::now();
        let deadline = began + agent.config.collect.timeout.min(self.interval);
        let snapshot = agent.scheduler.collect(&agent.scheduler.everything(), deadline).await;
        let seconds = began.elapsed().as_secs_f64();
        let (live, gone) = self.lock().live.after(&snapshot);
        let push = Arc::clone(self);
        // Encoding takes as long as some scrapes do, and scrapes are answered on this thread.
        let encoded =
            tokio::task::spawn_blocking(move || push.encode(&series::metrics(&snapshot, seconds, gone), due));
        match encoded.await {
            // Not an await in here: a reload hands over all of a collection or nothing, and then makes it itself.
            Ok(encoded) => {
                self.enqueue(encoded, due, live);
                self.flush();
            }
            Err(error) => {
                tracing::error!("a collection could not be encoded for the push: {error}");
                self.lock().last = due;
            }
        }
    }

    fn enqueue(&self, encoded: Encoded, due: u64, live: LiveSeries) {
        let mut state = self.lock();
        if !state.ended {
            state.last = due;
            state.live = live;
            self.queue(&encoded);
        }
    }

    fn queue(&self, encoded: &Encoded) {
        for lane in &self.lanes {
            encoded.of(lane.kind).iter().for_each(|batch| lane.push(batch.clone()));
        }
    }

    /// Writes what is new to disk. No collection waits for that.
    fn flush(&self) {
        for lane in self.lanes.iter().filter(|lane| lane.disk.is_some()) {
            let lane = Arc::clone(lane);
            tokio::task::spawn_blocking(move || lane.flush());
        }
    }

    /// The requests, once for each protocol that a target speaks.
    fn encode(&self, metrics: &[Metric], time: u64) -> Encoded {
        let speaks = |kind| self.lanes.iter().any(|lane| lane.kind == kind);
        let mut encoded = Encoded::default();
        if speaks(Kind::RemoteWrite) {
            encoded.remote_write = remote_write::batches(metrics, &self.labels, time);
        }
        if speaks(Kind::Otlp) {
            encoded.otlp = otlp::batches(metrics, &self.labels, &self.origin, time);
        }
        encoded
    }

    /// Ends what is on its way, as far as that is quickly done, and begins nothing more while the guard lives: a
    /// reload is about to hand the queues over.
    pub(crate) async fn rest(self: &Arc<Self>) -> Resting {
        for lane in &self.lanes {
            lane.set_resting(true);
        }
        let at_rest = async {
            for lane in &self.lanes {
                lane.is_at_rest().await;
            }
        };
        // Without the answer the request is handed over, and sent once more.
        let _ = tokio::time::timeout(REST, at_rest).await;
        Resting(Arc::clone(self))
    }

    /// What the next image needs to go on.
    pub(crate) fn carry(&self) -> Vec<u8> {
        let state = self.lock();
        let mut carried = CarriedPush::new(state.last, state.live.all());
        (carried.booted, carried.began, carried.lost) = (self.origin.booted, self.origin.began, self.lost);
        let mut known = HashMap::new();
        for lane in &self.lanes {
            carried.add(lane, &mut known);
        }
        carried.encode_to_vec()
    }

    /// Ends all series, and delivers what is queued as far as that is possible within the time for it.
    pub(crate) async fn finish(&self) {
        {
            let mut state = self.lock();
            state.ended = true;
            let mut ends = Vec::new();
            series::end(&mut ends, state.live.all());
            self.queue(&self.encode(&ends, unix_ms().max(state.last + 1)));
        }
        self.lanes.iter().for_each(|lane| lane.hurry());
        let written = self.lanes.iter().map(|lane| {
            let lane = Arc::clone(lane);
            tokio::task::spawn_blocking(move || {
                lane.flush();
                lane.sync();
            })
        });
        let written: Vec<_> = written.collect();
        let delivered = async {
            for lane in written {
                let _ = lane.await;
            }
            for lane in &self.lanes {
                lane.is_empty().await;
            }
        };
        let _ = tokio::time::timeout(self.flush_timeout, delivered).await;
        self.lanes.iter().for_each(|lane| lane.tell_what_is_left());
    }

    /// What does not go as it should, although all is collected.
    pub(crate) fn troubles(&self) -> Vec<String> {
        let of = |lane: &Arc<Lane>| {
            let why = lane.trouble()?;
            Some(format!("push to {}: what is not delivered is kept in memory only: {why}", lane.name))
        };
        self.lanes.iter().filter_map(of).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// The requests of one collection.
#[derive(Default)]
struct Encoded {
    remote_write: Vec<Batch>,
    otlp: Vec<Batch>,
}

impl Encoded {
    fn of(&self, kind: Kind) -> &[Batch] {
        match kind {
            Kind::RemoteWrite => &self.remote_write,
            Kind::Otlp => &self.otlp,
        }
    }
}

/// Whether this version can read what these settings find on disk.
pub(crate) fn check(settings: &Settings) -> Result<(), Error> {
    let Some(dir) = settings.folder() else { return Ok(()) };
    let folders = settings.targets.iter().map(|target| spool::path(&dir, target.kind, &target.name()));
    folders.into_iter().try_for_each(|folder| spool::check(&folder))
}

/// While it lives, nothing is sent.
pub(crate) struct Resting(Arc<Push>);

impl Drop for Resting {
    fn drop(&mut self) {
        self.0.lanes.iter().for_each(|lane| lane.set_resting(false));
    }
}

/// Milliseconds since 1970.
fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// When the machine was booted: the line `btime` of `/proc/stat`, in seconds since 1970.
fn booted_ms() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let seconds: u64 = stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(seconds * 1000)
}

#[cfg(test)]
mod tests {
    use super::series::tests::{layout, snapshot};
    use super::*;
    use crate::settings::Seconds;

    fn push(handed: Option<&[u8]>) -> Arc<Push> {
        let target = |kind: &str, port: u16| {
            format!("[[target]]\nkind = \"{kind}\"\nurl = \"http://127.0.0.1:{port}/\"\n")
        };
        let text = target("remote_write", 1) + &target("remote_write", 2) + &target("otlp", 3);
        Push::new(&toml::from_str(&text).unwrap(), handed).unwrap().unwrap()
    }

    /// A collection as [`Push::collect`] makes it, of so many CPUs.
    fn collect(push: &Push, cpus: usize, due: u64) {
        let snapshot = snapshot(&layout(cpus), 1.0);
        let (live, gone) = push.lock().live.after(&snapshot);
        push.enqueue(push.encode(&series::metrics(&snapshot, 0.1, gone), due), due, live);
    }

    fn lengths(push: &Push) -> Vec<usize> {
        push.lanes.iter().map(|lane| lane.figures().depth.requests as usize).collect()
    }

    #[test]
    fn nothing_is_pushed_without_a_target() {
        assert!(Push::new(&Settings::default(), None).unwrap().is_none());
        assert!(Push::new(&Settings::default(), Some(b"")).unwrap().is_none());
    }

    #[test]
    fn queues_and_live_series_go_over_and_damaged_ones_are_counted() {
        let old = push(None);
        assert_eq!((old.lock().last, old.lost), (0, 0));
        collect(&old, 3, 5000);
        collect(&old, 3, 6000);
        let bytes = old.carry();
        let new = push(Some(&bytes));
        assert_eq!((lengths(&new), new.lock().last, new.lost), (vec![2, 2, 2], 6000, 0));
        assert_eq!(new.lock().live.all(), old.lock().live.all());
        let bodies = |push: &Push| push.lanes.iter().map(|lane| lane.current().batches).collect::<Vec<_>>();
        assert_eq!(bodies(&new), bodies(&old));
        // Seven series and the end of one.
        collect(&new, 2, 7000);
        assert_eq!(new.lanes[0].current().batches[2].samples, 7);

        for damaged in [&b""[..], &bytes[..bytes.len() / 2]] {
            let new = push(Some(damaged));
            assert_eq!((lengths(&new), new.lost), (vec![0, 0, 0], 1));
            assert_eq!(push(Some(&new.carry())).lost, 1, "the count goes over");
        }
    }

    #[tokio::test]
    async fn at_the_end_all_series_end_and_nothing_follows() {
        let mut settings: Settings =
            toml::from_str("[[target]]\nkind = \"otlp\"\nurl = \"http://127.0.0.1:1/\"\n").unwrap();
        settings.flush_timeout = Seconds::ms(10);
        let push = Push::new(&settings, None).unwrap().unwrap();
        push.finish().await;
        assert_eq!(lengths(&push), [0], "nothing was live");
        let push = Push::new(&settings, None).unwrap().unwrap();
        collect(&push, 2, unix_ms() - 2000);
        push.finish().await;
        collect(&push, 2, unix_ms());
        let batches = push.lanes[0].current().batches;
        assert_eq!(batches.iter().map(|batch| batch.samples).collect::<Vec<_>>(), [6, 6]);
    }
}
