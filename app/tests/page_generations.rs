//! The dashboard compares generations: what a reload has changed.

#[path = "support/browser.rs"]
mod browser;
#[path = "support/scene.rs"]
mod scene;
mod support;

use browser::Page;
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

/// How many dashboards are open, each in a browser of its own.
const OPEN: usize = 10;
const RELOADS: usize = 3;

#[test]
fn ten_open_dashboards_miss_nothing_of_a_reload() {
    // A snapshot a second: on a busy machine one that is due five times as often may be late, which is a gap.
    let Some(mut scene) = Scene::at_pace("dashboards over a reload", 1.0, "", &[]) else {
        return;
    };
    let address = format!("http://{}/", scene.agent.address);
    let mut pages: Vec<_> = (1..OPEN).map(|_| Page::open().expect("as the first one")).collect();
    for page in &mut pages {
        page.go(&address);
        page.wait("the CPU's chart is there", "document.querySelector('#chart-cpu')");
    }
    let mut pages: Vec<_> = pages.iter_mut().chain([&mut scene.page]).collect();
    let before = of_each(&mut pages, |page| {
        page.wait("it is live", LIVE);
        scene::stand_in_the_chart(page);
        (surplus(page), page.eval(STARTS))
    });
    for generation in 1..=RELOADS {
        let answer = scene.agent.put("/plugins/reload?force=true");
        assert_eq!(answer.json()["outcome"], "committed", "{}", answer.text());
        let marks = format!("document.querySelectorAll('.mark[data-tone=accent]').length === {generation}");
        of_each(&mut pages, |page| page.wait("the border has its mark", &marks));
    }
    let after = of_each(&mut pages, |page| (surplus(page), page.eval(STARTS)));
    assert_eq!(after, before, "each snapshot has its place in the charts");
    for page in pages {
        assert_eq!(page.eval("document.querySelectorAll('.hole').length"), 0, "no gap is shown");
        let resumed = page.requests().iter().filter(|one| one.contains("last_event_id=")).count();
        assert!(resumed >= RELOADS, "{resumed} streams went on with the number of the last snapshot");
        assert_eq!(page.complaints(), [""; 0]);
    }
    scene.is_clean(&[]);
}

/// How often the page shows that the agent was started.
const STARTS: &str = "document.querySelectorAll('.mark[data-tone=warn]').length";

/// Asks all at once.
fn of_each<T: Send>(pages: &mut [&mut Page], ask: impl Fn(&mut Page) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let asked: Vec<_> = pages.iter_mut().map(|page| scope.spawn(|| ask(page))).collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

/// How many places the charts have more than snapshots were counted up to now: the same again, unless one was missed or
/// came twice. The two are told one after the other, so what counts is the most of several looks.
fn surplus(page: &mut Page) -> i64 {
    let (first, _) = scene::snapshots(page);
    let mut most = i64::MIN;
    relink_testkit::until("it goes on", || {
        let (newest, places) = scene::snapshots(page);
        most = most.max(places.cast_signed() - newest.cast_signed());
        (newest > first + 5).then_some(most)
    })
}
