//! Plugins that misbehave in a running agent: what a scraper and an operator see of it.
#![cfg(target_os = "linux")]

#[path = "support/faults.rs"]
mod faults;

use std::time::{Duration, Instant};

use faults::{FAULTY, Faulty};
use relink_testkit::{Agent, command, until};
use serde_json::Value;

const ONE_SECOND: [(&str, &str); 1] = [("X-Prometheus-Scrape-Timeout-Seconds", "1")];

/// The collector's state must be this, with these words, and its plugin's is no better; the other collector of that plugin
/// is well.
fn state(faulty: &Faulty, expected: &str, words: &str) -> Value {
    let plugin = faulty.agent.plugin("moody");
    let [moody, sibling] = &plugin["collectors"].as_array().unwrap()[..] else { panic!("{plugin}") };
    let error = moody["error"].as_str().unwrap_or_default();
    assert_eq!((&moody["state"], &plugin["state"]), (&expected.into(), &expected.into()), "{plugin}");
    assert_eq!(sibling["state"], "active", "{plugin}");
    assert!(error.contains(words), "{words:?} is not in {error:?}");
    moody.clone()
}

/// Scrapes until the plugin is well again, by itself.
fn recovers(faulty: &Faulty) {
    faulty.mood("well");
    until("the plugin recovers", || faulty.scrape().is_well().then_some(()));
    assert!(state(faulty, "active", "")["error"].is_null());
}

#[test]
fn a_panic_is_the_plugins_failure() {
    let faulty = Faulty::start();
    assert!(faulty.scrape().is_well());
    for mood in ["panics", "panics and drop panics", "panics oddly"] {
        let (before, count) = (faulty.calls(), faulty.scrape().count());
        faulty.mood(mood);
        let first = faulty.scrape();
        assert!(!first.is_well(), "{mood}");
        assert_eq!(first.count(), count + 1, "the others are fresh");
        let status = state(&faulty, "failing", "panicked");
        let error = status["error"].as_str().unwrap();
        if mood != "panics oddly" {
            assert!(error.contains("tests/support/faulty.rs:"), "the place: {error}");
            assert!(error.contains("collect panics as asked"), "the message: {error}");
        }
        let last = status["since"].as_f64().unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        assert!((now - last).abs() < 10.0, "since when: {last}, now {now}");
        // While it rests it is not called: these come within its pause of a second.
        let began = Instant::now();
        let rests = (0..5).all(|_| !faulty.scrape().is_well());
        if began.elapsed() < Duration::from_millis(900) {
            assert!(rests && faulty.calls() == before + 2, "{mood}: {} calls", faulty.calls() - before);
        }
        recovers(&faulty);
    }
    assert!(!faulty.agent.stderr().contains("thread 'walker' panicked"), "{}", faulty.agent.stderr());
}

#[test]
fn the_pause_after_a_panic_is_a_second_and_doubles() {
    let faulty = Faulty::with("", "panics");
    let mut called = Vec::new();
    for calls in 1..=3 {
        until("the plugin is called", || {
            assert!(!faulty.scrape().is_well());
            (faulty.calls() == calls).then_some(())
        });
        called.push(Instant::now());
    }
    let pause = |at: usize| called[at + 1].duration_since(called[at]).as_secs_f64();
    // The pause begins when the call ends, which is seen a scrape later.
    assert!((0.7..1.9).contains(&pause(0)), "{}", pause(0));
    assert!((1.7..3.9).contains(&pause(1)), "{}", pause(1));
    recovers(&faulty);
}

#[test]
fn a_panic_in_new_is_met_at_a_scrape_and_an_error_at_the_start() {
    let faulty = Faulty::with("", "new panics");
    assert!(!faulty.scrape().is_well());
    state(&faulty, "failing", "new panics as asked");
    recovers(&faulty);
    // And when the collector has to be made again.
    faulty.mood("panics");
    assert!(!faulty.scrape().is_well());
    faulty.mood("new panics");
    until("it is made again", || {
        assert!(!faulty.scrape().is_well());
        faulty.agent.plugin("moody")["error"].as_str()?.contains("new panics as asked").then_some(())
    });
    recovers(&faulty);

    let refused = Faulty::try_by("", "new fails", command(FAULTY)).err().expect("it does not start");
    assert!(refused.starts_with("exit status: 2: "), "{refused}");
    assert!(
        refused.contains("collector moody: no such sensor") && refused.contains("plug it in"),
        "{refused}"
    );
}

#[test]
fn a_panic_at_the_end_does_not_spoil_it() {
    let mut faulty = Faulty::start();
    assert!(faulty.scrape().is_well());
    faulty.mood("panics and drop panics");
    faulty.agent.signal("TERM");
    assert_eq!(faulty.agent.wait().code(), Some(0), "{}", faulty.agent.stderr());
}

#[test]
fn facts_that_panic_cost_the_facts() {
    let faulty = Faulty::with("[limits]\n", "facts panic");
    let folder = faulty.path("");
    let mut once = command(FAULTY);
    once.arg("once").current_dir(&folder).env("FAULTY_FOLDER", &folder);
    let output = once.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("facts panic as asked") && said.contains("moody"), "{said}");
}

#[test]
fn an_error_is_told_and_the_next_scrape_tries_again() {
    let faulty = Faulty::with("", "fails");
    for calls in 1..=3 {
        assert!(!faulty.scrape().is_well());
        state(&faulty, "failing", "the sensor says \"no\"\nand no again");
        assert_eq!(faulty.calls(), calls, "an error is no reason to rest");
    }
    faulty.mood("well");
    assert!(faulty.scrape().is_well(), "the very next scrape");
}

#[test]
fn a_plugin_that_never_returns_costs_a_thread_and_no_scrape() {
    let mut faulty = Faulty::start();
    faulty.make_gate();
    assert!(faulty.scrape().is_well());
    let (threads, count) = (faulty.threads(), faulty.scrape().count());
    assert_eq!(faulty.walkers(), 0, "as long as nothing hangs, the runtime walks");

    faulty.mood("hangs");
    let scrape = faulty.scrape_with(&ONE_SECOND);
    assert!(!scrape.is_well());
    assert!(scrape.took < Duration::from_secs(1), "{:?}", scrape.took);
    assert_eq!(scrape.count(), count + 1, "a plugin that is asked after it is fresh");
    let since = state(&faulty, "stuck", "has not answered for")["since"].clone();
    let calls = faulty.calls();
    let stuck = faulty.threads();
    assert!(stuck <= threads + 1, "one thread is lost: {threads}, then {stuck}");
    assert_eq!(faulty.walkers(), 1, "the runtime keeps the one that it has left to itself");

    for round in 1..=20 {
        let scrape = faulty.scrape_with(&ONE_SECOND);
        assert!(!scrape.is_well());
        assert!(scrape.took < Duration::from_millis(500), "nobody waits for it again: {:?}", scrape.took);
        assert_eq!(scrape.count(), count + 1 + round);
    }
    assert_eq!((faulty.calls(), faulty.threads()), (calls, stuck), "no call and no thread a scrape");
    assert_eq!(state(&faulty, "stuck", "has not answered")["since"], since);
    // What asks for it alone, and the routes about it, don't wait either.
    let began = Instant::now();
    for path in ["/metrics?collect[]=moody", "/plugins", "/plugins/moody", "/-/ready", "/"] {
        assert_eq!(faulty.agent.get(path).status, 200, "{path}");
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());

    // It returns at last, and comes back after a pause.
    faulty.mood("well");
    faulty.open_gate();
    recovers(&faulty);
    until("the thread ends", || (faulty.threads() <= threads && faulty.walkers() == 0).then_some(()));
    assert!(faulty.scrape().is_well());
    assert_eq!(faulty.walkers(), 0, "the runtime walks again");

    faulty.mood("hangs");
    assert!(!faulty.scrape_with(&ONE_SECOND).is_well());
    let began = Instant::now();
    faulty.agent.signal("TERM");
    assert_eq!(faulty.agent.wait().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[test]
fn a_signal_ends_the_agent_while_a_scrape_hangs() {
    for signal in ["INT", "TERM"] {
        let mut faulty = Faulty::start();
        faulty.make_gate();
        faulty.mood("hangs");
        let mut connection = faulty.agent.connect();
        connection.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        until("the plugin is called", || (faulty.calls() > 0).then_some(()));
        let began = Instant::now();
        faulty.agent.signal(signal);
        assert_eq!(faulty.agent.wait().code(), Some(0), "SIG{signal}");
        assert!(began.elapsed() < Duration::from_secs(2), "SIG{signal}: {:?}", began.elapsed());
    }
}

#[test]
fn scrapes_that_meet_a_hanging_plugin_together_are_all_on_time() {
    let faulty = Faulty::start();
    faulty.make_gate();
    assert!(faulty.scrape().is_well());
    faulty.mood("hangs");
    std::thread::scope(|scope| {
        let scrapes: Vec<_> = (0..8).map(|_| scope.spawn(|| faulty.scrape_with(&ONE_SECOND))).collect();
        for scrape in scrapes {
            let scrape = scrape.join().unwrap();
            assert!(!scrape.is_well());
            assert!(scrape.took < Duration::from_secs(1), "{:?}", scrape.took);
        }
    });
    assert_eq!(faulty.calls(), 2, "one call before, and one for all of them");
}

#[test]
fn a_slow_plugin_is_shown_to_those_who_can_wait() {
    let faulty = Faulty::with("", "is slow");
    let scrape = faulty.scrape_with(&ONE_SECOND);
    assert!(!scrape.said().iter().any(|line| line.contains("well")));
    assert!(scrape.took >= Duration::from_millis(200) && scrape.took < Duration::from_secs(1));
    state(&faulty, "active", "");

    // Those who ask for others only don't wait for it.
    let calls = faulty.calls();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| faulty.scrape());
        until("the slow one is asked", || (faulty.calls() > calls).then_some(()));
        let mut last = Duration::MAX;
        let mut answers = 0;
        while !slow.is_finished() {
            let began = Instant::now();
            assert_eq!(faulty.agent.get("/metrics?collect[]=good").status, 200);
            last = last.min(began.elapsed());
            answers += 1;
        }
        assert!(answers > 1 && last < Duration::from_millis(100), "{answers} answers, the best in {last:?}");
        assert_eq!(slow.join().unwrap().answer.status, 200);
    });

    // Those who can't wait get the others; and the plugin comes back by itself.
    let scrape = faulty.scrape_with(&[("X-Prometheus-Scrape-Timeout-Seconds", "0.1")]);
    assert!(!scrape.is_well());
    assert!(scrape.took < Duration::from_millis(190), "{:?}", scrape.took);
    // Its call may have returned since, on a machine that is slow itself.
    let plugin = faulty.agent.plugin("moody");
    let moody = &plugin["collectors"][0];
    assert!(moody["error"].as_str().unwrap().contains("past its deadline"), "{moody}");
    recovers(&faulty);
}

#[test]
fn a_flood_is_cut_at_the_limit_and_told() {
    let faulty = Faulty::with("[collect]\nseries = 20000\n", "well");
    assert!(faulty.scrape().is_well());
    for (mood, shown) in [("floods", 20_000), ("floods with text", 19)] {
        faulty.mood(mood);
        let scrape = faulty.scrape();
        assert!(scrape.is_well());
        let said = scrape.said().iter().filter(|line| line.starts_with("moody_value{")).count();
        assert_eq!(said, shown, "{mood}");
        let dropped = faulty.agent.sample("relink_collector_dropped_total{collector=\"moody\"}").unwrap();
        assert!(dropped >= 10_000.0 - shown as f64, "{dropped}");
        let moody = state(&faulty, "active", "");
        let warning = moody["warnings"][0].as_str().unwrap();
        assert!(
            warning
                .ends_with("samples beyond [collect] series = 20000 are left out; emit fewer, or raise it")
        );
    }
    let peak = faulty.status("VmHWM");
    assert!(peak < 100_000, "{peak} kB at the most");
    faulty.mood("well");
    assert!(faulty.scrape().is_well());
    assert_eq!(state(&faulty, "active", "")["warnings"], serde_json::json!([]));
}

#[test]
fn numbers_that_are_none_have_their_spelling() {
    let faulty = Faulty::with("", "is no number");
    let scrape = faulty.scrape();
    assert!(scrape.is_well());
    let huge = f64::MAX;
    let expected = ["NaN", "+Inf", "-Inf", "-0"].map(str::to_owned);
    let values: Vec<_> =
        scrape.said().iter().map(|line| line.rsplit_once(' ').unwrap().1.to_owned()).collect();
    assert_eq!(values[..3], expected[..3]);
    assert_eq!(values[3].parse::<f64>().unwrap(), 0.0, "{}", values[3]);
    assert_eq!(values[4].parse::<f64>().unwrap(), f64::MIN_POSITIVE);
    assert_eq!(values[5].parse::<f64>().unwrap(), huge);
    assert_eq!(values[6], "+Inf");
    for (mood, words) in
        [("counts no number", "moody_count_total with the value NaN"), ("counts backwards", "the value -1")]
    {
        faulty.mood(mood);
        assert!(!faulty.scrape().is_well(), "{mood}");
        state(&faulty, "failing", words);
    }
}

#[test]
fn odd_texts_are_escaped() {
    let faulty = Faulty::with("", "says odd texts");
    let scrape = faulty.scrape();
    assert!(scrape.is_well());
    let lines = scrape.said().join("\n");
    for expected in [
        r#"moody_value{text="\""} 1"#,
        r#"moody_value{text="\\"} 1"#,
        r#"moody_value{text="\n"} 1"#,
        "moody_value{text=\"\\r\\n\t\"} 1".replace("\\r", "\r").as_str(),
        r#"moody_value{text=""} 1"#,
        r#"moody_value{text="a\"} 1\nb{c=\""} 1"#,
        "moody_value{text=\"# EOF\"} 1",
        "moody_value{text=\"é\u{2028}\u{fffd}\"} 1",
    ] {
        assert!(scrape.answer.text().contains(expected), "{expected:?} in {lines:?}");
    }
    assert_eq!(faulty.agent.get("/plugins/moody").status, 200);
    assert_eq!(state(&faulty, "active", "")["samples"], 9);
}

#[test]
fn samples_that_break_the_contract_are_refused_by_name() {
    let faulty = Faulty::start();
    for (mood, words) in [
        ("says what is not declared", "moody_foreign, which the collector did not declare"),
        ("forgets a label", "moody_value with 0 label values for the labels [\"text\"]"),
        ("has a label too many", "moody_value with 2 label values"),
        ("says it twice", "the series moody_value{text=\"same\"} twice"),
    ] {
        faulty.mood(mood);
        assert!(!faulty.scrape().is_well(), "{mood}");
        state(&faulty, "failing", words);
        faulty.mood("well");
        assert!(faulty.scrape().is_well(), "{mood}: the next scrape is good");
    }
}

#[test]
fn a_family_belongs_to_one_plugin() {
    let faulty = Faulty::start();
    let usurper = faulty.agent.plugin("usurper");
    assert_eq!(usurper["state"], "refused");
    let error = usurper["error"].as_str().unwrap();
    assert!(error.contains("declares good_collections_total, as plugin good does"), "{error}");
    assert_eq!(faulty.agent.plugin("good")["state"], "active");
    assert!(faulty.scrape().is_well());
    assert_eq!(faulty.agent.get("/metrics?collect[]=usurper").status, 400);
    // Without the other one it has its turn.
    let alone = Faulty::with("[plugins]\nenabled = [\"usurper\"]\n", "well");
    assert_eq!(alone.agent.plugin("usurper")["state"], "active");
}

/// What an agent says that refuses to start.
fn refuses(executable: &str, variable: Option<&str>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(executable);
    command.args(["--listen", "127.0.0.1:0", "--print", "none"]).current_dir(folder.path());
    if let Some(variable) = variable {
        command.env(variable, "1");
    }
    let (status, said) = Agent::try_from(command).err().expect("it refuses to start");
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

#[test]
fn two_plugins_of_one_name_are_refused_by_both_packages() {
    let said = refuses(env!("CARGO_BIN_EXE_twins"), None);
    assert!(said.contains("two crates register a plugin named twin"), "{said}");
    assert!(said.contains("metrics-twin 1.2.3") && said.contains("other-twin 4.5.6"), "{said}");
}

#[test]
fn a_plugin_that_vanished_is_named_with_the_line_to_add() {
    let forgotten = env!("CARGO_BIN_EXE_forgotten");
    let said = refuses(forgotten, Some("GHOST"));
    assert!(said.contains("plugin ghost-of-disk"), "{said}");
    assert!(said.contains("add to app/src/plugins.rs:"), "{said}");
    assert!(
        said.contains("#[cfg(feature = \"ghost-of-disk\")]\n    use metrics_ghost_of_disk as _;"),
        "{said}"
    );

    let folder = tempfile::tempdir().unwrap();
    let mut whole = command(forgotten);
    whole.args(["--listen", "127.0.0.1:0", "--print", "none"]).current_dir(folder.path());
    let agent = Agent::from(whole);
    assert_eq!(agent.plugin("seen")["state"], "active");
    let left = agent.plugin("left");
    assert_eq!(left["state"], "off");
    assert!(left["error"].as_str().unwrap().contains("cargo xtask run --plugins seen,left"), "{left}");
}
