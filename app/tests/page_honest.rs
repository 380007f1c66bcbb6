//! The dashboard says how old its figures are, and draws no line where nobody measured.

#[path = "support/browser.rs"]
mod browser;
#[path = "support/scene.rs"]
mod scene;
mod support;

use browser::Page;
use relink_testkit::Agent;
use scene::{LIVE, Scene};
use serde_json::json;

/// That the page says that its agent is silent, and shows its figures in grey.
const SILENT: &str = "/^silent for/.test(document.querySelector('#link').textContent) \
    && getComputedStyle(document.querySelector('.legend b')).opacity < 1";
const HOLE: &str = "document.querySelector('.strip .hole')";

#[test]
fn a_stopped_agent_is_said_to_be_silent() {
    let Some(mut scene) = Scene::open("the dashboard of a stopped agent") else { return };
    let page = &mut scene.page;
    page.wait("it is live", LIVE);
    page.eval(
        "window.said = []; new MutationObserver(() => said.push(document.querySelector('#link').textContent))\
         .observe(document.querySelector('#link'), { childList: true, characterData: true, subtree: true }); 1",
    );
    scene.agent.signal("STOP");
    let page = &mut scene.page;
    page.wait("it is said, and grey", SILENT);
    let first = page.eval("said.find((text) => text.startsWith('silent'))");
    assert!(first.as_str().unwrap().starts_with("silent for 3 s"), "{first}");
    page.wait(
        "figures say of when they are",
        "/^as of \\d\\d:/.test(document.querySelector('.now').textContent)",
    );
    let said = page.text("#said");
    assert!(said.contains("as of"), "for screen readers: {said}");
    page.wait("the axis goes on", &format!("{BAND} > 99"));
    scene.agent.signal("CONT");
    let page = &mut scene.page;
    page.wait("it is live again", LIVE);
    page.wait("with a hole", HOLE);
    assert_eq!(page.eval("document.body.classList.contains('silent')"), json!(false));
    scene.is_clean(&[]);
}

/// How far the newest band of the strip goes to the right, in percent.
const BAND: &str = "parseFloat([...document.querySelectorAll('.band')].at(-1).style.left) + parseFloat([...document.querySelectorAll('.band')].at(-1).style.width.slice(5))";

#[test]
fn a_killed_agent_is_asked_ever_more_seldom_and_its_restart_has_a_mark() {
    let Some(mut scene) = Scene::open("the dashboard of a killed agent") else { return };
    scene.page.wait("it is live", LIVE);
    let address = scene.agent.address;
    scene.agent.signal("KILL");
    scene.agent.wait();
    // A request a try: 0.1 s, 0.2 s, 0.4 s and so on apart.
    let tries = relink_testkit::until("seven tries", || {
        scene.page.eval("1");
        let tries = tried(&scene.page);
        (tries.len() >= 8).then_some(tries)
    });
    let apart: Vec<_> = tries.windows(2).skip(1).map(|pair| pair[1] - pair[0]).collect();
    let mut least = 0.1;
    for distance in &apart {
        assert!(*distance > least * 0.9, "{apart:?} s between tries");
        least = f64::min(least * 2.0, 5.0);
    }
    scene.page.wait("it is silent", SILENT);
    let mut command = scene.folder.command(&["--listen", &address.to_string()]);
    command.env_remove("LISTEN_FDS");
    scene.agent = Agent::from(command);
    let page = &mut scene.page;
    page.wait("it is live again", LIVE);
    page.wait("the start has a mark", "/agent was started/.test(document.querySelector('.mark')?.title)");
    page.wait("and there is a hole before it", HOLE);
    scene.is_clean(&["ERR_CONNECTION", "ERR_INCOMPLETE_CHUNKED", "ERR_EMPTY_RESPONSE"]);
}

/// When the page asked for a stream, in seconds.
fn tried(page: &Page) -> Vec<f64> {
    let asked = page.events.iter().filter(|event| {
        event["method"] == "Network.requestWillBeSent"
            && event["params"]["request"]["url"].as_str().is_some_and(|url| url.contains("/events?"))
    });
    asked.map(|event| event["params"]["timestamp"].as_f64().unwrap()).collect()
}
