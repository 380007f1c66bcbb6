//! The stream of `GET /events`, read event by event, and what its numbers mean.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::Value;

use crate::{Agent, Connection};

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its id, where it has one.
    pub id: Option<u64>,
    /// Its data.
    pub data: String,
}

impl Event {
    /// The data as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error} in {}", self.data))
    }
}

/// A stream of events.
pub struct Events {
    connection: Connection,
    /// The head of the answer, in lower case.
    pub head: Vec<String>,
    /// What has come and is not read: compressed, and as text.
    gunzip: Option<flate2::write::GzDecoder<Vec<u8>>>,
    text: String,
    series: Series,
}

/// The series that a stream has given numbers, and what they are now.
#[derive(Debug, Default)]
struct Series {
    /// The family and the labels of each number.
    names: BTreeMap<u64, (String, String)>,
    values: BTreeMap<u64, Value>,
}

/// One snapshot, with all its values by family and labels, as `{"cpu":"0"}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Its number.
    pub id: u64,
    /// When it was taken, in seconds since 1970.
    pub time: f64,
    /// Whether nobody measured for a while before it.
    pub gap: bool,
    /// What there is.
    pub values: BTreeMap<String, BTreeMap<String, Value>>,
}

impl Events {
    /// Asks an agent for its events.
    pub fn open(agent: &Agent, path: &str, headers: &[(&str, &str)]) -> Events {
        Events::on(agent.connect(), path, headers)
    }

    /// The same on a connection that there is.
    pub fn on(mut connection: Connection, path: &str, headers: &[(&str, &str)]) -> Events {
        connection.send(&connection.rendered("GET", path, headers, &[])).expect("the request is sent");
        let mut head = Vec::new();
        loop {
            let line = connection.line().expect("the head comes").to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            head.push(line);
        }
        let is_packed = head.iter().any(|line| line == "content-encoding: gzip");
        let gunzip = is_packed.then(|| flate2::write::GzDecoder::new(Vec::new()));
        Events { connection, head, gunzip, text: String::new(), series: Series::default() }
    }

    /// The connection, after the stream's end.
    pub fn into_connection(self) -> Connection {
        self.connection
    }

    /// The next event; nothing at the stream's end. A retry time and a sign of life are none.
    pub fn next_or_end(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let frame = self.text[..end].to_owned();
                self.text.drain(..end + 2);
                let field = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name));
                if let Some(name) = field("event:") {
                    let id = field("id:").map(|id| id.parse().expect("an id is a number"));
                    return Some(Event {
                        name: name.into(),
                        id,
                        data: field("data:").unwrap_or_default().into(),
                    });
                }
                continue;
            }
            let Some(chunk) = self.connection.chunk().expect("the stream goes on") else {
                // The decoder holds length and checksum against what came.
                self.gunzip.take().map(|gunzip| gunzip.finish().expect("the stream is whole"));
                return None;
            };
            let chunk = match &mut self.gunzip {
                None => chunk,
                Some(gunzip) => {
                    gunzip.write_all(&chunk).and_then(|()| gunzip.flush()).expect("the stream is gzip");
                    std::mem::take(gunzip.get_mut())
                }
            };
            self.text += std::str::from_utf8(&chunk).expect("events end where texts end");
        }
    }

    /// The next event of a stream that goes on.
    pub fn next_event(&mut self) -> Event {
        self.next_or_end().expect("the stream goes on")
    }

    /// The next event of that name.
    pub fn wait_for(&mut self, name: &str) -> Event {
        loop {
            let event = self.next_event();
            self.series.take(&event);
            if event.name == name {
                return event;
            }
        }
    }

    /// The next snapshot, whole; nothing at the stream's end. Other events are passed over.
    pub fn snapshot(&mut self) -> Option<Snapshot> {
        loop {
            let event = self.next_or_end()?;
            if let Some(snapshot) = self.series.take(&event) {
                return Some(snapshot);
            }
        }
    }

    /// So many snapshots of a stream that goes on.
    pub fn snapshots(&mut self, count: usize) -> Vec<Snapshot> {
        (0..count).map(|_| self.snapshot().expect("the stream goes on")).collect()
    }
}

impl Series {
    /// Takes note of an event: of numbers, and of what has changed.
    fn take(&mut self, event: &Event) -> Option<Snapshot> {
        let json = (event.name == "series" || event.name == "samples").then(|| event.json())?;
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let number = |value: &Value| value.as_u64().expect("a series has a number");
        if event.name == "series" {
            for family in list(&json["families"]) {
                let name = family["name"].as_str().expect("a family has a name");
                for one in list(&family["series"]) {
                    let before = self.names.insert(number(&one[0]), (name.to_owned(), one[1].to_string()));
                    assert_eq!(before, None, "a number is given once: {one}");
                }
            }
            return None;
        }
        for pair in json["values"].as_array().expect("samples have values").chunks(2) {
            self.values.insert(number(&pair[0]), pair[1].clone());
        }
        for gone in list(&json["gone"]) {
            assert!(self.values.remove(&number(&gone)).is_some(), "{gone} was not there: {json}");
        }
        let mut values: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
        for (number, value) in &self.values {
            let (family, labels) = self.names.get(number).expect("a number is given before it is used");
            values.entry(family.clone()).or_default().insert(labels.clone(), value.clone());
        }
        Some(Snapshot {
            id: event.id.expect("samples have an id"),
            time: json["time"].as_f64().expect("samples have a time") / 1e3,
            gap: json["gap"] == true,
            values,
        })
    }
}
