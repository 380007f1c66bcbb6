//! The dashboard for everybody: at each width, by keys alone, for screen readers, and on a large machine.

#[path = "support/browser.rs"]
mod browser;
#[path = "support/scene.rs"]
mod scene;
mod support;

use std::fs;
use std::path::PathBuf;

use browser::Page;
use relink_testkit::skip;
use scene::{PLUGINS, Scene, pictures, stand_in_the_chart, target};
use serde_json::{Value, json};

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
    if (!text.data.trim() || !own.checkVisibility() || own.closest('noscript, [aria-disabled=true], .strip')) continue;
    const found = ratio(rgb(getComputedStyle(own).color), ground(own));
    if (found < 4.5) flaws.push(`contrast ${found.toFixed(2)}: ${text.data}`);
  }
  // Lines and areas are graphics: 3 to 1.
  for (const swatch of document.querySelectorAll('.legend .entry')) {
    const found = ratio(rgb(getComputedStyle(swatch, '::before').backgroundColor), ground(swatch));
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
    page.wait("the disk's charts appear", "document.querySelector('#chart-disk-throughput')");
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

    // By keys alone: each control is reached, shows that it has the focus, and the cursor walks.
    page.eval("document.activeElement.blur(), window.scrollTo(0, 0), 1");
    let mut reached = Vec::new();
    for _ in 0..600 {
        page.press("Tab");
        let focus = page.eval(
            "(({ id, tagName, ariaLabel, innerText }) => `${tagName} ${id || ariaLabel || innerText.slice(0, 20)}`)(document.activeElement) + \
             (getComputedStyle(document.activeElement).outlineStyle === 'none' ? ' without a ring' : '')",
        );
        reached.push(focus.as_str().unwrap().to_owned());
        if focus == "A /openapi.json" {
            break;
        }
    }
    assert!(
        !reached.iter().any(|one| one.ends_with("without a ring") && !one.starts_with("BODY")),
        "{reached:?}"
    );
    for control in ["A Skip to the charts", "BUTTON 1 min", "BUTTON Reload plugins", "A cpu", "A /metrics"] {
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
    page.wait(
        "figures are of now",
        "!document.activeElement.closest('article').querySelector('.now').textContent.startsWith('at ')",
    );
    scene.is_clean(&[]);
}
