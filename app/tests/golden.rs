//! The executable on a tree of files such as the kernel would show: the whole of `/metrics`, held against a file.
//!
//! After a change that is meant, `RELINK_BLESS=1 cargo test -p relink --test golden` writes the files again: then read the
//! difference.
#![cfg(target_os = "linux")]

mod support;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use relink_testkit::{Agent, promtool};
use support::{Folder, here};

/// A copy of the machine in `fixtures/machine`, with the folders that no checkout can hold everywhere.
struct Machine(Folder);

impl Machine {
    fn new() -> Machine {
        let folder = Folder::new(
            "print = \"none\"\n[history]\ninterval = 0\n[plugins]\nenabled = [\"cpu\", \"disk\"]\n",
        );
        copy(&here("tests/fixtures/machine"), &folder.path("machine"));
        for mount_point in [&b"my disk\t\\x"[..], b"caf\xe9"] {
            fs::create_dir(folder.path("machine/root").join(OsStr::from_bytes(mount_point))).unwrap();
        }
        Machine(folder)
    }

    fn start(&self) -> Agent {
        let path = |name: &str| self.0.path("machine").join(name).display().to_string();
        let (proc, sys, root) = (path("proc"), path("sys"), path("root"));
        self.0.start(&["--path.procfs", &proc, "--path.sysfs", &sys, "--path.rootfs", &root])
    }

    /// Puts another file in the place of one.
    fn replace(&self, file: &str, content: impl AsRef<[u8]>) {
        self.0.write("new", content);
        fs::rename(self.0.path("new"), self.0.path("machine").join(file)).unwrap();
    }

    fn remove(&self, file: &str) {
        fs::remove_file(self.0.path("machine").join(file)).unwrap();
    }

    fn read(&self, file: &str) -> Vec<u8> {
        fs::read(self.0.path("machine").join(file)).unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

/// The families whose values are of the machine that the test runs on.
const VARY: [&str; 9] = [
    "node_filesystem_size_bytes",
    "node_filesystem_free_bytes",
    "node_filesystem_avail_bytes",
    "node_filesystem_files",
    "node_filesystem_files_free",
    "node_scrape_collector_duration_seconds",
    // It depends on how often was collected.
    "relink_collector_warnings_total",
    "relink_build_info",
    "process_",
];

/// The exposition with what varies from run to run as `…`: values, and the labels of the build.
fn masked(text: &str) -> String {
    let varies = |line: &str| {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        VARY.iter().any(|vary| name == *vary || (vary.ends_with('_') && name.starts_with(vary)))
    };
    let mask = |line: &str| match line.rsplit_once(' ') {
        Some((series, _)) if series.starts_with("relink_build_info") => "relink_build_info{…} …".to_owned(),
        Some((series, _)) if series.starts_with("node_exporter_build_info") => {
            "node_exporter_build_info{…} …".to_owned()
        }
        Some((series, value)) if varies(line) => {
            assert!(value.parse::<f64>().is_ok(), "{line}");
            format!("{series} …")
        }
        _ => line.to_owned(),
    };
    text.lines().map(|line| mask(line) + "\n").collect()
}

fn check(agent: &Agent, golden: &str) {
    let answer = agent.get("/metrics");
    assert_eq!(answer.status, 200);
    promtool(&answer.text());
    let (text, path) = (masked(&answer.text()), here("tests/golden").join(golden));
    if std::env::var("RELINK_BLESS").as_deref() == Ok("1") {
        fs::write(path, text).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap();
    let differs = text.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    let at = differs.unwrap_or_else(|| text.lines().count().min(expected.lines().count()));
    let line = |text: &str| text.lines().nth(at).unwrap_or("(the end)").to_owned();
    assert!(
        text == expected,
        "{golden}:{}: expected {}\nfound {}\nif that is meant: RELINK_BLESS=1 cargo test -p relink --test golden",
        at + 1,
        line(&expected),
        line(&text)
    );
}

#[test]
fn a_machine_with_all_that_is_odd() {
    let machine = Machine::new();
    let agent = machine.start();
    check(&agent, "machine.txt");
    // The same again: nothing of it depends on being the first.
    check(&agent, "machine.txt");
}

#[test]
fn a_cpu_and_a_disk_are_plugged_in_and_out_between_scrapes() {
    let machine = Machine::new();
    let agent = machine.start();
    let (stat, disks) = (machine.read("proc/stat"), machine.read("proc/diskstats"));
    check(&agent, "machine.txt");

    let without = String::from_utf8(stat.clone()).unwrap().replace("cpu1 201 0 62 903 0 0 0 0 0 0\n", "");
    machine.replace("proc/stat", without);
    machine.replace("sys/devices/system/cpu/online", "0\n");
    machine.replace("sys/devices/system/cpu/cpu1/online", "0\n");
    machine.replace("proc/diskstats", "   8      16 sdb 1 2 3 4 5 6 7 8 9 10 11\n");
    check(&agent, "unplugged.txt");

    // The CPU comes back as it was, and so do the disks.
    machine.replace("proc/stat", stat);
    machine.replace("sys/devices/system/cpu/online", "0-1\n");
    machine.replace("sys/devices/system/cpu/cpu1/online", "1\n");
    machine.replace("proc/diskstats", disks);
    check(&agent, "machine.txt");
}

/// The state of a collector, and its error.
fn state(agent: &Agent, collector: &str) -> (String, String) {
    let plugins = agent.get("/plugins").json();
    let plugins = plugins["plugins"].as_array().unwrap().clone();
    let collectors = plugins.iter().flat_map(|plugin| plugin["collectors"].as_array().unwrap());
    let one = collectors.into_iter().find(|one| one["name"] == collector).unwrap();
    (one["state"].as_str().unwrap().to_owned(), one["error"].as_str().unwrap_or_default().to_owned())
}

/// The collectors of the machine, each with a family that it always has.
const COLLECTORS: [(&str, &str); 3] = [
    ("cpu", "node_cpu_seconds_total"),
    ("diskstats", "node_disk_io_now"),
    ("filesystem", "node_filesystem_readonly"),
];

/// Asks for a scrape in which this collector shows nothing, and all that the others say is there; whether it `fails`.
fn shows_nothing(agent: &Agent, collector: &str, file: &str, how: &str, fails: bool) {
    let answer = agent.get("/metrics");
    assert_eq!(answer.status, 200, "{file} {how}");
    promtool(&answer.text());
    let text = answer.text();
    for (name, family) in COLLECTORS {
        let works = name != collector || !fails;
        let success = format!("node_scrape_collector_success{{collector=\"{name}\"}} {}\n", u8::from(works));
        assert!(text.contains(&success), "{file} {how}, {success}");
        assert_eq!(text.contains(&format!("\n{family}{{")), name != collector, "{file} {how}, {family}");
        let (state, error) = state(agent, name);
        assert_eq!(state, if works { "active" } else { "failing" }, "{file} {how}, {name}: {error}");
        assert!(works || error.contains(file), "{file} {how}: {error}");
    }
}

#[test]
fn a_bad_source_is_its_collectors_failure_and_the_next_good_one_its_recovery() {
    let machine = Machine::new();
    let agent = machine.start();
    for (collector, file) in
        [("cpu", "proc/stat"), ("diskstats", "proc/diskstats"), ("filesystem", "proc/1/mountinfo")]
    {
        let good = machine.read(file);
        machine.remove(file);
        shows_nothing(&agent, collector, file, "is missing", false);
        machine.replace(file, &good);
        check(&agent, "machine.txt");

        machine.replace(file, "");
        // A container may have no disks; without a CPU or a mount nothing runs.
        shows_nothing(&agent, collector, file, "is empty", collector != "diskstats");
        for garbage in [&b"\0\x01\x02\xff\xfe"[..], b"garbage\n", b"<html>\n<p>not found\n", &[b'x'; 70_000]]
        {
            machine.replace(file, garbage);
            shows_nothing(&agent, collector, file, "is garbage", true);
        }
        machine.replace(file, &good);
        check(&agent, "machine.txt");
        assert_eq!(state(&agent, collector), ("active".to_owned(), String::new()), "{file}");
    }
}

#[test]
fn an_empty_diskstats_is_right_where_there_are_no_disks() {
    let machine = Machine::new();
    machine.replace("proc/diskstats", "");
    fs::remove_dir_all(machine.0.path("machine/sys/block/sda")).unwrap();
    let agent = machine.start();
    let text = agent.get("/metrics").text();
    assert!(text.contains("node_scrape_collector_success{collector=\"diskstats\"} 1\n"), "{text}");
    assert!(text.contains("node_filesystem_size_bytes{") && !text.contains("node_disk_"), "{text}");
}

#[test]
fn a_cut_off_file_is_a_failure_and_not_half_of_the_truth() {
    let machine = Machine::new();
    let agent = machine.start();
    machine.replace("proc/stat", "cpu  301 0 262 300903\ncpu0 100 10 2");
    shows_nothing(&agent, "cpu", "proc/stat", "is cut off", true);
    machine.replace("proc/stat", fs::read(here("tests/fixtures/machine/proc/stat")).unwrap());
    check(&agent, "machine.txt");
    machine.replace("proc/diskstats", "   8       0 sda 10 20 30");
    shows_nothing(&agent, "diskstats", "proc/diskstats", "is cut off", true);
}
