//! The dashboard, in a real browser: reloads, and who may ask for them.

#[path = "support/browser.rs"]
mod browser;
#[path = "support/scene.rs"]
mod scene;
mod support;

use std::process::Command;

use browser::{Page, base64};
use relink_testkit::{installed, skip};
use scene::{LIVE, PLUGINS, Scene, pictures, snapshots, stand_in_the_chart};
use serde_json::{Value, json};
use support::here;

const NEW_PLUGIN: &str = "document.querySelector('#chart-disk-throughput')";

#[test]
fn a_reload_brings_its_charts_and_no_line_has_a_gap() {
    let Some(mut scene) = Scene::open("the dashboard through a reload") else { return };
    let page = &mut scene.page;
    page.wait("it is live", LIVE);
    for chart in ["cores", "memory", "network", "load"] {
        page.wait(chart, &format!("document.querySelector('#chart-{chart}')"));
    }
    assert!(page.eval(NEW_PLUGIN).is_null(), "no plugin reads disks yet");
    // What would be lost if the page was loaded again, and what must not be said.
    page.eval(
        "window.kept = 1; window.said = []; new MutationObserver(() => said.push(document.querySelector('#link').dataset.state === 'silent' && 'silent'))\
         .observe(document.querySelector('#link'), { attributeFilter: ['data-state'], attributeOldValue: true }); 1",
    );
    stand_in_the_chart(page);
    let (before, _) = snapshots(page);
    relink_testkit::until("snapshots come", || (snapshots(page).0 > before).then_some(()));

    scene.choose(&format!("{PLUGINS},disk"));
    let page = &mut scene.page;
    page.wait("the disk's charts appear", NEW_PLUGIN);
    page.wait("so does the plugin", "/disk[^]*active/.test(document.querySelector('#plugins').innerText)");
    page.wait(
        "the reload is told",
        "/1 committed \\+disk/.test(document.querySelector('#reload').innerText)",
    );
    page.wait(
        "its steps too",
        "/preflight[^]*exec[^]*ready/.test(document.querySelector('#reload').innerText)",
    );
    page.wait("the generation", "/generation 2/.test(document.querySelector('#facts').innerText)");
    page.wait("and on the strip", "/gen 1[^]*gen 2/.test(document.querySelector('.strip').innerText)");
    relink_testkit::until("snapshots go on", || (snapshots(page).0 > before + 10).then_some(()));
    stand_in_the_chart(page);
    relink_testkit::until("each snapshot is in the chart", || {
        let (newest, points) = snapshots(page);
        (newest > before + 10 && points == newest).then_some(())
    });
    assert_eq!(
        page.eval("[window.kept, said.filter(Boolean)]"),
        json!([1, []]),
        "neither loaded again nor said to be away"
    );

    // What vanishes is greyed out and says since when.
    scene.choose(PLUGINS);
    let page = &mut scene.page;
    page.eval(&format!("{NEW_PLUGIN}.scrollIntoView(), 1"));
    page.wait("the chart is grey", &format!("{NEW_PLUGIN}.closest('article').classList.contains('gone')"));
    let note = page.eval(&format!("{NEW_PLUGIN}.closest('article').innerText"));
    assert!(note.as_str().unwrap().contains("no longer collected since"), "{note}");
    page.wait(
        "the plugin is said not to run",
        "/off: disk/.test(document.querySelector('#plugins').innerText)",
    );
    scene.is_clean(&[]);
}

#[test]
fn a_plugin_that_the_page_has_never_heard_of_has_a_chart() {
    let what = "the dashboard with a loaded plugin";
    if installed("cc").is_none() {
        return skip(what, "cc is not installed");
    }
    let Some(mut scene) = Scene::open_with(what, "", &["--plugin-dir", "plugins"]) else { return };
    let mut cc = Command::new("cc");
    cc.args(["-std=c11", "-shared", "-fPIC", "-I"]).arg(here("../core")).arg("-o");
    cc.arg(scene.folder.path("plugins/libuptime.so")).arg(here("../core/tests/c/uptime.c"));
    assert!(cc.status().is_ok_and(|status| status.success()), "{cc:?}");
    let page = &mut scene.page;
    page.eval("window.kept = 1, document.querySelector('#reload .primary').click()");
    page.wait("there are others", "!document.querySelector('#more').hidden");
    page.eval("document.querySelector('#more').scrollIntoView(), 1");
    page.wait("its chart appears", "document.querySelector('#chart-c_uptime_seconds')");
    let card = page.eval("document.querySelector('#chart-c_uptime_seconds').closest('article').title");
    assert!(
        card.as_str().unwrap().starts_with("Time since the machine started"),
        "the family's help: {card}"
    );
    page.wait("it is loaded", "/uptime[^]*loaded/.test(document.querySelector('#plugins').innerText)");
    page.wait("the reload is told", "/1 committed \\+/.test(document.querySelector('#reload').innerText)");
    assert_eq!(page.eval("window.kept"), 1);
    pictures(page, "loaded");
    scene.is_clean(&[]);
}

#[test]
fn the_button_reloads_and_shows_the_compilers_words() {
    let Some(mut scene) = Scene::open("the dashboard's reload button") else { return };
    let page = &mut scene.page;
    let press = |page: &mut Page| page.eval("document.querySelector('#reload .primary').focus(), 1");
    press(page);
    page.call("Input.dispatchKeyEvent", json!({ "type": "keyDown", "key": "Enter", "text": "\r" }));
    page.wait("the answer", "/1 unchanged/.test(document.querySelector('#reload').innerText)");

    scene.folder.write("build", "compile error");
    let page = &mut scene.page;
    page.eval("document.querySelector('#reload .primary').click()");
    page.wait("the compiler's words", "document.querySelector('#reload pre')");
    let words = page.text("#reload pre");
    assert!(words.contains("error: expected `;`, found `<b>`\n --> metrics-disk/src/lib.rs:12:5"), "{words}");
    let font = page.eval("getComputedStyle(document.querySelector('#reload pre')).fontFamily");
    assert!(font.as_str().unwrap().contains("monospace"), "{font}");
    assert!(page.text("#reload [role=status]").contains("Reload 2: refused"));
    page.wait(
        "the one before is listed",
        "/1 unchanged/.test(document.querySelector('#reload details').textContent)",
    );
    assert_eq!(page.eval("document.querySelector('#reload .primary').ariaDisabled"), "false");
    // Carets stand under what they point to: nothing is wrapped, and all of the width is used.
    let shape = page.eval("(({ clientWidth }, { whiteSpace }) => [clientWidth > innerWidth * 0.9, whiteSpace])(document.querySelector('#reload pre'), getComputedStyle(document.querySelector('#reload pre')))");
    assert_eq!(shape, json!([true, "pre"]));
    // It has its mark, with words, on the strip.
    let mark = page.eval("document.querySelector('.mark[data-tone=bad]')?.title ?? ''");
    let mark = mark.as_str().unwrap();
    assert!(mark.starts_with("Reload 2 refused") && mark.contains("cargo build failed"), "{mark}");
    pictures(page, "compile-error");
    // The browser itself tells of each answer that is an error.
    scene.is_clean(&["422"]);
}

/// What an agent says to a caller that is not its own user, which this test's browser is.
const DENIED: &str =
    r#"{"error":"only the agent's own user may do this without a token","hint":"send the token"}"#;

#[test]
fn a_refusal_is_readable_and_a_token_can_be_given() {
    let Some(mut scene) = Scene::open("the dashboard where it may not reload") else { return };
    let page = &mut scene.page;
    page.call("Fetch.enable", json!({ "patterns": [{ "urlPattern": "*/plugins/reload" }] }));
    // The next paused request.
    let paused = |page: &mut Page| -> Value {
        let from = page.events.len();
        relink_testkit::until("the page asks for a reload", || {
            page.eval("1");
            let mut new = page.events[from..].iter();
            new.find(|event| event["method"] == "Fetch.requestPaused").map(|event| event["params"].clone())
        })
    };
    page.eval("setTimeout(() => document.querySelector('#reload .primary').click(), 50), 1");
    let request = paused(page);
    assert_eq!(
        (&request["request"]["method"], &request["request"]["headers"]["Authorization"]),
        (&json!("PUT"), &Value::Null)
    );
    page.call(
        "Fetch.fulfillRequest",
        json!({ "requestId": request["requestId"], "responseCode": 401, "body": encoded(DENIED),
            "responseHeaders": [{ "name": "Content-Type", "value": "application/json" }] }),
    );
    page.wait(
        "why not",
        "document.querySelector('#reload [role=status]').innerText.startsWith('401: only the')",
    );
    assert!(page.text("#reload [role=status]").ends_with("send the token"));
    page.wait("a field for the token has the focus", "document.activeElement.type === 'password'");
    page.call("Input.insertText", json!({ "text": "0123456789abcdef" }));
    page.eval("setTimeout(() => document.querySelector('#reload .primary').click(), 50), 1");
    let request = paused(page);
    assert_eq!(request["request"]["headers"]["Authorization"], "Bearer 0123456789abcdef");
    page.call(
        "Fetch.failRequest",
        json!({ "requestId": request["requestId"], "errorReason": "ConnectionReset" }),
    );
    page.wait("no answer is told too", "/did not arrive/.test(document.querySelector('#reload').innerText)");
    scene.is_clean(&["401", "ERR_CONNECTION_RESET"]);
}

/// Base64, by the tool that every system has.
fn encoded(text: &str) -> String {
    String::from_utf8(base64(&["-w0"], text.as_bytes())).unwrap()
}

#[test]
fn a_page_that_nobody_sees_holds_no_stream_and_catches_up() {
    let Some(mut scene) = Scene::open("the dashboard in the background") else { return };
    let page = &mut scene.page;
    page.wait("it is live", LIVE);
    let hidden = |page: &mut Page, is: bool| {
        page.eval(&format!(
            "Object.defineProperty(document, 'hidden', {{ value: {is}, configurable: true }}); \
             document.dispatchEvent(new Event('visibilitychange'))"
        ));
    };
    hidden(page, true);
    let (newest, _) = snapshots(page);
    let mut connection = scene.agent.connect();
    let id = |answer: Value| answer["last_id"].as_u64().unwrap();
    relink_testkit::until("the agent has ten more", || {
        let answer = connection.get("/history?family=node_load1&seconds=1").unwrap().json();
        (id(answer) > newest + 10).then_some(())
    });
    let page = &mut scene.page;
    assert!(snapshots(page).0 <= newest + 1, "one may have been under way");
    hidden(page, false);
    stand_in_the_chart(page);
    relink_testkit::until("each snapshot is in the chart", || {
        let (now, points) = snapshots(page);
        (now > newest + 10 && points == now).then_some(())
    });
    scene.is_clean(&[]);
}
