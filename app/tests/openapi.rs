//! `GET /openapi.json`: what it says of the routes is true.

mod support;

use std::process::Command;

use relink_testkit::{Agent, Answer, installed, skip, until};
use serde_json::Value;
use support::Folder;

const QUIET: &str = "print = \"none\"\n[history]\ninterval = 0.1\n[plugins]\nenabled = [\"cpu\", \"load\"]\n";

/// Whether the description has this answer of this route, with this type of content.
fn is_described(api: &Value, method: &str, path: &str, answer: &Answer) {
    let status = answer.status.to_string();
    let told = &api["paths"][path][method.to_lowercase()]["responses"][&status];
    let kind = answer.header("content-type").unwrap().split(';').next().unwrap();
    assert!(told["content"][kind].is_object(), "{method} {path}: {status} {kind} is not described: {told}");
}

#[test]
fn every_answer_is_described() {
    let folder = Folder::new(QUIET);
    let agent = folder.start(&[]);
    let described = agent.get("/openapi.json");
    assert_eq!((described.status, described.header("content-type")), (200, Some("application/json")));
    let api = described.json();
    is_described(&api, "GET", "/openapi.json", &described);
    until("a snapshot", || {
        (agent.get("/history?family=node_load1").json()["last_id"].as_u64()? > 0).then_some(())
    });
    let open = [("Accept", "application/openmetrics-text;version=1.0.0")];
    let other = [("Host", "evil.example")];
    let two: [(&str, &str); 2] = [("Host", "localhost"), ("Host", "localhost")];
    let form = [("Content-Type", "text/plain")];
    let token = [("Authorization", "Bearer none")];
    for (method, path, route, headers, status) in [
        ("GET", "/", "/", &[][..], 200),
        ("GET", "/", "/", &other, 421),
        ("GET", "/metrics", "/metrics", &[], 200),
        ("GET", "/metrics", "/metrics", &open, 200),
        ("GET", "/metrics?collect[]=none", "/metrics", &[], 400),
        ("GET", "/plugins", "/plugins", &[], 200),
        ("GET", "/plugins", "/plugins", &two, 400),
        ("GET", "/plugins/cpu", "/plugins/{name}", &[], 200),
        ("GET", "/plugins/none", "/plugins/{name}", &[], 404),
        ("GET", "/plugins/reload", "/plugins/{name}", &[], 405),
        ("GET", "/reloads", "/reloads", &[], 200),
        ("GET", "/reloads/none", "/reloads/{id}", &[], 404),
        ("GET", "/events?none=1", "/events", &[], 400),
        ("GET", "/history?family=node_load1", "/history", &[], 200),
        ("GET", "/history", "/history", &[], 400),
        ("GET", "/history?family=none", "/history", &[], 404),
        ("GET", "/compare?at=1", "/compare", &[], 200),
        ("GET", "/compare", "/compare", &[], 400),
        ("GET", "/plot/node_load1.svg", "/plot/{file}", &[], 200),
        ("GET", "/plot/node_load1.svg?none", "/plot/{file}", &[], 400),
        ("GET", "/plot/none.svg", "/plot/{file}", &[], 404),
        ("GET", "/-/healthy", "/-/healthy", &[], 200),
        ("GET", "/-/ready", "/-/ready", &[], 200),
        ("PUT", "/plugins/reload?none=1", "/plugins/reload", &[], 400),
        ("PUT", "/plugins/reload", "/plugins/reload", &token, 401),
        ("PUT", "/plugins/reload", "/plugins/reload", &form, 403),
        ("PUT", "/plugins/reload?plugins=none", "/plugins/reload", &[], 422),
        ("PUT", "/plugins/reload", "/plugins/reload", &[], 200),
        ("GET", "/reloads/1", "/reloads/{id}", &[], 200),
    ] {
        let answer = agent.request(method, path, headers, &[]);
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        is_described(&api, method, route, &answer);
    }
    let large = agent.request("PUT", "/plugins/reload", &[], &[b'x'; 70_000]);
    assert_eq!(large.status, 413);
    is_described(&api, "PUT", "/plugins/reload", &large);
}

/// Schemathesis makes requests out of the description, good ones and bad ones, and holds the answers against it: no
/// error of the server, no status, type or shape that is not described.
#[test]
fn schemathesis_finds_nothing() {
    let Some(program) = installed("schemathesis").or_else(|| installed("st")) else {
        return skip("the routes against their description", "schemathesis is not installed");
    };
    let folder = Folder::new(QUIET);
    // Without a builder a reload builds nothing; the most that a request can do is to re-execute the agent.
    let agent = folder.start(&[]);
    let run = Command::new(program)
        .args(["run", &format!("http://{}/openapi.json", agent.address), "--no-color"])
        .args(["--seed", "1", "--max-examples", "20", "--generation-database", "none"])
        // It would wait for the end of a stream that has none.
        .args(["--exclude-path", "/events"])
        // Which names are good depends on what runs, and no schema can say that.
        .args(["--exclude-checks", "positive_data_acceptance"])
        .args(["--request-timeout", "20"])
        .current_dir(folder.path(""))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}\n{}", String::from_utf8_lossy(&run.stderr));
    assert!(said.contains("13 selected / 14 total"), "it has seen all routes but one: {said}");
    println!("{said}");
    still_serves(&agent);
}

fn still_serves(agent: &Agent) {
    assert_eq!(agent.get("/-/healthy").status, 200);
    assert_eq!(agent.get("/metrics").status, 200);
}
