//! TLS and passwords by a web configuration file, with the executable, curl and a real Prometheus.

mod support;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use relink_testkit::{Agent, Answer, Authority, Connection, Identity, installed, skip, until};
use support::Folder;

/// Of "wonderland", cost 10, by another implementation.
const HASH: &str = "$2y$10$abcdefghijklmnopqrstuuwmjOOgyx/jknFqeF8sHrF2cGgSECl/q";
const CERTIFICATE: &str = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";
const ALICE: (&str, &str) = ("Authorization", "Basic YWxpY2U6d29uZGVybGFuZA==");

/// An agent under TLS, in a folder with its certificates.
struct Site {
    folder: Folder,
    authority: Authority,
}

impl Site {
    fn new(yaml: &str) -> Site {
        let toml = "print = \"none\"\nweb_config = \"web.yml\"\n[plugins]\nenabled = [\"load\", \"stat\"]\n";
        let site = Site { folder: Folder::new(toml), authority: Authority::new() };
        site.renew();
        site.folder.write("ca.crt", site.authority.cert());
        site.write(yaml);
        site
    }

    fn with_users() -> Site {
        Site::new(&format!("{CERTIFICATE}basic_auth_users:\n  alice: {HASH}\n"))
    }

    fn root(&self) -> &Path {
        self.folder.root()
    }

    fn write(&self, yaml: &str) {
        self.folder.write("half-written.yml", yaml);
        std::fs::rename(self.folder.path("half-written.yml"), self.folder.path("web.yml")).unwrap();
    }

    /// Another certificate in place of the one before.
    fn renew(&self) -> Identity {
        let identity = self.authority.identity(&["127.0.0.1", "localhost"]);
        identity.write(self.root(), "server");
        identity
    }

    fn start(&self) -> Agent {
        let agent = self.folder.start(&[]);
        assert!(agent.stderr().contains("listening on https://127.0.0.1:"), "{}", agent.stderr());
        agent
    }

    fn connect(&self, agent: &Agent) -> Connection {
        Connection::open_tls(agent.address, self.authority.client(None)).unwrap()
    }

    fn get(&self, agent: &Agent, path: &str) -> Answer {
        self.connect(agent).get(path).unwrap()
    }

    fn sample(&self, agent: &Agent, series: &str) -> Option<f64> {
        let text = self.get(agent, "/metrics").text();
        text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?.parse().ok()
    }

    /// What curl says is the status and the body; nothing when it does not come to an answer.
    fn curl(&self, agent: &Agent, arguments: &[&str]) -> Option<(u16, String)> {
        let url = format!("https://{}/metrics", agent.address);
        let output = Command::new("curl")
            .args([
                "--silent",
                "--show-error",
                "--max-time",
                "30",
                "--write-out",
                "\n%{http_code}",
                "--cacert",
            ])
            .arg(self.folder.path("ca.crt"))
            .args(arguments)
            .arg(&url)
            .current_dir(self.root())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let (body, status) = said.rsplit_once('\n').unwrap();
        output.status.success().then(|| (status.parse().unwrap(), body.to_owned()))
    }
}

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
fn a_renewed_certificate_is_shown_and_a_broken_one_is_not() {
    let site = Site::new(CERTIFICATE);
    let first = site.renew();
    let agent = site.start();
    let mut old = site.connect(&agent);
    assert_eq!(old.serial(), Some(first.serial));
    let second = site.renew();
    assert_eq!(site.connect(&agent).serial(), Some(second.serial));
    assert_eq!(old.get("/-/healthy").unwrap().status, 200, "the connection of before goes on");
    assert_eq!(site.sample(&agent, "relink_web_config_last_reload_successful"), Some(1.0));
    let expires = site.sample(&agent, "relink_tls_certificate_not_after_timestamp_seconds").unwrap();
    assert!(expires > 1.8e9, "{expires}");

    site.folder.write("server.crt", "nonsense");
    for _ in 0..3 {
        assert_eq!(site.connect(&agent).serial(), Some(second.serial));
    }
    assert_eq!(site.sample(&agent, "relink_web_config_last_reload_successful"), Some(0.0));
    let warnings = agent.stderr().matches("what was stays in force").count();
    assert_eq!(warnings, 1, "{}", agent.stderr());
    // It serves on also through a restart in place, which reads what is there: so that is refused.
    let mut asker = site.connect(&agent);
    let answer = asker.request("PUT", "/plugins/reload?force=true", &[], &[]).unwrap();
    assert_eq!((answer.status, &answer.json()["outcome"]), (422, &"refused".into()), "{}", answer.text());
    assert_eq!(asker.get("/-/ready").unwrap().status, 200, "and the connection is kept");

    let third = site.renew();
    assert_eq!(site.connect(&agent).serial(), Some(third.serial));
    assert_eq!(site.sample(&agent, "relink_web_config_last_reload_successful"), Some(1.0));
}

#[test]
fn a_changed_password_is_in_force() {
    let site = Site::with_users();
    let agent = site.start();
    let mut connection = site.connect(&agent);
    let mut status = || connection.request("GET", "/-/ready", &[ALICE], &[]).unwrap().status;
    assert_eq!(status(), 200);
    site.write(&format!("{CERTIFICATE}basic_auth_users:\n  bob: {HASH}\n"));
    assert_eq!(status(), 401);
    site.write(CERTIFICATE);
    assert_eq!(status(), 200);
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

/// Asks like a client that keeps its connections, and repeats a GET when one of them turns out to be closed: what
/// Go's and curl's do. On a fresh connection nothing is repeated.
struct Retrying {
    address: SocketAddr,
    client: Arc<rustls::ClientConfig>,
    kept: Option<Connection>,
}

impl Retrying {
    fn get(&mut self) -> io::Result<Answer> {
        if let Some(mut kept) = self.kept.take()
            && let Ok(answer) = kept.get("/metrics?collect[]=load")
        {
            return Ok(self.keep(kept, answer));
        }
        let mut fresh = Connection::open_tls(self.address, Arc::clone(&self.client))?;
        let answer = fresh.get("/metrics?collect[]=load")?;
        Ok(self.keep(fresh, answer))
    }

    fn keep(&mut self, connection: Connection, answer: Answer) -> Answer {
        if answer.header("connection") != Some("close") {
            self.kept = Some(connection);
        }
        answer
    }
}

/// Tells the clients that it is over.
struct Ended<'e>(&'e AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn reloads_under_tls_leave_no_request_unanswered() {
    const RELOADS: u64 = 20;
    let site = Site::new(CERTIFICATE);
    let agent = site.start();
    let (ends, requests) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|number| {
                let (site, agent, ends, requests) = (&site, &agent, &ends, &requests);
                scope.spawn(move || {
                    let client = site.authority.client(None);
                    let mut client = Retrying { address: agent.address, client, kept: None };
                    while !ends.load(Ordering::Relaxed) {
                        let answer = client.get().unwrap_or_else(|error| panic!("client {number}: {error}"));
                        assert_eq!(answer.status, 200, "{}", answer.text());
                        requests.fetch_add(1, Ordering::Relaxed);
                        if number % 2 == 1 {
                            client.kept = None;
                        }
                    }
                })
            })
            .collect();
        // Also when an assertion fails, or the clients would go on for ever.
        let ended = Ended(&ends);
        for generation in 2..2 + RELOADS {
            let answer = site.connect(&agent).request("PUT", "/plugins/reload?force=true", &[], &[]).unwrap();
            // The outcome is the next image's to tell, on a connection of its own.
            assert_eq!(answer.status, 202, "{}", answer.text());
            assert_eq!(answer.header("connection"), Some("close"));
            let journal = answer.json();
            assert!(journal["outcome"] == "running" && journal["steps"].is_array(), "{journal}");
            let place = answer.header("location").unwrap().to_owned();
            assert_eq!(place, format!("/reloads/{}", journal["id"].as_str().unwrap()));
            let journal = until("the reload has ended", || {
                let journal = site.get(&agent, &place).json();
                (journal["outcome"] != "running").then_some(journal)
            });
            assert_eq!(journal["outcome"], "committed", "{journal}");
            assert_eq!(journal["generation"], generation, "{journal}");
        }
        drop(ended);
        for client in clients {
            client.join().unwrap();
        }
    });
    let requests = requests.into_inner();
    println!("{requests} requests over {RELOADS} reloads");
    assert!(requests > 200, "{requests}");
}

#[test]
fn a_reload_needs_the_own_user_or_the_token_beside_the_password() {
    const TOKEN: &str = "0123456789abcdef0123456789abcdef";
    let site = Site::with_users();
    site.folder.write("token", TOKEN);
    std::fs::set_permissions(site.folder.path("token"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    site.folder.write(
        "relink.toml",
        "print = \"none\"\nweb_config = \"web.yml\"\n[reload]\ntoken_file = \"token\"\n",
    );
    let agent = site.start();
    let put = |headers: &[(&str, &str)]| {
        let answer = site.connect(&agent).request("PUT", "/plugins/reload", headers, &[]).unwrap();
        (answer.status, answer.json()["outcome"].as_str().map(str::to_owned))
    };
    let unchanged = (200, Some("unchanged".to_owned()));
    // This test is the agent's own user.
    assert_eq!(put(&[ALICE]), unchanged);
    assert_eq!(put(&[ALICE, ("Relink-Token", TOKEN)]), unchanged);
    let origin = format!("https://{}", agent.address);
    assert_eq!(put(&[ALICE, ("Origin", &origin)]), unchanged);
    // The token alone does not get in, and a wrong one is not overlooked.
    assert_eq!(put(&[]).0, 401);
    assert_eq!(put(&[("Relink-Token", TOKEN)]).0, 401);
    assert_eq!(put(&[("Authorization", &format!("Bearer {TOKEN}"))]).0, 401);
    assert_eq!(put(&[ALICE, ("Relink-Token", "0123456789abcdef0123456789abcdee")]).0, 401);
    assert_eq!(put(&[ALICE, ("Relink-Token", TOKEN), ("Relink-Token", TOKEN)]).0, 403);
    let origin = format!("http://{}", agent.address);
    assert_eq!(put(&[ALICE, ("Origin", &origin)]).0, 403, "a page without TLS is another site");
}

#[test]
fn tls_goes_on_with_a_reload() {
    let site = Site::new("");
    let agent = site.folder.start(&[]);
    let mut old = agent.connect();
    assert_eq!(old.get("/-/healthy").unwrap().status, 200);
    site.write(CERTIFICATE);
    assert_eq!(agent.get("/-/healthy").status, 200, "not by itself");
    let answer = agent.put("/plugins/reload");
    assert_eq!((answer.status, &answer.json()["outcome"]), (200, &"committed".into()), "{}", answer.text());
    assert_eq!(site.get(&agent, "/-/healthy").status, 200);
    assert!(agent.stderr().contains("listening on https://"), "{}", agent.stderr());
    assert!(old.get("/metrics").map_or(true, |answer| answer.status == 400), "no way past TLS");
    // And off again.
    site.write("");
    let answer = site.connect(&agent).request("PUT", "/plugins/reload", &[], &[]).unwrap();
    assert_eq!(answer.status, 202, "{}", answer.text());
    until("it serves without TLS", || {
        let answer = agent.connect().get("/-/healthy").ok()?;
        (answer.status == 200).then_some(())
    });
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
