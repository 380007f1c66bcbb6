//! Whatever goes wrong in a reload, the agent serves on: every row of what can happen between the request and the new
//! image, with real candidates, a real builder process and real signals.

#[path = "support/reload.rs"]
mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use relink_testkit::{Agent, until};
use serde_json::Value;
use support::{CANDIDATE, Lasting, Setup, is_on_record, journal_of, reload};

/// Reloads and expects that nothing comes of it: the old image serves, and says so.
fn is_refused(agent: &Agent, count: u32, words: &[&str]) -> Value {
    let journal = reload(agent, "");
    assert_eq!(journal["outcome"], "refused", "{journal}");
    assert_eq!(journal["generation"], 1, "{journal}");
    assert_eq!(journal["pause_ms"], Value::Null, "nothing paused: {journal}");
    let error = journal["error"].as_str().unwrap();
    for word in words {
        assert!(error.contains(word), "expected {word:?} in {error:?}");
    }
    is_on_record(agent, &journal, count);
    assert_eq!(agent.sample("relink_reload_last_success_timestamp_seconds"), Some(0.0));
    journal
}

#[test]
fn a_build_that_fails_is_refused_with_its_own_words() {
    let setup = Setup::with_builder("build_timeout = 0.5\n[plugins]\nenabled = [\"counter\"]\n");
    let agent = setup.start();
    let before = Lasting::of(&agent);
    let rows: &[(&str, &[&str])] = &[
        ("compile error", &["cargo build failed", "error: expected `;`", "metrics-disk/src/lib.rs:12:5"]),
        ("link error", &["linking failed", "ld: undefined symbol: relink_nowhere"]),
        ("killed", &["the builder ended (signal: 9 (SIGKILL))"]),
        ("silent", &["the builder ended (exit status: 0) without saying what it built"]),
        ("hang", &["the builder", "did not end in 0.5 s and was killed"]),
        ("nowhere", &["no-such-file: No such file or directory"]),
        ("script", &["build.sh: no ELF file"]),
        ("truncated", &["the new image failed its preflight (signal: "]),
        ("for another machine", &["the preflight of the new image", "Exec format error"]),
        ("another program", &["without a report; is it a relink agent?"]),
    ];
    for (count, (way, words)) in rows.iter().enumerate() {
        setup.build(way);
        let journal = is_refused(&agent, count as u32 + 1, words);
        let step = journal["steps"].as_array().unwrap().last().unwrap()["step"].clone();
        let expected = match *way {
            "nowhere" | "script" => "stage",
            "truncated" | "for another machine" | "another program" => "preflight",
            _ => "build",
        };
        assert_eq!(step, expected, "{way}");
    }
    let grandchild = setup.read("grandchild").unwrap();
    until("the builder's own child is gone", || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", grandchild.trim()));
        // Where nobody reaps orphans it stays as a zombie, of somebody else.
        stat.map_or(Some(()), |stat| stat.contains(") Z ").then_some(()))
    });
    // Threads that staged something go after a while.
    before.holds(&agent);
    setup.build("well");
    assert_eq!(reload(&agent, "")["outcome"], "committed");
}

#[test]
fn a_builder_that_is_not_there_is_named() {
    let setup = Setup::new("builder = [\"/no/such/cargo\", \"xtask\"]");
    let agent = setup.start();
    is_refused(&agent, 1, &["starting the builder \"/no/such/cargo\": No such file"]);
}

#[test]
fn an_image_that_does_not_prove_itself_is_refused() {
    let setup = Setup::with_builder("preflight_timeout = 2");
    let agent = setup.start();
    let before = Lasting::of(&agent);
    let rows: &[(&str, &[&str])] = &[
        ("exit", &["failed its preflight (exit status: 3)"]),
        ("segv", &["failed its preflight (signal: 11 (SIGSEGV)"]),
        ("abort", &["failed its preflight (signal: 6 (SIGABRT)"]),
        ("panic in a panic", &["failed its preflight (signal: 6 (SIGABRT)", "panic. aborting"]),
        ("overflow", &["failed its preflight (signal: ", "overflow"]),
        ("panic", &["plugin faulty: faulty: panicked", "as asked"]),
        ("error", &["failed its preflight (exit status: 1)", "collector faulty: the sensor is not there"]),
        ("hang", &["the preflight of the new image did not end in 2 s and was killed"]),
        ("collect fails", &["plugin faulty: faulty: the sensor said no"]),
    ];
    for (count, (fault, words)) in rows.iter().enumerate() {
        setup.fault(&format!("preflight {fault}"));
        let journal = is_refused(&agent, count as u32 + 1, words);
        if *fault == "collect fails" {
            let refused = serde_json::json!([{"name": "faulty", "reason": "faulty: the sensor said no"}]);
            assert_eq!(journal["plugins"]["refused"], refused);
        }
    }
    before.holds(&agent);
    setup.fault("");
    assert_eq!(reload(&agent, "")["outcome"], "committed");
}

#[test]
fn an_image_that_fails_after_the_exec_is_rolled_back() {
    let setup = Setup::with_builder("ready_timeout = 1");
    setup.write("relink.toml", &(setup.read("relink.toml").unwrap() + "\n[history]\ninterval = 0.1\n"));
    let agent = setup.start();
    let mut same_connection = agent.connect();
    assert_eq!(same_connection.get("/-/healthy").unwrap().status, 200);
    let first = same_connection.request("PUT", "/plugins/reload", &[], &[]).unwrap();
    assert_eq!(journal_of(&first)["outcome"], "committed");
    let before = Lasting::of(&agent);
    let rows = [
        ("segv", "segmentation fault"),
        ("segv in a thread", "segmentation fault"),
        ("abort", "abort"),
        ("panic in a panic", "abort"),
        ("error", "collector faulty: the sensor is not there"),
        ("exit", "exit"),
        ("overflow", "segmentation fault"),
        ("overflow in a thread", "segmentation fault"),
        ("hang", "hang"),
    ];
    for (count, (fault, reason)) in rows.into_iter().enumerate() {
        setup.fault(&format!("after {fault}"));
        let began = Instant::now();
        let answer = same_connection.request("PUT", "/plugins/reload", &[], &[]).unwrap();
        let journal = journal_of(&answer);
        assert_eq!(journal["outcome"], "rolled_back", "{fault}: {journal}");
        assert_eq!(journal["generation"], 2, "{fault}");
        let error = journal["error"].as_str().unwrap();
        assert!(error.starts_with("the new image failed before it was ready: "), "{error}");
        assert!(error.contains(reason), "{fault}: {error}");
        is_on_record(&agent, &journal, count as u32 + 1);
        let pause = journal["pause_ms"].as_f64().unwrap();
        println!("{fault}: pause {pause} ms, in all {:?}", began.elapsed());
        // A crash is over at once; a hang ends at ready_timeout.
        assert!(pause < if fault == "hang" { 1500.0 } else { 900.0 }, "{fault}: {pause} ms");
        assert_eq!(agent.sample("relink_history_lost_total"), Some(0.0));
        before.holds(&agent);
    }
    // A panic of a plugin is that plugin's failure, as ever, and no reason to give the others' new code up.
    setup.fault("after panic");
    let answer = same_connection.request("PUT", "/plugins/reload", &[], &[]).unwrap();
    assert_eq!(journal_of(&answer)["outcome"], "committed");
    assert_eq!(journal_of(&answer)["generation"], 3);
    until("the plugin is failing", || (agent.plugin("faulty")["state"] == "failing").then_some(()));
    assert!(agent.sample("candidate_collections_total").is_some());
    assert_eq!(same_connection.get("/metrics").unwrap().status, 200, "the connection has outlived it all");
}

#[test]
fn of_twenty_reloads_at_once_one_runs() {
    let setup = Setup::with_builder("");
    let agent = setup.start();
    let gate = setup.path("gate");
    assert!(Command::new("mkfifo").arg(&gate).status().unwrap().success());
    setup.build("gate");
    let (answers, received) = std::sync::mpsc::channel();
    let all: Vec<_> = std::thread::scope(|scope| {
        for _ in 0..20 {
            let (agent, answers) = (&agent, answers.clone());
            scope.spawn(move || answers.send(agent.put("/plugins/reload")).unwrap());
        }
        let busy: Vec<_> =
            (0..19).map(|_| received.recv_timeout(relink_testkit::PATIENCE).unwrap()).collect();
        std::fs::write(&gate, "open\n").unwrap();
        busy.into_iter().chain([received.recv().unwrap()]).collect()
    });
    for answer in &all[..19] {
        assert_eq!(answer.status, 409, "{}", answer.text());
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert_eq!(error, "reload 1 runs already, at step build");
        assert_eq!(answer.json()["hint"], "GET /reloads/1 shows how it goes");
    }
    assert_eq!(journal_of(&all[19])["outcome"], "committed");
    assert_eq!(setup.times_built(), 1);
    assert_eq!(agent.get("/reloads").json()["reloads"].as_array().unwrap().len(), 1);
    assert_eq!(agent.sample("relink_generation"), Some(2.0));
}

#[test]
fn requests_that_outlast_the_quiesce_call_it_off() {
    let setup = Setup::new("quiesce_timeout = 0.2");
    let agent = setup.start();
    // A body that never comes: this request is in flight until its time is over.
    let mut half = agent.connect();
    half.send(b"PUT /plugins HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf").unwrap();
    let before = Lasting::of(&agent);
    let journal = reload(&agent, "?force=true");
    assert_eq!(journal["outcome"], "failed", "{journal}");
    assert!(journal["error"].as_str().unwrap().starts_with("1 requests were still in flight after 0.2 s"));
    is_on_record(&agent, &journal, 1);
    half.send(b" a body").unwrap();
    assert_eq!(half.read(false).unwrap().status, 405, "nothing was dropped");
    before.holds(&agent);
    assert_eq!(reload(&agent, "?force=true")["outcome"], "committed");
}

#[test]
fn hang_ups_ask_for_reloads_and_never_end_the_agent() {
    let setup = Setup::with_builder("[plugins]\nenabled = [\"counter\"]\n");
    let agent = setup.start();
    agent.signal("HUP");
    until("a reload by signal", || {
        let journal = agent.get("/reloads/1").json();
        (journal["outcome"] == "committed").then_some(())
    });
    assert_eq!(agent.sample("relink_generation"), Some(2.0));
    // Until ten more have gone through, wherever in a reload the signals hit.
    let began = Instant::now();
    while agent.sample("relink_generation") < Some(12.0) {
        agent.signal("HUP");
        assert!(began.elapsed() < relink_testkit::PATIENCE, "{}", agent.stderr());
    }
    let all = agent.get("/reloads").json();
    let ended = |journal: &&Value| journal["outcome"] != "running";
    for journal in all["reloads"].as_array().unwrap().iter().filter(ended) {
        assert_eq!(journal["outcome"], "committed", "{journal}");
    }
}

#[test]
fn an_end_in_the_middle_of_a_build_or_a_preflight_is_clean() {
    for (way, fault, step) in [("hang", "", "build"), ("well", "preflight hang", "preflight")] {
        let setup = Setup::with_builder("");
        setup.build(way);
        setup.fault(fault);
        let mut agent = setup.start();
        let mut asker = agent.connect();
        asker.send(&asker.rendered("PUT", "/plugins/reload", &[], &[])).unwrap();
        until("the step is reached", || {
            let journal = agent.get("/reloads/1").json();
            let last = journal["steps"].as_array()?.last()?["step"].clone();
            (last == step && (way != "hang" || setup.read("grandchild").is_some())).then_some(())
        });
        let began = Instant::now();
        agent.signal("TERM");
        assert_eq!(agent.wait().code(), Some(0), "{}", agent.stderr());
        assert!(began.elapsed() < Duration::from_secs(3), "{step}: {:?}", began.elapsed());
        if let Some(grandchild) = setup.read("grandchild") {
            until("the builder's own child is gone", || {
                let stat = std::fs::read_to_string(format!("/proc/{}/stat", grandchild.trim()));
                stat.map_or(Some(()), |stat| stat.contains(") Z ").then_some(()))
            });
        }
    }
}

#[test]
fn an_end_at_any_moment_of_a_reload_is_clean() {
    const ROUNDS: u32 = 100;
    let setup = Setup::new("[plugins]\nenabled = [\"counter\"]\n");
    let agent = setup.start();
    let mut asker = agent.connect();
    let took = || {
        let began = Instant::now();
        let answer = asker.request("PUT", "/plugins/reload?force=true", &[], &[]).unwrap();
        assert_eq!(journal_of(&answer)["outcome"], "committed");
        began.elapsed()
    };
    let usual = std::iter::repeat_with(took).take(5).max().unwrap();
    for round in 0..ROUNDS {
        let mut agent = setup.start();
        let mut asker = agent.connect();
        asker.send(&asker.rendered("PUT", "/plugins/reload?force=true", &[], &[])).unwrap();
        // sleep: the moments are spread over the time that a reload takes and a little more, with the weight on its
        // end, the exec.
        let percent = if round % 4 == 0 { round } else { 60 + round / 2 };
        std::thread::sleep(usual * percent / 100);
        agent.signal("TERM");
        let began = Instant::now();
        let ended = agent.wait();
        assert_eq!(ended.code(), Some(0), "round {round}: {ended}: {}", agent.stderr());
        assert!(began.elapsed() < Duration::from_secs(5), "round {round}: {:?}", began.elapsed());
    }
}

#[test]
fn the_executable_on_disk_goes_live_wherever_the_agent_was_started() {
    let setup = Setup::new("");
    let program = setup.path("relink-candidate");
    std::fs::copy(CANDIDATE, &program).unwrap();
    // By the search path, and then elsewhere: neither the name nor the folder of the start lead to the file.
    let mut command = Command::new("sh");
    command.args(["-c", "cd / && exec relink-candidate \"$@\"", "sh"]).args(setup.arguments());
    let path = format!("{}:{}", setup.path("").display(), std::env::var("PATH").unwrap());
    command.env("PATH", path);
    let agent = Agent::from(command);
    let unchanged = reload(&agent, "");
    assert_eq!(unchanged["outcome"], "unchanged");
    assert_eq!(unchanged["plugins"]["unchanged"], serde_json::json!(["counter", "extra", "faulty", "slow"]));
    is_on_record(&agent, &unchanged, 1);
    assert!(agent.sample("relink_reload_last_success_timestamp_seconds") > Some(0.0));

    for generation in 2..4 {
        let mut bytes = std::fs::read(CANDIDATE).unwrap();
        bytes.extend(format!("package {generation}").bytes());
        std::fs::write(setup.path("new"), bytes).unwrap();
        std::fs::set_permissions(setup.path("new"), std::fs::metadata(CANDIDATE).unwrap().permissions())
            .unwrap();
        std::fs::rename(setup.path("new"), &program).unwrap();
        let journal = reload(&agent, "");
        assert_eq!(journal["outcome"], "committed", "{journal}");
        assert_eq!(journal["generation"], generation, "{journal}");
        assert_eq!(reload(&agent, "")["outcome"], "unchanged", "it is the one on disk now");
    }
    std::fs::remove_file(&program).unwrap();
    let journal = reload(&agent, "");
    assert_eq!(journal["outcome"], "refused");
    let error = journal["error"].as_str().unwrap();
    assert!(error.contains("relink-candidate: No such file") && !error.contains("(deleted)"), "{error}");
    // What runs is still at hand.
    assert_eq!(reload(&agent, "?force=true")["outcome"], "refused", "the file is what is to be run");
}

#[test]
fn the_raised_limit_is_the_agents_alone_and_survives_the_exec() {
    let setup = Setup::with_builder("");
    let (limits, script) = (setup.path("limits"), setup.path("build.sh"));
    let builder =
        format!("ulimit -S -n >>{0}; ulimit -H -n >>{0}; exec sh {1}", limits.display(), script.display());
    setup.write(
        "relink.toml",
        &format!(
            "print = \"none\"\n[reload]\nbuilder = [\"sh\", \"-c\", {builder:?}]\n[plugins]\nenabled = [\"counter\"]\n"
        ),
    );
    let mut shell = relink_testkit::command("sh");
    shell.args(["-c", "ulimit -S -n 200 && ulimit -H -n 2000 && exec \"$0\" \"$@\"", CANDIDATE]);
    shell.args(setup.arguments()).env("CANDIDATE_FAULT_FILE", setup.path("fault"));
    let agent = Agent::from(shell);
    for generation in 1..=3 {
        assert_eq!(agent.sample("process_max_fds"), Some(2000.0), "generation {generation}");
        let journal = reload(&agent, "");
        assert_eq!(journal["outcome"], "committed", "{journal}");
    }
    assert_eq!(setup.read("limits").unwrap(), "200\n2000\n".repeat(3));
}
