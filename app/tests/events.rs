//! `GET /events`, `GET /history` and `GET /plot/…` of the executable, over a socket.

mod support;

use std::collections::HashMap;

use relink_testkit::{Agent, Connection, until};
use serde_json::Value;
use support::Folder;

const QUICK: &str = "print = \"none\"\n[history]\ninterval = 0.1\n[plugins]\nenabled = [\"cpu\", \"disk\"]\n";

/// One event of a stream.
#[derive(Clone, Debug, PartialEq)]
struct Event {
    name: String,
    id: Option<u64>,
    data: String,
}

impl Event {
    fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error} in {}", self.data))
    }
}

/// An event stream, read event by event.
struct Stream {
    connection: Connection,
    head: Vec<String>,
    text: String,
}

impl Stream {
    fn open(agent: &Agent, path: &str, headers: &[(&str, &str)]) -> Stream {
        let mut connection = agent.connect();
        connection.send(&connection.rendered("GET", path, headers, &[])).unwrap();
        let mut head = Vec::new();
        loop {
            let line = connection.line().unwrap().to_ascii_lowercase();
            if line.is_empty() {
                return Stream { connection, head, text: String::new() };
            }
            head.push(line);
        }
    }

    /// The next event; a retry time and a sign of life are none.
    fn next(&mut self) -> Event {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let frame = self.text[..end].to_owned();
                self.text.drain(..end + 2);
                let field = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name));
                if let Some(name) = field("event:") {
                    let id = field("id:").map(|id| id.parse().unwrap());
                    return Event { name: name.into(), id, data: field("data:").unwrap().into() };
                }
                continue;
            }
            let chunk = self.connection.chunk().unwrap().expect("the stream goes on");
            self.text += std::str::from_utf8(&chunk).unwrap();
        }
    }

    /// The next event of that name.
    fn wait_for(&mut self, name: &str) -> Event {
        loop {
            let event = self.next();
            if event.name == name {
                return event;
            }
        }
    }

    fn samples(&mut self, count: usize) -> Vec<Event> {
        (0..count).map(|_| self.wait_for("samples")).collect()
    }
}

fn names(event: &Event) -> Vec<String> {
    let json = event.json();
    let families = json["families"].as_array().unwrap();
    families.iter().map(|family| family["name"].as_str().unwrap().to_owned()).collect()
}

fn ids(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.id.unwrap()).collect()
}

#[test]
fn a_stream_begins_with_the_plugins_and_goes_on_with_samples() {
    let folder = Folder::new(QUICK);
    let agent = folder.start(&[]);
    let mut stream = Stream::open(&agent, "/events", &[]);
    assert!(stream.head[0].starts_with("http/1.1 200"), "{:?}", stream.head);
    assert!(stream.head.iter().any(|line| line.starts_with("content-type: text/event-stream")));
    assert!(stream.head.contains(&"cache-control: no-store".to_owned()), "{:?}", stream.head);
    let plugins = stream.next();
    assert_eq!((plugins.name.as_str(), plugins.id), ("plugins", None));
    assert_eq!(plugins.json()["generation"], 1);
    assert_eq!(plugins.json()["plugins"][0]["name"], "cpu");

    let samples = stream.samples(3);
    assert!(ids(&samples).windows(2).all(|pair| pair[1] == pair[0] + 1), "{:?}", ids(&samples));
    for event in &samples {
        let json = event.json();
        assert_eq!(json["id"], event.id.unwrap());
        assert!(json["time"].as_f64().unwrap() > 1.6e9, "{json}");
        let families: HashMap<_, _> = json["families"]
            .as_array()
            .unwrap()
            .iter()
            .map(|family| (family["name"].as_str().unwrap(), family))
            .collect();
        let seconds = families["node_cpu_seconds_total"];
        assert_eq!(seconds["type"], "counter");
        let sample = &seconds["samples"][0];
        assert!(sample["labels"]["cpu"].is_string() && sample["labels"]["mode"].is_string(), "{sample}");
        assert!(sample["value"].is_number(), "{sample}");
        // The agent's own too.
        for own in ["node_scrape_collector_success", "relink_generation", "process_resident_memory_bytes"] {
            assert_eq!(families[own]["type"], "gauge", "{own}");
        }
    }
}

#[test]
fn only_the_families_that_are_asked_for_come() {
    let folder = Folder::new(QUICK);
    let agent = folder.start(&[]);
    let path = "/events?family=relink_generation&family=node_cpu_seconds_total&family=none_such";
    let some = Stream::open(&agent, path, &[]).samples(2);
    for event in &some {
        assert_eq!(names(event), ["node_cpu_seconds_total", "relink_generation"]);
    }
    let none = Stream::open(&agent, "/events?family=none_such", &[]).samples(1);
    assert_eq!(names(&none[0]), [""; 0]);
    let answer = agent.get("/events?famly=x");
    assert_eq!(answer.status, 400);
    assert!(answer.json()["hint"].as_str().unwrap().contains("family, last_event_id"), "{}", answer.text());
}

#[test]
fn a_listener_goes_on_where_it_left_off() {
    let folder = Folder::new(QUICK);
    let agent = folder.start(&[]);
    let first = Stream::open(&agent, "/events", &[]).samples(3);
    let last = first[2].id.unwrap();
    until("more than a chunk of snapshots", || {
        (agent.get("/history?family=relink_generation").json()["last_id"].as_u64()? > last + 65).then_some(())
    });
    let by_header = Stream::open(&agent, "/events", &[("Last-Event-ID", &last.to_string())]).samples(70);
    let by_query = Stream::open(&agent, &format!("/events?last_event_id={last}"), &[]).samples(60);
    assert_eq!(ids(&by_header), (last + 1..=last + 70).collect::<Vec<_>>());
    assert_eq!(by_header[..60], by_query[..], "the same, whoever asks");
    // The header is newer than what a page once put into the address.
    let both = Stream::open(
        &agent,
        &format!("/events?last_event_id={last}"),
        &[("Last-Event-ID", &(last + 10).to_string())],
    );
    assert_eq!(ids(&{ both }.samples(1)), [last + 11]);
    // Those that came live are the same as those that come again.
    let again = Stream::open(&agent, &format!("/events?last_event_id={}", first[0].id.unwrap() - 1), &[]);
    assert_eq!({ again }.samples(3), first);
    // No number, or one that was never given: from now on.
    let newest = by_header[69].id.unwrap();
    for odd in ["x", "", "-1", "1.5", "99999999999999999999999", "1000000000"] {
        let events = Stream::open(&agent, "/events", &[("Last-Event-ID", odd)]).samples(1);
        assert!(events[0].id.unwrap() >= newest, "{odd:?}: {:?}", ids(&events));
    }
}

#[test]
fn a_slow_listener_loses_nothing() {
    let folder = Folder::new("print = \"none\"\n[history]\ninterval = 0.1\nbytes = 8000000\n");
    let agent = folder.start(&[]);
    let mut slow = Stream::open(&agent, "/events", &[]);
    let first = slow.wait_for("samples").id.unwrap();
    // It does not read for a while: what the kernel does not hold for it stays in the history.
    until("many snapshots", || {
        (agent.get("/history?family=relink_generation").json()["last_id"].as_u64()? > first + 60)
            .then_some(())
    });
    assert_eq!(ids(&slow.samples(60)), (first + 1..=first + 60).collect::<Vec<_>>());
}

#[test]
fn a_history_that_has_no_room_still_streams() {
    let folder = Folder::new(&QUICK.replace("0.1\n", "0.1\nbytes = 1\n"));
    let agent = folder.start(&[]);
    let samples = Stream::open(&agent, "/events", &[]).samples(3);
    assert!(ids(&samples).windows(2).all(|pair| pair[1] == pair[0] + 1), "{:?}", ids(&samples));
    assert!(names(&samples[2]).contains(&"node_cpu_seconds_total".to_owned()));
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
    let mut stream = Stream::open(&agent, "/events", &[]);
    let state = |event: &Event| {
        let json = event.json();
        let plugins = json["plugins"].as_array().unwrap();
        plugins.iter().find(|plugin| plugin["name"] == "load").unwrap()["state"].clone()
    };
    assert_eq!(state(&stream.wait_for("plugins")), "active");
    stream.samples(2);
    folder.write("proc/loadavg", "nonsense\n");
    assert_eq!(state(&stream.wait_for("plugins")), "failing");
    folder.write("proc/loadavg", "0.10 0.20 0.30 1/100 1000\n");
    assert_eq!(state(&stream.wait_for("plugins")), "active");
}

#[test]
fn there_is_a_bound_on_streams() {
    let folder = Folder::new(&format!("{QUICK}[limits]\nmax_streams = 2\n"));
    let agent = folder.start(&[]);
    let mut first = Stream::open(&agent, "/events", &[]);
    let second = Stream::open(&agent, "/events", &[]);
    let refused = agent.get("/events");
    assert_eq!(refused.status, 503, "{}", refused.text());
    let json = refused.json();
    assert!(json["error"].as_str().unwrap().contains("2 event streams"), "{json}");
    assert!(json["hint"].as_str().unwrap().contains("max_streams"), "{json}");
    first.samples(1);
    assert_eq!(agent.request("HEAD", "/plugins", &[], &[]).status, 200, "other routes have room");
    drop(second);
    until("a place is free again", || {
        let mut connection = agent.connect();
        connection.send(&connection.rendered("GET", "/events", &[], &[])).unwrap();
        connection.line().unwrap().starts_with("HTTP/1.1 200").then_some(())
    });
}

#[test]
fn the_past_of_a_family() {
    let folder = Folder::new(QUICK);
    let agent = folder.start(&[]);
    let answer = until("three snapshots", || {
        let answer = agent.get("/history?family=node_cpu_seconds_total");
        (answer.json()["last_id"].as_u64()? >= 3).then_some(answer)
    });
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let json = answer.json();
    for (key, value) in [("family", "node_cpu_seconds_total"), ("type", "counter"), ("unit", "seconds")] {
        assert_eq!(json[key], value, "{json}");
    }
    assert!(json["help"].as_str().unwrap().ends_with('.') && json["interval"] == 0.1, "{json}");
    let now = json["time"].as_f64().unwrap();
    let series = json["series"].as_array().unwrap();
    assert!(series.len() > 1, "{json}");
    for one in series {
        let points = one["points"].as_array().unwrap();
        assert!(points.len() >= 3 && one["labels"]["mode"].is_string(), "{one}");
        let times: Vec<_> = points.iter().map(|point| point[0].as_f64().unwrap()).collect();
        assert!(times.is_sorted() && times.iter().all(|time| *time <= now), "{times:?} until {now}");
        assert!(points.iter().all(|point| point[1].is_number()), "{points:?}");
    }
    let of = |query: &str| agent.get(&format!("/history?family=node_cpu_seconds_total&{query}")).json();
    let one = of("label=cpu=0&label=mode=idle");
    let series = one["series"].as_array().unwrap();
    assert_eq!(series.len(), 1, "{one}");
    assert_eq!(series[0]["labels"], serde_json::json!({"cpu": "0", "mode": "idle"}));
    assert_eq!(of("label=cpu=none")["series"], serde_json::json!([]));
    let all = of("label=cpu=0&label=mode=idle")["series"][0]["points"].as_array().unwrap().len();
    let late =
        of("label=cpu=0&label=mode=idle&seconds=0.15")["series"][0]["points"].as_array().unwrap().len();
    assert!((1..=2).contains(&late) && all > late, "{late} of {all}");
    // The agent's own families have a past too.
    let own = agent.get("/history?family=node_scrape_collector_success&label=collector=cpu").json();
    assert_eq!(own["series"][0]["points"][0][1], 1, "{own}");
}

#[test]
fn what_the_history_can_not_answer() {
    let folder = Folder::new(QUICK);
    let agent = folder.start(&[]);
    for (query, status, word, hint) in [
        ("", 400, "no family", "family=NAME"),
        ("?family=a&family=b", 400, "family is given 2 times", "once"),
        ("?family=node_load1&label=cpu", 400, "label is \"cpu\"", "name=value"),
        ("?family=node_load1&seconds=0", 400, "seconds is \"0\"", "above 0"),
        ("?family=node_load1&seconds=-1", 400, "seconds is \"-1\"", "above 0"),
        ("?family=node_load1&seconds=NaN", 400, "seconds is \"NaN\"", "above 0"),
        ("?family=node_load1&seconds=inf", 400, "seconds is \"inf\"", "above 0"),
        ("?family=node_load1&seconds=1&seconds=2", 400, "seconds is given 2 times", "once"),
        ("?family=node_load1&second=1", 400, "unknown parameter \"second\"", "family, label, seconds"),
        (
            "?family=node_cpu_second_total",
            404,
            "no family \"node_cpu_second_total\"",
            "node_cpu_seconds_total",
        ),
        ("?family=zzz", 404, "no family \"zzz\"", "/metrics"),
        ("?family=%ff%00", 404, "no family", "/metrics"),
    ] {
        let answer = agent.get(&format!("/history{query}"));
        assert_eq!(answer.status, status, "{query}: {}", answer.text());
        let json = answer.json();
        assert!(json["error"].as_str().unwrap().contains(word), "{query}: {json}");
        assert!(json["hint"].as_str().unwrap().contains(hint), "{query}: {json}");
    }
    let huge = agent.get("/history?family=relink_generation&seconds=1e300");
    assert_eq!(huge.status, 200, "{}", huge.text());

    let folder = Folder::new("print = \"none\"\n[history]\ninterval = 0\n");
    let agent = folder.start(&[]);
    let off = agent.get("/history?family=node_load1");
    assert_eq!(off.status, 404);
    assert!(
        off.text().contains("history is off") && off.text().contains("[history] interval"),
        "{}",
        off.text()
    );
    assert_eq!(Stream::open(&agent, "/events", &[]).next().name, "plugins", "which goes without a history");
}

#[test]
fn a_picture_of_a_family() {
    let folder = Folder::new(QUICK);
    let agent = folder.start(&[]);
    let svg = until("a line", || {
        let answer = agent.get("/plot/node_cpu_seconds_total.svg?seconds=60&label=mode=idle");
        assert_eq!(answer.status, 200, "{}", answer.text());
        (!answer.text().contains("no data for this time range")).then_some(answer)
    });
    assert_eq!(svg.header("content-type"), Some("image/svg+xml"));
    assert!(svg.header("content-security-policy").unwrap().starts_with("default-src 'none';"));
    let text = svg.text();
    assert!(text.contains("seconds per second") && text.contains("node_cpu_seconds_total {mode="), "{text}");
    for (path, status, hint) in [
        ("/plot/node_cpu_second_total.svg", 404, "node_cpu_seconds_total"),
        ("/plot/node_cpu_seconds_total", 404, "/plot/node_cpu_seconds_total.svg"),
        ("/plot/node_cpu_seconds_total.svg?seconds=x", 400, "above 0"),
        ("/plot/node_cpu_seconds_total.svg?family=x", 400, "label, seconds"),
        ("/plot/%3Cscript%3E.svg", 404, "/metrics"),
    ] {
        let answer = agent.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(answer.json()["hint"].as_str().unwrap().contains(hint), "{path}: {}", answer.text());
    }
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
