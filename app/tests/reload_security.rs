//! Who may have code built and run: every other request is refused, and nothing is built for it.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use relink_testkit::{Agent, Answer, installed, skip, until};
use tempfile::TempDir;

const RELINK: &str = env!("CARGO_BIN_EXE_relink");
const ROUTE: &str = "/plugins/reload";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// Nobody, and another nobody.
const STRANGER: u32 = 65_534;
const OTHER_STRANGER: u32 = 65_533;

/// A folder with a configuration whose builder leaves a mark, a line for each time it was run.
struct Setup {
    folder: TempDir,
}

impl Setup {
    fn new(with_token: bool) -> Setup {
        let setup = Setup { folder: tempfile::tempdir().unwrap() };
        std::fs::set_permissions(setup.folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
        let builder = format!(
            "echo \"$*\" >>'{}'; echo '{{\"reason\":\"finished\",\"success\":true,\"executable\":\"{}\"}}'",
            setup.path("built").display(),
            setup.relink().display()
        );
        let mut toml =
            format!("print = \"none\"\n[reload]\nbuilder = [\"sh\", \"-c\", {builder:?}, \"sh\"]\n");
        if with_token {
            setup.write_token(TOKEN, 0o600);
            toml += &format!("token_file = {:?}\n", setup.path("token"));
        }
        std::fs::write(setup.path("relink.toml"), toml).unwrap();
        setup
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A copy that other users can run.
    fn relink(&self) -> PathBuf {
        let copy = self.path("relink");
        if !copy.exists() {
            std::fs::copy(RELINK, &copy).unwrap();
        }
        copy
    }

    fn write_token(&self, token: &str, mode: u32) {
        std::fs::write(self.path("token"), token).unwrap();
        std::fs::set_permissions(self.path("token"), PermissionsExt::from_mode(mode)).unwrap();
    }

    fn command(&self, listen: &str) -> Command {
        let mut command = Command::new(self.relink());
        // Who was let in is told at this level.
        command
            .args(["run", "--log.level=info", "--listen", listen, "--config"])
            .arg(self.path("relink.toml"));
        command
    }

    fn start(&self) -> Agent {
        Agent::from(self.command("127.0.0.1:0"))
    }

    /// One that the operator has opened to others.
    fn start_opened(&self) -> Agent {
        let mut command = self.command("0.0.0.0:0");
        command.arg("--allow-remote");
        Agent::from(command)
    }

    fn times_built(&self) -> usize {
        std::fs::read_to_string(self.path("built")).map_or(0, |text| text.lines().count())
    }
}

/// Sees that the log has so many lines of requests that were let in and refused, and that the latter are counted.
fn is_audited(agent: &Agent, allowed: usize, refused: usize, what: &str) {
    // What is written to a pipe takes a moment to be read.
    until(&format!("the log of {what}"), || {
        let log = agent.stderr();
        let lines =
            |word: &str| log.lines().filter(|line| line.contains(ROUTE) && line.contains(word)).count();
        assert!(lines("is allowed") <= allowed && lines("is refused") <= refused, "{what}: {log}");
        (lines("is allowed") == allowed && lines("is refused") == refused).then_some(())
    });
    assert_eq!(agent.sample("relink_requests_refused_total"), Some(refused as f64), "{what}");
}

/// Makes a request that must be refused with `status`, and sees that nothing has come of it.
fn is_refused(agent: &Agent, setup: &Setup, status: u16, what: &str, request: impl FnOnce() -> Answer) {
    let before = agent.sample("relink_requests_refused_total").unwrap() as usize;
    let answer = request();
    assert_eq!(answer.status, status, "{what}: {}", answer.text());
    let json = answer.json();
    assert!(json["error"].is_string() && json["hint"].is_string(), "{what}: {json}");
    assert_eq!(setup.times_built(), 0, "{what}");
    assert_eq!(agent.get("/reloads").json()["reloads"], serde_json::json!([]), "{what}");
    // Those that name no such route, or not this host, do not get as far as the door.
    is_audited(agent, 0, before + usize::from([401, 403].contains(&status)), what);
}

#[test]
fn what_a_web_page_could_send_is_refused() {
    let setup = Setup::new(false);
    refuses_what_a_web_page_could_send(&setup, &setup.start());
}

/// Also where readers may use any name: whatever changes something keeps all its doors.
#[test]
fn what_a_web_page_could_send_is_refused_by_an_opened_listener() {
    let setup = Setup::new(false);
    let agent = setup.start_opened();
    refuses_what_a_web_page_could_send(&setup, &agent);
    for host in ["evil.example", "web-1.internal", "localhost.evil.example:9100"] {
        assert_eq!(agent.get_with("/metrics", &[("Host", host)]).status, 200, "{host}");
        for path in ["/plugins/reload?_method=put", "/plugins/reload?_method=PUT&force=true"] {
            let answer = agent.get_with(path, &[("Host", host), ("Content-Type", FORM)]);
            assert_eq!(answer.status, 405, "GET {path} by {host}: {}", answer.text());
        }
        for (method, headers, body) in [
            ("PUT", &[("Content-Type", "application/json")][..], &b"{}"[..]),
            ("PUT", &[("Authorization", "Bearer 0123456789abcdef0123456789abcdef")], b""),
            ("POST", &[("Content-Type", FORM)], b"_method=put"),
            ("OPTIONS", &[("Access-Control-Request-Method", "PUT")], b""),
        ] {
            let headers = [&[("Host", host)], headers].concat();
            let what = format!("{method} {headers:?}");
            is_refused(&agent, &setup, 421, &what, || agent.request(method, ROUTE, &headers, body));
        }
    }
    assert_eq!(setup.times_built(), 0);
    // The operator on this machine is known here, too.
    let answer = agent.request("PUT", ROUTE, &[("Host", "localhost:9100")], b"");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

const FORM: &str = "application/x-www-form-urlencoded";

fn refuses_what_a_web_page_could_send(setup: &Setup, agent: &Agent) {
    let own = format!("http://{}", agent.address);
    let form: &[(&str, &str)] = &[("Content-Type", FORM)];
    type Row<'t> = (u16, &'t str, &'t [(&'t str, &'t str)], &'t [u8]);
    let rows: &[Row<'_>] = &[
        // Methods. Rocket takes a form's `_method` for the method.
        (405, "POST", &[], b""),
        (405, "POST", &[("Content-Type", "application/json")], b"{}"),
        (405, "POST", &[("X-HTTP-Method-Override", "PUT")], b""),
        (405, "PATCH", &[], b""),
        (405, "DELETE", &[], b""),
        (403, "POST", form, b"_method=put"),
        (403, "POST", form, b"_method=PUT&force=true"),
        (403, "POST", &[form[0], ("X-Relink-Raw-Method", "PUT")], b"_method=put"),
        (403, "POST", &[form[0], ("Sec-Fetch-Site", "same-origin"), ("Origin", &own)], b"_method=put"),
        // Content types that a page may send without asking first.
        (403, "PUT", form, b"a=b"),
        (403, "PUT", form, b""),
        (403, "PUT", &[("Content-Type", "multipart/form-data; boundary=x")], b"--x--"),
        (403, "PUT", &[("Content-Type", "text/plain")], b"{}"),
        (403, "PUT", &[("Content-Type", "text/plain;charset=application/json")], b"{}"),
        (403, "PUT", &[("Content-Type", "application/jsonp")], b"{}"),
        (403, "PUT", &[("Content-Type", "")], b""),
        // Origins.
        (403, "PUT", &[("Origin", "null")], b""),
        (403, "PUT", &[("Origin", "http://evil.example")], b""),
        (403, "PUT", &[("Origin", "http://localhost:1")], b""),
        (403, "PUT", &[("Origin", "https://127.0.0.1")], b""),
        (403, "PUT", &[("Origin", "file://")], b""),
        (403, "PUT", &[("Origin", "")], b""),
        (403, "PUT", &[("Origin", &format!("{own}.evil.example"))], b""),
        (403, "PUT", &[("Origin", &own), ("Origin", "http://evil.example")], b""),
        (403, "PUT", &[("Content-Type", "application/json"), ("Content-Type", "text/plain")], b""),
        // What a browser says of the page.
        (403, "PUT", &[("Sec-Fetch-Site", "cross-site")], b""),
        (403, "PUT", &[("Sec-Fetch-Site", "same-site")], b""),
        (403, "PUT", &[("Sec-Fetch-Site", "Same-Origin ")], b""),
        (403, "PUT", &[("Sec-Fetch-Site", "")], b""),
        (403, "PUT", &[("Origin", &own), ("Sec-Fetch-Site", "cross-site")], b""),
        // What a proxy of the agent's own user hands on for others.
        (401, "PUT", &[("X-Forwarded-For", "203.0.113.9")], b""),
        (401, "PUT", &[("Forwarded", "for=203.0.113.9")], b""),
        (401, "PUT", &[("Via", "1.1 proxy")], b""),
        // A name that an attacker lets lead here.
        (421, "PUT", &[("Host", "evil.example")], b""),
        (421, "PUT", &[("Host", "evil.example"), ("Origin", "http://evil.example")], b""),
        (421, "PUT", &[("Host", "localhost.evil.example:8000")], b""),
        (421, "PUT", &[("Host", "127.0.0.1.evil.example")], b""),
        (400, "PUT", &[("Host", "localhost"), ("Host", "localhost")], b""),
        (400, "PUT", &[("Host", "local host")], b""),
        (413, "PUT", &[("Content-Type", "application/json")], &[b' '; 100_000]),
    ];
    for (status, method, headers, body) in rows {
        let what = format!("{method} {headers:?}");
        is_refused(agent, setup, *status, &what, || agent.request(method, ROUTE, headers, body));
    }
    for path in ["/plugins/reload?_method=put", "/plugins/reload/", "/plugins//reload", "/plugins/%72eload"] {
        let answer = agent.get(path);
        assert!([400, 404, 405].contains(&answer.status), "GET {path}: {}", answer.text());
    }
    assert_eq!(setup.times_built(), 0);
}

#[test]
fn what_the_operator_sends_is_allowed() {
    let setup = Setup::new(false);
    let agent = setup.start();
    let own = format!("http://{}", agent.address);
    type Row<'a> = (&'a [(&'a str, &'a str)], &'a [u8]);
    let rows: &[Row<'_>] = &[
        (&[], b""),
        (&[("Host", "localhost:8000")], b""),
        (&[("Host", "LOCALHOST.")], b""),
        (&[("Content-Type", "application/json")], b"{\"builder\":[\"rm\"],\"path\":\"/tmp\"}"),
        (&[("Content-Type", "Application/JSON; charset=utf-8")], b"{}"),
        // The dashboard.
        (&[("Origin", &own), ("Sec-Fetch-Site", "same-origin")], b""),
        // The address bar, an extension.
        (&[("Sec-Fetch-Site", "none")], b""),
        (&[("X-Plugins", "evil"), ("RELINK_BUILDER", "[\"rm\"]"), ("X-Relink-Raw-Method", "POST")], b""),
    ];
    for (count, (headers, body)) in rows.iter().enumerate() {
        let answer = agent.request("PUT", ROUTE, headers, body);
        assert_eq!(answer.status, 200, "{headers:?}: {}", answer.text());
        assert_eq!(answer.json()["outcome"], "unchanged", "{headers:?}");
        is_audited(&agent, count + 1, 0, &format!("{headers:?}"));
    }
    // Nothing that a caller says reaches the builder but the names of plugins.
    let lines = std::fs::read_to_string(setup.path("built")).unwrap();
    assert_eq!(lines, "\n".repeat(rows.len()));
}

#[test]
fn a_token_is_compared_whole() {
    let setup = Setup::new(true);
    let agent = setup.start();
    let long = format!("Bearer {TOKEN}{}", "0".repeat(8000));
    let wrong = [
        "Bearer 0123456789abcdef0123456789abcdee",
        "Bearer 0123456789abcdef0123456789abcde",
        "Bearer 1123456789abcdef0123456789abcdef",
        "Bearer 0123456789ABCDEF0123456789ABCDEF",
        "Bearer ",
        "Bearer",
        "",
        TOKEN,
        &format!("Basic {TOKEN}"),
        &format!("Bearer {TOKEN} {TOKEN}"),
        &format!("Bearer\t{TOKEN}"),
        &long,
    ];
    for given in wrong {
        // Also for those who would need none: who shows a token means it.
        let request = || agent.request("PUT", ROUTE, &[("Authorization", given)], b"");
        is_refused(&agent, &setup, 401, &format!("{given:.60}"), request);
    }
    let cross_site =
        [("Authorization", "Bearer 0123456789abcdef0123456789abcdef"), ("Origin", "http://evil.example")];
    is_refused(&agent, &setup, 403, "a token in a page", || agent.request("PUT", ROUTE, &cross_site, b""));
    for given in [format!("Bearer {TOKEN}"), format!("bearer {TOKEN}"), format!("BEARER   {TOKEN}")] {
        let answer = agent.request("PUT", ROUTE, &[("Authorization", &given)], b"");
        assert_eq!(answer.status, 200, "{given}: {}", answer.text());
    }
    is_audited(&agent, 3, wrong.len() + 1, "tokens");
    let log = agent.stderr();
    assert!(log.contains("the bearer of the token"), "{log}");
    assert!(!log.contains("0123456789abcde"), "no token is logged, right or wrong: {log}");

    let without = Setup::new(false);
    let agent = without.start();
    let any = [("Authorization", "Bearer 0123456789abcdef0123456789abcdef")];
    is_refused(&agent, &without, 401, "no token set up", || agent.request("PUT", ROUTE, &any, b""));
}

#[test]
fn a_token_file_that_others_can_read_or_guess_is_refused() {
    let setup = Setup::new(true);
    let refuses = |words: &[&str]| {
        let ended = Agent::try_from(setup.command("127.0.0.1:0")).err();
        let (status, said) = ended.expect("the agent does not start");
        assert!(!status.success());
        for word in words {
            assert!(said.contains(word), "expected {word:?} in {said}");
        }
    };
    setup.write_token(TOKEN, 0o644);
    refuses(&["others may read it (mode 644)", "chmod 600"]);
    setup.write_token("short", 0o600);
    refuses(&["expected at least 16 characters"]);
    std::fs::remove_file(setup.path("token")).unwrap();
    refuses(&["token_file", "No such file"]);
    // And a reload finds out before anything happens.
    setup.write_token(TOKEN, 0o600);
    let agent = setup.start();
    setup.write_token(TOKEN, 0o604);
    let journal = agent.put("/plugins/reload?force=true").json();
    assert_eq!(journal["outcome"], "refused", "{journal}");
    assert!(journal["error"].as_str().unwrap().contains("chmod 600"), "{journal}");
}

#[test]
fn another_user_of_the_machine_needs_the_token() {
    let Some(curl) = installed("curl") else { return skip("another user's reload", "curl is not installed") };
    if !is_root() {
        return skip("another user's reload", "only root can become another user");
    }
    let asked_by = |user: u32, agent: &Agent, more: &[&str]| {
        let mut command = Command::new(&curl);
        command.args([
            "-s",
            "-X",
            "PUT",
            "-w",
            "\n%{http_code}",
            &format!("http://{}{ROUTE}", agent.address),
        ]);
        let said = command.args(more).current_dir("/").uid(user).gid(user).output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        let (body, status) = said.rsplit_once('\n').unwrap();
        Answer { status: status.parse().unwrap(), headers: vec![], body: body.into() }
    };
    let setup = Setup::new(true);
    let agent = setup.start();
    is_refused(&agent, &setup, 401, "no token", || asked_by(STRANGER, &agent, &[]));
    let wrong = ["-H", "Authorization: Bearer nonsense"];
    is_refused(&agent, &setup, 401, "wrong token", || asked_by(STRANGER, &agent, &wrong));
    let right = asked_by(STRANGER, &agent, &["-H", &format!("Authorization: Bearer {TOKEN}")]);
    assert_eq!(right.status, 200, "{}", right.text());

    // An agent of another user: that user and root may, others may not.
    let setup = Setup::new(false);
    let mut command = setup.command("127.0.0.1:0");
    command.current_dir("/").uid(STRANGER).gid(STRANGER);
    let agent = Agent::from(command);
    is_refused(&agent, &setup, 401, "another stranger", || asked_by(OTHER_STRANGER, &agent, &[]));
    for user in [STRANGER, 0] {
        let answer = asked_by(user, &agent, &[]);
        assert_eq!(answer.status, 200, "{user}: {}", answer.text());
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

#[test]
fn other_machines_get_in_only_when_told_so() {
    let setup = Setup::new(true);
    for listen in ["0.0.0.0:0", "[::]:0"] {
        let (status, said) = Agent::try_from(setup.command(listen)).err().expect("it does not start");
        assert_eq!(status.code(), Some(2), "{said}");
        assert!(
            said.contains("would show this machine to others") && said.contains("--allow-remote"),
            "{said}"
        );
    }
}

#[test]
fn the_same_user_is_known_over_ipv6_too() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return skip("a reload over IPv6", "there is no ::1 here");
    }
    let setup = Setup::new(false);
    let agent = Agent::from(setup.command("[::1]:0"));
    let answer = agent.put(ROUTE);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let host = [("Host", "[::1]:8000"), ("Origin", "http://[::1]:8000")];
    assert_eq!(agent.request("PUT", ROUTE, &host, b"").status, 200);
}
