//! What the executable says of its configuration: the defaults, and what is set by whom.

mod support;

use serde_json::Value;
use support::{Folder, ended, here};

#[test]
fn the_printed_default_configuration_changes_nothing() {
    let printed = Folder::new("= broken").run(&["config"]);
    assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""));
    let folder = Folder::new(&printed.stdout);
    let report = folder.run(&["check", "--json"]);
    assert_eq!(report.code, Some(0), "{}{}", report.stdout, report.stderr);
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    assert_eq!(report["settings"], Value::Array(Vec::new()));
}

/// `docs/configuration.md` shows the text that `relink config` prints; with `RELINK_BLESS=1` it is put there.
#[test]
fn the_document_shows_the_default_configuration() {
    const BEGIN: &str = "\n```toml\n";
    let printed = Folder::new("").run(&["config"]).stdout;
    let path = here("../docs/configuration.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).expect("the document has a block of TOML");
    let (shown, after) = rest.split_once("```\n").expect("the block ends");
    if std::env::var("RELINK_BLESS").as_deref() == Ok("1") {
        std::fs::write(&path, [before, BEGIN, &printed, "```\n", after].concat()).unwrap();
        return;
    }
    assert_eq!(shown, printed, "write it again with RELINK_BLESS=1 cargo test -p relink --test config");
}

#[test]
fn check_tells_what_is_set_and_by_whom() {
    let folder =
        Folder::new("print = \"json\"\n[collect]\ntimeout = 2.5\n[plugins]\nenabled = [\"cpu\", \"load\"]\n");
    let run = |arguments: &[&str]| {
        let mut command = folder.command(arguments);
        command.env("RELINK_LOG", "error");
        ended(command)
    };
    let flags = ["check", "--listen", "127.0.0.1:9100", "--no-collector.cpufreq"];
    let text = run(&flags);
    assert_eq!(text.code, Some(0), "{}", text.stderr);
    for line in [
        "configuration: relink.toml\n",
        "  collect.timeout = 2.5 (relink.toml; default 5.0)\n",
        "  listen = \"127.0.0.1:9100\" (flag; default \"127.0.0.1:8000\")\n",
        "  log.level = \"error\" (environment; default \"warn\")\n",
        "  collectors.cpufreq.enabled = false (flag; not set by default)\n",
        "  print = \"json\" (relink.toml; default \"table\")\n",
        "listens on 127.0.0.1:9100: this machine only; samples at /metrics\n",
        "no token is set up for others\n",
        "\ncpu: active: ",
        "\ndisk: off: switched off by [plugins] enabled in relink.toml; relink reload --plugins cpu,disk,load switches",
    ] {
        assert!(text.stdout.contains(line), "{line:?} is not in: {}", text.stdout);
    }
    if cfg!(target_os = "linux") {
        let cpu = text.stdout.lines().skip_while(|line| !line.starts_with("cpu: ")).nth(1).unwrap();
        assert!(cpu.starts_with("  reads /proc/stat"), "{}", text.stdout);
    }
    let json = run(&[&flags[..], &["--json"]].concat());
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&report["ok"], &report["file"]), (&true.into(), &"relink.toml".into()));
    let keys: Vec<_> = report["settings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["key"].as_str().unwrap(), s["from"].as_str().unwrap()))
        .collect();
    assert_eq!(
        keys,
        [
            ("collect.timeout", "file"),
            ("collectors.cpufreq.enabled", "flag"),
            ("listen", "flag"),
            ("log.level", "environment"),
            ("plugins.enabled", "file"),
            ("print", "file"),
        ]
    );
    assert_eq!(report["serving"]["loopback"], true);
    assert!(report["sources"].get("disk").is_none() && report["sources"]["cpu"].is_array(), "{report}");
}

#[test]
fn check_fails_where_the_token_can_not_be_read() {
    let folder = Folder::new("[reload]\ntoken_file = \"nowhere\"\n");
    let text = folder.run(&["check"]);
    assert_eq!(text.code, Some(1), "{}", text.stdout);
    assert!(
        text.stdout.contains("the token can't be used: ") && text.stdout.contains("nowhere"),
        "{}",
        text.stdout
    );
}

#[test]
fn check_without_a_file_says_so() {
    let folder = Folder::new("");
    std::fs::remove_file(folder.path("relink.toml")).unwrap();
    let text = folder.run(&["check"]).stdout;
    assert!(text.starts_with("configuration: no file"), "{text}");
    assert!(text.contains("every setting has its default"), "{text}");
}
