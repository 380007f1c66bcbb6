//! Clients that ask for `/metrics` over connections that are kept alive.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};
use crate::http::Connection;

const PATIENCE: Option<Duration> = Some(Duration::from_secs(10));

/// A connection for scrapes.
pub(super) fn client(address: &str) -> Result<Connection> {
    Connection::open(address, PATIENCE)
}

/// One scrape, and how long it took. Another status than 200 is an error: it would be cheaper than the real work.
pub(super) fn scrape(client: &mut Connection, headers: &str) -> Result<Duration> {
    let start = Instant::now();
    let answer = client.request("GET", "/metrics", headers)?;
    let took = start.elapsed();
    match answer.status {
        200 if !answer.body.is_empty() => Ok(took),
        status => Err(Failure::new(format!("/metrics answered {status} with {} bytes", answer.body.len()))),
    }
}

/// How many samples of collectors the page has: those of node_exporter's names, but for what each agent says of its scrape.
pub(super) fn samples(address: &str) -> Result<f64> {
    let page = client(address)?.request("GET", "/metrics", "")?.body;
    let is_sample = |line: &&[u8]| line.starts_with(b"node_") && !line.starts_with(b"node_scrape_");
    let count = page.split(|byte| *byte == b'\n').filter(is_sample).count();
    Ok(f64::from(u32::try_from(count).unwrap_or(u32::MAX)))
}

/// Requests a second that so many connections get done together.
pub(super) fn rate(address: &str, connections: usize, lasting: Duration) -> Result<f64> {
    let barrier = Barrier::new(connections);
    let done: Result<Vec<u32>> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..connections)
            .map(|_| {
                scope.spawn(|| {
                    let client = client(address);
                    // Also one that could not connect comes here, or the others would wait for ever.
                    barrier.wait();
                    scrape_until(client?, Instant::now() + lasting)
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().expect("a client does not panic")).collect()
    });
    Ok(f64::from(done?.iter().sum::<u32>()) / lasting.as_secs_f64())
}

fn scrape_until(mut client: Connection, end: Instant) -> Result<u32> {
    let mut done = 0;
    while Instant::now() < end {
        scrape(&mut client, "")?;
        done += 1;
    }
    Ok(done)
}
