//! A real Prometheus and a real VictoriaMetrics get what the executable pushes, also when they are away for a while
//! and the agent becomes another image meanwhile.

mod support;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use relink_testkit::{Agent, Answer, Connection, installed, skip, until};
use serde_json::Value;
use support::Folder;

/// How many collections, one a second, come by while the receivers are away.
const AWAY: f64 = 60.0;

/// A receiver that is killed when this is dropped.
struct Receiver {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    log: PathBuf,
    address: SocketAddr,
    child: Option<Child>,
}

impl Receiver {
    fn new(name: &'static str, folder: &Folder, arguments: &[&str]) -> Option<Receiver> {
        let Some(program) = installed(name) else {
            skip("a push to a real receiver", &format!("{name} is not installed"));
            return None;
        };
        // Freed a moment before it is taken: neither tells which port it got for 0.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let fill = |argument: &&str| {
            let data = folder.path(&format!("data-{name}")).display().to_string();
            argument.replace("ADDRESS", &address.to_string()).replace("DATA", &data)
        };
        let arguments = arguments.iter().map(fill).collect();
        let log = folder.path(&format!("{name}.log"));
        let mut receiver = Receiver { name, program, arguments, log, address, child: None };
        receiver.start();
        Some(receiver)
    }

    /// Starts it, on the port and the data that it had before.
    fn start(&mut self) {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::null());
        let log = std::fs::File::options().create(true).append(true).open(&self.log).unwrap();
        self.child = Some(command.stderr(log).spawn().unwrap());
        let path = if self.name == "prometheus" { "/-/ready" } else { "/health" };
        until("the receiver serves", || self.get(path).filter(|answer| answer.status == 200));
    }

    /// Asks it to end, and waits until it has.
    fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        let sent = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        until("the receiver ends", || child.try_wait().unwrap());
    }

    fn get(&self, path: &str) -> Option<Answer> {
        Connection::open(self.address).ok()?.get(path).ok()
    }

    /// What a query finds now.
    fn query(&self, query: &str) -> Vec<Value> {
        let answer = self.get(&format!("/api/v1/query?query={query}")).expect("it serves");
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        answer.json()["data"]["result"].as_array().cloned().unwrap()
    }

    /// The value of the first sample that a query finds.
    fn value(&self, query: &str) -> Option<f64> {
        self.query(query).first()?["value"][1].as_str()?.parse().ok()
    }

    /// The times of all samples that are stored of each of these series, in milliseconds.
    fn times(&self, series: &str) -> Vec<Vec<i64>> {
        let times = |one: &Value| {
            let samples = one["values"].as_array().unwrap().iter();
            samples.map(|sample| (sample[0].as_f64().unwrap() * 1000.0).round() as i64).collect()
        };
        self.query(&format!("{series}[10m]")).iter().map(times).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn waiting(agent: &Agent, receiver: &Receiver) -> f64 {
    let series = format!("relink_push_queue_length{{target=\"{}\"}}", receiver.name);
    agent.sample(&series).unwrap_or_else(|| panic!("{series}"))
}

/// A series of each kind: what a scraper adds, gauges, counters, the agent's own.
const SERIES: [&str; 4] = ["up", "node_load1", "node_cpu_seconds_total", "relink_generation"];

/// Fails unless each of these series has a sample at each second from the first to the last, once.
fn is_whole(receiver: &Receiver) -> usize {
    let mut least = usize::MAX;
    for name in SERIES {
        let found = receiver.times(name);
        assert!(!found.is_empty(), "{}: {name}", receiver.name);
        for times in found {
            for pair in times.windows(2) {
                assert_eq!(pair[1] - pair[0], 1000, "{}: {name}: {times:?}", receiver.name);
            }
            // Counted by the receiver itself, up to the last of these; more have come in meanwhile.
            let until = *times.last().unwrap() as f64 / 1000.0;
            for extreme in ["min", "max"] {
                let counted =
                    receiver.value(&format!("{extreme}(count_over_time({name}[10m]))&time={until}"));
                assert_eq!(counted, Some(times.len() as f64), "{}: {extreme} of {name}", receiver.name);
            }
            least = least.min(times.len());
        }
    }
    least
}

#[test]
fn prometheus_and_victoria_metrics_miss_nothing_and_get_nothing_twice() {
    let folder = Folder::new("");
    folder.write("prometheus.yml", "global: {}\n");
    let config = format!("--config.file={}", folder.path("prometheus.yml").display());
    let receivers = [
        Receiver::new(
            "prometheus",
            &folder,
            &[
                &config,
                "--web.enable-remote-write-receiver",
                "--storage.tsdb.path=DATA",
                "--web.listen-address=ADDRESS",
            ],
        ),
        // Without the last, it shows nothing that is younger than 30 seconds.
        Receiver::new(
            "victoria-metrics",
            &folder,
            &[
                "-storageDataPath=DATA",
                "-httpListenAddr=ADDRESS",
                "-memory.allowedBytes=64MB",
                "-search.latencyOffset=0s",
            ],
        ),
    ];
    let mut receivers: Vec<_> = receivers.into_iter().flatten().collect();
    if receivers.is_empty() {
        return;
    }
    let targets = receivers.iter().map(|receiver| {
        let (name, address) = (receiver.name, receiver.address);
        format!(
            "[[push.target]]\nname = \"{name}\"\nkind = \"remote_write\"\nurl = \"http://{address}/api/v1/write\"\n\
             min_backoff = 0.1\nmax_backoff = 1\n"
        )
    });
    let targets: String = targets.collect();
    folder.write(
        "relink.toml",
        format!("print = \"none\"\n[push]\ninterval = 1\nlabels = {{ instance = \"here\" }}\n{targets}"),
    );
    let mut agent = folder.start(&[]);

    // All that a scrape shows is there, and what a scraper adds.
    for receiver in &receivers {
        until("it has got a collection", || receiver.value("up").filter(|up| *up == 1.0));
        let text = agent.get("/metrics").text();
        let shown = text.lines().filter(|line| !line.starts_with('#')).count() + 3;
        let found = until("all series are there", || {
            let count = receiver.value("count({instance=\"here\",job=\"node\"})");
            count.filter(|count| *count >= shown as f64)
        });
        assert_eq!(found, shown as f64, "{}", receiver.name);
        for name in ["node_memory_MemTotal_bytes", "node_boot_time_seconds"] {
            assert_eq!(receiver.value(name), agent.sample(name), "{}: {name}", receiver.name);
        }
    }

    // They are away, and three images follow each other meanwhile.
    receivers.iter_mut().for_each(Receiver::stop);
    for round in 1..=3_u32 {
        for receiver in &receivers {
            until("requests wait", || (waiting(&agent, receiver) >= 5.0 * f64::from(round)).then_some(()));
        }
        let answer = agent.put("/plugins/reload?force=true");
        assert_eq!(answer.json()["outcome"], "committed", "{}", answer.text());
        println!("pause {} ms", answer.json()["pause_ms"]);
    }
    for receiver in &receivers {
        until("they are away for a while", || (waiting(&agent, receiver) >= AWAY).then_some(()));
    }
    receivers.iter_mut().for_each(Receiver::start);
    for receiver in &receivers {
        until("all is delivered", || (waiting(&agent, receiver) == 0.0).then_some(()));
        let samples = until("all is stored", || {
            Some(is_whole(receiver)).filter(|&samples| samples as f64 > AWAY + 3.0)
        });
        println!("{}: {samples} samples a series, a second apart", receiver.name);
        let dropped = ["queue_full", "refused"].map(|reason| {
            let labels = format!("target=\"{}\",reason=\"{reason}\"", receiver.name);
            agent.sample(&format!("relink_push_samples_dropped_total{{{labels}}}"))
        });
        assert_eq!(dropped, [Some(0.0); 2], "{}", receiver.name);
    }

    // A plugin that is removed is gone at once, and not after the five minutes of a series without an end.
    assert_eq!(agent.put("/plugins/reload?plugins=cpu").json()["outcome"], "committed");
    for receiver in &receivers {
        until("the series have ended", || receiver.query("node_load1").is_empty().then_some(()));
        assert!(!receiver.query("node_cpu_seconds_total").is_empty(), "{}", receiver.name);
    }
    agent.signal("TERM");
    assert_eq!(agent.wait().code(), Some(0));
    for receiver in &receivers {
        until("all series have ended", || receiver.query("{instance=\"here\"}").is_empty().then_some(()));
    }
}
