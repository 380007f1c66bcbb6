//! The README's picture of the dashboard.
//!
//! After a change that is meant, `RELINK_BLESS=1 cargo xtask test --test picture` takes it anew, which needs a minute: then look
//! at it.

#[path = "support/browser.rs"]
mod browser;
mod support;

use std::fs;

use browser::Page;
use relink_testkit::skip;
use support::{Folder, here};

const WIDTH: u32 = 1280;
const HEIGHT: u32 = 800;
/// What a reader has to load.
const MOST_BYTES: usize = 300_000;

#[test]
fn the_readme_shows_the_dashboard_as_it_is() {
    let path = here("../docs/dashboard.png");
    if std::env::var("RELINK_BLESS").as_deref() == Ok("1") {
        // A minute of the past fills the charts; a page waits no longer than that at a time.
        let Some(picture) = taken(&[60, 118]) else { return };
        fs::write(&path, picture).unwrap();
    }
    let readme = fs::read_to_string(here("../README.md")).unwrap();
    let shown = readme.lines().find(|line| line.starts_with("![") && line.ends_with("](docs/dashboard.png)"));
    let words = shown.expect("the README shows docs/dashboard.png").split(']').next().unwrap();
    assert!(words.split(' ').count() > 8, "{words}: expected what is to be seen, for those who can't see it");
    check(&fs::read(path).unwrap());
    if let Some(picture) = taken(&[5]) {
        check(&picture);
    }
}

/// A PNG of the size that is asked for, and not of one colour: that would be a hundredth as long.
fn check(picture: &[u8]) {
    assert_eq!(&picture[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().unwrap());
    assert_eq!((number(16), number(20)), (WIDTH, HEIGHT));
    let sizes = MOST_BYTES / 10..=MOST_BYTES;
    assert!(sizes.contains(&picture.len()), "{} bytes, expected {sizes:?}", picture.len());
}

/// A picture of the dashboard with so many points in its charts, each number waited for in turn; `None` where there is no
/// browser.
fn taken(points: &[u32]) -> Option<Vec<u8>> {
    let Some(mut page) = Page::open() else {
        skip("the picture of the dashboard", "chromium is not installed");
        return None;
    };
    // Without `stat`, which would tell whose machine it is.
    let folder = Folder::new(
        "print = \"none\"\n[history]\ninterval = 0.5\n[plugins]\nenabled = [\"cpu\", \"load\", \"mem\", \"net\", \"pressure\"]\n",
    );
    let agent = folder.start(&[]);
    let reload = agent.put("/plugins/reload?plugins=cpu,disk,load,mem,net,pressure");
    assert_eq!(reload.json()["outcome"], "committed", "{}", reload.text());
    page.looks(WIDTH, HEIGHT, "light");
    page.go(&format!("http://{}/", agent.address));
    page.wait("it is live", "document.querySelector('#link').textContent === 'live'");
    page.wait("the reload is told", "/committed/.test(document.querySelector('#reload').innerText)");
    for points in points {
        let enough =
            format!("document.querySelector('[aria-labelledby=chart-cpu]')?.ariaValueMax >= {points}");
        page.wait("the charts have their lines", &enough);
    }
    for chart in ["cpu", "memory", "network", "load", "disk-bytes"] {
        page.wait(
            chart,
            &format!("/[0-9]/.test(document.querySelector('#chart-{chart}').parentElement.innerText)"),
        );
    }
    assert_eq!(page.complaints(), [""; 0]);
    Some(page.picture())
}
