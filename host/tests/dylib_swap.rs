//! Libraries come, change and go while the agent runs: what serves is always whole, and what fails changes nothing.
#![cfg(target_os = "linux")]

#[path = "support/dylib.rs"]
mod support;

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use relink_testkit::{Agent, Connection, until};
use serde_json::{Value, json};
use support::{Setup, commit, mark, mark_in, reasons, reload, second, variant};

/// Scrapes from many threads, each on a connection of its own that never tries again, while `work` runs. Each answer
/// must be 200 and have a mark; returns how many there were.
fn under_load(agent: &Agent, work: impl FnOnce()) -> usize {
    let (ends, scrapes, address) = (AtomicBool::new(false), AtomicUsize::new(0), agent.address);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut connection = Connection::open(address).unwrap();
                while !ends.load(Ordering::Relaxed) {
                    let answer = connection.get("/metrics").unwrap();
                    assert_eq!(answer.status, 200);
                    let text = answer.text();
                    assert!(mark_in(&text).is_some(), "each scrape has the plugin's sample: {text}");
                    scrapes.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        /// Ends the load also when `work` panics.
        struct End<'a>(&'a AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _end = End(&ends);
        // Until each has begun.
        until("the load begins", || (scrapes.load(Ordering::Relaxed) > 20).then_some(()));
        work();
    });
    scrapes.into_inner()
}

#[test]
fn a_library_comes_changes_and_goes() {
    let setup = Setup::new("");
    let agent = setup.start();
    assert_eq!((agent.get("/plugins").json()["plugins"].clone(), mark(&agent)), (json!([]), None));
    assert_eq!(reload(&agent)["outcome"], "unchanged");

    setup.install("a.so", &variant("0001", "well"));
    let journal = commit(&agent);
    assert_eq!(journal["plugins"]["added"], json!(["loadable_1"]));
    assert_eq!(journal["families"]["added"], json!(["loadable_1_beside_total", "loadable_1_mark"]));
    assert_eq!(mark(&agent).as_deref(), Some("0001"));
    let plugin = agent.plugin("loadable_1");
    assert_eq!((&plugin["placement"], &plugin["state"]), (&json!("loaded"), &json!("active")));
    assert_eq!((&plugin["generation"], &plugin["error"]), (&json!(1), &Value::Null));
    assert_eq!(plugin["path"], setup.plugin("a.so").display().to_string());

    let journal = reload(&agent);
    assert_eq!((&journal["outcome"], &journal["generation"]), (&json!("unchanged"), &json!(2)), "{journal}");
    assert_eq!(journal["plugins"]["unchanged"], json!(["loadable_1"]));
    // Touched, or written again with the same content: nothing to do.
    setup.install("a.so", &variant("0001", "well"));
    assert_eq!(reload(&agent)["outcome"], "unchanged");

    setup.install("a.so", &variant("0002", "well"));
    setup.install("b.so", &second("0001", "well"));
    let journal = commit(&agent);
    assert_eq!(journal["plugins"]["replaced"], json!(["loadable_1"]));
    assert_eq!(journal["plugins"]["added"], json!(["loadable_2"]));
    assert_eq!(mark(&agent).as_deref(), Some("0002"));
    assert_eq!(agent.plugin("loadable_1")["generation"], 2);
    assert!(agent.sample("relink_plugin_retired_bytes").unwrap() > 10_000.0);

    fs::remove_file(setup.plugin("a.so")).unwrap();
    assert_eq!(mark(&agent).as_deref(), Some("0002"), "no effect until the next reload");
    let journal = commit(&agent);
    assert_eq!(journal["plugins"]["removed"], json!(["loadable_1"]));
    assert_eq!(journal["plugins"]["unchanged"], json!(["loadable_2"]));
    assert_eq!(journal["families"]["removed"], json!(["loadable_1_beside_total", "loadable_1_mark"]));
    assert_eq!((mark(&agent), agent.plugin("loadable_1")), (None, Value::Null));
    assert_eq!(agent.sample("loadable_2_mark{mark=\"0001\"}"), Some(1.0));

    // The file of one plugin has another one now; and a third comes under the name of the first.
    setup.install("b.so", &variant("0003", "well"));
    let journal = commit(&agent);
    assert_eq!(journal["plugins"]["added"], json!(["loadable_1"]), "{journal}");
    assert_eq!(journal["plugins"]["removed"], json!(["loadable_2"]), "{journal}");
    assert_eq!(agent.sample("loadable_2_mark{mark=\"0001\"}"), None);
    // A generation counts how often code went live, also after a pause.
    assert_eq!(agent.plugin("loadable_1")["generation"], 3);
}

#[test]
fn a_version_that_does_not_prove_itself_leaves_the_old_one_serving() {
    let setup = Setup::new("[collect]\ntimeout = 0.3\n");
    setup.install("a.so", &variant("good", "well"));
    let agent = setup.start();
    let rows = [
        ("panic in create", "panicked at host/tests/support/loadable.rs"),
        ("fail in create", "as asked; ask for something else"),
        ("hang in create", "the trial collection of loadable_1 did not end in 0.3 s"),
        (
            "panic in collect",
            "the trial collection of loadable_1: panicked at host/tests/support/loadable.rs",
        ),
        ("fail in collect", "the trial collection of loadable_1: as asked; ask for something else"),
        ("hang in collect", "the trial collection of loadable_1 did not end in 0.3 s"),
        ("twice the same", "the trial collection of loadable_1: "),
    ];
    let mut retired = 0.0;
    for (at, (what, why)) in rows.into_iter().enumerate() {
        setup.install("a.so", &variant(&format!("bad{at}"), what));
        let journal = reload(&agent);
        assert_eq!(journal["outcome"], "refused", "{what}: {journal}");
        assert_eq!(journal["steps"].as_array().unwrap().last().unwrap()["step"], "load", "{what}");
        assert!(reasons(&journal).contains(why), "{what}: {}", reasons(&journal));
        assert_eq!(journal["plugins"]["unchanged"], json!(["loadable_1"]), "{what}");
        assert_eq!(mark(&agent).as_deref(), Some("good"), "{what}");
        let plugin = agent.plugin("loadable_1");
        assert_eq!((&plugin["state"], &plugin["generation"]), (&json!("active"), &json!(1)), "{what}");
        // Also what is in the file is listed, and why it does not run.
        assert_eq!(agent.plugin("a.so")["state"], "refused", "{what}");
        let now = agent.sample("relink_plugin_retired_bytes").unwrap();
        assert!(now > retired, "{what}: its code stays mapped");
        retired = now;
        // It is not tried again until it changes.
        assert_eq!(reload(&agent)["outcome"], "unchanged", "{what}");
        assert_eq!(agent.sample("relink_plugin_retired_bytes"), Some(retired), "{what}");
    }
    // The file says "bad", so another image could not go on with what serves; it is not thrown away.
    let journal = agent.put("/plugins/reload?force=true").json();
    assert_eq!(journal["outcome"], "refused", "{journal}");
    assert!(reasons(&journal).contains("loadable_1"), "{journal}");
    assert_eq!(mark(&agent).as_deref(), Some("good"));

    setup.install("a.so", &variant("good", "well"));
    assert_eq!(reload(&agent)["outcome"], "unchanged", "what serves, once more");
    assert_eq!(agent.plugin("a.so"), Value::Null);
    setup.install("a.so", &variant("next", "well"));
    commit(&agent);
    assert_eq!(mark(&agent).as_deref(), Some("next"));
    assert_eq!(agent.plugin("loadable_1")["generation"], 2);
}

#[test]
fn a_plugin_that_goes_wrong_later_is_cured_by_a_reload() {
    let setup = Setup::new("[collect]\ntimeout = 0.3\nseries = 1000\n[history]\ninterval = 0\n");
    setup.install("b.so", &second("0001", "well"));
    let agent = setup.start();
    for (what, state, why) in [
        ("panic later", "failing", "panicked at host/tests/support/loadable.rs"),
        ("fail later", "failing", "as asked later"),
        ("hang later", "stuck", "has not answered"),
    ] {
        setup.install("a.so", &variant("sick", what));
        commit(&agent);
        let sick = until(what, || {
            agent.get("/metrics");
            Some(agent.plugin("loadable_1")).filter(|plugin| plugin["state"] == state)
        });
        assert!(sick["error"].as_str().unwrap().contains(why), "{what}: {sick}");
        assert_eq!(agent.sample("loadable_2_mark{mark=\"0001\"}"), Some(1.0), "{what}: the other is fresh");
        let beside = || agent.sample("loadable_1_beside_total").unwrap_or_default();
        let before = beside();
        assert!(before > 0.0 && beside() > before, "{what}: the collector beside it is fresh");
        assert_eq!(mark(&agent), None, "{what}");

        setup.install("a.so", &variant("good", "well"));
        commit(&agent);
        assert_eq!(mark(&agent).as_deref(), Some("good"), "{what}");
        assert_eq!(agent.plugin("loadable_1")["state"], "active", "{what}");
    }
    // A flood is cut, and told.
    setup.install("a.so", &variant("sick", "flood later"));
    commit(&agent);
    until("a flood", || {
        agent
            .sample("relink_collector_dropped_total{collector=\"loadable_1\"}")
            .filter(|dropped| *dropped >= 4000.0)
    });
    let beside = agent.sample("loadable_1_beside_total");
    assert!(agent.sample("loadable_1_beside_total") > beside, "the collector beside it is fresh");
    // The thread in the old code is one for good, and in nobody's way.
    assert_eq!(agent.sample("loadable_2_mark{mark=\"0001\"}"), Some(1.0));
}

#[test]
fn whatever_happens_to_the_file_the_running_code_stays() {
    let setup = Setup::new("");
    let path = setup.plugin("a.so");
    setup.install("a.so", &variant("0001", "well"));
    let agent = setup.start();
    let inode = agent.proc("maps");
    let scrapes = under_load(&agent, || {
        let stays = |expected: &str| {
            for _ in 0..20 {
                assert_eq!(mark(&agent).as_deref(), Some(expected));
            }
        };
        // In place, as `cp` does: the same inode.
        fs::write(&path, vec![0xa5; 400_000]).unwrap();
        stays("0001");
        assert_eq!(reload(&agent)["outcome"], "refused");
        fs::File::options().write(true).open(&path).unwrap().set_len(100).unwrap();
        stays("0001");
        assert_eq!(reload(&agent)["outcome"], "refused");
        fs::File::create(&path).unwrap();
        stays("0001");
        assert_eq!(reload(&agent)["outcome"], "refused");
        fs::write(&path, variant("0002", "well")).unwrap();
        stays("0001");
        commit(&agent);
        stays("0002");
        // Renamed and back again, without and with a reload between.
        fs::rename(&path, setup.plugin("b.so")).unwrap();
        stays("0002");
        let journal = commit(&agent);
        assert_eq!(journal["plugins"]["removed"], json!([]), "{journal}");
        assert_eq!(agent.plugin("loadable_1")["path"], setup.plugin("b.so").display().to_string());
        stays("0002");
        fs::rename(setup.plugin("b.so"), &path).unwrap();
        commit(&agent);
        fs::remove_file(&path).unwrap();
        stays("0002");
        setup.install("a.so", &variant("0003", "well"));
        commit(&agent);
        stays("0003");
    });
    assert!(scrapes > 100, "{scrapes}");
    assert!(!inode.contains("a.so"), "the file itself is not mapped");
}

#[test]
fn hundreds_of_swaps_under_load_never_show_the_old_code_after_the_answer() {
    let setup = Setup::new("[reload]\nretired_budget = 10_000_000_000\n");
    setup.install("a.so", &variant("0000", "well"));
    let size = fs::metadata(setup.plugin("a.so")).unwrap().len();
    let agent = setup.start();
    let pid = agent.pid();
    let swaps = 500;
    let scrapes = under_load(&agent, || {
        let mut asker = agent.connect();
        for swap in 1..=swaps {
            let expected = format!("{swap:04}");
            setup.install("a.so", &variant(&expected, "well"));
            let journal = asker.request("PUT", "/plugins/reload", &[], &[]).unwrap().json();
            assert_eq!(journal["outcome"], "committed", "{journal}");
            for _ in 0..3 {
                let text = asker.get("/metrics").unwrap().text();
                assert_eq!(mark_in(&text), Some(expected.as_str()));
            }
        }
    });
    assert!(scrapes > swaps, "{scrapes}");
    assert_eq!(agent.pid(), pid);
    assert_eq!(agent.plugin("loadable_1")["generation"], swaps + 1);
    assert_eq!(agent.sample("relink_plugin_retired_bytes"), Some((size * swaps as u64) as f64));
    assert_eq!(agent.sample("relink_generation"), Some(swaps as f64 + 1.0));
}

#[test]
fn past_the_budget_the_reload_goes_on_to_a_re_exec_that_loses_nothing() {
    let setup = Setup::new("[reload]\nretired_budget = 2_000_000\n[history]\ninterval = 0.1\n");
    setup.install("a.so", &variant("0000", "well"));
    setup.install("b.so", &second("0000", "well"));
    let agent = setup.start();
    let size = fs::metadata(setup.plugin("a.so")).unwrap().len() as f64;
    let mut execs = 0;
    under_load(&agent, || {
        let mut asker = agent.connect();
        for swap in 1..=30 {
            let expected = format!("{swap:04}");
            setup.install("a.so", &variant(&expected, "well"));
            let journal = asker.request("PUT", "/plugins/reload", &[], &[]).unwrap().json();
            assert_eq!(journal["outcome"], "committed", "{journal}");
            assert_eq!(journal["error"], Value::Null, "{journal}");
            assert_eq!(journal["plugins"]["replaced"], json!(["loadable_1"]), "{journal}");
            let steps: Vec<_> = journal["steps"]
                .as_array()
                .unwrap()
                .iter()
                .map(|step| step["step"].as_str().unwrap())
                .collect();
            if steps.contains(&"exec") {
                execs += 1;
                assert_eq!(agent.sample("relink_plugin_retired_bytes"), Some(0.0), "{journal}");
            }
            let text = asker.get("/metrics").unwrap().text();
            assert_eq!(mark_in(&text), Some(expected.as_str()), "{journal}");
            let retired = agent.sample("relink_plugin_retired_bytes").unwrap();
            assert!(retired <= 2_000_000.0, "{retired}");
            // The other plugin's code is the same in each image.
            assert_eq!(agent.plugin("loadable_1")["generation"], swap + 1, "{journal}");
            assert_eq!(agent.plugin("loadable_2")["generation"], 1, "{journal}");
        }
    });
    // The budget is passed by the first library too many.
    let swaps_for_one = (2_000_000.0 / size).floor() + 1.0;
    let expected = (30.0 / swaps_for_one).floor();
    assert!(f64::from(execs) == expected && execs > 2, "{execs} re-execs for libraries of {size} bytes");
    assert!(agent.get("/reloads").json()["reloads"].as_array().unwrap().len() == 30);
    assert_eq!(agent.sample("relink_reloads_total{outcome=\"committed\"}"), Some(30.0));
}

#[test]
fn a_plugin_whose_file_went_bad_is_not_lost_to_the_budget() {
    let setup = Setup::new("[reload]\nretired_budget = 0\n");
    setup.install("a.so", &variant("good", "well"));
    let agent = setup.start();
    setup.install("a.so", b"junk");
    assert_eq!(reload(&agent)["outcome"], "refused");
    // This one would be past the budget.
    setup.install("b.so", &second("0001", "well"));
    commit(&agent);
    setup.install("b.so", &second("0002", "well"));
    let journal = commit(&agent);
    let last = journal["steps"].as_array().unwrap().last().unwrap()["detail"].as_str().unwrap();
    assert!(last.contains("loadable_1"), "says why it was not carried out: {journal}");
    assert_eq!(mark(&agent).as_deref(), Some("good"));
    setup.install("a.so", &variant("next", "well"));
    let journal = commit(&agent);
    assert_eq!(mark(&agent).as_deref(), Some("next"));
    assert!(journal["steps"].to_string().contains("exec"), "{journal}");
    assert_eq!(agent.sample("relink_plugin_retired_bytes"), Some(0.0));
}

#[test]
fn thread_locals_prints_backtraces_and_threads_outlive_their_library() {
    for what in ["thread-locals", "print", "backtrace", "thread", "panic in drop"] {
        let setup = Setup::new("");
        setup.install("a.so", &variant("0000", what));
        let mut agent = setup.start();
        for swap in 1..6 {
            setup.install("a.so", &variant(&format!("{swap:04}"), what));
            commit(&agent);
            assert_eq!(mark(&agent), Some(format!("{swap:04}")), "{what}");
        }
        // A walker that has been relieved ends, and its thread-locals with it; here the image ends as a whole.
        let journal = agent.put("/plugins/reload?force=true").json();
        assert_eq!(journal["outcome"], "committed", "{what}: {journal}");
        assert_eq!(mark(&agent).as_deref(), Some("0005"), "{what}");
        fs::remove_file(setup.plugin("a.so")).unwrap();
        commit(&agent);
        agent.signal("TERM");
        assert_eq!(agent.wait().code(), Some(0), "{what}: {}", agent.stderr());
        let stderr = agent.stderr();
        assert!(!stderr.contains("fatal runtime error"), "{what}: {stderr}");
        assert_eq!(stderr.contains("loadable says 0005"), what == "print", "{what}: {stderr}");
    }
}
