//! The log: what is said once is not said again each second.

mod support;

use relink_testkit::{Agent, until};
use serde_json::Value;
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

/// Lines of the log that name this collector.
fn lines(agent: &Agent, collector: &str) -> Vec<String> {
    let name = format!("collector=\"{collector}\"");
    agent.stderr().lines().filter(|line| line.contains(&name)).map(str::to_owned).collect()
}

#[test]
fn a_failing_collector_is_told_once_and_once_when_it_is_well_again() {
    let folder = Folder::new(QUIET);
    garbage(&folder);
    let proc = folder.path("proc").display().to_string();
    let agent = folder.start(&["--path.procfs", &proc]);
    for _ in 0..50 {
        assert_eq!(agent.get("/metrics").status, 200);
    }
    assert_eq!(agent.plugin("load")["state"], "failing");
    assert_eq!(lines(&agent, "loadavg").len(), 1, "{}", agent.stderr());
    for collector in ["cpu", "meminfo", "vmstat", "stat"] {
        let said = lines(&agent, collector);
        assert_eq!(said.len(), 1, "{collector}: {}", agent.stderr());
        assert!(said[0].contains("failing: ") && said[0].contains("proc/"), "{collector}: {said:?}");
    }
    // The plugin may hold the file open, as it may the kernel's: the same file has another content.
    std::fs::write(folder.path("proc/loadavg"), "0.20 0.18 0.12 1/80 11206\n").unwrap();
    for _ in 0..50 {
        assert_eq!(agent.get("/metrics").status, 200);
    }
    let said =
        until("the collector is well again", || Some(lines(&agent, "loadavg")).filter(|said| said.len() > 1));
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
    let lines = until("the refusal is logged", || {
        let said = agent.stderr();
        let lines: Vec<Value> =
            said.lines().map(|line| serde_json::from_str(line).expect("JSON alone")).collect();
        (lines.len() > 1).then_some(lines)
    });
    let told =
        |at: usize| (lines[at]["level"].as_str().unwrap(), lines[at]["fields"]["message"].as_str().unwrap());
    assert_eq!(told(0), ("INFO", format!("listening on http://{}", agent.address).as_str()));
    assert!(lines[0]["timestamp"].as_str().unwrap().ends_with('Z'), "{}", lines[0]);
    assert!(told(1).0 == "WARN" && told(1).1.contains("is refused"), "{}", lines[1]);
    // Also the last words of one that can't serve.
    let ended = folder.run(&["--listen", &agent.address.to_string()]);
    let last: Value = serde_json::from_str(&ended.stderr).unwrap();
    assert_eq!((ended.code, last["level"].as_str()), (Some(1), Some("ERROR")));
    assert!(last["fields"]["message"].as_str().unwrap().contains("Address already in use"), "{last}");

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
        // Failing collectors have been logged; those that do not read these files go on.
        for collector in ["loadavg", "meminfo"] {
            assert!(answer.contains(&format!("success{{collector=\"{collector}\"}} 0")), "{answer}");
        }
        for collector in ["hwmon", "textfile"] {
            assert!(answer.contains(&format!("success{{collector=\"{collector}\"}} 1")), "{answer}");
        }
    }
}

/// Waits for a line of the log that has all these words.
fn line(agent: &Agent, words: &[&str]) -> String {
    until(&format!("a line with {words:?}"), || {
        let said = agent.stderr();
        let line = said.lines().find(|line| words.iter().all(|word| line.contains(word)));
        line.map(str::to_owned)
    })
}

#[test]
fn at_info_a_life_is_told_from_its_start_to_its_end() {
    let folder = Folder::new(&format!("{QUIET}[plugins]\nenabled = [\"cpu\", \"load\"]\n"));
    let mut agent = folder.start(&["--log.level=info"]);
    let start = line(&agent, &["relink serves"]);
    for word in [
        "version=\"0.1.0\"",
        "generation=1",
        "configuration=\"relink.toml\"",
        "plugins=\"cpu,load\"",
        "count=2",
        "max_connections=256",
        &format!("listen=\"{}\"", agent.address),
    ] {
        assert!(start.contains(word), "{word} is not in {start}");
    }
    // What can't be understood is not said to be allowed.
    assert_eq!(agent.put("/plugins/reload?plugin=cpu").status, 400);
    assert_eq!(agent.put("/plugins/reload").status, 200);
    let allowed = line(&agent, &["is allowed"]);
    assert!(allowed.contains(" INFO ") && allowed.contains("reload=\"1\""), "{allowed}");
    let own = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap());
    let who = if own == 0 { "root" } else { "the agent's own user" };
    assert!(allowed.contains(&format!("who={who:?}")), "{allowed}");
    line(&agent, &[" INFO ", "reload ended", "reload=\"1\"", "outcome=\"unchanged\"", "generation=1"]);
    assert_eq!(agent.put("/plugins/reload?plugins=cpu").status, 200);
    line(&agent, &["reload ended", "reload=\"2\"", "outcome=\"committed\"", "generation=2", "pause_ms="]);
    line(&agent, &["relink serves", "generation=2", "plugins=\"cpu\""]);
    agent.signal("TERM");
    assert_eq!(agent.wait().code(), Some(0));
    line(&agent, &["relink ends: SIGTERM"]);
    line(&agent, &["relink has ended"]);
    let said = agent.stderr();
    assert_eq!(said.matches("is allowed").count(), 2, "{said}");
    assert!(!said.contains("WARN") && !said.contains("DEBUG"), "{said}");
}

#[test]
fn at_debug_each_scrape_and_each_error_is_told() {
    let folder = Folder::new(QUIET);
    let agent = folder.start(&["--log.level=debug"]);
    let mut connection = agent.connect();
    let peer = connection.socket().local_addr().unwrap();
    let series =
        connection.get("/metrics").unwrap().text().lines().filter(|line| !line.starts_with('#')).count();
    let scrape = line(&agent, &["scrape"]);
    for word in
        [format!("peer={peer}"), format!("series={series}"), "seconds=".to_owned(), "DEBUG".to_owned()]
    {
        assert!(scrape.contains(&word), "{word} is not in {scrape}");
    }
    assert_eq!(agent.get("/nothing").status, 404);
    line(&agent, &["DEBUG", "status=404", "GET /nothing", "there is no /nothing"]);
    assert_eq!(agent.get_with("/metrics", &[("Host", "evil.example")]).status, 421);
    line(&agent, &["DEBUG", "status=421", "GET /metrics", "evil.example"]);
    assert_eq!(agent.get("/metrics?collect[]=none").status, 400);
    line(&agent, &["DEBUG", "status=400", "unknown collector"]);
}
