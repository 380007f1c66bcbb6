//! What changes while an agent serves over TLS: certificates, passwords, and the agent itself.

mod support;
#[path = "support/tls.rs"]
mod tls_support;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use relink_testkit::{Answer, Connection, until};
use tls_support::{ALICE, CERTIFICATE, HASH, Site};

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
    let mut pauses = Vec::new();
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
            pauses.push(journal["pause_ms"].as_f64().unwrap());
        }
        drop(ended);
        for client in clients {
            client.join().unwrap();
        }
    });
    let requests = requests.into_inner();
    pauses.sort_by(f64::total_cmp);
    println!("{requests} requests over {RELOADS} reloads; pauses in ms: {pauses:?}");
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
    // What the agent has said reaches this test by a thread of its own.
    until("it says so", || agent.stderr().contains("listening on https://").then_some(()));
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
