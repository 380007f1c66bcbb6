//! The reloads: the process becomes the same image anew, a library is swapped, a broken one is refused, and an image that
//! crashes after the exec is taken back.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::moody::{Does, Moody};
use super::tally::Tally;
use crate::failure::{Doing, Failure, Result};
use crate::http::Connection;

/// Longer than all deadlines of a reload together.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(60));

/// One kind of reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Exec,
    Swap,
    /// A swap for a library that fails.
    Broken,
    /// An image that crashes as soon as it has taken over.
    Crash,
}

/// Of twenty reloads ten are an exec, eight a swap; one is refused and one taken back.
fn kind(turn: usize) -> Kind {
    match turn % 20 {
        7 => Kind::Broken,
        17 => Kind::Crash,
        turn if turn % 2 == 0 => Kind::Exec,
        _ => Kind::Swap,
    }
}

/// Who reloads.
pub(super) struct Reloads<'a> {
    pub address: &'a str,
    pub id: u32,
    pub moody: &'a Moody,
    /// Where the plugin looks whether it is to crash.
    pub crash: PathBuf,
    pub tally: &'a Tally,
    pub done: Done,
}

/// What came of them.
#[derive(Default)]
pub(super) struct Done {
    execs: AtomicUsize,
    swaps: AtomicUsize,
    refused: AtomicUsize,
    rolled_back: AtomicUsize,
    version: AtomicU64,
    /// The pauses that the journals tell, in milliseconds.
    pauses: Mutex<Vec<f64>>,
}

impl Reloads<'_> {
    /// So many, evenly over the time.
    pub(super) fn run(&self, count: usize, time: Duration) {
        let began = Instant::now();
        let mut connection = None;
        for turn in 0..count {
            let share = (turn + 1) as f64 / count as f64;
            if self.tally.end.before(began + time.mul_f64(share)) {
                return;
            }
            let _pass = self.tally.pass();
            let asked = connection
                .take()
                .map_or_else(|| Connection::open(self.address, PATIENCE), Ok)
                .and_then(|mut connection| {
                    self.one(&mut connection, kind(turn))?;
                    Ok(connection)
                });
            match asked {
                Ok(kept) => connection = Some(kept),
                Err(failure) => self.tally.failed("a reload", &failure),
            }
        }
    }

    /// The process becomes the same image anew.
    pub(super) fn exec(&self, connection: &mut Connection) -> Result<()> {
        self.one(connection, Kind::Exec)
    }

    fn one(&self, connection: &mut Connection, kind: Kind) -> Result<()> {
        let version = self.done.version.load(Ordering::Relaxed);
        let (query, outcome, counter) = match kind {
            Kind::Exec => ("?force=true", "committed", &self.done.execs),
            Kind::Swap => ("", "committed", &self.done.swaps),
            Kind::Broken => ("", "refused", &self.done.refused),
            Kind::Crash => ("?force=true", "rolled_back", &self.done.rolled_back),
        };
        match kind {
            Kind::Exec => {}
            Kind::Swap => self.moody.install(version + 1, Does::Well)?,
            Kind::Broken => self.moody.install(version + 1, Does::Fail)?,
            Kind::Crash => fs::write(&self.crash, self.id.to_string()).doing("asking for a crash")?,
        }
        self.tally.asked();
        let answered = self.ask(connection, query, outcome);
        match kind {
            // What serves is what is on disk again.
            Kind::Broken => self.moody.install(version, Does::Well)?,
            // The plugin has removed it, unless it was never asked.
            Kind::Crash => drop(fs::remove_file(&self.crash)),
            Kind::Exec | Kind::Swap => {}
        }
        let journal = answered.map_err(|failure| Failure::new(format!("{kind:?}: {}", failure.message())))?;
        counter.fetch_add(1, Ordering::Relaxed);
        if kind == Kind::Swap {
            self.done.version.store(version + 1, Ordering::Relaxed);
            self.expect_version(connection, version + 1)?;
        }
        if let Some(pause) = journal["pause_ms"].as_f64() {
            self.done.pauses.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(pause);
        }
        Ok(())
    }

    fn ask(&self, connection: &mut Connection, query: &str, outcome: &str) -> Result<Value> {
        let headers = "Content-Type: application/json\r\nContent-Length: 0\r\n";
        let answer = connection.request("PUT", &format!("/plugins/reload{query}"), headers)?;
        let journal: Value = serde_json::from_slice(&answer.body).doing("the answer of a reload")?;
        let generation = self.generation();
        let is_as_expected = journal["outcome"] == outcome
            && !answer.closes
            && (outcome != "committed" || journal["generation"] == generation + 1);
        is_as_expected.then_some(()).ok_or_else(|| {
            Failure::new(format!("expected {outcome} after generation {generation}: {journal}"))
        })?;
        Ok(journal)
    }

    fn expect_version(&self, connection: &mut Connection, version: u64) -> Result<()> {
        self.tally.asked();
        let page = connection.request("GET", "/metrics?collect[]=soak_beside", "")?.body;
        let page = String::from_utf8_lossy(&page);
        let served = page.lines().find_map(|line| line.strip_prefix("soak_version ")?.parse::<f64>().ok());
        if served == Some(version as f64) {
            Ok(())
        } else {
            Err(Failure::new(format!("after a swap version {served:?} serves, expected {version}")))
        }
    }

    /// Which generation serves, as far as it is known here.
    pub(super) fn generation(&self) -> usize {
        1 + self.done.execs.load(Ordering::Relaxed) + self.done.swaps.load(Ordering::Relaxed)
    }
}

impl Done {
    /// The median and the longest pause.
    fn pauses(&self) -> (f64, f64) {
        let mut pauses = self.pauses.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        pauses.sort_by(f64::total_cmp);
        let at = |place: usize| pauses.get(place).copied().unwrap_or_default();
        (at(pauses.len() / 2), at(pauses.len().saturating_sub(1)))
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [execs, swaps, refused, rolled_back] =
            [&self.execs, &self.swaps, &self.refused, &self.rolled_back]
                .map(|count| count.load(Ordering::Relaxed));
        let all = execs + swaps + refused + rolled_back;
        let (median, longest) = self.pauses();
        write!(
            f,
            "{all} reloads ({execs} by exec, {swaps} swapped, {refused} refused, {rolled_back} rolled back; pause {median:.0} \
             ms, at most {longest:.0})"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_reloads_have_all_kinds() {
        let count = |wanted| (0..20).filter(|turn| kind(*turn) == wanted).count();
        assert_eq!([Kind::Exec, Kind::Swap, Kind::Broken, Kind::Crash].map(count), [10, 8, 1, 1]);
    }

    #[test]
    fn they_are_told_by_kind() {
        let done = Done::default();
        done.execs.store(3, Ordering::Relaxed);
        done.refused.store(1, Ordering::Relaxed);
        *done.pauses.lock().unwrap() = vec![9.0, 4.0, 5.0];
        let expected = "4 reloads (3 by exec, 0 swapped, 1 refused, 0 rolled back; pause 5 ms, at most 9)";
        assert_eq!(done.to_string(), expected);
    }
}
