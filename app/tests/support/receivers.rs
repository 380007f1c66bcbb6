//! A real Prometheus and a real VictoriaMetrics that take pushes.

#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use relink_testkit::{Answer, Connection, installed, skip, until};
use serde_json::Value;

use crate::support::Folder;

/// A receiver that is killed when this is dropped.
pub struct Receiver {
    pub name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    log: PathBuf,
    pub address: SocketAddr,
    child: Option<Child>,
}

impl Receiver {
    pub fn new(name: &'static str, folder: &Folder, arguments: &[&str]) -> Option<Receiver> {
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
    pub fn start(&mut self) {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::null());
        let log = std::fs::File::options().create(true).append(true).open(&self.log).unwrap();
        self.child = Some(command.stderr(log).spawn().unwrap());
        let path = if self.name == "prometheus" { "/-/ready" } else { "/health" };
        until("the receiver serves", || self.get(path).filter(|answer| answer.status == 200));
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        let sent = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        until("the receiver ends", || child.try_wait().unwrap());
    }

    fn get(&self, path: &str) -> Option<Answer> {
        Connection::open(self.address).ok()?.get(path).ok()
    }

    /// What a query finds now.
    pub fn query(&self, query: &str) -> Vec<Value> {
        let answer = self.get(&format!("/api/v1/query?query={query}")).expect("it serves");
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        answer.json()["data"]["result"].as_array().cloned().unwrap()
    }

    /// The value of the first sample that a query finds.
    pub fn value(&self, query: &str) -> Option<f64> {
        self.query(query).first()?["value"][1].as_str()?.parse().ok()
    }

    /// Sends it a signal by its name: one that is stopped by `STOP` accepts connections, and answers nothing.
    pub fn signal(&self, name: &str) {
        let id = self.child.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success(), "{name}");
    }

    /// The times of all samples that are stored of each of these series, so far back, in milliseconds.
    pub fn times(&self, series: &str, back: &str) -> Vec<Vec<i64>> {
        let times = |one: &Value| {
            let samples = one["values"].as_array().unwrap().iter();
            samples.map(|sample| (sample[0].as_f64().unwrap() * 1000.0).round() as i64).collect()
        };
        self.query(&format!("{series}[{back}]")).iter().map(times).collect()
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

/// Those of the two that are installed. Prometheus takes what is an hour behind. With `more` arguments VictoriaMetrics can
/// take the second of two samples that are the same for the first; without them it counts both.
pub fn all(folder: &Folder, more: &[&str]) -> Vec<Receiver> {
    folder.write("prometheus.yml", "global: {}\nstorage:\n  tsdb:\n    out_of_order_time_window: 1h\n");
    let config = format!("--config.file={}", folder.path("prometheus.yml").display());
    let receivers = [
        Receiver::new(
            "prometheus",
            folder,
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
            folder,
            &[
                &[
                    "-storageDataPath=DATA",
                    "-httpListenAddr=ADDRESS",
                    "-memory.allowedBytes=64MB",
                    "-search.latencyOffset=0s",
                ],
                more,
            ]
            .concat(),
        ),
    ];
    receivers.into_iter().flatten().collect()
}

/// The tables of the targets, for the configuration, with these further settings of each.
pub fn targets(receivers: &[Receiver], more: &str) -> String {
    let target = |receiver: &Receiver| {
        let Receiver { name, address, .. } = receiver;
        format!(
            "[[push.target]]\nname = \"{name}\"\nkind = \"remote_write\"\nurl = \"http://{address}/api/v1/write\"\n\
             min_backoff = 0.1\nmax_backoff = 1\n{more}"
        )
    };
    receivers.iter().map(target).collect()
}
