//! `relink verify` beside a real node_exporter.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use relink_testkit::{Agent, command, skip};
use serde_json::Value;

mod support;

use support::node_exporter::{NodeExporter, collectors};
use support::{Ended, Folder, RELINK, ended, here};

/// Mounts that others make and remove while the two are asked.
const MOUNTS: &str = "--collector.filesystem.mount-points-exclude=^/(dev|proc|sys|tmp)($|/)";

/// Builds `relink-verify` beside the executable, where `relink verify` looks for it.
fn verifier() {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let profile = Path::new(RELINK).parent().unwrap();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--locked", "--package", "relink-verify"]);
        cargo.args(profile.ends_with("release").then_some("--release"));
        cargo.arg("--target-dir").arg(profile.parent().unwrap()).current_dir(here(".."));
        let built = cargo.output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    });
}

/// `relink verify`, with the rules and the dashboard of this test.
fn verify(arguments: &[&str]) -> Ended {
    verifier();
    let mut command = command(RELINK);
    command.arg("verify").args(arguments).arg("--rules").arg(here("tests/fixtures/verify/rules.yml"));
    command.arg("--dashboard").arg(here("tests/fixtures/verify/dashboard.json"));
    ended(command)
}

/// Both agents with the same collectors.
fn both(folder: &Folder) -> Option<(Agent, NodeExporter)> {
    let Some(executable) = NodeExporter::installed() else {
        skip("comparing with node_exporter by relink verify", "node_exporter is not installed");
        return None;
    };
    folder.write("backup.prom", "node_backup_ok{target=\"disk \\\"1\\\"\"} 1\n");
    let texts = format!("--collector.textfile.directory={}", folder.root().display());
    let theirs = NodeExporter::start(&executable, &[MOUNTS, &texts]);
    theirs.metrics();
    let mut ours = folder.command(&["--listen", "127.0.0.1:0", "--print=none", MOUNTS, &texts]);
    ours.args(collectors());
    Some((Agent::from(ours), theirs))
}

fn json(said: &Ended) -> Value {
    serde_json::from_str(&said.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", said.stdout, said.stderr))
}

/// The names in one of the lists of losses.
fn names(found: &Value, list: &str) -> Vec<String> {
    let losses = found["verdict"][list].as_array().unwrap();
    losses
        .iter()
        .map(|it| format!("{} {}", it["kind"].as_str().unwrap(), it["name"].as_str().unwrap()))
        .collect()
}

#[test]
fn beside_a_real_node_exporter_nothing_would_be_missed() {
    let folder = Folder::new("");
    let Some((ours, theirs)) = both(&folder) else { return };
    let against = format!("http://{}", theirs.address);
    let said = verify(&["--listen", &ours.address.to_string(), "--against", &against]);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    assert!(
        said.stdout.contains("nothing would be missed; looked at 6 alerts, 4 recording rules"),
        "{}",
        said.stdout
    );

    let page = format!("http://{}/metrics", ours.address);
    let found = json(&verify(&["--json", "--page", &page, "--against", &against]));
    assert_eq!(found["ok"], true, "{found}");
    assert!(found["against"]["families"].as_u64().unwrap() > 200, "{found}");
}

#[test]
fn a_removed_family_is_told_with_what_would_go_silent() {
    let folder = Folder::new("");
    let Some((ours, theirs)) = both(&folder) else { return };
    let against = format!("http://{}", theirs.address);
    let whole = ours.get("/metrics").text();
    let without = |family: &str| {
        let is_of = |line: &str| {
            let line = line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ");
            line.strip_prefix(family).is_some_and(|rest| rest.starts_with(['{', ' ']))
        };
        let kept: String = whole.lines().filter(|line| !is_of(line)).flat_map(|line| [line, "\n"]).collect();
        assert_ne!(kept, whole, "{family} was there");
        folder.write("page.txt", kept);
        let page = folder.path("page.txt").display().to_string();
        let said = verify(&["--json", "--page", &page, "--against", &against]);
        assert_eq!(said.code, Some(1), "{}{}", said.stdout, said.stderr);
        let found = json(&said);
        assert_eq!(found["differences"]["missing"][0]["family"], family);
        assert_eq!(found["differences"]["missing"].as_array().unwrap().len(), 1);
        found
    };

    let found = without("node_filesystem_readonly");
    assert_eq!(names(&found, "silent"), ["alert FilesystemFills", "alert RootIsReadOnly", "panel Read-only"]);
    assert_eq!(names(&found, "reversed"), [""; 0]);

    let found = without("node_load1");
    assert_eq!(
        names(&found, "silent"),
        ["alert LoadIsHigh", "rule instance:load_per_cpu:ratio", "panel Load"]
    );

    let found = without("node_uname_info");
    let all =
        ["panel CPU", "panel Load", "panel Read-only", "panel Space left", "variable job", "variable node"];
    assert_eq!(names(&found, "silent"), all, "the variables are empty");
    assert_eq!(names(&found, "reversed"), ["alert NodeIsGone"]);

    let found = without("node_timex_sync_status");
    assert_eq!(names(&found, "reversed"), ["alert ClockDrifts"], "it is no longer held back");

    let found = without("node_memory_MemAvailable_bytes");
    assert_eq!(names(&found, "silent"), [""; 0], "there is another way to the same");
    assert_eq!(names(&found, "in_part"), ["rule instance:memory_used:ratio"]);
}

#[test]
fn what_can_not_be_read_is_told_by_name() {
    let folder = Folder::new("");
    folder.write("page.txt", "node_load1 0\n");
    folder.write("bytes.txt", [0xff, 0xfe, 0x00]);
    folder.write("cut.txt", "node_load1 0\nnode_load5");
    folder.write("empty.yml", "groups: []\n");
    let [page, bytes, cut, empty] =
        ["page.txt", "bytes.txt", "cut.txt", "empty.yml"].map(|file| folder.path(file).display().to_string());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for (arguments, words) in [
        (&["--page", &page][..], &["--against"][..]),
        (&["--against", "/nowhere", "--page", &page], &["/nowhere: ", "No such file"]),
        (&["--against", &page, "--page", &bytes], &["bytes.txt: line 1: not UTF-8"]),
        (&["--against", &cut, "--page", &page], &["cut.txt: line 2: ", "hint: expected a whole page"]),
        (&["--against", &page, "--rules", &empty, "--page", &page], &["empty.yml has no rules"]),
        (&["--against", &page, "--listen", &closed], &[&closed, "hint: start relink, or name its page"]),
        (&["--against", &page, "--listen", "127.0.0.1:0"], &["port 0", "--page"]),
    ] {
        let said = verify(arguments);
        assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{arguments:?}: {}", said.stderr);
        for word in words {
            assert!(said.stderr.contains(word), "{arguments:?}: no {word:?} in: {}", said.stderr);
        }
    }
}

#[test]
fn without_the_second_executable_the_command_is_named_that_builds_it() {
    let folder = Folder::new("");
    let alone = folder.path("relink");
    std::fs::copy(RELINK, &alone).unwrap();
    let mut command = command(alone.to_str().unwrap());
    command.args(["verify", "--against", "/dev/null"]);
    let said = ended(command);
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    assert!(said.stderr.contains("cargo build --release -p relink-verify"), "{}", said.stderr);
}
