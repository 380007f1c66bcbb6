//! The set of plugins is data: a reload chooses another one, for itself and for those after it.

#[path = "support/reload.rs"]
mod support;

use relink_testkit::Agent;
use serde_json::{Value, json};
use support::{Setup, reload};

fn running(agent: &Agent) -> Vec<String> {
    let all = agent.get("/plugins").json();
    let running = all["plugins"].as_array().unwrap().iter().filter(|plugin| plugin["state"] == "active");
    running.map(|plugin| plugin["name"].as_str().unwrap().to_owned()).collect()
}

fn commits(agent: &Agent, query: &str) -> Value {
    let journal = reload(agent, query);
    assert_eq!(journal["outcome"], "committed", "{journal}");
    journal
}

#[test]
fn a_reload_chooses_among_what_is_linked_and_later_ones_keep_to_it() {
    let setup = Setup::new("[plugins]\nenabled = [\"counter\"]\n");
    let agent = setup.start();
    assert_eq!(running(&agent), ["counter"]);

    let journal = commits(&agent, "?plugins=extra,counter");
    assert_eq!(journal["plugins"]["added"], json!(["extra"]));
    assert_eq!(journal["plugins"]["removed"], json!([]));
    assert_eq!(journal["families"]["added"], json!(["candidate_extra"]));
    assert_eq!(running(&agent), ["counter", "extra"]);
    assert_eq!(agent.sample("candidate_extra"), Some(1.0));

    let journal = commits(&agent, "?force=true");
    assert_eq!(journal["plugins"]["added"], json!([]));
    assert_eq!(running(&agent), ["counter", "extra"], "the choice holds for the reloads after it");
    assert_eq!(reload(&agent, "")["outcome"], "unchanged");
    assert_eq!(reload(&agent, "?plugins=counter,extra")["outcome"], "unchanged", "in whatever order");

    let journal = commits(&agent, "?plugins=extra");
    assert_eq!(journal["plugins"]["removed"], json!(["counter"]));
    assert_eq!(journal["families"]["removed"], json!(["candidate_collections_total"]));
    assert_eq!(agent.sample("candidate_collections_total"), None);
    let off = agent.plugin("counter");
    assert_eq!(off["state"], "off", "{off}");
    let how = "switched off by a reload; relink reload --plugins counter,extra switches it on in place";
    assert_eq!(off["error"], how, "who has decided, and the way back");
}

#[test]
fn collectors_are_switched_on_and_off_and_later_reloads_keep_to_it() {
    let setup = Setup::new("[plugins]\nenabled = [\"counter\", \"slow\"]\n");
    let agent = setup.start();
    let started = agent.get("/reloads").json()["started"].clone();
    assert!(started.as_f64().unwrap() > 1.6e9, "{started}");

    // One of a plugin that nobody has chosen comes without the choice being another.
    let journal = commits(&agent, "?on=extra&off=slow");
    assert_eq!(journal["collectors"], json!({"added": ["extra"], "removed": ["slow"]}));
    assert_eq!(journal["asked"], json!({"plugins": null, "on": ["extra"], "off": ["slow"], "force": false}));
    assert_eq!((&journal["before"], &journal["generation"]), (&json!(1), &json!(2)));
    assert!(["root", "the agent's own user"].contains(&journal["by"].as_str().unwrap()), "{journal}");
    assert_eq!(running(&agent), ["counter", "extra"]);
    let off = agent.plugin("slow");
    assert_eq!(off["state"], "off", "{off}");
    let how = "switched off by reload 1; relink reload --on slow switches it on in place";
    assert_eq!(off["collectors"][0]["error"], how, "who has decided, and the way back");

    commits(&agent, "?force=true");
    assert_eq!(running(&agent), ["counter", "extra"], "the choice holds for the reloads after it");
    assert_eq!(reload(&agent, "?on=extra&off=slow")["outcome"], "unchanged");
    // A rolled back one does not.
    commits(&agent, "?on=faulty");
    setup.fault("after abort");
    assert_eq!(reload(&agent, "?on=slow")["outcome"], "rolled_back");
    setup.fault("");
    assert_eq!(running(&agent), ["counter", "extra", "faulty"]);
    // Whoever names plugins wants these, all of them, and no others.
    commits(&agent, "?plugins=extra,slow");
    assert_eq!(running(&agent), ["extra", "slow"]);
    let all = agent.get("/reloads").json();
    assert_eq!(all["started"], started, "it is the same process");
    assert_eq!(all["reloads"].as_array().unwrap().len(), 6);

    for (query, word, hint) in [
        ("?on=ghost", "on names \"ghost\", which is no collector", "known are: counter, extra, faulty, slow"),
        ("?off=slo", "off names \"slo\"", "did you mean slow?"),
        ("?on=", "on names \"\"", "known are"),
        ("?on=slow&off=extra,slow", "\"slow\" is to be on and off", "say which"),
        ("?with=slow", "unknown parameter \"with\"", "on=a,b, off=a,b"),
    ] {
        let answer = agent.put(&format!("/plugins/reload{query}"));
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
        assert!(answer.json()["error"].as_str().unwrap().contains(word), "{query}: {}", answer.text());
        assert!(answer.json()["hint"].as_str().unwrap().contains(hint), "{query}: {}", answer.text());
    }
}

#[test]
fn a_collector_that_is_switched_on_is_built() {
    let setup = Setup::with_builder("[plugins]\nenabled = [\"counter\"]\n");
    let agent = setup.start();
    commits(&agent, "?on=extra");
    commits(&agent, "?off=extra");
    assert_eq!(setup.read("built").unwrap(), "--plugins counter,extra\n--plugins counter\n");
    assert_eq!(running(&agent), ["counter"]);
}

#[test]
fn a_set_that_can_not_be_is_refused_and_nothing_changes() {
    let setup = Setup::new("");
    let agent = setup.start();
    let journal = reload(&agent, "?plugins=counter,ghost");
    assert_eq!(journal["outcome"], "refused");
    let error = journal["error"].as_str().unwrap();
    assert!(error.contains("\"ghost\"") && error.contains("counter, extra, faulty, slow"), "{error}");
    for (query, word) in [
        ("?plugins=counter,", "\"\" is not a plugin's name"),
        ("?plugins=", "\"\" is not a plugin's name"),
        ("?plugins=--release", "\"--release\" is not a plugin's name"),
        ("?plugins=../cpu", "\"../cpu\" is not a plugin's name"),
        ("?plugins=a%20b", "\"a b\" is not a plugin's name"),
        ("?plugins=a%00", "is not a plugin's name"),
        ("?plugin=counter", "unknown parameter \"plugin\""),
        ("?force=yes", "force is \"yes\""),
    ] {
        let answer = agent.put(&format!("/plugins/reload{query}"));
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
        assert!(answer.json()["error"].as_str().unwrap().contains(word), "{query}: {}", answer.text());
        assert!(answer.json()["hint"].is_string(), "{query}");
    }
    assert_eq!(running(&agent), ["counter", "extra", "faulty", "slow"]);
    assert_eq!(agent.sample("relink_generation"), Some(1.0));
}

#[test]
fn the_builder_is_told_the_chosen_set_and_nothing_else() {
    let setup = Setup::with_builder("[plugins]\nenabled = [\"counter\"]\n");
    let agent = setup.start();
    commits(&agent, "");
    commits(&agent, "?plugins=extra,counter,extra");
    commits(&agent, "");
    assert_eq!(
        setup.read("built").unwrap(),
        "--plugins counter\n--plugins counter,extra\n--plugins counter,extra\n"
    );
    assert_eq!(running(&agent), ["counter", "extra"]);
    for bad in ["?plugins=-x", "?plugins=a;b", "?plugins=$(id)"] {
        assert_eq!(agent.put(&format!("/plugins/reload{bad}")).status, 400, "{bad}");
    }
    assert_eq!(setup.times_built(), 3);
}

#[test]
fn a_set_that_was_rolled_back_is_forgotten() {
    let setup = Setup::with_builder("[plugins]\nenabled = [\"counter\", \"faulty\"]\n");
    let agent = setup.start();
    setup.fault("after abort");
    assert_eq!(reload(&agent, "?plugins=faulty,extra")["outcome"], "rolled_back");
    setup.fault("");
    assert_eq!(running(&agent), ["counter", "faulty"]);
    // Nor is the image that failed taken for the one that runs: the same artifact can be tried again.
    setup.build("again");
    assert_eq!(reload(&agent, "")["outcome"], "committed");
    assert_eq!(reload(&agent, "")["outcome"], "unchanged");
    assert_eq!(running(&agent), ["counter", "faulty"], "nor does the next reload go back to it");
}

#[test]
fn a_changed_configuration_goes_live() {
    let setup = Setup::new("[plugins]\nenabled = [\"counter\"]\n");
    let agent = setup.start();
    assert_eq!(reload(&agent, "")["outcome"], "unchanged");
    let toml = setup.read("relink.toml").unwrap();
    setup.write("relink.toml", &toml.replace("\"counter\"", "\"counter\", \"extra\""));
    let journal = commits(&agent, "");
    assert_eq!(journal["plugins"]["added"], json!(["extra"]));
    assert_eq!(running(&agent), ["counter", "extra"]);
    setup.write("relink.toml", "lisen = 1");
    let journal = reload(&agent, "");
    assert_eq!(journal["outcome"], "refused");
    let error = journal["error"].as_str().unwrap();
    assert!(error.contains("unknown field `lisen`"), "{error}");
    assert_eq!(running(&agent), ["counter", "extra"]);
}
