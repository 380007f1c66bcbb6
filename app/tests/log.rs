//! The log: what is said once is not said again each second.

mod support;

use relink_testkit::{Agent, until};
use support::Folder;

const QUIET: &str = "print = \"none\"\n[history]\ninterval = 0\n";

/// A `/proc` of garbage, in which every plugin that reads it fails.
fn garbage(folder: &Folder) {
    for file in
        ["stat", "meminfo", "vmstat", "loadavg", "diskstats", "net/snmp", "net/netstat", "1/mountinfo"]
    {
        let path = folder.path("proc").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"\xff\0garbage \n\n").unwrap();
    }
}

/// Lines of the log that name this plugin.
fn lines(agent: &Agent, plugin: &str) -> Vec<String> {
    let name = format!("plugin=\"{plugin}\"");
    agent.stderr().lines().filter(|line| line.contains(&name)).map(str::to_owned).collect()
}

#[test]
fn a_failing_plugin_is_told_once_and_once_when_it_is_well_again() {
    let folder = Folder::new(QUIET);
    garbage(&folder);
    let proc = folder.path("proc").display().to_string();
    let agent = folder.start(&["--path.procfs", &proc]);
    for _ in 0..50 {
        assert_eq!(agent.get("/metrics").status, 200);
    }
    assert_eq!(agent.plugin("load")["state"], "failing");
    assert_eq!(lines(&agent, "load").len(), 1, "{}", agent.stderr());
    for plugin in ["cpu", "mem", "vmstat", "stat"] {
        let said = lines(&agent, plugin);
        assert_eq!(said.len(), 1, "{plugin}: {}", agent.stderr());
        assert!(said[0].contains("failing: ") && said[0].contains("proc/"), "{plugin}: {said:?}");
    }
    // The plugin may hold the file open, as it may the kernel's: the same file has another content.
    std::fs::write(folder.path("proc/loadavg"), "0.20 0.18 0.12 1/80 11206\n").unwrap();
    for _ in 0..50 {
        assert_eq!(agent.get("/metrics").status, 200);
    }
    let said =
        until("the plugin is well again", || Some(lines(&agent, "load")).filter(|said| said.len() > 1));
    assert!(said.len() == 2 && said[1].contains("active again"), "{said:?}");
    assert_eq!(agent.stderr().matches("panicked").count(), 0, "{}", agent.stderr());
}

#[test]
fn a_flood_of_refused_requests_is_cut_off() {
    let folder = Folder::new(QUIET);
    let agent = folder.start(&[]);
    for _ in 0..200 {
        let refused = agent.request("PUT", "/plugins/reload", &[("Origin", "http://elsewhere.example")], &[]);
        assert_eq!(refused.status, 403);
    }
    let said = agent.stderr().lines().filter(|line| line.contains("is refused")).count();
    assert_eq!(said, 60, "{}", agent.stderr());
    assert_eq!(agent.sample("relink_requests_refused_total"), Some(200.0), "all are counted");
}

#[test]
fn lines_can_be_json_and_levels_are_obeyed() {
    let refuse = |agent: &Agent| {
        agent.request("PUT", "/plugins/reload", &[("Origin", "http://x.example")], &[]).status
    };
    let folder = Folder::new(&format!("{QUIET}[log]\nformat = \"json\"\n"));
    let agent = folder.start(&[]);
    assert_eq!(refuse(&agent), 403);
    let line = until("the refusal is logged", || {
        agent.stderr().lines().find(|line| line.starts_with('{')).map(str::to_owned)
    });
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["level"], "WARN");
    assert!(line["fields"]["message"].as_str().unwrap().contains("is refused"), "{line}");

    let agent = folder.start(&["--log.level=off"]);
    assert_eq!(refuse(&agent), 403);
    assert_eq!(agent.sample("relink_requests_refused_total"), Some(1.0));
    assert_eq!(agent.stderr().lines().count(), 1, "only where it listens: {}", agent.stderr());
}

#[test]
fn a_log_that_nobody_reads_any_more_costs_its_lines_only() {
    use std::io::{BufRead, BufReader, Read, Write};

    let folder = Folder::new(QUIET);
    garbage(&folder);
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_relink"))
        .args(["--listen", "127.0.0.1:0", "--path.procfs"])
        .arg(folder.path("proc"))
        .current_dir(folder.path("."))
        .env_clear()
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    // The reader goes with this statement, and every later line is refused with `EPIPE`.
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim_end().strip_prefix("listening on http://").map(str::to_owned);
    let scrape = || {
        let mut stream = std::net::TcpStream::connect(address.as_deref()?).ok()?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    };
    let answers = [scrape(), scrape()];
    child.kill().unwrap();
    child.wait().unwrap();
    for answer in answers {
        let answer = answer.unwrap_or_else(|| panic!("no answer; it began with {line:?}"));
        // Failing plugins have been logged; those that do not read these files go on.
        for plugin in ["load", "mem"] {
            assert!(answer.contains(&format!("success{{collector=\"{plugin}\"}} 0")), "{answer}");
        }
        for plugin in ["hwmon", "textfile"] {
            assert!(answer.contains(&format!("success{{collector=\"{plugin}\"}} 1")), "{answer}");
        }
    }
}
