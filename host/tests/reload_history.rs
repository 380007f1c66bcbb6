//! The history of before a reload goes on after it: its snapshots are numbered on, none twice and none left out.

#[path = "support/reload.rs"]
mod support;

use relink_testkit::{Agent, Connection};
use support::{Setup, reload};

/// Seconds between two snapshots, the least there is.
const INTERVAL: f64 = 0.1;

/// Listens for a stream of events, from after that snapshot where there is one; the head is read.
fn listen(agent: &Agent, last: Option<u64>) -> Connection {
    let mut stream = agent.connect();
    let last = last.map(|id| id.to_string());
    let headers: Vec<_> = last.iter().map(|id| ("Last-Event-ID", id.as_str())).collect();
    stream.send(&stream.rendered("GET", "/events", &headers, &[])).unwrap();
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

/// The whole events of a name in a text, as they were sent.
fn events<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!("event:{name}\n");
    text.split_inclusive("\n\n")
        .filter(|event| event.starts_with(&start) && event.ends_with("\n\n"))
        .collect()
}

/// Reads a stream until it has said so, or has ended.
fn read_until(stream: &mut Connection, is_enough: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    while let Some(chunk) = stream.chunk().unwrap() {
        text += std::str::from_utf8(&chunk).unwrap();
        if is_enough(&text) {
            break;
        }
    }
    text
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
        let mut stream = listen(&agent, None);
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

#[test]
fn a_listener_that_comes_back_misses_nothing_and_gets_nothing_twice() {
    let setup = Setup::new(&format!(
        "[history]\ninterval = {INTERVAL}\n[plugins]\nenabled = [\"counter\", \"faulty\"]\n"
    ));
    let agent = setup.start();
    let mut all = String::new();
    let mut last = None;
    for round in 0..5 {
        let mut stream = listen(&agent, last);
        let before = snapshots(&all).len();
        let mut text =
            read_until(&mut stream, |text| text.ends_with("\n\n") && events(text, "samples").len() >= 3);
        if round > 0 {
            // What went on while it was away, it is told.
            let reloads = events(&text, "reload");
            let outcome = if round == 4 { "rolled_back" } else { "committed" };
            assert!(reloads[0].contains(&format!("\"outcome\":\"{outcome}\"")), "{round}: {reloads:?}");
        }
        setup.fault(if round == 3 { "after exit" } else { "" });
        let outcome = reload(&agent, "?force=true")["outcome"].clone();
        assert_eq!(outcome, if round == 3 { "rolled_back" } else { "committed" });
        text += &read_until(&mut stream, |_| false);
        all += &text;
        assert!(snapshots(&all).len() > before, "{text}");
        last = snapshots(&all).last().map(|(id, _)| *id);
    }
    let seen = snapshots(&all);
    for pair in seen.windows(2) {
        assert_eq!(pair[1].0, pair[0].0 + 1, "no gap, no repeat: {seen:?}");
    }

    // What is asked for again is the very same, from whichever image it was.
    let mut again = listen(&agent, Some(seen[0].0 - 1));
    let count = seen.len();
    let text = read_until(&mut again, |text| events(text, "samples").len() >= count);
    assert_eq!(events(&text, "samples")[..count], events(&all, "samples")[..]);
}
