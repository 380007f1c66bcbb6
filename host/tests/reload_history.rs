//! The history of before a reload goes on after it: its snapshots are numbered on, none twice and none left out.

#[path = "support/reload.rs"]
mod support;

use relink_testkit::{Agent, Connection};
use support::{Setup, reload};

/// Seconds between two snapshots, the least there is.
const INTERVAL: f64 = 0.1;

/// Listens for a stream of events; the head is read.
fn listen(agent: &Agent) -> Connection {
    let mut stream = agent.connect();
    stream.send(&stream.rendered("GET", "/events", &[], &[])).unwrap();
    assert_eq!(stream.line().unwrap(), "HTTP/1.1 200 OK");
    while !stream.line().unwrap().is_empty() {}
    stream
}

/// The numbers and times of the snapshots in a piece of a stream. An event is one chunk, or comes in several.
fn snapshots(text: &str) -> Vec<(u64, f64)> {
    let events = text.split("\n\n").filter(|event| event.contains("event:samples"));
    let field = |event: &str, name: &str| {
        let line = event
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or_else(|| panic!("{name} in {event}"));
        line.trim().to_owned()
    };
    let parsed = events.map(|event| {
        let data: serde_json::Value = serde_json::from_str(&field(event, "data:")).unwrap();
        (field(event, "id:").parse().unwrap(), data["time"].as_f64().unwrap_or_else(|| panic!("{data}")))
    });
    parsed.collect()
}

/// Reads until there are so many snapshots, or the stream has ended.
fn read(stream: &mut Connection, count: usize) -> Vec<(u64, f64)> {
    let mut text = String::new();
    while let Some(chunk) = stream.chunk().unwrap() {
        text += std::str::from_utf8(&chunk).unwrap();
        // Only whole events count.
        let whole = text.rfind("\n\n").map_or("", |end| &text[..end + 2]);
        if snapshots(whole).len() >= count {
            return snapshots(whole);
        }
    }
    snapshots(&text)
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
        let mut stream = listen(&agent);
        seen.extend(read(&mut stream, 4));
        setup.fault(if round == rolled_back { "after exit" } else { "" });
        let outcome = reload(&agent, "?force=true")["outcome"].clone();
        assert_eq!(outcome, if round == rolled_back { "rolled_back" } else { "committed" });
        seen.extend(read(&mut stream, usize::MAX));
        assert_eq!(stream.get("/-/healthy").unwrap().status, 200, "the same connection serves on");
    }
    for pair in seen.windows(2) {
        let ((id, time), (next_id, next_time)) = (pair[0], pair[1]);
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
