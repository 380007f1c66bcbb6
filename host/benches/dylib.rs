//! What libraries cost: a reload with nothing changed, a library until it answers, a swap; and ten thousand swaps under
//! load. Needs its library first: `cargo build --release -p relink-host --example loadable`.
//!
//! `cargo bench -p relink-host --bench dylib -- 10000` for another number of swaps.

#[path = "../tests/support/dylib.rs"]
mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use relink_testkit::{Agent, Connection};
use support::{Setup, mark_in, second, variant};

/// Median and worst of some durations, in milliseconds.
fn told(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let at = |part: f64| ms(times[((times.len() - 1) as f64 * part) as usize]);
    println!("{what:32} median {:7.3} ms  p99 {:7.3} ms  worst {:7.3} ms", at(0.5), at(0.99), at(1.0));
}

/// Reloads on a connection that is open, and says how long the answer took.
fn reload(connection: &mut Connection, outcome: &str) -> Duration {
    let began = Instant::now();
    let answer = connection.request("PUT", "/plugins/reload", &[], &[]).unwrap();
    let took = began.elapsed();
    assert_eq!(answer.json()["outcome"], outcome, "{}", answer.text());
    took
}

fn unloaded() {
    let setup = Setup::new("[history]\ninterval = 0\n[reload]\nretired_budget = 100_000_000_000\n");
    setup.install("a.so", &variant("0000", "well"));
    let agent = setup.start();
    let mut connection = agent.connect();
    let scrape = |_| {
        let began = Instant::now();
        connection.get("/metrics").unwrap();
        began.elapsed()
    };
    told("a scrape, to compare with", (0..2000).map(scrape).collect());
    told("reload with nothing changed", (0..2000).map(|_| reload(&mut connection, "unchanged")).collect());

    let swap = |number| {
        setup.install("a.so", &variant(&format!("{number:04}"), "well"));
        reload(&mut connection, "committed")
    };
    told("swap of a library", (1..300).map(swap).collect());

    let load = |number| {
        setup.install("b.so", &second(&format!("{number:04}"), "well"));
        let took = reload(&mut connection, "committed");
        let began = Instant::now();
        assert!(connection.get("/metrics").unwrap().text().contains("loadable_2_mark"));
        let answered = began.elapsed();
        std::fs::remove_file(setup.plugin("b.so")).unwrap();
        reload(&mut connection, "committed");
        took + answered
    };
    told("a new library until it answers", (0..300).map(load).collect());
}

fn swaps(agent: &Agent, setup: &Setup, count: usize) {
    let (ends, scrapes, address) = (AtomicBool::new(false), AtomicUsize::new(0), agent.address);
    let began = Instant::now();
    let (mut slowest, mut execs) = (Duration::ZERO, 0);
    std::thread::scope(|scope| {
        let scrapers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = Connection::open(address).unwrap();
                    let mut slowest = Duration::ZERO;
                    while !ends.load(Ordering::Relaxed) {
                        let began = Instant::now();
                        let answer = connection.get("/metrics").unwrap();
                        slowest = slowest.max(began.elapsed());
                        assert!(answer.status == 200 && mark_in(&answer.text()).is_some());
                        scrapes.fetch_add(1, Ordering::Relaxed);
                    }
                    slowest
                })
            })
            .collect();
        let mut connection = agent.connect();
        for swap in 0..count {
            let expected = format!("{:04}", swap % 10_000);
            setup.install("a.so", &variant(&expected, "well"));
            let answer = connection.request("PUT", "/plugins/reload", &[], &[]).unwrap().text();
            assert!(answer.contains("\"committed\""), "{answer}");
            execs += u32::from(answer.contains("\"exec\""));
            assert_eq!(mark_in(&connection.get("/metrics").unwrap().text()), Some(expected.as_str()));
        }
        ends.store(true, Ordering::Relaxed);
        slowest = scrapers.into_iter().map(|thread| thread.join().unwrap()).max().unwrap();
    });
    println!(
        "{count} swaps under 8 threads: {:.1} s, {execs} re-execs, {} scrapes, 0 failed, slowest {:.1} ms, {} descriptors",
        began.elapsed().as_secs_f64(),
        scrapes.into_inner(),
        slowest.as_secs_f64() * 1e3,
        agent.descriptors(),
    );
    let status = agent.proc("status");
    let kept = status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("Threads"));
    println!("{}", kept.collect::<Vec<_>>().join("  "));
}

fn main() {
    unloaded();
    let count = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(1000);
    let setup = Setup::new("");
    setup.install("a.so", &variant("none", "well"));
    let agent = setup.start();
    swaps(&agent, &setup, count);
}
