//! A real Prometheus scrapes the executable.

mod support;

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use relink_testkit::{Connection, installed, skip, until};
use serde_json::Value;
use support::Folder;

/// A Prometheus that is killed when this is dropped.
struct Prometheus {
    child: Child,
    address: SocketAddr,
}

impl Prometheus {
    /// Starts one that scrapes `target` once a second.
    fn start(program: &std::path::Path, folder: &Folder, target: SocketAddr) -> Prometheus {
        // Freed a moment before it is taken: Prometheus does not tell which port it got for 0.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        folder.write(
            "prometheus.yml",
            format!(
                "global: {{scrape_interval: 1s, scrape_timeout: 900ms}}\n\
                 scrape_configs:\n- job_name: relink\n  static_configs:\n  - targets: [\"{target}\"]\n"
            ),
        );
        let child = Command::new(program)
            .arg(format!("--config.file={}", folder.path("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.path("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path("prometheus.log")).unwrap())
            .spawn()
            .unwrap();
        Prometheus { child, address }
    }

    /// The samples that a query finds; none before it serves, or before the first scrape.
    fn query(&self, query: &str) -> Option<Vec<Value>> {
        let mut connection = Connection::open(self.address).ok()?;
        let answer = connection.get(&format!("/api/v1/query?query={query}")).ok()?;
        (answer.status == 200).then(|| answer.json()["data"]["result"].as_array().cloned()).flatten()
    }

    /// The value of the one sample that a query finds.
    fn value(&self, query: &str) -> Option<f64> {
        self.query(query)?.first()?["value"][1].as_str()?.parse().ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn prometheus_scrapes_it() {
    let Some(program) = installed("prometheus") else {
        return skip("a scrape by Prometheus", "prometheus is not installed");
    };
    let folder = Folder::new("print = \"none\"\n");
    let agent = folder.start(&[]);
    let prometheus = Prometheus::start(&program, &folder, agent.address);
    let log = || std::fs::read_to_string(folder.path("prometheus.log")).unwrap_or_default();
    let up = until("Prometheus has scraped", || prometheus.value("up"));
    assert_eq!(up, 1.0, "{}", log());

    // All that a scrape shows has been stored, under the names that dashboards ask for.
    let text = agent.get("/metrics").text();
    let lines = text.lines().filter(|line| !line.starts_with('#')).count();
    let stored = until("the scrape is counted", || prometheus.value("scrape_samples_scraped"));
    assert_eq!(stored, lines as f64, "{}", log());
    for family in [
        "node_cpu_seconds_total",
        "node_disk_io_time_seconds_total",
        "node_filesystem_size_bytes",
        "node_scrape_collector_success",
        "relink_build_info",
    ] {
        let count = text.lines().filter(|line| line.starts_with(&format!("{family}{{"))).count();
        let found = prometheus.query(family).unwrap_or_default().len();
        assert_eq!(found, count, "{family}: {}", log());
    }
    // It read the kinds as well, which only the comment lines tell.
    let mut connection = Connection::open(prometheus.address).unwrap();
    let kinds = connection.get("/api/v1/metadata?metric=node_cpu_seconds_total").unwrap().json();
    let open_metrics = connection.get("/api/v1/metadata?metric=node_cpu_seconds").unwrap().json();
    let kind = |answer: &Value, name: &str| answer["data"][name][0]["type"].as_str().map(str::to_owned);
    let found = kind(&kinds, "node_cpu_seconds_total").or(kind(&open_metrics, "node_cpu_seconds"));
    assert_eq!(found.as_deref(), Some("counter"), "{kinds} {open_metrics}");
}
