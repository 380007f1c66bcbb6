//! `relink status` and `relink reload`: the agent that runs, asked from the command line.

mod support;
#[path = "support/tls.rs"]
mod tls_support;

use std::net::TcpListener;

use relink_testkit::{Agent, until};
use serde_json::Value;
use support::{Ended, Folder};
use tls_support::Site;

const QUIET: &str = "print = \"none\"\n[history]\ninterval = 0\n[plugins]\nenabled = [\"cpu\", \"load\"]\n";

/// Asks this agent.
fn ask(folder: &Folder, agent: &Agent, arguments: &[&str]) -> Ended {
    folder.run(&[arguments, &["--address", &agent.address.to_string()]].concat())
}

/// It must end so, with each of these words on stdout.
fn says(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{}{}", ended.stdout, ended.stderr);
    for word in words {
        assert!(ended.stdout.contains(word), "{word:?} is not in: {}{}", ended.stdout, ended.stderr);
    }
}

#[test]
fn a_status_tells_what_runs_and_why_the_rest_does_not() {
    let folder = Folder::new(QUIET);
    let agent = folder.start(&["--no-collector.loadavg"]);
    assert_eq!(agent.get("/metrics").status, 200);
    let text = ask(&folder, &agent, &["status"]);
    let address = format!("relink 0.1.0 at http://{}: ready\n", agent.address);
    says(&text, 0, &[&address, "generation 1 since 20", "no reload yet\n", "2 active: cpu, cpufreq\n"]);
    says(
        &text,
        0,
        &["  load off: switched off by --no-collector.loadavg; relink reload --plugins cpu,load switches"],
    );
    says(
        &text,
        0,
        &[" off: switched off by [plugins] enabled in relink.toml; relink reload --plugins cpu,disk "],
    );

    says(&ask(&folder, &agent, &["reload", "--plugins", "load,cpu"]), 0, &["generation 1 → 2, +load, "]);
    let text = ask(&folder, &agent, &["status"]);
    says(&text, 0, &["generation 2 since 20", ": generation 1 → 2, +load, ", ", longest pause "]);
    says(&text, 0, &["3 active: cpu, cpufreq, loadavg\n", "disk, ", " off: switched off by a reload; "]);

    let json = ask(&folder, &agent, &["status", "--json"]);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    let told = agent.get("/plugins").json();
    for key in ["version", "generation", "since"] {
        assert_eq!(json[key], told[key], "{key}");
    }
    assert_eq!((&json["ready"], &json["why"]), (&true.into(), &Value::Null));
    assert_eq!(json["last_reload"], agent.get("/reloads").json()["reloads"][0]);
    let since = json["since"].as_f64().unwrap();
    let began = json["last_reload"]["started"].as_f64().unwrap();
    assert!(since >= began && since < began + 60.0, "{since} {began}");
}

#[test]
fn one_that_is_not_ready_or_not_there_is_1() {
    let folder = Folder::new(QUIET);
    std::fs::create_dir(folder.path("garbage")).unwrap();
    for file in ["stat", "loadavg"] {
        folder.write(&format!("garbage/{file}"), "garbage\n");
    }
    let garbage = folder.path("garbage").display().to_string();
    let agent = folder.start(&["--path.procfs", &garbage, "--no-collector.cpufreq"]);
    assert_eq!(agent.get("/metrics").status, 200);
    let text = ask(&folder, &agent, &["status"]);
    says(
        &text,
        1,
        &["not ready: collector cpu: ", "garbage/stat", "2 failing: cpu, loadavg\n", "  cpu failing: "],
    );
    let json: Value = serde_json::from_str(&ask(&folder, &agent, &["status", "--json"]).stdout).unwrap();
    assert_eq!(json["ready"], false);

    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for command in [&["status"][..], &["reload"]] {
        // Without an address it is the one of flags and configuration.
        let none = folder.run(&[command, &["--listen", &free]].concat());
        assert_eq!((none.code, none.stdout.as_str()), (Some(1), ""), "{}", none.stderr);
        for word in [&free, "Connection refused", "relink run", "--address"] {
            assert!(none.stderr.contains(word), "{word} is not in {}", none.stderr);
        }
    }
    let none = folder.run(&["status", "--json", "--address", &free]);
    let json: Value = serde_json::from_str(&none.stdout).unwrap();
    assert_eq!((none.code, &json["ready"]), (Some(1), &false.into()));
    assert!(json["why"].as_str().unwrap().contains("Connection refused"), "{json}");
    let wrong = folder.run(&["status", "--address", "http://localhost:1/metrics"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
    folder.write("no.pem", "nothing");
    for (file, word) in [("missing.pem", "No such file"), ("no.pem", "holds no certificate, expected PEM")] {
        let wrong = folder.run(&["status", "--ca-file", file]);
        assert!(wrong.stderr.contains("--ca-file: ") && wrong.stderr.contains(word), "{}", wrong.stderr);
    }
    // A configuration that is broken is no reason not to look at the agent.
    folder.write("relink.toml", "= broken");
    says(&ask(&folder, &agent, &["status"]), 1, &["not ready"]);
}

#[test]
fn a_reload_shows_its_steps_and_how_it_ended() {
    let folder = Folder::new(QUIET);
    let agent = folder.start(&[]);
    says(&ask(&folder, &agent, &["reload"]), 0, &["generation 1 unchanged, "]);
    let forced = ask(&folder, &agent, &["reload", "--force"]);
    says(&forced, 0, &["generation 1 → 2, ", ", longest pause "]);
    for step in ["  build ", "  preflight ", "  quiesce ", "  exec ", "  ready "] {
        assert_eq!(forced.stderr.matches(step).count(), 1, "{step}: {}", forced.stderr);
    }
    assert_eq!(forced.stdout.lines().count(), 1, "{}", forced.stdout);
    let refused = ask(&folder, &agent, &["reload", "--plugins", "cpu,gpu"]);
    says(&refused, 1, &["refused, generation 2 serves on, "]);
    assert!(refused.stderr.contains("unknown plugin \"gpu\""), "{}", refused.stderr);
    let json = ask(&folder, &agent, &["reload", "--json", "--plugins", "load"]);
    let journal: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (&journal["outcome"], &journal["plugins"]["removed"][0]),
        (&"committed".into(), &"cpu".into())
    );
    assert_eq!(journal, agent.get("/reloads/4").json());
    let strange = ask(&folder, &agent, &["reload", "--plugins", "a&force=true"]);
    assert_eq!((strange.code, strange.stdout.as_str()), (Some(1), ""));
    assert!(strange.stderr.contains("\"a&force=true\" is not a plugin's name"), "{}", strange.stderr);
    assert!(strange.stderr.contains("hint: "), "{}", strange.stderr);
}

#[test]
fn while_another_reload_runs_that_is_told() {
    let folder = Folder::new("");
    let builder = folder.path("build.sh");
    folder.write("build.sh", "echo >>began; read line <gate; exit 1\n");
    folder.write("relink.toml", format!("{QUIET}[reload]\nbuilder = [\"sh\", {builder:?}]\n"));
    let made = std::process::Command::new("mkfifo").arg(folder.path("gate")).status();
    assert!(made.is_ok_and(|made| made.success()));
    let agent = folder.start(&[]);
    let mut first = agent.connect();
    first.send(&first.rendered("PUT", "/plugins/reload", &[], &[])).unwrap();
    until("the build runs", || folder.path("began").exists().then_some(()));
    let second = ask(&folder, &agent, &["reload"]);
    assert_eq!(second.code, Some(1), "{}", second.stdout);
    let words = ["answers 409: reload 1 runs already, at step build", "hint: GET /reloads/1 shows"];
    assert!(words.iter().all(|word| second.stderr.contains(word)), "{}", second.stderr);
    assert!(ask(&folder, &agent, &["status"]).stdout.contains(": running for "), "the status has it");
    std::fs::write(folder.path("gate"), "go\n").unwrap();
    assert_eq!(first.read(false).unwrap().status, 422);
}

#[test]
fn under_tls_with_passwords_and_a_token() {
    let site = Site::with_users();
    let token = site.folder.path("token");
    let secret = |name: &str, text: &str| {
        site.folder.write(name, text);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(site.folder.path(name), mode).unwrap();
    };
    secret("token", "0123456789abcdef0123\n");
    secret("password", "wonderland\n");
    secret("wrong", "0123456789abcdef9999\n");
    let toml = std::fs::read_to_string(site.folder.path("relink.toml")).unwrap();
    site.folder.write("relink.toml", format!("{toml}[reload]\ntoken_file = {token:?}\n"));
    let agent = site.start();
    let url = format!("https://{}", agent.address);
    let run =
        |command: &[&str], more: &[&str]| site.folder.run(&[command, &["--address", &url], more].concat());
    let let_in = ["--ca-file", "ca.crt", "--user", "alice", "--password-file", "password"];

    says(
        &run(&["status"], &let_in),
        0,
        &[&format!("at {url}: ready\n"), "6 active: loadavg, filefd, stat, "],
    );
    let stranger = run(&["status"], &let_in[..2]);
    assert_eq!(stranger.code, Some(1));
    assert!(
        stranger.stderr.contains("answers 401") && stranger.stderr.contains("--user"),
        "{}",
        stranger.stderr
    );
    let untrusted = run(&["status"], &let_in[2..]);
    assert_eq!(untrusted.code, Some(1));
    assert!(untrusted.stderr.to_lowercase().contains("certificate"), "{}", untrusted.stderr);

    let with = |file| [&let_in[..], &["--token-file", file]].concat();
    let denied = run(&["reload"], &with("wrong"));
    assert_eq!(denied.code, Some(1));
    assert!(denied.stderr.contains("answers 401: wrong token"), "{}", denied.stderr);
    // The answer comes before the exec, and the outcome by another connection.
    let forced = run(&["reload", "--force"], &with("token"));
    says(&forced, 0, &["generation 1 → 2, "]);
    assert!(forced.stderr.contains("  ready "), "{}", forced.stderr);
    // The configuration that the agent has says the same of TLS.
    let own = ["status", "--listen", &agent.address.to_string()];
    says(&site.folder.run(&[&own[..], &let_in].concat()), 0, &[&format!("at {url}: ready\n")]);
}
