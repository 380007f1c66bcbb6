//! The dashboard compares generations: what a reload has changed.

#[path = "support/browser.rs"]
mod browser;
#[path = "support/scene.rs"]
mod scene;
mod support;

use scene::{LIVE, Scene};

/// The series that changed most.
const FIRST: &str = "document.querySelector('#detail tbody th')";

#[test]
fn what_a_reload_changed_is_in_the_first_row() {
    let Some(mut scene) = Scene::open_with(
        "the dashboard's generations",
        "",
        &["--path.procfs", "proc", "--plugins", "cpu,load"],
    ) else {
        return;
    };
    let page = &mut scene.page;
    page.wait("it is live", LIVE);
    let (before, _) = scene::snapshots(page);
    relink_testkit::until("a past to compare", || (scene::snapshots(page).0 > before + 10).then_some(()));
    let answer = scene.agent.put("/plugins/reload?force=true");
    assert_eq!(answer.json()["outcome"], "committed", "{}", answer.text());
    let page = &mut scene.page;
    page.wait("its border has a mark", "document.querySelector('.mark[data-tone=accent]')");
    // Well after the border: the answer may come before the exec, and the old code would still measure this.
    scene.folder.write("proc/loadavg", "7.00 1.00 1.00 2/345 6789\n");
    let (border, _) = scene::snapshots(page);
    relink_testkit::until("a present to compare", || (scene::snapshots(page).0 > border + 20).then_some(()));
    page.eval("document.querySelector('.mark[data-tone=accent]').click()");
    page.wait("what changed most is told first", &format!("{FIRST}?.textContent.startsWith('node_load1 ')"));
    let row = page.eval(&format!("{FIRST}.parentElement.innerText"));
    // The mean before, and the 95th percentiles.
    let row = row.as_str().unwrap();
    assert!(row.contains("\t1\t") && row.trim_end().ends_with("1\t7"), "{row}");
    assert!(page.eval("location.hash").as_str().unwrap().starts_with("#compare/"));
    scene.is_clean(&[]);
}
