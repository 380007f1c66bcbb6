//! Single connections in states of their own when a reload comes.

#[path = "support/reload.rs"]
mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use relink_testkit::{Agent, until};
use support::{Setup, journal_of, reload};

fn generation(text: &str) -> f64 {
    text.lines().find_map(|line| line.strip_prefix("relink_generation ")).unwrap().parse().unwrap()
}

fn commits(agent: &Agent) {
    let journal = reload(agent, "?force=true");
    assert_eq!(journal["outcome"], "committed", "{journal}");
}

#[test]
fn a_connection_that_was_never_used_is_answered_by_the_next_image() {
    let setup = Setup::new("");
    let agent = setup.start();
    let mut silent = agent.connect();
    commits(&agent);
    assert_eq!(generation(&silent.get("/metrics").unwrap().text()), 2.0);
    commits(&agent);
    assert_eq!(generation(&silent.get("/metrics").unwrap().text()), 3.0);
}

#[test]
fn a_head_that_is_half_sent_is_answered_by_the_next_image() {
    let setup = Setup::new("");
    let agent = setup.start();
    let mut half = agent.connect();
    let request = half.rendered("GET", "/metrics", &[], &[]);
    for (at, byte) in request.iter().enumerate() {
        half.send(&[*byte]).unwrap();
        // Everywhere would be a reload a byte.
        if at % 12 == 0 {
            commits(&agent);
        }
    }
    let reloads = request.len().div_ceil(12);
    assert_eq!(generation(&half.read(false).unwrap().text()), 1.0 + reloads as f64);
}

#[test]
fn a_slow_request_is_answered_by_the_next_image() {
    let setup = Setup::new("");
    let agent = setup.start();
    let mut slow = agent.connect();
    let request = slow.rendered("GET", "/metrics", &[("X-Prometheus-Scrape-Timeout-Seconds", "30")], &[]);
    slow.send(&request).unwrap();
    let journal = reload(&agent, "?force=true");
    assert_eq!(journal["outcome"], "committed");
    let text = slow.read(false).unwrap().text();
    // The first image may have been quicker than the preflight, which asks the slow plugin as well.
    assert!(text.contains("candidate_slow 1"), "{text}");
    let pause = journal["pause_ms"].as_f64().unwrap();
    assert!(pause < 100.0, "the slow plugin takes 100 ms, the pause {pause} ms");
}

#[test]
fn the_caller_may_hang_up_ask_for_more_or_close_after_the_answer() {
    let setup = Setup::new("");
    let agent = setup.start();
    // Gone before the answer.
    let mut gone = agent.connect();
    gone.send(&gone.rendered("PUT", "/plugins/reload?force=true", &[], &[])).unwrap();
    until("the reload has begun", || (agent.get("/reloads/1").status == 200).then_some(()));
    drop(gone);
    until("the reload has ended", || (agent.sample("relink_generation") == Some(2.0)).then_some(()));
    until("its journal is closed", || {
        (agent.get("/reloads/1").json()["outcome"] == "committed").then_some(())
    });

    // Pipelined: the next request is behind the reload, and is the next image's.
    let mut pipelined = agent.connect();
    let reload = pipelined.rendered("PUT", "/plugins/reload?force=true", &[], &[]);
    let scrape = pipelined.rendered("GET", "/metrics", &[], &[]);
    pipelined.send(&[reload, scrape].concat()).unwrap();
    assert_eq!(journal_of(&pipelined.read(false).unwrap())["generation"], 3);
    assert_eq!(generation(&pipelined.read(false).unwrap().text()), 3.0);

    // HTTP/1.0, as `ab` speaks it, and `Connection: close`: the answer, then the end.
    for request in [
        "PUT /plugins/reload?force=true HTTP/1.0\r\n\r\n",
        "PUT /plugins/reload?force=true HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(agent.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"committed\""), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
    }
}

#[test]
fn six_hundred_that_connect_during_a_pause_wait_no_longer_than_it() {
    let setup = Setup::new("[limits]\nmax_connections = 1000\n");
    let agent = setup.start();
    let overflows = listen_overflows();
    agent.signal("STOP");
    until("the agent has stopped", || agent.proc("stat").contains(") T ").then_some(()));
    let mut waiting: Vec<_> = (0..600)
        .map(|_| {
            let mut connection = agent.connect();
            connection.send(&connection.rendered("GET", "/-/healthy", &[], &[])).unwrap();
            connection
        })
        .collect();
    // sleep: this is how long the pause is.
    std::thread::sleep(Duration::from_millis(300));
    let began = Instant::now();
    agent.signal("CONT");
    for connection in &mut waiting {
        assert_eq!(connection.read(false).unwrap().status, 200);
    }
    // A connection request that the kernel dropped comes again after a second.
    assert!(began.elapsed() < Duration::from_millis(900), "{:?}", began.elapsed());
    assert_eq!(listen_overflows(), overflows);
}

/// How often the kernel had no room for a new connection, on the whole machine.
fn listen_overflows() -> u64 {
    let text = std::fs::read_to_string("/proc/self/net/netstat").unwrap();
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let mut fields = names.split_whitespace().zip(values.split_whitespace());
    fields.find(|(name, _)| *name == "ListenOverflows").unwrap().1.parse().unwrap()
}
