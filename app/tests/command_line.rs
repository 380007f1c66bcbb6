//! The command line of the executable: node_exporter's flags, and what is refused.

mod support;

use support::{Ended, Folder};

const QUIET: &str = "print = \"none\"\n[history]\ninterval = 0\n";

/// The command must end with code 2, and say each of these words on stderr.
fn refuses(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    for word in words {
        assert!(ended.stderr.contains(word), "{word:?} is not in: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

/// The command must prove everything.
fn proves(folder: &Folder, line: &str) -> String {
    let words: Vec<_> = ["check"].into_iter().chain(line.split_whitespace()).collect();
    let ended = folder.run(&words);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{line}: {}", ended.stdout);
    ended.stdout
}

/// Names of families on `/metrics`, without the agent's own.
fn families(text: &str) -> std::collections::BTreeSet<String> {
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    names
        .filter(|name| name.starts_with("node_"))
        .filter(|name| !["node_scrape_", "node_exporter_"].iter().any(|own| name.starts_with(own)))
        .map(str::to_owned)
        .collect()
}

/// Command lines as packages, charts and roles for node_exporter write them, but for the address and the folders.
#[test]
fn command_lines_of_node_exporter_work_unchanged() {
    let folder = Folder::new(QUIET);
    for line in [
        // Debian's own defaults.
        r"--collector.diskstats.ignored-devices=^(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$
          --collector.filesystem.ignored-mount-points=^/(sys|proc|dev|run)($|/)
          --collector.netdev.ignored-devices=^lo$",
        // kube-prometheus.
        r"--web.listen-address=127.0.0.1:9100 --path.sysfs=/sys --path.rootfs=/ --path.procfs=/proc
          --path.udev.data=/run/udev/data --no-collector.wifi --no-collector.hwmon --no-collector.btrfs
          --collector.filesystem.mount-points-exclude=^/(dev|proc|sys|run/k3s/containerd/.+|var/lib/docker/.+|var/lib/kubelet/pods/.+)($|/)
          --collector.netclass.ignored-devices=^(veth.*|[a-f0-9]{15})$
          --collector.netdev.device-exclude=^(veth.*|[a-f0-9]{15})$",
        // A role for Ansible, with values behind a space, as kingpin takes them.
        r"--collector.processes --collector.tcpstat --no-collector.zfs --collector.cpu.info
          --collector.filesystem.fs-types-exclude ^(tmpfs|overlay)$ --collector.filesystem.mount-timeout 5s
          --web.telemetry-path /metrics --web.max-requests 40 --web.disable-exporter-metrics
          --log.level info --log.format logfmt --runtime.gomaxprocs=1",
        r"--collector.disable-defaults --collector.cpu --collector.meminfo --collector.loadavg
          --collector.vmstat.fields=^(oom_kill|pgpg|pswp|pg.*fault).*
          --collector.netstat.fields=^(Tcp_(ActiveOpens|InSegs)|Udp_.*)$",
    ] {
        proves(&folder, line);
    }
}

/// What the installed node_exporter's `--help` lists: each flag, and its default where it takes a value.
fn flags_of_node_exporter(help: &str) -> Vec<(String, Option<String>)> {
    // Those that end by themselves, and one whose default other machines could reach.
    const OTHERS: [&str; 5] = ["help", "help-long", "help-man", "version", "web.listen-address"];
    let lines = help.lines().filter_map(|line| line.trim_start().strip_prefix("--"));
    let flags = lines.filter_map(|line| {
        let flag = line.split([' ', '\t']).next()?;
        let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
        let is_placeholder = |value: &str| value.chars().next().is_some_and(|c| c.is_ascii_uppercase());
        let value = value.map(|value| match value.trim_matches('"') {
            value if is_placeholder(value) => "x".to_owned(),
            value => value.trim_end_matches("...").trim_end_matches('"').replace("\\\\", "\\"),
        });
        Some((name.trim_start_matches("[no-]").to_owned(), value))
    });
    flags.filter(|(name, _)| !OTHERS.contains(&name.as_str())).collect()
}

#[test]
fn every_flag_of_the_installed_node_exporter_is_taken_or_refused_with_a_reason() {
    let installed =
        ["prometheus-node-exporter", "node_exporter"].into_iter().find_map(relink_testkit::installed);
    let Some(node_exporter) = installed else {
        return relink_testkit::skip("node_exporter's own list of flags", "node_exporter is not installed");
    };
    let mut help = relink_testkit::command(&node_exporter.display().to_string());
    help.arg("--help");
    let help = support::ended(help);
    let flags = flags_of_node_exporter(&[help.stdout, help.stderr].concat());
    assert!(flags.len() > 50, "{flags:?}");
    let folder = Folder::new(QUIET);
    let mut taken = 0;
    for (name, value) in flags {
        let flag = match &value {
            Some(value) => format!("--{name}={value}"),
            None => format!("--{name}"),
        };
        // A collector that is off is not made.
        let ended = folder.run(&["plugins", "--collector.qdisc", &flag]);
        let has_reason = ["is refused: ", "names no collector"].iter().any(|why| ended.stderr.contains(why));
        let is_refused = ended.code == Some(2) && has_reason && ended.stderr.contains(&name);
        assert!(ended.code == Some(0) || is_refused, "{flag}: {:?}: {}", ended.code, ended.stderr);
        taken += usize::from(ended.code == Some(0));
        if value.is_none() {
            let off = folder.run(&["plugins", &format!("--no-{name}")]);
            assert_eq!(off.code, Some(0), "--no-{name}: {}", off.stderr);
        }
    }
    assert!(taken > 100, "{taken} are taken");
    for off in ["--no-help", "--no-version"] {
        assert_eq!(folder.run(&["plugins", off]).code, Some(0), "{off}");
    }
}

#[test]
fn what_is_not_here_is_told_once_and_shown_as_failed() {
    let folder = Folder::new(QUIET);
    let agent = folder.start(&[
        "--collector.perf",
        "--collector.perf.cpus",
        "0-3",
        "--collector.logind",
        "--no-collector.of-next-year",
    ]);
    let shown = |collector: &str| {
        let of = |family: &str| agent.sample(&format!("{family}{{collector=\"{collector}\"}}"));
        (of("node_scrape_collector_success"), of("node_scrape_collector_duration_seconds"))
    };
    for _ in 0..2 {
        assert_eq!((shown("perf"), shown("logind")), ((Some(0.0), Some(0.0)), (Some(0.0), Some(0.0))));
        assert_eq!(shown("cpu").0, Some(1.0));
        // Who asks for some plugins has not asked for these.
        let some = agent.get("/metrics?collect[]=cpu").text();
        assert!(some.contains("collector=\"cpu\"") && !some.contains("collector=\"logind\""), "{some}");
        // The next image has the same command line, and it was told already.
        let reload = agent.put("/plugins/reload?force=true");
        assert_eq!(reload.json()["outcome"], "committed", "{}", reload.text());
    }
    let said = agent.stderr();
    for line in [
        "relink has no collector perf and runs without it; node_scrape_collector_success{collector=\"perf\"} \
         is 0 (--collector.perf, --collector.perf.cpus)",
        "relink has no collector logind and runs without it; ",
        "--no-collector.of-next-year holds for a library alone: ",
    ] {
        assert_eq!(said.matches(line).count(), 1, "{line:?} in: {said}");
    }
    assert!(said.contains("WARN"), "{said}");
}

#[test]
fn plugins_are_chosen_by_a_flag_or_a_variable() {
    let folder = Folder::new("print = \"none\"\n[history]\ninterval = 0\n[plugins]\nenabled = [\"stat\"]\n");
    let running = |agent: &relink_testkit::Agent| {
        let all = agent.get("/plugins").json();
        let all = all["plugins"].as_array().unwrap().clone();
        let running = all.iter().filter(|plugin| plugin["state"] == "active");
        running.map(|plugin| plugin["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let agent = folder.start(&["--plugins", "mem,load"]);
    assert_eq!(running(&agent), ["load", "mem"]);
    let reload = agent.put("/plugins/reload?force=true");
    assert_eq!(reload.json()["outcome"], "committed", "{}", reload.text());
    assert_eq!(running(&agent), ["load", "mem"], "the next image has the same command line");
    let more = folder.start(&["--plugins=load", "--collector.meminfo"]);
    assert_eq!(running(&more), ["load", "mem"]);
    let mut command = folder.command(&["plugins", "--json"]);
    command.env("RELINK_PLUGINS", "load");
    let listed = support::ended(command).stdout;
    // The plugin, and its one collector.
    assert_eq!(listed.matches("\"active\"").count(), 2, "{listed}");
    refuses(
        &folder.run(&["--plugins", "load,meem"]),
        &["--plugins or RELINK_PLUGINS names \"meem\"", "did you mean mem", "cpu, disk"],
    );
}

#[test]
fn a_variable_that_is_wrong_is_named() {
    for (name, value, flag) in [
        ("RELINK_LISTEN", "", "--listen=nowhere"),
        ("RELINK_LISTEN", ":1,localhost", "--web.listen-address=nowhere"),
        ("RELINK_PRINT", "everything", "--print=nothing"),
        ("RELINK_CONFIG", "", "--config="),
    ] {
        let folder = Folder::new(QUIET);
        let mut command = folder.command(&["plugins"]);
        command.env(name, value);
        refuses(&support::ended(command), &[&format!("'{name}'")]);
        let (flag_name, _) = flag.split_once('=').unwrap();
        let flag_name = flag_name.replace("web.listen-address", "listen");
        refuses(&folder.run(&["plugins", flag]), &[&format!("'{flag_name} ")]);
    }
}

#[test]
fn once_prints_json_for_programs() {
    let folder = Folder::new(QUIET);
    let ended = folder.run(&["once", "--json", "--plugins=load"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let json: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(json.to_string().contains("node_load1"), "{json}");
}

#[test]
fn an_option_that_is_wrong_is_told_with_where_it_stands() {
    let folder = Folder::new("print = \"none\"\n[collectors.filesystem]\nfoo = 1\n");
    refuses(&folder.run(&[]), &["relink.toml: [collectors.filesystem] has no option \"foo\""]);
    let flag = "--collector.filesystem.mount-points-exclude=(";
    refuses(
        &Folder::new(QUIET).run(&[flag]),
        &["the command line: collector filesystem: [collectors.filesystem]: mount_points_exclude"],
    );
    refuses(
        &folder.run(&[flag]),
        &["relink.toml and the command line: [collectors.filesystem] has no option"],
    );
}

/// Each option that is a pattern, in each plugin.
#[test]
fn patterns_are_those_of_go() {
    let folder = Folder::new(QUIET);
    for flag in [
        "collector.cpu.info.bugs-include",
        "collector.cpu.info.flags-include",
        "collector.diskstats.device-exclude",
        "collector.diskstats.device-include",
        "collector.filesystem.fs-types-exclude",
        "collector.filesystem.fs-types-include",
        "collector.filesystem.mount-points-exclude",
        "collector.filesystem.mount-points-include",
        "collector.hwmon.chip-exclude",
        "collector.hwmon.chip-include",
        "collector.hwmon.sensor-exclude",
        "collector.hwmon.sensor-include",
        "collector.netclass.ignored-devices",
        "collector.netdev.device-exclude",
        "collector.netdev.device-include",
        "collector.netstat.fields",
        "collector.powersupply.ignored-supplies",
        "collector.qdisc.device-exclude",
        "collector.qdisc.device-include",
        "collector.vmstat.fields",
    ] {
        let flag = format!(r"--{flag}=^(\p{{Greek}}+\Q.+\E|\pL*|{{}})$");
        // A collector that is off is not made.
        let ended = folder.run(&["plugins", "--collector.qdisc", &flag]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{flag}");
        let wrong = flag.replace("Greek", "Geek");
        refuses(
            &folder.run(&["plugins", "--collector.qdisc", &wrong]),
            &["Unicode has no category or script of this name"],
        );
    }
}

#[test]
fn collectors_are_switched_one_by_one() {
    let folder = Folder::new(QUIET);
    let shown = |arguments: &[&str]| families(&folder.start(arguments).get("/metrics").text());
    let all = shown(&[]);
    let agent = folder.start(&["--no-collector.filesystem", "--no-collector.arp", "--no-collector.meminfo"]);
    let less = families(&agent.get("/metrics").text());
    // The next image has the same command line.
    let reload = agent.put("/plugins/reload?force=true");
    assert_eq!(reload.json()["outcome"], "committed", "{}", reload.text());
    assert_eq!(families(&agent.get("/metrics").text()), less);
    let gone: Vec<_> = all.difference(&less).map(String::as_str).collect();
    let is_expected = |family: &&str| {
        ["node_filesystem_", "node_arp_", "node_memory_"].iter().any(|prefix| family.starts_with(prefix))
    };
    assert!(gone.iter().all(&is_expected), "{gone:?}");
    assert!(gone.iter().any(|family| family.starts_with("node_memory_")), "{gone:?}");
    assert!(!less.iter().any(|family| is_expected(&family.as_str())), "{less:?}");
    assert_eq!(less.difference(&all).count(), 0);

    let few = shown(&["--collector.disable-defaults", "--collector.filefd", "--collector.loadavg"]);
    assert_eq!(
        few.iter().map(String::as_str).collect::<Vec<_>>(),
        ["node_filefd_allocated", "node_filefd_maximum", "node_load1", "node_load15", "node_load5"]
    );
}

#[test]
fn a_collector_that_is_off_says_which_flag_did_it_and_a_plugin_of_such_does_not_run() {
    let folder = Folder::new(QUIET);
    let agent = folder.start(&["--no-collector.diskstats", "--no-collector.filesystem"]);
    let disk = agent.plugin("disk");
    assert_eq!(disk["state"], "off");
    assert!(disk["error"].as_str().unwrap().starts_with("none of its collectors is on"), "{disk}");
    for collector in disk["collectors"].as_array().unwrap() {
        let flag = format!("switched off by --no-collector.{}", collector["name"].as_str().unwrap());
        assert_eq!((&collector["state"], &collector["error"]), (&"off".into(), &flag.into()));
    }
    assert_eq!(agent.get("/metrics?collect[]=diskstats").status, 400);
    let agent = folder.start(&["--collector.disable-defaults", "--collector.cpu"]);
    let error = agent.plugin("disk")["error"].clone();
    assert_eq!(
        error,
        "switched off by --collector.disable-defaults; relink reload --plugins cpu,disk switches it on in place"
    );
    assert!(agent.get("/metrics").text().contains("node_cpu_seconds_total"));
}

#[test]
fn samples_are_served_at_the_telemetry_path_as_well() {
    let folder = Folder::new(QUIET);
    let agent = folder.start(&["--web.telemetry-path=/deep/er", "--web.disable-exporter-metrics"]);
    for path in ["/metrics", "/deep/er", "/deep/er?collect[]=load"] {
        let answer = agent.get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"), "{path}");
        let text = answer.text();
        assert!(text.contains("node_load1 ") && text.contains("relink_build_info"), "{path}: {text}");
        assert!(!text.contains("process_"), "{path}: {text}");
    }
    assert_eq!(agent.request("HEAD", "/deep/er", &[], &[]).status, 200);
    assert_eq!(agent.get("/deep").status, 404);
    let plain = folder.start(&[]);
    assert!(plain.get("/metrics").text().contains("process_resident_memory_bytes"));
    assert_eq!(plain.get("/deep/er").status, 404);
    for (path, why) in [
        ("/", "expected a path"),
        ("metrics", "expected a path"),
        ("/a/", "expected a path"),
        ("/a?b", "expected a path"),
        ("/<name>", "expected a path"),
        ("/plugins", "which relink serves itself"),
        ("/-/x", "which relink serves itself"),
    ] {
        refuses(&folder.run(&["--web.telemetry-path", path]), &["telemetry_path", &format!("{path:?}"), why]);
    }
}

#[test]
fn what_has_no_meaning_here_is_refused_by_name() {
    let folder = Folder::new(QUIET);
    for (line, words) in [
        (
            "--collector.perf.of-next-year ssh",
            &["--collector.perf.of-next-year", "\"ssh\"", "--collector.perf.of-next-year=ssh"][..],
        ),
        ("--collector.systemd.unit-include", &["--collector.systemd.unit-include needs a value"]),
        (
            "--plugins filesystem",
            &["\"filesystem\"", "is a collector of plugin disk: choose disk, or --collector.filesystem"],
        ),
        (
            "--collector.disk",
            &["there is no collector disk", "disk is a plugin, whose collectors are diskstats, filesystem"],
        ),
        ("--collector.sytemd", &["there is no collector sytemd", "did you mean systemd?"]),
        ("--collector.cpuu", &["there is no collector cpuu", "did you mean cpu?", "conntrack, cpu"]),
        ("--collector.filesystem.exclude=x", &["--collector.filesystem.mount-points-exclude"]),
        ("--collector.arp.device-include=x", &["--collector.arp.device-include", "every device"]),
        (
            "--collector.filesystem.mount-points-exclude=(",
            &["mount_points_exclude", "\"(\"", "regular expression"],
        ),
        ("--collector.filesystem.mount-timeout=5x", &["\"5x\"", "with its unit", "5s"]),
        ("--collector.filesystem.mount-timeout=-5s", &["\"-5s\"", "without a sign"]),
        ("--web.disable-exporter-metrics --no-web.disable-exporter-metrics", &["cannot be used with"]),
        ("--collector.cpu --no-collector.cpu", &["--collector.cpu", "--no-collector.cpu", "both"]),
        ("--collector.cpu=yes", &["--collector.cpu takes no value", "yes"]),
        ("--web.listen-address=:9100", &["[::]:9100", "all addresses", "--allow-remote"]),
        ("--web.listen-address=0.0.0.0:9100", &["0.0.0.0:9100", "--allow-remote"]),
        ("--web.listen-address=9100", &["9100", "expected an address and a port"]),
        ("--log.level=loud", &["--log.level", "loud", "debug"]),
        ("--log.format=xml", &["--log.format", "xml", "json"]),
        ("--web.no-such-flag=1", &["--web.no-such-flag"]),
        ("dance", &["dance"]),
        ("completions tcsh", &["tcsh", "bash", "fish", "zsh"]),
    ] {
        refuses(&folder.run(&line.split_whitespace().collect::<Vec<_>>()), words);
    }
}

#[test]
fn plugins_and_options_that_are_not_are_refused_with_what_there_is() {
    for (toml, words) in [
        ("[plugins]\nenabled = [\"gpu\"]", &["\"gpu\"", "not a plugin of this agent", "cpu, disk"][..]),
        ("[plugins]\nenabled = [\"../cpu\"]", &["\"../cpu\"", "cpu, disk"]),
        ("[collectors.\"a/b\"]\nx = 1", &["[collectors.a/b] names no collector", "known are: arp, "]),
        ("[plugins.\"a/b\"]\nx = 1", &["[plugins] has no key \"a/b\"", "[collectors.NAME]"]),
        (
            "[plugins.disk]\nmount_timeout = 1",
            &["[plugins.disk] mount_timeout", "write mount_timeout in [collectors.filesystem]"],
        ),
        ("[collectors.cpu]\ninfo = 3", &["[collectors.cpu]: info is 3, expected true or false"]),
        ("[collectors.cpu]\ninof = true", &["\"inof\"", "did you mean info?", "enabled, guest, info"]),
        ("[collectors]\ncpu = 1", &["[collectors.cpu] is 1, expected a table"]),
        ("[log]\nlevel = \"loud\"", &["`loud`", "`debug`"]),
        ("telemetry_path = \"x\"", &["telemetry_path", "begins with /"]),
    ] {
        refuses(&Folder::new(toml).run(&[]), words);
    }
    let folder = Folder::new(QUIET);
    let agent = folder.start(&[]);
    for name in ["gpu", "..%2Fcpu", "a%2Fb"] {
        let answer = agent.put(&format!("/plugins/reload?plugins=cpu,{name}"));
        assert!([400, 422].contains(&answer.status), "{name}: {} {}", answer.status, answer.text());
        let said = answer.text();
        assert!(said.contains("disk"), "{name}: the known ones are listed: {said}");
    }
}

#[test]
fn help_lists_what_is_understood() {
    let folder = Folder::new(QUIET);
    let help = folder.run(&["--help"]);
    assert_eq!(help.code, Some(0));
    for word in [
        "--web.telemetry-path",
        "--web.listen-address",
        "  arp  ",
        "interrupts",
        "[off by default]",
        "--collector.vmstat.fields",
        "--[no-]collector.cpu.info",
        "--collector.filesystem.mount-timeout",
    ] {
        assert!(help.stdout.contains(word), "{word:?} is not in: {}", help.stdout);
    }
    assert!(!folder.run(&["-h"]).stdout.contains("--collector.vmstat.fields"), "the short one stays short");
    assert!(folder.run(&["--version"]).stdout.starts_with("relink "));
}

#[test]
fn completions_and_the_manual_page_are_printed() {
    // They work whatever the configuration says.
    let folder = Folder::new("= broken");
    for (shell, word) in [("bash", "complete -F"), ("zsh", "#compdef relink"), ("fish", "complete -c relink")]
    {
        let ended = folder.run(&["completions", shell]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{shell}");
        assert!(
            ended.stdout.contains(word) && ended.stdout.contains("web.telemetry-path"),
            "{shell}: {}",
            ended.stdout
        );
    }
    let page = folder.run(&["man"]);
    assert_eq!((page.code, page.stderr.as_str()), (Some(0), ""));
    for word in [".TH relink 1", ".SH NAME", ".SH OPTIONS", "RELINK_LISTEN", "collector.vmstat.fields"] {
        assert!(page.stdout.contains(word), "{word:?} is not in: {}", page.stdout);
    }
}
