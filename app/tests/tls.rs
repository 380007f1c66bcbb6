//! TLS and passwords by a web configuration file: who gets in, with curl and a real Prometheus.

mod support;
#[path = "support/tls.rs"]
mod tls_support;

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use relink_testkit::{Authority, Connection, installed, skip, until};
use support::Folder;
use tls_support::{CERTIFICATE, HASH, Site};

fn has_curl() -> bool {
    let found = installed("curl").is_some();
    if !found {
        skip("curl over TLS", "curl is not installed");
    }
    found
}

#[test]
fn curl_gets_in_with_the_right_password_only() {
    if !has_curl() {
        return;
    }
    let site = Site::with_users();
    let agent = site.start();
    let (status, body) = site.curl(&agent, &["--user", "alice:wonderland"]).unwrap();
    assert_eq!(status, 200);
    assert!(body.contains("node_load1 "), "{body:.300}");
    for wrong in [&["--user", "alice:x"][..], &["--user", "bob:wonderland"], &[], &["--user", "alice:"]] {
        let (status, body) = site.curl(&agent, wrong).unwrap();
        assert_eq!(status, 401, "{wrong:?}");
        assert!(!body.contains("node_load1"), "{body:.300}");
    }
    for path in ["/", "/plugins", "/events", "/reloads", "/-/healthy", "/-/ready", "/nothing"] {
        let answer = site.get(&agent, path);
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.header("www-authenticate").is_some_and(|value| value.starts_with("Basic ")));
    }
    // Without the authority curl does not trust it.
    let output = Command::new("curl")
        .args(["--silent", "--user", "alice:wonderland", &format!("https://{}/metrics", agent.address)])
        .output()
        .unwrap();
    assert!(!output.status.success());
}

#[test]
fn a_client_certificate_gets_in_and_counts_as_a_guard() {
    let yaml =
        format!("{CERTIFICATE}  client_ca_file: ca.crt\n  client_auth_type: RequireAndVerifyClientCert\n");
    let site = Site::new(&yaml);
    let agent = site.start();
    site.authority.identity(&["prometheus"]).write(site.root(), "client");
    Authority::new().identity(&["prometheus"]).write(site.root(), "stranger");
    if has_curl() {
        let with = |name: &str| {
            let files =
                ["--cert", &format!("{name}.crt"), "--key", &format!("{name}.key")].map(str::to_owned);
            site.curl(&agent, &files.each_ref().map(String::as_str))
        };
        assert_eq!(with("client").unwrap().0, 200);
        assert_eq!(with("stranger"), None);
        assert_eq!(site.curl(&agent, &[]), None);
    }
    // Other machines may be let in by a configuration like this without a further word; by a lesser one they are not.
    let check = |yaml: &str| {
        site.write(yaml);
        site.folder.run(&["check", "--listen", "0.0.0.0:0"])
    };
    let ended = check(&yaml);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let ended = check(&format!("{CERTIFICATE}basic_auth_users:\n  alice: {HASH}\n"));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for lesser in [CERTIFICATE, &format!("basic_auth_users:\n  alice: {HASH}\n")] {
        let ended = check(lesser);
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains("--web.config.file"), "{}", ended.stderr);
    }
}

#[test]
fn a_wrong_file_is_refused_and_says_why() {
    for (yaml, part) in [
        ("tls_sever_config: {}", "tls_sever_config"),
        ("tls_server_config: {cert_file: no.crt, key_file: server.key}", "no.crt"),
        ("basic_auth_users: {alice: wonderland}", "htpasswd"),
    ] {
        let ended = Site::new(yaml).folder.run(&["check"]);
        assert_eq!(ended.code, Some(2), "{yaml}");
        assert!(ended.stderr.contains(part) && ended.stderr.contains("web.yml"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("wonderland"), "{}", ended.stderr);
    }
    let ended = Folder::new("").run(&["check", "--web.config.file", "nowhere.yml"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("nowhere.yml"), "{}", ended.stderr);
}

#[test]
fn a_limit_of_the_rate_is_kept() {
    let folder = Folder::new("print = \"none\"\nweb_config = \"web.yml\"\n");
    folder.write("web.yml", "rate_limit: {interval: 1h, burst: 3}\n");
    let agent = folder.start(&[]);
    let statuses: Vec<_> = (0..5).map(|_| agent.get("/-/healthy").status).collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
}

#[test]
fn neither_nonsense_nor_half_a_handshake_keeps_others_out() {
    let site = Site::new(CERTIFICATE);
    let agent = site.start();
    let mut plain = Connection::open(agent.address).unwrap();
    let answer = plain.get("/metrics").unwrap();
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("HTTPS"), "{}", answer.text());
    let mut garbage = TcpStream::connect(agent.address).unwrap();
    garbage.write_all(&[0x80; 500]).unwrap();
    garbage.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // The end, or a reset: not a wait.
    if let Err(error) = garbage.read_to_end(&mut Vec::new()) {
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
    let halves: Vec<_> = (0..300)
        .map(|_| {
            let mut half = TcpStream::connect(agent.address).unwrap();
            // The head of a record of 512 bytes, and the start of a greeting.
            half.write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc]).unwrap();
            half
        })
        .collect();
    for _ in 0..5 {
        assert_eq!(site.get(&agent, "/-/healthy").status, 200);
    }
    drop(halves);
}

/// A Prometheus that is killed when this is dropped.
struct Prometheus(Child);

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn prometheus_scrapes_it_with_the_right_password() {
    let Some(program) = installed("prometheus") else {
        return skip("a scrape by Prometheus over TLS", "prometheus is not installed");
    };
    let site = Site::with_users();
    let agent = site.start();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let job = |name: &str, password: &str| {
        format!(
            "- job_name: {name}\n  scheme: https\n  tls_config: {{ca_file: ca.crt}}\n  \
             basic_auth: {{username: alice, password: {password}}}\n  \
             static_configs: [{{targets: [\"{}\"]}}]\n",
            agent.address
        )
    };
    site.folder.write(
        "prometheus.yml",
        format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n{}{}",
            job("right", "wonderland"),
            job("wrong", "x")
        ),
    );
    let child = Command::new(program)
        .arg(format!("--config.file={}", site.folder.path("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", site.folder.path("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(site.folder.path("prometheus.log")).unwrap())
        .spawn()
        .unwrap();
    let _prometheus = Prometheus(child);
    let up = |job: &str| -> Option<String> {
        let query = format!("/api/v1/query?query=up%7Bjob%3D%22{job}%22%7D");
        let answer = Connection::open(address).ok()?.get(&query).ok()?;
        (answer.status == 200)
            .then(|| answer.json()["data"]["result"][0]["value"][1].clone())?
            .as_str()
            .map(str::to_owned)
    };
    let log = || std::fs::read_to_string(site.folder.path("prometheus.log")).unwrap_or_default();
    let right = until("Prometheus has scraped", || up("right").filter(|up| up == "1"));
    assert_eq!(right, "1", "{}", log());
    assert_eq!(until("and the other one has tried", || up("wrong")), "0", "{}", log());
}
