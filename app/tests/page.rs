//! The dashboard, in a real browser.

#[path = "support/browser.rs"]
mod browser;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use browser::{Page, base64};
use relink_testkit::{Agent, installed, skip};
use serde_json::{Value, json};
use support::{Folder, RELINK, here};

/// What most of these tests begin with: all but the disk's plugin. A snapshot comes five times a second.
const PLUGINS: &str = "cpu,load,mem,net,pressure,stat";

/// A builder that does as the file "build" beside it says.
const BUILDER: &str = r#"
here=$(dirname "$0")
case "$(cat "$here/build")" in
well) printf '%s\n' "{\"reason\":\"finished\",\"success\":true,\"executable\":\"$EXECUTABLE\",\"fresh\":true}" ;;
*)
    printf '%s\n' '{"reason":"diagnostic","level":"error","rendered":"error: expected `;`, found `<b>`\n --> metrics-disk/src/lib.rs:12:5\n"}'
    printf '%s\n' '{"reason":"finished","success":false,"error":"cargo build failed"}'
    exit 1
    ;;
esac
"#;

/// An agent with a builder, and a page on it.
struct Scene {
    folder: Folder,
    agent: Agent,
    page: Page,
}

impl Scene {
    /// None where there is no browser.
    fn open(what: &str) -> Option<Scene> {
        let enabled = PLUGINS.replace(',', "\", \"");
        Self::open_with(what, &format!("[plugins]\nenabled = [\"{enabled}\"]\n"), &[])
    }

    /// The same with other plugins, further arguments for the agent, and an empty folder "plugins".
    fn open_with(what: &str, plugins: &str, arguments: &[&str]) -> Option<Scene> {
        let Some(mut page) = Page::open() else {
            skip(what, "chromium is not installed");
            return None;
        };
        let folder = Folder::new("");
        let script = folder.path("build.sh");
        folder.write(
            "relink.toml",
            format!(
                "print = \"none\"\n[history]\ninterval = 0.2\n{plugins}[reload]\nbuilder = [\"sh\", {script:?}]\n"
            ),
        );
        folder.write("build.sh", BUILDER.replace("$EXECUTABLE", RELINK));
        folder.write("build", "well");
        fs::create_dir(folder.path("plugins")).unwrap();
        let agent = folder.start(arguments);
        page.looks(1280, 900, "light");
        page.go(&format!("http://{}/", agent.address));
        page.wait("the CPU's chart is there", "document.querySelector('#chart-cpu')");
        Some(Scene { folder, agent, page })
    }

    /// Reloads with another set of plugins, as somebody else than this page would.
    fn choose(&self, plugins: &str) {
        let answer = self.agent.put(&format!("/plugins/reload?plugins={plugins}"));
        assert_eq!(answer.json()["outcome"], "committed", "{}", answer.text());
    }

    /// Nothing went wrong in the page but what these texts tell of, and it asked nobody but its agent.
    fn is_clean(&self, expected: &[&str]) {
        let complaints = self.page.complaints();
        let unexpected = complaints.iter().filter(|one| !expected.iter().any(|text| one.contains(text)));
        assert_eq!(unexpected.collect::<Vec<_>>(), [""; 0]);
        let own = format!("http://{}/", self.agent.address);
        for address in self.page.requests() {
            assert!(address.starts_with(&own), "the page asked {address}");
        }
    }
}

/// The folder that these tests were built into.
fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

/// The value of a line of the list under "This agent".
fn figure(page: &mut Page, name: &str) -> String {
    let find =
        format!("[...document.querySelectorAll('#agent dt')].find((dt) => dt.textContent === {name:?})");
    page.eval(&format!("{find}?.nextElementSibling.textContent ?? ''")).as_str().unwrap().to_owned()
}

/// The number of the newest snapshot that the page knows, and how many points the CPU's chart has: one less, as the
/// first snapshot has no rate.
fn snapshots(page: &mut Page) -> (u64, u64) {
    let both = page.eval(
        "[parseInt([...document.querySelectorAll('#agent dt')].find((dt) => dt.textContent === 'Newest snapshot').nextElementSibling.textContent), \
          Number(document.querySelector('[aria-labelledby=chart-cpu]').ariaValueMax) + 1]",
    );
    (both[0].as_u64().unwrap(), both[1].as_u64().unwrap())
}

/// Lets the cursor stand in the CPU's chart, so that what it tells is told again with each snapshot.
fn stand_in_the_chart(page: &mut Page) {
    page.eval("document.querySelector('[aria-labelledby=chart-cpu]').focus()");
    page.press("End");
    page.wait("the tooltip is there", "!document.querySelector('.tip').hidden");
}

const NEW_PLUGIN: &str = "document.querySelector('#chart-disk-bytes')";

#[test]
fn a_reload_brings_its_charts_and_no_line_has_a_gap() {
    let Some(mut scene) = Scene::open("the dashboard through a reload") else { return };
    let page = &mut scene.page;
    page.wait("it is live", "document.querySelector('#link').textContent === 'live'");
    for chart in ["cores", "memory", "network", "load"] {
        page.wait(chart, &format!("document.querySelector('#chart-{chart}')"));
    }
    assert!(page.eval(NEW_PLUGIN).is_null(), "no plugin reads disks yet");
    // What would be lost if the page was loaded again, and what must not be said.
    page.eval(
        "window.kept = 1; window.said = []; new MutationObserver(() => said.push(document.querySelector('#link').textContent))\
         .observe(document.querySelector('#link'), { childList: true, characterData: true, subtree: true }); 1",
    );
    stand_in_the_chart(page);
    let (before, _) = snapshots(page);
    let seen = page.text(".plot .tip");
    page.wait("figures change", &format!("document.querySelector('.plot .tip').innerText !== {seen:?}"));

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
    relink_testkit::until("the generation", || (figure(page, "Generation") == "2").then_some(()));
    page.wait(
        "snapshots go on",
        &format!("parseInt([...document.querySelectorAll('#agent dd')].at(-1).textContent) > {before} + 10"),
    );
    stand_in_the_chart(page);
    relink_testkit::until("each snapshot is in the chart", || {
        let (newest, points) = snapshots(page);
        (newest > before + 10 && points == newest - 1).then_some(())
    });
    assert_eq!(page.eval("[window.kept, said]"), json!([1, []]), "neither loaded again nor said to be away");

    // What vanishes is greyed out and says since when.
    scene.choose(PLUGINS);
    let page = &mut scene.page;
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
    page.eval("window.kept = 1, document.querySelector('#reload button').click()");
    page.wait("its chart appears", "document.querySelector('#chart-c_uptime_seconds')");
    let card = page.eval("document.querySelector('#chart-c_uptime_seconds').closest('article').title");
    assert!(
        card.as_str().unwrap().starts_with("Time since the machine started"),
        "the family's help: {card}"
    );
    page.wait("it is loaded", "/uptime loaded/.test(document.querySelector('#plugins').innerText)");
    page.wait("the reload is told", "/1 committed \\+/.test(document.querySelector('#reload').innerText)");
    assert_eq!(page.eval("window.kept"), 1);
    pictures(page, "loaded");
    scene.is_clean(&[]);
}

#[test]
fn the_button_reloads_and_shows_the_compilers_words() {
    let Some(mut scene) = Scene::open("the dashboard's reload button") else { return };
    let page = &mut scene.page;
    let press = |page: &mut Page| page.eval("document.querySelector('#reload button').focus(), 1");
    press(page);
    page.call("Input.dispatchKeyEvent", json!({ "type": "keyDown", "key": "Enter", "text": "\r" }));
    page.wait("the answer", "/1 unchanged/.test(document.querySelector('#reload').innerText)");

    scene.folder.write("build", "compile error");
    let page = &mut scene.page;
    page.eval("document.querySelector('#reload button').click()");
    page.wait("the compiler's words", "document.querySelector('#reload pre')");
    let words = page.text("#reload pre");
    assert!(words.contains("error: expected `;`, found `<b>`\n --> metrics-disk/src/lib.rs:12:5"), "{words}");
    let font = page.eval("getComputedStyle(document.querySelector('#reload pre')).fontFamily");
    assert!(font.as_str().unwrap().contains("monospace"), "{font}");
    assert!(page.text("#reload [role=status]").contains("Reload 2: refused"));
    page.wait(
        "the one before is listed",
        "/1 unchanged/.test(document.querySelector('#reload summary')?.innerText)",
    );
    assert_eq!(page.eval("document.querySelector('#reload button').ariaDisabled"), "false");
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
    page.eval("setTimeout(() => document.querySelector('#reload button').click(), 50), 1");
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
    page.eval("setTimeout(() => document.querySelector('#reload button').click(), 50), 1");
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
    page.wait("it is live", "document.querySelector('#link').textContent === 'live'");
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
        (now > newest + 10 && points == now - 1).then_some(())
    });
    scene.is_clean(&[]);
}

/// Pictures of the page at two widths and in both themes, kept in the target folder for people to look at.
fn pictures(page: &mut Page, name: &str) {
    let folder = target().join("screenshots");
    fs::create_dir_all(&folder).unwrap();
    for (width, theme) in [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")] {
        page.looks(width, 900, theme);
        let wide = page.eval("document.documentElement.scrollWidth").as_u64().unwrap();
        assert!(wide <= u64::from(width), "{wide} pixels at a width of {width}");
        // As high as the page is.
        let high = page.eval("document.documentElement.scrollHeight").as_u64().unwrap();
        page.looks(width, u32::try_from(high).unwrap(), theme);
        // A new size is drawn at the next paint but one.
        page.eval(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done))))",
        );
        let picture = page.picture();
        assert!(picture.starts_with(b"\x89PNG") && picture.len() > 20_000, "{} bytes", picture.len());
        fs::write(folder.join(format!("{name}-{width}-{theme}.png")), picture).unwrap();
    }
    page.looks(1280, 900, "light");
}

/// Texts with too little contrast, controls without a name or out of order, headings that skip a level.
const FLAWS: &str = r#"(() => {
  const flaws = [];
  const rgb = (text) => text.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ratio = (a, b) => {
    const [x, y] = [light(a), light(b)];
    return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
  };
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const colour = rgb(getComputedStyle(node).backgroundColor);
      if (colour[3] !== 0) return colour;
    }
  };
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text; (text = words.nextNode());) {
    const own = text.parentElement;
    if (!text.data.trim() || !own.checkVisibility() || own.closest('noscript, [aria-disabled=true]')) continue;
    const found = ratio(rgb(getComputedStyle(own).color), ground(own));
    if (found < 4.5) flaws.push(`contrast ${found.toFixed(2)}: ${text.data}`);
  }
  // Lines and areas are graphics: 3 to 1.
  for (const swatch of document.querySelectorAll('.legend li')) {
    const found = ratio(rgb(getComputedStyle(swatch.querySelector('span'), '::before').backgroundColor), ground(swatch));
    if (found < 3) flaws.push(`contrast of a line ${found.toFixed(2)}: ${swatch.innerText}`);
  }
  let level = 0;
  for (const heading of document.querySelectorAll('h1, h2, h3, h4')) {
    if (Number(heading.tagName[1]) > level + 1) flaws.push(`${heading.tagName} under level ${level}: ${heading.innerText}`);
    level = Number(heading.tagName[1]);
  }
  for (const node of document.querySelectorAll('[tabindex]')) if (node.tabIndex > 0) flaws.push(`tabindex ${node.tabIndex}`);
  const targets = [...document.querySelectorAll('button, input, summary')].filter((node) => node.checkVisibility());
  for (const node of targets) if (node.getBoundingClientRect().height < 24) flaws.push(`too low to hit: ${node.innerText}`);
  return flaws;
})()"#;

/// The controls without a name, as a screen reader would meet them.
fn nameless(page: &mut Page) -> Vec<String> {
    let tree = page.call("Accessibility.getFullAXTree", json!({}));
    let nodes = tree["nodes"].as_array().unwrap().clone();
    let is_control = |role: &str| {
        ["button", "link", "textbox", "slider", "meter", "region", "table", "group", "DisclosureTriangle"]
            .contains(&role)
    };
    let controls: Vec<_> = nodes
        .into_iter()
        .filter(|node| node["ignored"] != true && node["role"]["value"].as_str().is_some_and(is_control))
        .collect();
    assert!(controls.len() > 20, "{} controls", controls.len());
    // A <details> is a group, whose summary has the name.
    let without =
        controls.iter().filter(|node| node["role"]["value"] != "group" || node["name"]["value"] != "");
    without
        .filter(|node| node["name"]["value"].as_str().is_none_or(str::is_empty))
        .map(Value::to_string)
        .collect()
}

/// What axe-core finds, where it is installed.
fn axe(page: &mut Page) -> Option<Value> {
    let script: PathBuf = target().join("tools/node_modules/axe-core/axe.min.js");
    let Ok(script) = fs::read_to_string(&script) else {
        skip("axe-core on the dashboard", "it is not in target/tools; .ci/run installs it there");
        return None;
    };
    page.eval(&format!("{script}; 1"));
    Some(page.eval(
        "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => \
         violations.map(({ id, impact, nodes }) => [id, impact, ...nodes.map(({ html }) => html)]))",
    ))
}

#[test]
fn everybody_can_read_and_use_it() {
    let Some(mut scene) = Scene::open("the dashboard's accessibility") else { return };
    scene.choose(&format!("{PLUGINS},disk"));
    let page = &mut scene.page;
    page.wait("the disk's charts appear", NEW_PLUGIN);
    page.wait(
        "the reload is told",
        "/1 committed \\+disk/.test(document.querySelector('#reload').innerText)",
    );
    pictures(page, "dashboard");
    let mut told_of_axe = true;
    for (width, theme) in [(1280, "light"), (390, "dark")] {
        page.looks(width, 900, theme);
        page.eval("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
        assert_eq!(page.eval(FLAWS), json!([]), "{width} {theme}");
        assert_eq!(nameless(page), [""; 0], "{width} {theme}");
        if told_of_axe {
            let found = axe(page);
            told_of_axe = found.is_some();
            assert!(found.is_none_or(|found| found == json!([])), "{width} {theme}: {}", axe(page).unwrap());
        }
    }

    // The theme by its button, against what the system says.
    let back = "getComputedStyle(document.documentElement).backgroundColor";
    let dark = page.eval(back);
    page.eval("document.querySelector('#theme').click()");
    assert_eq!(page.text("#theme"), "Theme: light");
    assert_ne!(page.eval(back), dark);

    // By keys alone: each control is reached, shows that it has the focus, and the cursor walks.
    page.eval("document.activeElement.blur(), window.scrollTo(0, 0), 1");
    let mut reached = Vec::new();
    for _ in 0..60 {
        page.press("Tab");
        let focus = page.eval(
            "(({ id, tagName, ariaLabel, innerText }) => `${tagName} ${id || ariaLabel || innerText.slice(0, 20)}`)(document.activeElement) + \
             (getComputedStyle(document.activeElement).outlineStyle === 'none' ? ' without a ring' : '')",
        );
        reached.push(focus.as_str().unwrap().to_owned());
    }
    assert!(
        !reached.iter().any(|one| one.ends_with("without a ring") && !one.starts_with("BODY")),
        "{reached:?}"
    );
    for control in [
        "A Skip to the charts",
        "BUTTON 1 min",
        "BUTTON theme",
        "BUTTON Reload plugins",
        "A cpu",
        "A /metrics",
    ] {
        assert!(reached.iter().any(|one| one == control), "{control} in {reached:?}");
    }
    stand_in_the_chart(page);
    let said =
        |page: &mut Page| page.eval("document.activeElement.ariaValueText").as_str().unwrap().to_owned();
    let newest = said(page);
    assert!(newest.contains("user") && newest.contains('%'), "{newest}");
    page.press("Home");
    page.wait("it says another moment", &format!("document.activeElement.ariaValueText !== {newest:?}"));
    page.press("Escape");
    page.wait("the tooltip is gone", "[...document.querySelectorAll('.tip')].every((tip) => tip.hidden)");
    scene.is_clean(&[]);
}
