//! Clients that scrape: on connections that are kept over all reloads, and on a fresh one each time. None ever tries again.

use std::time::{Duration, Instant};

use super::tally::Tally;
use crate::failure::{Failure, Result};
use crate::http::Connection;

const PATIENCE: Option<Duration> = Some(Duration::from_secs(10));
const PACE: Duration = Duration::from_millis(250);
/// What each page has, whatever misbehaves.
const ALWAYS: [&str; 3] = ["\nnode_load1 ", "\nsoak_beside_total ", "\nrelink_generation "];

/// What one client asks for.
#[derive(Clone, Copy)]
pub(super) struct Client {
    pub kind: &'static str,
    pub keeps: bool,
    pub path: &'static str,
    pub headers: &'static str,
}

const SCRAPE: Client = Client { kind: "a scraper", keeps: true, path: "/metrics", headers: "" };

/// All of them.
pub(super) const ALL: [Client; 7] = [
    SCRAPE,
    SCRAPE,
    Client { headers: "Accept-Encoding: gzip\r\n", ..SCRAPE },
    Client { kind: "a reader of one collector", path: "/metrics?collect[]=loadavg", ..SCRAPE },
    Client { kind: "a reader of the plugins", path: "/plugins", ..SCRAPE },
    Client { kind: "a fresh scraper", keeps: false, ..SCRAPE },
    Client { kind: "a fresh scraper", keeps: false, headers: "Connection: close\r\n", ..SCRAPE },
];

impl Client {
    /// Asks until the end.
    pub(super) fn run(&self, address: &str, tally: &Tally) {
        let mut kept = None;
        let mut due = Instant::now();
        while !tally.end.before(due) {
            due = Instant::now() + PACE;
            let _pass = tally.pass();
            tally.asked();
            let asked = kept.take().map_or_else(|| Connection::open(address, PATIENCE), Ok);
            let answered = asked.and_then(|mut connection| {
                self.ask(&mut connection)?;
                Ok(connection)
            });
            match answered {
                Ok(connection) => kept = self.keeps.then_some(connection),
                Err(failure) => tally.failed(self.kind, &failure),
            }
        }
    }

    fn ask(&self, connection: &mut Connection) -> Result<()> {
        let answer = connection.request("GET", self.path, self.headers)?;
        if answer.status != 200 || answer.body.is_empty() {
            let words = String::from_utf8_lossy(&answer.body);
            return Err(Failure::new(format!("{} answered {} {words}", self.path, answer.status)));
        }
        if answer.closes && self.keeps {
            return Err(Failure::new(format!("{}: the answer closes the connection", self.path)));
        }
        if self.path == "/metrics" && !self.headers.contains("gzip") {
            missing(&String::from_utf8_lossy(&answer.body))
                .map_or(Ok(()), |series| Err(Failure::new(format!("a page without {}", series.trim()))))
        } else {
            Ok(())
        }
    }
}

/// The first of the series that a page has not.
fn missing(page: &str) -> Option<&'static str> {
    ALWAYS.into_iter().find(|series| !page.contains(series))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_what_is_always_there() {
        let page = "# HELP x\nnode_load1 0.1\nsoak_beside_total 7\nrelink_generation 2\n";
        assert_eq!(missing(page), None);
        assert_eq!(missing(&page.replace("soak_beside", "soak_other")), Some("\nsoak_beside_total "));
    }
}
