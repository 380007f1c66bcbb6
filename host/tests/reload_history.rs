//! The history of before a reload goes on after it: its snapshots are numbered on, none twice and none left out.

#[path = "support/reload.rs"]
mod support;

use relink_testkit::{Agent, Event, Events, Snapshot, until};
use support::{Setup, reload};

/// Seconds between two snapshots, the least there is.
const INTERVAL: f64 = 0.1;

/// Listens for a stream of events, from after that snapshot where there is one.
fn listen(agent: &Agent, last: Option<u64>) -> Events {
    let last = last.map(|id| id.to_string());
    let headers: Vec<_> = last.iter().map(|id| ("Last-Event-ID", id.as_str())).collect();
    let events = Events::open(agent, "/events", &headers);
    assert_eq!(events.head[0], "http/1.1 200 ok");
    events
}

/// All snapshots until the stream's end.
fn rest(events: &mut Events) -> Vec<Snapshot> {
    std::iter::from_fn(|| events.snapshot()).collect()
}

#[test]
fn snapshots_are_numbered_on_over_reloads_without_a_gap_or_a_repeat() {
    let setup = Setup::new(&format!(
        "[history]\ninterval = {INTERVAL}\n[plugins]\nenabled = [\"counter\", \"faulty\"]\n"
    ));
    let agent = setup.start();
    let mut seen = Vec::new();
    let rolled_back = 3;
    for round in 0..7 {
        // The connection of the stream is used again: a stream that ends does not end it.
        let mut stream = listen(&agent, None);
        seen.extend(stream.snapshots(4));
        setup.fault(if round == rolled_back { "after exit" } else { "" });
        let outcome = reload(&agent, "?force=true")["outcome"].clone();
        assert_eq!(outcome, if round == rolled_back { "rolled_back" } else { "committed" });
        seen.extend(rest(&mut stream));
        assert_eq!(
            stream.into_connection().get("/-/healthy").unwrap().status,
            200,
            "the same connection serves on"
        );
    }
    let seen: Vec<_> = seen.iter().map(|snapshot| (snapshot.id, snapshot.time)).collect();
    for pair in seen.windows(2) {
        let ((id, time), (next_id, next_time)) = (pair[0], pair[1]);
        // A stream begins with the newest snapshot that there is, which the one before may have had last.
        if next_id == id {
            continue;
        }
        assert!(next_id > id, "{next_id} after {id}: {seen:?}");
        // A listener that is away for a moment may miss one. The agent makes each at its time: as many numbers as
        // intervals have gone by.
        let intervals = (next_time - time) / INTERVAL;
        assert!(
            (intervals - (next_id - id) as f64).abs() < 0.9,
            "{intervals} from {id} to {next_id}: {seen:?}"
        );
    }
    let ((first, began), (last, ended)) = (seen[0], seen[seen.len() - 1]);
    let expected = (ended - began) / INTERVAL;
    println!("{} snapshots in {expected} intervals, {} seen", last - first, seen.len());
    assert!(
        (expected - (last - first) as f64).abs() < 3.0,
        "{expected} intervals, {} snapshots",
        last - first
    );
    assert_eq!(agent.sample("relink_history_lost_total"), Some(0.0));
}

#[test]
fn the_first_page_after_a_re_exec_tells_the_reach_of_what_was_handed_over() {
    // The new image takes its first snapshot long after its first page.
    let setup =
        Setup::new("[history]\ninterval = 60\nidle_interval = 60\n[plugins]\nenabled = [\"counter\"]\n");
    let agent = setup.start();
    let reach = || agent.sample("relink_history_bytes");
    let before = until("the history begins", reach);
    assert!(before > 0.0);
    assert_eq!(reload(&agent, "?force=true")["outcome"], "committed");
    assert!(reach() > Some(0.0), "{:?} after {before}", reach());
}

#[test]
fn a_listener_that_comes_back_misses_nothing_and_gets_nothing_twice() {
    let setup = Setup::new(&format!(
        "[history]\ninterval = {INTERVAL}\n[plugins]\nenabled = [\"counter\", \"faulty\"]\n"
    ));
    let agent = setup.start();
    let mut seen: Vec<Snapshot> = Vec::new();
    for round in 0..5 {
        let mut stream = listen(&agent, seen.last().map(|last| last.id));
        if round > 0 {
            // What went on while it was away, it is told.
            let Event { data, .. } = stream.wait_for("reload");
            let outcome = if round == 4 { "rolled_back" } else { "committed" };
            assert!(data.contains(&format!("\"outcome\":\"{outcome}\"")), "{round}: {data}");
        }
        seen.extend(stream.snapshots(3));
        setup.fault(if round == 3 { "after exit" } else { "" });
        let outcome = reload(&agent, "?force=true")["outcome"].clone();
        assert_eq!(outcome, if round == 3 { "rolled_back" } else { "committed" });
        seen.extend(rest(&mut stream));
    }
    let ids: Vec<_> = seen.iter().map(|snapshot| snapshot.id).collect();
    assert_eq!(ids, (ids[0]..ids[0] + ids.len() as u64).collect::<Vec<_>>(), "no gap, no repeat");
    assert!(seen[1..].iter().all(|snapshot| !snapshot.gap), "somebody measured all the time");

    // What is asked for again is the very same, from whichever image it was.
    let again = listen(&agent, Some(ids[0] - 1)).snapshots(seen.len());
    for (again, seen) in again.iter().zip(&seen) {
        assert!(again == seen, "{}", seen.id);
    }
}
