//! The README's picture of the dashboard.
//!
//! After a change that is meant, `RELINK_BLESS=1 cargo test -p relink --test picture` takes it anew, which needs a minute: then look
//! at it.
#![cfg(target_os = "linux")]

#[path = "support/browser.rs"]
mod browser;
mod support;

use std::f64::consts::TAU;
use std::fs;
use std::time::Instant;

use browser::Page;
use relink_testkit::skip;
use serde_json::json;
use support::{Folder, here};

const WIDTH: u32 = 1280;
/// The head, the strip of generations, the overview and the beginning of what follows.
const HEIGHT: u32 = 1080;
/// What a reader has to load.
const MOST_BYTES: usize = 300_000;

#[test]
fn the_readme_shows_the_dashboard_as_it_is() {
    let path = here("../docs/dashboard.png");
    if std::env::var("RELINK_BLESS").as_deref() == Ok("1") {
        // A minute of the past fills the charts.
        let Some(picture) = taken(118) else { return };
        fs::write(&path, picture).unwrap();
    }
    let readme = fs::read_to_string(here("../README.md")).unwrap();
    let words = readme.split("](docs/dashboard.png)").next().and_then(|before| before.rsplit_once("!["));
    let (_, words) = words.expect("the README shows docs/dashboard.png");
    assert!(words.split(' ').count() > 8, "{words}: expected what is to be seen, for those who can't see it");
    check(&fs::read(path).unwrap());
    if let Some(picture) = taken(5) {
        check(&picture);
    }
}

/// A PNG of the size that is asked for, and not of one colour: that would be a tenth as long as is asked for here.
fn check(picture: &[u8]) {
    assert_eq!(&picture[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().unwrap());
    assert_eq!((number(16), number(20)), (WIDTH, HEIGHT));
    let sizes = MOST_BYTES / 5..=MOST_BYTES;
    assert!(sizes.contains(&picture.len()), "{} bytes, expected {sizes:?}", picture.len());
}

/// A picture of the dashboard when it has so many snapshots; `None` where there is no browser.
fn taken(snapshots: u64) -> Option<Vec<u8>> {
    let Some(mut page) = Page::open() else {
        skip("the picture of the dashboard", "chromium is not installed");
        return None;
    };
    let folder = Folder::new(
        "print = \"none\"\n[history]\ninterval = 0.5\n[plugins]\nenabled = [\"cpu\", \"load\", \"mem\", \"net\"]\n",
    );
    let began = Instant::now();
    play(&folder, 0.0);
    let path = |name: &str| folder.path(name).display().to_string();
    let (proc, sys, root) = (path("proc"), path("sys"), path("root"));
    let agent = folder.start(&["--path.procfs", &proc, "--path.sysfs", &sys, "--path.rootfs", &root]);
    let reload = agent.put("/plugins/reload?plugins=cpu,disk,load,mem,net");
    assert_eq!(reload.json()["outcome"], "committed", "{}", reload.text());
    page.looks(WIDTH, HEIGHT, "light");
    page.call("Emulation.setScrollbarsHidden", json!({ "hidden": true }));
    page.go(&format!("http://{}/", agent.address));
    page.wait("it is live", "document.querySelector('#link').dataset.state === 'live'");
    page.wait("the reload is told", "/committed/.test(document.querySelector('#reload').innerText)");
    for snapshot in 1..=snapshots {
        let there = format!("parseInt(document.querySelector('#link').title.slice(9)) >= {snapshot}");
        page.wait("the next snapshot is there", &there);
        play(&folder, began.elapsed().as_secs_f64());
    }
    for chart in ["cpu", "memory", "network", "load", "disk-throughput"] {
        let figures =
            format!("/[1-9]/.test(document.querySelector('#chart-{chart}')?.closest('article').innerText)");
        // The machine goes on meanwhile: what stands still has a rate of 0.
        relink_testkit::until(chart, || {
            play(&folder, began.elapsed().as_secs_f64());
            page.eval(&figures).as_bool().filter(|seen| *seen)
        });
    }
    assert_eq!(page.complaints(), [""; 0]);
    Some(page.view())
}

/// What the kernel of a machine with four CPUs says after so many seconds, so that the picture shows the machine of nobody.
fn play(folder: &Folder, seconds: f64) {
    // What has come together at a rate that goes up and down around its mean.
    let sum = |mean: f64, swing: f64, period: f64| {
        mean * seconds + swing * period / TAU * (1.0 - (TAU * seconds / period).cos())
    };
    let now = |mean: f64, swing: f64, period: f64| mean + swing * (TAU * seconds / period).sin();
    let mut stat = String::new();
    for cpu in 0..4 {
        let more = f64::from(cpu);
        let times =
            [sum(25.0, 18.0, 23.0 + 5.0 * more), sum(6.0, 4.0, 7.0 + more), sum(1.5, 1.4, 11.0 + more)];
        let [user, system, waiting] = times;
        let idle = 100.0 * seconds - times.iter().sum::<f64>();
        stat += &format!("cpu{cpu} {user:.0} 0 {system:.0} {:.0} {waiting:.0} 0 0 0 0 0\n", 9e6 + idle);
    }
    let [received, sent] = [sum(4e6, 3e6, 19.0) + sum(1e6, 9e5, 3.7), sum(9e5, 6e5, 13.0)];
    let [read, written] = [sum(3e4, 3e4, 29.0), sum(5e4, 3e4, 17.0) + sum(1e4, 1e4, 5.3)];
    let kib = |gib: f64| gib * 1048576.0;
    let files = [
        ("proc/stat", format!("cpu 0 0 0 0 0 0 0 0 0 0\n{stat}")),
        (
            "proc/loadavg",
            format!("{:.2} {:.2} {:.2} 2/345 6789\n", now(1.4, 0.4, 40.0), now(1.2, 0.1, 60.0), 1.05),
        ),
        (
            "proc/meminfo",
            format!(
                "MemTotal: {:.0} kB\nMemFree: {:.0} kB\nBuffers: {:.0} kB\nCached: {:.0} kB\n",
                kib(16.0),
                kib(now(4.0, 0.7, 45.0)),
                kib(0.3),
                kib(now(6.0, 0.2, 80.0)),
            ),
        ),
        ("sys/class/net/eth0/statistics/rx_bytes", format!("{received:.0}\n")),
        ("sys/class/net/eth0/statistics/tx_bytes", format!("{sent:.0}\n")),
        (
            "proc/diskstats",
            format!(
                "   8       0 sda {:.0} 0 {read:.0} {:.0} {:.0} 0 {written:.0} {:.0} 0 {:.0} {:.0}\n",
                read / 60.0,
                read / 90.0,
                written / 90.0,
                written / 200.0,
                (read + written) / 400.0,
                (read + written) / 250.0,
            ),
        ),
        ("proc/1/mountinfo", "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n".to_owned()),
    ];
    fs::create_dir_all(folder.path("root")).unwrap();
    for (file, text) in files {
        let file = folder.path(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        folder.write("new", text);
        fs::rename(folder.path("new"), file).unwrap();
    }
}
