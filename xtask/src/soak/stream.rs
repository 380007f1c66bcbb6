//! A dashboard: a listener of `/events` that comes back when a stream has come to its end, and holds each snapshot's number
//! against the one before.

use std::time::Duration;

use serde_json::Value;

use super::tally::Tally;
use crate::failure::{Doing, Failure, Result};
use crate::http::Connection;

const PATH: &str = "/events?family=node_load1&family=relink_generation&family=soak_beside_total";
/// Longer than the agent is ever silent.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(30));

/// What it waits after a failure, as a browser does.
const COMES_BACK: Duration = Duration::from_secs(1);

/// What a listener has seen.
#[derive(Default)]
struct Seen {
    text: String,
    last: Option<u64>,
}

/// Listens until the end.
pub(super) fn listen(address: &str, tally: &Tally) {
    let mut seen = Seen::default();
    while !tally.end.has_come() {
        if let Err(failure) = on_one_connection(address, tally, &mut seen) {
            tally.failed("a dashboard", &failure);
            // What was half told is told again.
            seen.text.clear();
            tally.end.within(COMES_BACK);
        }
    }
}

/// Streams of one connection, which goes on over reloads, until the end.
fn on_one_connection(address: &str, tally: &Tally, seen: &mut Seen) -> Result<()> {
    tally.asked();
    let mut connection = Connection::open(address, PATIENCE)?;
    while !tally.end.has_come() {
        let last = seen.last.map(|last| format!("Last-Event-ID: {last}\r\n"));
        let status = connection.listen(PATH, &last.unwrap_or_default())?;
        if status != 200 {
            return Err(Failure::new(format!("/events answered {status}")));
        }
        while let Some(chunk) = connection.chunk()? {
            for failure in seen.take(&chunk)? {
                tally.failed("a dashboard", &Failure::new(failure));
            }
            if tally.end.has_come() {
                return Ok(());
            }
        }
        tally.asked();
    }
    Ok(())
}

impl Seen {
    /// Takes note of the events that are whole now, and tells what is wrong with them.
    fn take(&mut self, chunk: &[u8]) -> Result<Vec<String>> {
        self.text += std::str::from_utf8(chunk).doing("a chunk of /events")?;
        let mut wrong = Vec::new();
        while let Some(end) = self.text.find("\n\n") {
            let frame = self.text[..end].to_owned();
            self.text.drain(..end + 2);
            let field = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            if field("event:") != Some("samples") {
                continue;
            }
            let id: u64 = field("id:").unwrap_or_default().parse().doing("the number of a snapshot")?;
            let data: Value = serde_json::from_str(field("data:").unwrap_or_default()).doing("a snapshot")?;
            match self.last {
                Some(last) if id != last + 1 => wrong.push(format!("snapshot {id} came after {last}")),
                Some(_) if data["gap"] == true => wrong.push(format!("there is a gap before snapshot {id}")),
                _ => {}
            }
            self.last = Some(id);
        }
        Ok(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(id: u64, more: &str) -> String {
        format!("event:samples\nid:{id}\ndata:{{\"time\":1,\"values\":[]{more}}}\n\n")
    }

    #[test]
    fn a_gap_and_a_repeat_are_told() {
        let mut seen = Seen::default();
        let mut wrong = |text: String| seen.take(text.as_bytes()).unwrap();
        assert_eq!(wrong(format!("retry:5000\n\n{}{}", samples(7, ""), samples(8, ""))), [""; 0]);
        let (half, other) = (samples(9, "")[..20].to_owned(), samples(9, "")[20..].to_owned());
        assert_eq!(wrong(half), [""; 0]);
        assert_eq!(wrong(format!("{other}event:plugins\ndata:{{}}\n\n:\n\n")), [""; 0]);
        assert_eq!(wrong(samples(9, "")), ["snapshot 9 came after 9"]);
        assert_eq!(wrong(samples(11, "")), ["snapshot 11 came after 9"]);
        assert_eq!(wrong(samples(12, ",\"gap\":true")), ["there is a gap before snapshot 12"]);
    }

    #[test]
    fn what_is_no_snapshot_is_an_error() {
        for text in ["event:samples\nid:x\ndata:{}\n\n", "event:samples\nid:1\ndata:{\n\n"] {
            assert!(Seen::default().take(text.as_bytes()).is_err(), "{text}");
        }
    }
}
