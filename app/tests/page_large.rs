//! The dashboard of a large machine: what matters is on the first screen.

#[path = "support/browser.rs"]
mod browser;
#[path = "support/scene.rs"]
mod scene;
mod support;

use std::fmt::Write;
use std::fs;
use std::process::Command;
use std::time::Instant;

use browser::Page;
use relink_testkit::{Agent, skip};
use scene::SIZES;
use serde_json::json;
use support::{Folder, RELINK};

const CPUS: u32 = 32;
const DISKS: u32 = 60;
const MOUNTS: u32 = 120;

/// Mounts a small file system that is full where no other program sees it, and becomes the agent.
const FULL: &str =
    r#"mount -t tmpfs -o size=256k none "$0" && head -c 250000 /dev/zero >"$0/filler"; exec "$@""#;

#[test]
fn what_is_full_busy_and_hot_is_on_the_first_screen() {
    let Some(mut page) = Page::open() else {
        return skip("the dashboard of a large machine", "chromium is not installed");
    };
    let may_mount = Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|ended| ended.success());
    if !may_mount {
        return skip("the dashboard of a large machine", "unshare -rm is not permitted");
    }
    let folder = Folder::new(
        "print = \"none\"\n[history]\ninterval = 0.5\n[plugins]\nenabled = [\"cpu\", \"disk\", \"load\", \"net\"]\n",
    );
    let began = Instant::now();
    still(&folder);
    play(&folder, 0.0);
    let path = |name: &str| folder.path(name).display().to_string();
    let mut command = relink_testkit::command("unshare");
    command.args(["-rm", "sh", "-c", FULL, &path("root/mnt/m77"), RELINK, "--listen", "127.0.0.1:0"]);
    command.args([
        "--path.procfs",
        &path("proc"),
        "--path.sysfs",
        &path("sys"),
        "--path.rootfs",
        &path("root"),
    ]);
    command.current_dir(folder.root());
    let agent = Agent::from(command);
    page.looks(1280, 900, "light");
    page.go(&format!("http://{}/", agent.address));
    for (table, name) in [("hottest", "cpu19"), ("busiest", "sd37"), ("fullest", "/mnt/m77")] {
        let first = format!(
            "(() => {{ const row = document.querySelector('#table-{table} tbody th'); \
             return row?.textContent === {name:?} && row.getBoundingClientRect().bottom < innerHeight }})()"
        );
        relink_testkit::until(name, || {
            play(&folder, began.elapsed().as_secs_f64());
            page.eval(&first).as_bool().filter(|is| *is)
        });
    }
    page.wait(
        "a chip names what is full",
        "/m77 9\\d.* % used/.test(document.querySelector('.chip').textContent)",
    );
    assert_eq!(page.eval("document.querySelector('.chip').hash"), json!("#file-systems"));
    // Names that are markup, or run from right to left, are texts like others.
    page.eval("document.querySelector('#interfaces').scrollIntoView(), 1");
    page.wait("interfaces are listed", "document.querySelector('#table-interfaces tbody th')");
    page.eval("document.querySelector('#table-interfaces .more').click()");
    page.wait("markup is text", "document.querySelector('#table-interfaces').textContent.includes('<b>x')");
    assert!(page.eval("document.querySelector('main b > x, main th b')").is_null());
    for (width, theme) in SIZES {
        page.looks(width, 900, theme);
        page.eval("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
        let wide = page.eval("document.documentElement.scrollWidth");
        assert!(wide.as_u64().unwrap() <= u64::from(width), "{wide} pixels at a width of {width}");
    }
    assert_eq!(page.complaints(), [""; 0]);
}

/// What does not change.
fn still(folder: &Folder) {
    let mut mounts = "1 0 8:0 / / rw - ext4 /dev/sda1 rw\n".to_owned();
    for mount in 0..MOUNTS {
        fs::create_dir_all(folder.path(&format!("root/mnt/m{mount}"))).unwrap();
        writeln!(mounts, "{} 1 8:{mount} / /mnt/m{mount} rw - ext4 /dev/sd{mount} rw", mount + 2).unwrap();
    }
    let mut devices = vec!["lo".to_owned(), "eth0".to_owned(), "<b>x".to_owned(), "\u{202e}evil".to_owned()];
    devices.extend((0..100).map(|veth| format!("veth{veth}")));
    let mut files = vec![
        ("proc/1/mountinfo".to_owned(), mounts),
        ("proc/loadavg".to_owned(), "1.00 2.00 3.00 2/345 6789\n".to_owned()),
    ];
    for device in devices {
        for count in ["rx_bytes", "tx_bytes"] {
            files.push((format!("sys/class/net/{device}/statistics/{count}"), "1\n".to_owned()));
        }
    }
    for (file, text) in files {
        fs::create_dir_all(folder.path(&file).parent().unwrap()).unwrap();
        folder.write(&file, text);
    }
}

/// One CPU is busy and one disk; the others are so by a tenth.
fn play(folder: &Folder, seconds: f64) {
    let ticks = seconds * 100.0;
    let mut stat = "cpu 0 0 0 0 0 0 0 0 0 0\n".to_owned();
    for cpu in 0..CPUS {
        let busy = ticks * if cpu == 19 { 0.97 } else { 0.1 };
        writeln!(stat, "cpu{cpu} {busy:.0} 0 0 {:.0} 0 0 0 0 0 0", 1e6 + ticks - busy).unwrap();
    }
    let mut disks = String::new();
    for disk in 0..DISKS {
        let busy = seconds * if disk == 37 { 960.0 } else { 100.0 };
        let done = 100.0 * seconds;
        writeln!(
            disks,
            "   8 {disk} sd{disk} {done:.0} 0 {done:.0} {done:.0} {done:.0} 0 {done:.0} {done:.0} 0 {busy:.0} {busy:.0}"
        )
        .unwrap();
    }
    for (file, text) in [("proc/stat", stat), ("proc/diskstats", disks)] {
        folder.write("new", text);
        fs::rename(folder.path("new"), folder.path(file)).unwrap();
    }
}
