//! `GET /events` of the executable, over a socket.

mod support;

use relink_testkit::{Event, Events, Snapshot, until};
use support::Folder;

const QUICK: &str = "print = \"none\"\n[history]\ninterval = 0.1\n[plugins]\nenabled = [\"cpu\", \"disk\"]\n";

fn ids(snapshots: &[Snapshot]) -> Vec<u64> {
    snapshots.iter().map(|snapshot| snapshot.id).collect()
}

fn names(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.values.keys().map(String::as_str).collect()
}

#[test]
fn a_stream_begins_with_the_plugins_and_goes_on_with_samples() {
    let folder = Folder::new(QUICK);
    let agent = folder.start(&[]);
    let mut stream = Events::open(&agent, "/events", &[]);
    assert!(stream.head[0].starts_with("http/1.1 200"), "{:?}", stream.head);
    assert!(stream.head.iter().any(|line| line.starts_with("content-type: text/event-stream")));
    assert!(stream.head.contains(&"cache-control: no-store".to_owned()), "{:?}", stream.head);
    let plugins = stream.next_event();
    assert_eq!((plugins.name.as_str(), plugins.id), ("plugins", None));
    assert_eq!(plugins.json()["generation"], 1);
    assert_eq!(plugins.json()["plugins"][0]["name"], "cpu");

    let series = stream.wait_for("series");
    let families = series.json()["families"].as_array().unwrap().clone();
    let head = |name: &str| families.iter().find(|family| family["name"] == name).unwrap().clone();
    let seconds = head("node_cpu_seconds_total");
    assert_eq!((&seconds["type"], &seconds["unit"]), (&"counter".into(), &"seconds".into()));
    assert!(seconds["series"][0][1]["cpu"].is_string() && seconds["series"][0][1]["mode"].is_string());
    // The agent's own too.
    for own in ["node_scrape_collector_success", "relink_generation", "process_resident_memory_bytes"] {
        assert_eq!(head(own)["type"], "gauge", "{own}");
    }
    let snapshots = stream.snapshots(3);
    assert!(ids(&snapshots).windows(2).all(|pair| pair[1] == pair[0] + 1), "{:?}", ids(&snapshots));
    for snapshot in &snapshots {
        assert!(snapshot.time > 1.6e9, "{}", snapshot.time);
        assert_eq!(snapshot.values["relink_generation"]["{}"], 1);
        assert!(snapshot.values["node_cpu_seconds_total"].len() >= 8);
    }
}

#[test]
fn what_stands_still_is_said_once() {
    let folder = Folder::new(QUICK);
    let agent = folder.start(&[]);
    let path = "/events?family=relink_generation&family=relink_build_info";
    let mut stream = Events::open(&agent, path, &[]);
    let first = stream.wait_for("samples").json();
    assert_eq!(first["values"].as_array().unwrap().len(), 4, "all of them: {first}");
    let next = stream.wait_for("samples").json();
    assert_eq!(next["values"], serde_json::json!([]), "{next}");
    assert!(next["time"].as_u64() > first["time"].as_u64() && next["gone"].is_null(), "{next}");
}

#[test]
fn series_that_go_and_come_back_are_told() {
    let folder =
        Folder::new("print = \"none\"\n[history]\ninterval = 0.1\n[plugins]\nenabled = [\"load\"]\n");
    std::fs::create_dir(folder.path("proc")).unwrap();
    folder.write("proc/loadavg", "0.10 0.20 0.30 1/100 1000\n");
    let proc = folder.path("proc").display().to_string();
    let agent = folder.start(&["--path.procfs", &proc]);
    let mut stream = Events::open(&agent, "/events?family=node_load1&family=relink_generation", &[]);
    let mut until_load_is = |wanted: Option<f64>| loop {
        let snapshot = stream.snapshot().unwrap();
        let load = snapshot.values.get("node_load1").map(|series| series["{}"].as_f64().unwrap());
        if load == wanted {
            assert_eq!(snapshot.values["relink_generation"]["{}"], 1, "the other stands still");
            break;
        }
    };
    until_load_is(Some(0.1));
    folder.write("proc/loadavg", "nonsense\n");
    until_load_is(None);
    folder.write("proc/loadavg", "0.50 0.20 0.30 1/100 1000\n");
    until_load_is(Some(0.5));
}

#[test]
fn the_past_comes_first_where_it_is_asked_for() {
    let folder = Folder::new(QUICK);
    let agent = folder.start(&[]);
    until("twenty snapshots", || {
        (agent.get("/history?family=relink_generation").json()["last_id"].as_u64()? > 20).then_some(())
    });
    let path = "/events?family=node_cpu_seconds_total&family=relink_generation&span=600";
    let mut stream = Events::open(&agent, path, &[]);
    let series = stream.wait_for("series").json();
    let past = stream.wait_for("past").json();
    assert_eq!(past["step"], 0.1, "{past}");
    let times: Vec<_> = past["times"].as_array().unwrap().iter().map(|time| time.as_u64().unwrap()).collect();
    assert!(times.len() >= 20 && times.is_sorted(), "{times:?}");
    let of = |name: &str| -> Vec<u64> {
        let families = series["families"].as_array().unwrap();
        let family = families.iter().find(|family| family["name"] == name).unwrap();
        family["series"].as_array().unwrap().iter().map(|one| one[0].as_u64().unwrap()).collect()
    };
    let (cpu, generation) = (of("node_cpu_seconds_total"), of("relink_generation"));
    let columns = past["series"].as_array().unwrap();
    assert!(cpu.contains(&columns[0][0].as_u64().unwrap()), "in the order in which they were asked for");
    assert_eq!(columns.len(), cpu.len() + 1);
    assert_eq!(columns.last().unwrap(), &serde_json::json!([generation[0], 1]), "it stood still");
    let moving = columns.iter().find(|column| column[1].is_array()).unwrap();
    assert_eq!(moving[1].as_array().unwrap().len(), times.len());
    let first = stream.snapshot().unwrap();
    assert!((first.time * 1e3).round() as u64 > *times.last().unwrap(), "no time comes twice");
    assert_eq!(names(&first), ["node_cpu_seconds_total", "relink_generation"]);
    // Who goes on where it was has the past already.
    let last = first.id.to_string();
    let mut again = Events::open(&agent, path, &[("Last-Event-ID", &last)]);
    let next =
        std::iter::from_fn(|| Some(again.next_event().name)).find(|name| name == "past" || name == "samples");
    assert_eq!(next.as_deref(), Some("samples"));
    for (query, hint) in [("span=0", "above 0"), ("span=x", "above 0"), ("span=1&span=2", "once")] {
        let refused = agent.get(&format!("/events?{query}"));
        assert_eq!(refused.status, 400, "{query}");
        assert!(refused.text().contains(hint), "{query}: {}", refused.text());
    }
}

#[test]
fn only_the_families_that_are_asked_for_come() {
    let folder = Folder::new(QUICK);
    let agent = folder.start(&[]);
    let path = "/events?family=relink_generation&family=node_cpu_seconds_total&family=none_such";
    for snapshot in &Events::open(&agent, path, &[]).snapshots(2) {
        assert_eq!(names(snapshot), ["node_cpu_seconds_total", "relink_generation"]);
    }
    let none = Events::open(&agent, "/events?family=none_such", &[]).snapshots(1);
    assert_eq!(names(&none[0]), [""; 0]);
    let answer = agent.get("/events?famly=x");
    assert_eq!(answer.status, 400);
    assert!(answer.json()["hint"].as_str().unwrap().contains("family, last_event_id"), "{}", answer.text());
}

#[test]
fn a_listener_goes_on_where_it_left_off() {
    let folder = Folder::new(QUICK);
    let agent = folder.start(&[]);
    let first = Events::open(&agent, "/events", &[]).snapshots(3);
    let last = first[2].id;
    until("more than a chunk of snapshots", || {
        (agent.get("/history?family=relink_generation").json()["last_id"].as_u64()? > last + 65).then_some(())
    });
    let by_header = Events::open(&agent, "/events", &[("Last-Event-ID", &last.to_string())]).snapshots(70);
    let by_query = Events::open(&agent, &format!("/events?last_event_id={last}"), &[]).snapshots(60);
    assert_eq!(ids(&by_header), (last + 1..=last + 70).collect::<Vec<_>>());
    assert!(by_header[..60] == by_query[..], "the same, whoever asks");
    // The header is newer than what a page once put into the address.
    let both = Events::open(
        &agent,
        &format!("/events?last_event_id={last}"),
        &[("Last-Event-ID", &(last + 10).to_string())],
    );
    assert_eq!(ids(&{ both }.snapshots(1)), [last + 11]);
    // Those that came live are the same as those that come again.
    let again = Events::open(&agent, &format!("/events?last_event_id={}", first[0].id - 1), &[]);
    assert!({ again }.snapshots(3) == first, "the same, whenever");
    // No number, or one that was never given: from now on.
    let newest = by_header[69].id;
    for odd in ["x", "", "-1", "1.5", "99999999999999999999999", "1000000000"] {
        let events = Events::open(&agent, "/events", &[("Last-Event-ID", odd)]).snapshots(1);
        assert!(events[0].id >= newest, "{odd:?}: {:?}", ids(&events));
    }
}

#[test]
fn listeners_of_the_same_families_get_the_same_compressed_or_not() {
    let folder = Folder::new(QUICK);
    let agent = folder.start(&[]);
    let gzip = [("Accept-Encoding", "gzip, br")];
    let mut plain = Events::open(&agent, "/events", &[]);
    let mut packed: Vec<_> = (0..3).map(|_| Events::open(&agent, "/events", &gzip)).collect();
    assert!(packed[0].head.contains(&"content-encoding: gzip".to_owned()), "{:?}", packed[0].head);
    assert!(plain.head.contains(&"vary: accept-encoding".to_owned()), "{:?}", plain.head);
    let expected = plain.snapshots(20);
    for stream in &mut packed {
        let own = stream.snapshots(10);
        let from = expected.iter().position(|snapshot| snapshot.id == own[0].id).unwrap();
        let both = expected[from..].iter().zip(&own);
        both.for_each(|(expected, own)| assert!(expected == own, "{}", own.id));
    }
}

#[test]
fn a_slow_listener_loses_nothing() {
    let folder = Folder::new("print = \"none\"\n[history]\ninterval = 0.1\nbytes = 8000000\n");
    let agent = folder.start(&[]);
    let mut slow = Events::open(&agent, "/events", &[]);
    let first = slow.snapshot().unwrap().id;
    // It does not read for a while: what the kernel does not hold for it stays in the history.
    until("many snapshots", || {
        (agent.get("/history?family=relink_generation").json()["last_id"].as_u64()? > first + 60)
            .then_some(())
    });
    assert_eq!(ids(&slow.snapshots(60)), (first + 1..=first + 60).collect::<Vec<_>>());
}

#[test]
fn a_history_that_has_no_room_still_streams() {
    let folder = Folder::new(&QUICK.replace("0.1\n", "0.1\nbytes = 1\n"));
    let agent = folder.start(&[]);
    let snapshots = Events::open(&agent, "/events", &[]).snapshots(3);
    assert!(ids(&snapshots).windows(2).all(|pair| pair[1] == pair[0] + 1), "{:?}", ids(&snapshots));
    assert!(names(&snapshots[2]).contains(&"node_cpu_seconds_total"));
}

#[test]
fn a_change_of_state_is_told() {
    // A file system of its own for the plugins, which is there and then is not.
    let folder =
        Folder::new("print = \"none\"\n[history]\ninterval = 0.1\n[plugins]\nenabled = [\"load\"]\n");
    std::fs::create_dir(folder.path("proc")).unwrap();
    folder.write("proc/loadavg", "0.10 0.20 0.30 1/100 1000\n");
    let proc = folder.path("proc").display().to_string();
    let agent = folder.start(&["--path.procfs", &proc]);
    let mut stream = Events::open(&agent, "/events", &[]);
    let state = |event: &Event| {
        let json = event.json();
        let plugins = json["plugins"].as_array().unwrap();
        plugins.iter().find(|plugin| plugin["name"] == "load").unwrap()["state"].clone()
    };
    assert_eq!(state(&stream.wait_for("plugins")), "active");
    stream.snapshots(2);
    folder.write("proc/loadavg", "nonsense\n");
    assert_eq!(state(&stream.wait_for("plugins")), "failing");
    folder.write("proc/loadavg", "0.10 0.20 0.30 1/100 1000\n");
    assert_eq!(state(&stream.wait_for("plugins")), "active");
}

#[test]
fn there_is_a_bound_on_streams() {
    let folder = Folder::new(&format!("{QUICK}[limits]\nmax_streams = 2\n"));
    let agent = folder.start(&[]);
    let mut first = Events::open(&agent, "/events", &[]);
    let second = Events::open(&agent, "/events", &[]);
    let refused = agent.get("/events");
    assert_eq!(refused.status, 503, "{}", refused.text());
    let json = refused.json();
    assert!(json["error"].as_str().unwrap().contains("2 event streams"), "{json}");
    assert!(json["hint"].as_str().unwrap().contains("max_streams"), "{json}");
    first.snapshots(1);
    assert_eq!(agent.request("HEAD", "/plugins", &[], &[]).status, 200, "other routes have room");
    drop(second);
    until("a place is free again", || {
        let mut connection = agent.connect();
        connection.send(&connection.rendered("GET", "/events", &[], &[])).unwrap();
        connection.line().unwrap().starts_with("HTTP/1.1 200").then_some(())
    });
}

#[test]
fn states_are_told_without_a_history() {
    let folder = Folder::new("print = \"none\"\n[history]\ninterval = 0\n");
    let agent = folder.start(&[]);
    assert_eq!(Events::open(&agent, "/events", &[]).next_event().name, "plugins");
}

#[test]
fn while_nobody_looks_snapshots_are_further_apart() {
    let folder = Folder::new(
        "print = \"none\"\n[history]\ninterval = 0.1\nidle_interval = 3600\n[plugins]\nenabled = [\"load\"]\n",
    );
    let agent = folder.start(&[]);
    // Scrapes serve the history of an idle agent too, but no more of them than it wants.
    for _ in 0..200 {
        assert_eq!(agent.get("/metrics").status, 200);
    }
    let last_id = || agent.get("/history?family=node_load1").json()["last_id"].as_u64().unwrap();
    let idle = last_id();
    assert!(idle <= 1, "{idle} snapshots, expected the one of the start");
    // That was a look.
    until("snapshots follow each other again", || (last_id() > idle + 3).then_some(()));
}
