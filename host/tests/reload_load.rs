//! Re-exec under load: whatever clients are doing, none of them notices. Nobody here ever retries.

#[path = "support/reload.rs"]
mod support;

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use relink_testkit::{Agent, Connection, absent, until};
use support::{Lasting, Setup, journal_of, own_memory, reload};

/// How many re-execs there are under load, and before that to warm up.
const RELOADS: usize = 50;
const WARM_UP: usize = 10;
const ATTEMPTS: usize = 4;
/// What a client may wait at most.
const LONGEST: Duration = Duration::from_millis(50);
/// How many plain starts of the same executable, one after the other, may take as long as half of the pauses: a pause is a
/// start under load. What is held is the agent against the machine on which it runs, not against another machine.
const STARTS: u32 = 12;
/// How many of the longest pauses a request may wait: it may come before one, and its answer be read after it.
const PAUSES: u32 = 3;
/// How long the slow plugin takes, and a client between the halves of what it sends.
const SLOW: Duration = Duration::from_millis(100);
const HALF_TIME: Duration = Duration::from_millis(10);

/// What the clients report.
#[derive(Default)]
struct Log {
    requests: usize,
    failures: Vec<String>,
    times: Vec<(Duration, &'static str)>,
    streams: usize,
    /// The pauses in milliseconds, as the journals tell them.
    pauses: Vec<f64>,
}

/// One client: whom it asks, when its next request is due, and where it reports.
struct Client<'t> {
    kind: &'static str,
    agent: &'t Agent,
    ticks: Receiver<()>,
    log: &'t Mutex<Log>,
}

impl Client<'_> {
    /// Waits for the next tick; false at the end of the test.
    fn paced(&self, pace: Duration) -> bool {
        self.ticks.recv_timeout(pace) == Err(RecvTimeoutError::Timeout)
    }

    fn connect(&self) -> io::Result<Connection> {
        Connection::open(self.agent.address)
    }

    /// Makes requests until the end, each on the connection that `connection` gives.
    fn requests(&self, pace: Duration, mut request: impl FnMut() -> io::Result<Duration>) {
        while self.paced(pace) {
            let outcome = request();
            let mut log = self.log.lock().unwrap();
            log.requests += 1;
            match outcome {
                Ok(took) => log.times.push((took, self.kind)),
                Err(error) => return log.failures.push(format!("{}: {error}", self.kind)),
            }
        }
    }

    fn keep_alive(&self) -> io::Result<()> {
        let mut connection = self.connect()?;
        self.requests(Duration::from_millis(40), || scrape(&mut connection));
        Ok(())
    }

    fn fresh(&self) -> io::Result<()> {
        self.requests(Duration::from_millis(40), || {
            let began = Instant::now();
            scrape(&mut self.connect()?)?;
            Ok(began.elapsed())
        });
        Ok(())
    }

    fn split_head(&self) -> io::Result<()> {
        let mut connection = self.connect()?;
        let request = connection.rendered("GET", QUICK, &[], &[]);
        self.requests(Duration::from_millis(20), || {
            connection.send(&request[..20])?;
            self.paced(HALF_TIME);
            let began = Instant::now();
            connection.send(&request[20..])?;
            expect(connection.read(false)?, 200, began)
        });
        Ok(())
    }

    fn slow(&self) -> io::Result<()> {
        let mut connection = self.connect()?;
        self.requests(SLOW, || {
            let began = Instant::now();
            expect(connection.request("GET", "/metrics?collect[]=slow", &[], &[])?, 200, began)
        });
        Ok(())
    }

    fn body(&self, method: &'static str) -> io::Result<()> {
        let mut connection = self.connect()?;
        let request = connection.rendered(method, "/nothing/here", &[], &[b'x'; 1000]);
        let middle = request.len() - 500;
        self.requests(Duration::from_millis(40), || {
            connection.send(&request[..middle])?;
            self.paced(HALF_TIME);
            let began = Instant::now();
            connection.send(&request[middle..])?;
            expect(connection.read(false)?, 404, began)
        });
        Ok(())
    }

    /// Listens, and comes back when a stream has come to its proper end.
    fn events(&self, at_end: &AtomicBool) -> io::Result<()> {
        let mut connection = self.connect()?;
        while !at_end.load(Ordering::Relaxed) {
            connection.send(&connection.rendered("GET", "/events", &[], &[]))?;
            let status = connection.line()?;
            assert_eq!(status, "HTTP/1.1 200 OK");
            while !connection.line()?.is_empty() {}
            while connection.chunk()?.is_some() {}
            self.log.lock().unwrap().streams += 1;
        }
        Ok(())
    }
}

const QUICK: &str = "/metrics?collect[]=counter";

fn scrape(connection: &mut Connection) -> io::Result<Duration> {
    let began = Instant::now();
    expect(connection.get(QUICK)?, 200, began)
}

fn expect(answer: relink_testkit::Answer, status: u16, began: Instant) -> io::Result<Duration> {
    let took = began.elapsed();
    let closes = answer.header("connection") == Some("close");
    if answer.status != status || closes || answer.body.is_empty() {
        return Err(io::Error::other(format!("{} {}", answer.status, answer.text())));
    }
    Ok(took)
}

/// Reloads the agent while all these clients are at it. `generation` is the one that serves at the beginning.
fn reload_under_load(agent: &Agent, mut generation: usize) -> (Log, usize) {
    let log = Mutex::new(Log::default());
    let at_end = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (mut ends, mut clients) = (Vec::<Sender<()>>::new(), Vec::new());
        let mut spawn =
            |count: usize, kind: &'static str, run: fn(&Client<'_>, &AtomicBool) -> io::Result<()>| {
                for _ in 0..count {
                    let (end, ticks) = channel();
                    ends.push(end);
                    let client = Client { kind, agent, ticks, log: &log };
                    let at_end = &at_end;
                    clients.push(scope.spawn(move || {
                        if let Err(error) = run(&client, at_end) {
                            client.log.lock().unwrap().failures.push(format!("{kind}: {error}"));
                        }
                    }));
                }
            };
        spawn(16, "keep-alive", |client, _| client.keep_alive());
        spawn(8, "fresh", |client, _| client.fresh());
        spawn(4, "split head", |client, _| client.split_head());
        spawn(2, "slow", |client, _| client.slow());
        spawn(1, "PUT", |client, _| client.body("PUT"));
        spawn(1, "POST", |client, _| client.body("POST"));
        spawn(2, "events", |client, at_end| client.events(at_end));

        let mut asker = agent.connect();
        for _ in 0..RELOADS {
            let answer = asker.request("PUT", "/plugins/reload?force=true", &[], &[]).unwrap();
            let journal = journal_of(&answer);
            generation += 1;
            assert_eq!(
                (&journal["outcome"], &journal["generation"]),
                (&"committed".into(), &generation.into())
            );
            log.lock().unwrap().pauses.push(journal["pause_ms"].as_f64().unwrap());
        }
        at_end.store(true, Ordering::Relaxed);
        drop(ends);
        // The listeners' streams end with a reload; one that came back just before it sees the next.
        until("the listeners end", || {
            reload(agent, "?force=true");
            generation += 1;
            clients.iter().all(|client| client.is_finished()).then_some(())
        });
    });
    (log.into_inner().unwrap(), generation)
}

impl Log {
    /// The median, the 99th percentile and the longest of these clients' requests.
    fn times(&self, kinds: &[&str]) -> [Duration; 3] {
        let mut all: Vec<_> =
            self.times.iter().filter(|(_, kind)| kinds.contains(kind)).map(|(took, _)| *took).collect();
        all.sort();
        [all[all.len() / 2], all[all.len() * 99 / 100], all[all.len() - 1]]
    }

    fn print(&mut self) {
        println!("{} requests, {} streams", self.requests, self.streams);
        for kind in ["keep-alive", "fresh", "split head", "PUT", "POST", "slow"] {
            println!("{kind}: p50, p99, max {:?}", self.times(&[kind]));
        }
        self.pauses.sort_by(f64::total_cmp);
        println!("pause: p50 {} ms, max {} ms", self.pauses[RELOADS / 2], self.pauses[RELOADS - 1]);
    }
}

/// How much CPU time has been used, in ticks.
struct Cpu {
    /// By this test and the agent, its children included.
    ours: f64,
    busy: f64,
    total: f64,
}

impl Cpu {
    fn now(agent: &Agent) -> Cpu {
        let of = |stat: String| -> f64 {
            let fields = stat.rsplit(')').next().unwrap().split_whitespace();
            // Fields 14 to 17: user and system time of the process, and of its children that have ended.
            fields.skip(11).take(4).map(|ticks| ticks.parse::<f64>().unwrap()).sum()
        };
        let ours = of(std::fs::read_to_string("/proc/self/stat").unwrap()) + of(agent.proc("stat"));
        let all = std::fs::read_to_string("/proc/stat").unwrap();
        let all = all.lines().next().unwrap().split_whitespace().skip(1).take(8);
        let all: Vec<f64> = all.map(|ticks| ticks.parse().unwrap()).collect();
        let total: f64 = all.iter().sum();
        // The fourth is idle, the fifth waits for a disk.
        Cpu { ours, busy: total - all[3] - all[4], total }
    }

    fn share_of_others_since(&self, began: &Cpu) -> f64 {
        let others = (self.busy - began.busy) - (self.ours - began.ours);
        others / (self.total - began.total)
    }
}

/// How long the executable takes to start and to end, the middle one of several.
fn plain_start() -> Duration {
    let mut times: Vec<_> = (0..11)
        .map(|_| {
            let began = Instant::now();
            let ended = std::process::Command::new(support::CANDIDATE).arg("config").output().unwrap();
            assert!(ended.status.success());
            began.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

#[test]
fn fifty_reloads_under_load_lose_nothing() {
    let start = plain_start();
    println!("a plain start: {start:?}");
    let setup = Setup::new("");
    let agent = setup.start();
    for _ in 0..WARM_UP {
        assert_eq!(reload(&agent, "?force=true")["outcome"], "committed");
    }
    let before = Lasting::of(&agent);
    let environment = agent.proc("environ").len();
    let memory = own_memory(&agent);
    let mut generation = WARM_UP + 1;
    // Nothing may ever be lost. How long a client waits is also up to a machine that has others to serve: that has to
    // be right once, and counts only while nobody else was at work.
    let mut quiet = false;
    let in_time = (0..ATTEMPTS).any(|_| {
        let began = Cpu::now(&agent);
        let (mut log, now) = reload_under_load(&agent, generation);
        generation = now;
        log.print();
        assert_eq!(log.failures, Vec::<String>::new());
        assert!(log.requests > 1000, "{}", log.requests);
        assert!(log.streams >= RELOADS, "the listeners came back: {}", log.streams);
        let [.., others] = log.times(&["keep-alive", "fresh", "split head", "PUT", "POST"]);
        let [.., slow] = log.times(&["slow"]);
        let share = Cpu::now(&agent).share_of_others_since(&began);
        println!("others: {:.0} % of the CPU", share * 100.0);
        quiet |= share < 0.1;
        let pause = |place: usize| Duration::from_secs_f64(log.pauses[place] / 1000.0);
        let longest = LONGEST.max(PAUSES * pause(RELOADS - 1));
        others < longest && slow < 2 * SLOW + longest && pause(RELOADS / 2) < STARTS * start
    });
    if !in_time && !quiet {
        absent(
            "the longest request during a reload",
            "a quiet machine: this one was busy with something else",
        );
    }
    assert!(in_time || !quiet, "a request, or half of the pauses, took too long for this machine");
    println!("own memory: {memory} KiB before, {} KiB after", own_memory(&agent));
    before.holds(&agent);
    assert_eq!(agent.proc("environ").len(), environment);
    // Half of it is 1 MiB. The history of these seconds and the tale of each reload are 150 to 300 KiB for fifty.
    until("memory is what it was", || (own_memory(&agent) < memory + memory / 2).then_some(()));
    assert_eq!(agent.sample("relink_history_lost_total"), Some(0.0));
}
