//! The executable as an operator meets it: what it prints, how it ends, and how it refuses.

mod support;

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::Stdio;

use relink_testkit::{Agent, until};
use support::{Ended, Folder, ended};

const QUIET: &str = "print = \"none\"\n[history]\ninterval = 0\n";

/// Waits until the figures have been printed, which comes a quarter of a second after the start.
fn printed(agent: &Agent, end: &str) -> String {
    until("the figures are printed", || Some(agent.stdout()).filter(|said| said.contains(end)))
}

#[test]
fn figures_are_printed_and_served() {
    let folder = Folder::new("");
    let agent = folder.start(&[]);
    let table = printed(&agent, "disk");
    for (name, help) in [("cpu", "CPU"), ("disk", "isk")] {
        let title = table.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{table}"));
        assert!(title.contains(help), "the name and the help on one line: {title}");
    }
    assert!(table.chars().any(|c| c.is_ascii_digit()), "{table}");
    assert!(!table.contains('\u{1b}'), "no colours where stdout is no terminal: {table:?}");
    // Of this machine: as many CPUs as the kernel lists.
    if cfg!(target_os = "linux") {
        let stat = std::fs::read_to_string("/proc/stat").unwrap();
        let cpus = stat.lines().filter(|line| line.starts_with("cpu") && !line.starts_with("cpu ")).count();
        let text = agent.get("/metrics").text();
        let idle = |line: &&str| line.starts_with("node_cpu_seconds_total{") && line.contains("\"idle\"");
        assert_eq!(text.lines().filter(idle).count(), cpus);
    }
}

#[test]
fn figures_can_be_json_or_nothing() {
    let folder = Folder::new("[plugins]\nenabled = [\"cpu\", \"disk\"]\n");
    let agent = folder.start(&["--print", "json"]);
    let said = printed(&agent, "\n");
    assert_eq!(said.lines().count(), 1, "{said}");
    let json: serde_json::Value = serde_json::from_str(&said).unwrap();
    let names: Vec<_> = json["plugins"].as_array().unwrap().iter().map(|p| p["name"].clone()).collect();
    assert_eq!(names, ["cpu", "disk"]);

    let mut agent = folder.start(&["--print", "none"]);
    // Beyond the time at which the figures would be printed, as a whole collection with facts takes that long.
    assert_eq!(folder.run(&["once"]).code, Some(0));
    agent.signal("TERM");
    assert_eq!(agent.wait().code(), Some(0));
    assert_eq!(agent.stdout(), "");
}

#[test]
fn a_signal_ends_it_at_once_with_0() {
    for signal in ["INT", "TERM"] {
        let folder = Folder::new(QUIET);
        let mut agent = folder.start(&[]);
        // A keep-alive connection and an event stream are no reason to stay.
        let mut idle = agent.connect();
        assert_eq!(idle.get("/-/healthy").unwrap().status, 200);
        let mut stream = agent.connect();
        stream.send(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        assert!(stream.line().unwrap().contains("200"));
        let began = std::time::Instant::now();
        agent.signal(signal);
        assert_eq!(agent.wait().code(), Some(0), "SIG{signal}");
        assert!(began.elapsed().as_secs_f64() < 2.0, "SIG{signal}: {:?}", began.elapsed());
        assert!(!agent.stderr().contains("panicked"), "{}", agent.stderr());
    }
}

#[test]
fn what_was_ignored_at_the_start_stays_ignored_but_for_the_end_of_children() {
    // As a shell does with SIGINT of what it starts in the background, and some supervisors with SIGCHLD.
    let script = "trap '' INT CHLD; exec \"$0\" run --listen 127.0.0.1:0";
    let folder = Folder::new(QUIET);
    // Not any shell: dash does not hand SIGCHLD on.
    let Some(bash) = relink_testkit::installed("bash") else {
        return relink_testkit::skip("signals that are ignored at the start", "bash is not installed");
    };
    let mut command = relink_testkit::command(&bash.display().to_string());
    command.args(["-c", script, support::RELINK]).current_dir(folder.root());
    let mut agent = Agent::from(command);
    for generation in [1.0, 2.0, 3.0] {
        assert_eq!(agent.sample("relink_generation"), Some(generation));
        agent.signal("INT");
        assert_eq!(agent.get("/-/healthy").status, 200);
        if cfg!(target_os = "linux") {
            let status = agent.proc("status");
            let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap().trim();
            let ignored = u64::from_str_radix(ignored, 16).unwrap();
            // SIGINT is 2, SIGCHLD 17.
            assert_eq!((ignored >> 1 & 1, ignored >> 16 & 1), (1, 0), "{ignored:x}");
        }
        // The preflight waits for a child.
        let answer = agent.put("/plugins/reload?force=true");
        assert_eq!(answer.json()["outcome"], "committed", "{}", answer.text());
    }
    agent.signal("TERM");
    assert_eq!(agent.wait().code(), Some(0));
}

#[test]
fn once_prints_and_ends() {
    let folder = Folder::new("");
    let table = folder.run(&["once"]);
    assert_eq!((table.code, table.stderr.as_str()), (Some(0), ""));
    assert!(table.stdout.contains("cpu") && table.stdout.contains("disk"), "{}", table.stdout);
    let json = folder.run(&["once", "--print", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert!(json["plugins"][0]["families"].as_array().is_some_and(|families| !families.is_empty()), "{json}");
}

/// The stdout of `relink once` on a terminal that `script` makes.
fn on_a_terminal(folder: &Folder, no_color: Option<&str>) -> Option<String> {
    let Some(script) = relink_testkit::installed("script") else {
        relink_testkit::skip("colours on a terminal", "script is not installed");
        return None;
    };
    let mut command = relink_testkit::command(&script.display().to_string());
    command.current_dir(folder.path("")).env_remove("NO_COLOR");
    command.args(["-qec", &format!("{} once", support::RELINK), "/dev/null"]).stdin(Stdio::null());
    if let Some(value) = no_color {
        command.env("NO_COLOR", value);
    }
    Some(ended(command).stdout)
}

#[test]
fn colours_are_for_terminals_and_no_color_is_respected() {
    let folder = Folder::new("");
    let Some(coloured) = on_a_terminal(&folder, None) else { return };
    assert!(coloured.contains('\u{1b}'), "{coloured:?}");
    let plain = on_a_terminal(&folder, Some("1")).unwrap();
    assert!(plain.contains("cpu") && !plain.contains('\u{1b}'), "{plain:?}");
    let empty = on_a_terminal(&folder, Some("")).unwrap();
    assert!(empty.contains('\u{1b}'), "an empty NO_COLOR counts as none: {empty:?}");
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    let folder = Folder::new("");
    for arguments in [&["once"][..], &["plugins"], &["plugins", "--json"], &["check"]] {
        let mut command = folder.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?}: {said}");
        assert_eq!(said, "", "{arguments:?}");
    }
    let mut child = folder.command(&["once"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!((child.wait().unwrap().code(), first.is_empty()), (Some(0), false));
}

#[test]
fn plugins_are_listed() {
    let folder = Folder::new("[plugins]\nenabled = [\"cpu\"]\n");
    let json = folder.run(&["plugins", "--json"]);
    assert_eq!(json.code, Some(0));
    let list: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let list = list.as_array().unwrap();
    for plugin in list {
        assert_eq!(plugin["state"], if plugin["name"] == "cpu" { "active" } else { "off" }, "{plugin}");
    }
    assert!(list.iter().any(|plugin| plugin["name"] == "disk"));
    let text = folder.run(&["plugins"]).stdout;
    let collectors: usize = list.iter().map(|plugin| plugin["collectors"].as_array().unwrap().len()).sum();
    assert_eq!(text.lines().count(), list.len() + collectors, "{text}");
    for line in ["disk ", "  filesystem "] {
        let line =
            text.lines().find(|text| text.starts_with(line)).unwrap_or_else(|| panic!("{line}: {text}"));
        assert!(line.contains("(switched off by [plugins] enabled in relink.toml"), "{line}");
    }
}

#[test]
fn check_proves_configuration_and_plugins() {
    let folder = Folder::new("");
    let good = folder.run(&["check"]);
    assert_eq!(good.code, Some(0), "{}", good.stdout);
    assert!(good.stdout.contains("cpu: active: ") && good.stdout.contains(" samples"), "{}", good.stdout);

    let nowhere = folder.path("nowhere").display().to_string();
    let missing = folder.run(&["check", "--path.procfs", &nowhere]);
    refuses(&missing, 2, &["--path.procfs or [path] procfs is ", "/nowhere, which is not a folder"]);
    std::fs::create_dir(&nowhere).unwrap();
    folder.write("nowhere/stat", b"garbage\n");
    let bad = folder.run(&["check", "--path.procfs", &nowhere]);
    assert_eq!(bad.code, Some(1), "{}", bad.stdout);
    assert!(bad.stdout.contains("cpu: failing: ") && bad.stdout.contains("nowhere/stat"), "{}", bad.stdout);
    assert!(bad.stdout.contains("filesystem (disk): active: 0 samples"), "{}", bad.stdout);

    let json = folder.run(&["check", "--json", "--path.procfs", &nowhere]);
    assert_eq!(json.code, Some(1));
    let report: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (&report["ok"], &report["plugins"][0]["state"]),
        (&false.into(), &"failing".into()),
        "{report}"
    );
    let once = folder.run(&["once", "--path.procfs", &nowhere]);
    assert_eq!(once.code, Some(1), "{}", once.stdout);
}

/// The command must end with this code, and say each of these words on stderr.
fn refuses(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{}", ended.stderr);
    for word in words {
        assert!(ended.stderr.contains(word), "{word:?} is not in: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

#[test]
fn what_is_set_wrongly_is_2_and_named() {
    let none = Folder::new("");
    refuses(&none.run(&["--lisen", "127.0.0.1:0"]), 2, &["--lisen", "--listen"]);
    refuses(&none.run(&["--listen", "localhost"]), 2, &["localhost"]);
    refuses(&none.run(&["--print", "colours"]), 2, &["colours", "table", "json", "none"]);
    refuses(&none.run(&["--config", "missing.toml"]), 2, &["missing.toml", "No such file"]);
    refuses(&none.run(&["--listen", "0.0.0.0:0"]), 2, &["0.0.0.0:0", "--allow-remote"]);
    refuses(&none.run(&["--listen", "[::]:0"]), 2, &["[::]:0", "--allow-remote"]);
    for (toml, words) in [
        ("lisen = \"127.0.0.1:0\"", &["relink.toml", "`lisen`", "`listen`"][..]),
        ("[limits]\nmax_bdy = 1", &["`max_bdy`", "`max_body`"]),
        ("[collect]\ntimeout = -1", &["relink.toml", "timeout = -1", "expected seconds from 0.001 to 86400"]),
        ("[plugins]\nenabled = [\"dsik\"]", &["\"dsik\"", "cpu, disk"]),
        ("[collectors.cpu]\ninof = true", &["[collectors.cpu]", "\"inof\"", "info"]),
        ("[collectors.filesystem]\nmount_points_exclude = \"(\"", &["mount_points_exclude", "\"(\""]),
        // The second fault is told with the first.
        (
            "[collectors.diskstats]\ndevice_exclude = \"[\"\n[collectors.filesystem]\nmount_points_exclude = \"(\"",
            &["\"[\"", "\"(\""],
        ),
        ("= broken", &["relink.toml"]),
        ("\u{0}", &["relink.toml"]),
    ] {
        refuses(&Folder::new(toml).run(&[]), 2, words);
    }
    none.write("relink.toml", b"print = \"\xff\"");
    refuses(&none.run(&[]), 2, &["relink.toml"]);
}

#[test]
fn a_misspelt_variable_is_refused() {
    let folder = Folder::new(QUIET);
    let with = |name: &str, value: &str| {
        let mut command = folder.command(&["check"]);
        command.env(name, value);
        ended(command)
    };
    refuses(&with("RELINK_LISTN", "127.0.0.1:0"), 2, &["RELINK_LISTN", "RELINK_LISTEN"]);
    refuses(&with("RELINK_LISTEN", "nowhere"), 2, &["nowhere"]);
    refuses(&with("RELINK_LOG", "loud"), 2, &["RELINK_LOG", "loud", "debug"]);
    refuses(&with("RELINK_LOG_FORMAT", "xml"), 2, &["RELINK_LOG_FORMAT", "xml", "json"]);
    refuses(&with("RELINK_BUILDER", "cargo build"), 2, &["RELINK_BUILDER", "JSON list"]);
    assert_eq!(with("RELINK_PATH_PROCFS", "/nowhere").code, Some(2), "the variable is obeyed");
    assert_eq!(with("RELINK_LOG", "").code, Some(0));
}

#[test]
fn an_address_in_use_is_1_and_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = Folder::new(QUIET).run(&["--listen", &address]);
    refuses(&ended, 1, &[&address, "in use", "--listen"]);
}

#[test]
fn a_plugin_that_is_not_enabled_is_off_and_says_why() {
    let folder = Folder::new(&format!("{QUIET}[plugins]\nenabled = [\"cpu\"]\n"));
    let agent = folder.start(&[]);
    let disk = agent.plugin("disk");
    assert_eq!(disk["state"], "off");
    assert_eq!(
        disk["error"],
        "switched off by [plugins] enabled in relink.toml; relink reload --plugins cpu,disk switches it on in place"
    );
    for (state, count) in [("active", 1), ("failing", 0), ("stuck", 0), ("refused", 0)] {
        assert_eq!(
            agent.sample(&format!("relink_plugins{{state=\"{state}\"}}")),
            Some(f64::from(count)),
            "{state}"
        );
    }
    assert!(agent.sample("relink_plugins{state=\"off\"}").is_some_and(|off| off >= 1.0));
    let text = agent.get("/metrics").text();
    assert!(text.contains("node_cpu_") && !text.contains("node_disk_"), "{text}");
    assert!(!text.contains("node_filesystem_") && !text.contains("collector=\"diskstats\""), "{text}");
    let refused = agent.get("/metrics?collect[]=disk");
    assert_eq!(refused.status, 400);
    let (error, hint) = (refused.json()["error"].clone(), refused.json()["hint"].clone());
    assert!(error.as_str().unwrap().contains("\"disk\" does not run"), "{error}");
    let known = "the running collectors are: cpu, cpufreq; and all of a plugin's: cpu";
    assert_eq!(hint, known);
    assert_eq!(agent.get("/plugins/disk").json()["state"], "off");
}

/// The collector of that name in what `/plugins/mem` says.
fn meminfo(plugin: &serde_json::Value) -> &serde_json::Value {
    let collectors = plugin["collectors"].as_array().unwrap();
    collectors.iter().find(|one| one["name"] == "meminfo").unwrap()
}

#[test]
fn facts_are_those_of_the_request() {
    let folder = Folder::new(QUIET);
    std::fs::create_dir(folder.path("proc")).unwrap();
    let proc = folder.path("proc").display().to_string();
    let agent = folder.start(&["--path.procfs", &proc]);
    for (available, used) in [(1 << 20, "3.0 of 4.0 GiB used"), (2 << 20, "2.0 of 4.0 GiB used")] {
        folder.write("proc/meminfo", format!("MemTotal: 4194304 kB\nMemAvailable: {available} kB\n"));
        let one = agent.get("/plugins/mem").json();
        let memory = meminfo(&one)["facts"]["memory"].as_str().unwrap();
        assert!(memory.starts_with(used), "{one}");
    }
    // Nothing is left of what it said when it does not answer any more.
    folder.write("proc/meminfo", "garbage\n");
    let one = agent.get("/plugins/mem").json();
    let one = meminfo(&one);
    assert_eq!((&one["state"], &one["facts"]), (&"failing".into(), &serde_json::json!({})), "{one}");
    if cfg!(target_os = "linux") {
        // Usage takes two readings, also where nobody has asked before.
        let one = folder.start(&[]).get("/plugins/cpu").json();
        assert!(
            one["collectors"][0]["facts"]["usage cpu0"].as_str().is_some_and(|usage| usage.ends_with(" %")),
            "{one}"
        );
    }
}
