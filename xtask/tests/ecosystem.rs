//! Plugins made, added and removed by the real commands, on copies of this workspace, and an agent outside of it.
//!
//! All builds share a target folder of their own, so that no executable of this workspace is replaced meanwhile.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("ecosystem")
}

/// Copies a folder without what is built and what is hidden, but for cargo's configuration.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let name = entry.file_name();
        let hidden = name.as_encoded_bytes().starts_with(b".") && name != ".cargo";
        let kind = entry.file_type().unwrap();
        if kind.is_dir() && !hidden && name != "target" {
            copy(&entry.path(), &to.join(name));
        } else if kind.is_file() && !hidden {
            fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}

/// What a command prints on stdout; it has to succeed.
fn run(folder: &Path, line: &[&str]) -> String {
    let (ok, stdout, stderr) = ended(folder, line);
    assert!(ok, "{line:?} failed: {stderr}");
    stdout
}

fn ended(folder: &Path, line: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(line[0]);
    command.args(&line[1..]).current_dir(folder).env("CARGO_TARGET_DIR", target());
    // An agent refuses variables that look like its own, and the tests are run with one.
    command.env_remove("RELINK_SKIP_LOG");
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

/// A copy of this workspace, committed as it is. It stays in its place, so that its builds are built upon.
fn checkout(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    copy(root(), &folder);
    run(&folder, &["git", "init", "--quiet"]);
    run(&folder, &["git", "add", "--all"]);
    let who = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"];
    run(&folder, &[&["git"][..], &who, &["commit", "--quiet", "-m", "as it is"]].concat());
    folder
}

/// One test at a time: an executable has the same place in the target folder, whichever copy it is built from.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    // A test that failed has left nothing that matters to the next.
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn changes(folder: &Path) -> String {
    run(folder, &["git", "status", "--porcelain"])
}

#[test]
fn a_new_plugin_is_green_and_leaves_no_trace_when_removed() {
    let _alone = alone();
    let folder = checkout("new");
    let taken = ended(&folder, &["cargo", "xtask", "plugin", "new", "cpu"]);
    assert!(!taken.0 && taken.2.contains("is taken by"), "{taken:?}");
    assert_eq!(changes(&folder), "", "what is refused changes nothing");

    let taken = ended(&folder, &["cargo", "xtask", "plugin", "collector", "disk", "meminfo"]);
    assert!(!taken.0 && taken.2.contains("is taken by the collector"), "{taken:?}");
    let short = ended(&folder, &["cargo", "xtask", "plugin", "collector", "load", "zram"]);
    assert!(
        !short.0 && short.2.contains("metrics-load/src/lib.rs: its register! is in the form"),
        "{short:?}"
    );
    assert_eq!(changes(&folder), "", "what is refused changes nothing");

    run(&folder, &["cargo", "xtask", "plugin", "new", "my-swap", "--collectors", "my-swap,swap-pages"]);
    run(&folder, &["cargo", "xtask", "plugin", "collector", "my-swap", "swap_files"]);
    run(&folder, &["cargo", "xtask", "plugin", "collector", "disk", "zram"]);
    run(&folder, &["cargo", "fmt", "--all", "--check"]);
    run(&folder, &["cargo", "xtask", "tidy"]);
    let packages = ["--package", "metrics-my-swap", "--package", "metrics-disk"];
    let tests = run(&folder, &[&["cargo", "test", "--offline"][..], &packages].concat());
    assert!(tests.contains("test both_families_are_shown ... ok"), "{tests}");
    assert!(tests.contains("test swap_files::tests::two_numbers_are_expected ... ok"), "{tests}");
    assert!(tests.contains("test zram::tests::two_numbers_are_expected ... ok"), "{tests}");
    run(&folder, &["git", "checkout", "--quiet", "--", "metrics-disk"]);
    fs::remove_file(folder.join("metrics-disk/src/zram.rs")).unwrap();
    let library = run(&folder, &["cargo", "xtask", "plugin", "build", "my-swap"]);
    assert!(Path::new(library.trim()).starts_with(target().join("plugins")), "{library}");
    assert!(Path::new(library.trim()).exists(), "{library}");

    run(&folder, &["cargo", "xtask", "plugin", "remove", "my-swap"]);
    assert_eq!(changes(&folder), "");
}

#[test]
fn a_plugin_from_outside_is_linked_and_taken_out_again() {
    let _alone = alone();
    let folder = checkout("add");
    let outside = tempfile::tempdir().unwrap();
    let plugin = outside.path().join("gpu");
    fs::create_dir_all(plugin.join("src")).unwrap();
    let template = |file: &str| fs::read_to_string(root().join("xtask/templates").join(file)).unwrap();
    let core = folder.join("core");
    let manifest = "[package]\nname = \"relink-plugin-gpu\"\nversion = \"1.2.3\"\nedition = \"2024\"\n\n[dependencies]\n";
    let source = template("agent/src/load.rs").replace("\"load\"", "\"gpu\"");
    let source =
        source.replace("collector: \"loadavg\"", "collector: \"gpu\"").replace("node_load1", "node_gpu1");
    fs::write(plugin.join("src/lib.rs"), source).unwrap();
    let path = plugin.display().to_string();
    let add = ["cargo", "xtask", "plugin", "add", "relink-plugin-gpu", "--path", &path];

    fs::write(plugin.join("Cargo.toml"), manifest).unwrap();
    let refused = ended(&folder, &add);
    assert!(!refused.0 && refused.2.contains("does not depend on relink-core"), "{refused:?}");
    run(&folder, &["cargo", "update", "--workspace", "--offline"]);
    assert_eq!(changes(&folder), "", "what is refused is taken back");

    fs::write(plugin.join("Cargo.toml"), format!("{manifest}relink-core = {{ path = {core:?} }}\n")).unwrap();
    run(&folder, &add);
    let list = run(&folder, &["cargo", "xtask", "plugin", "list"]);
    let line = list.lines().find(|line| line.starts_with("gpu ")).unwrap_or_else(|| panic!("{list}"));
    assert!(line.contains("relink-plugin-gpu") && line.contains(&path), "{line}");
    run(&folder, &["cargo", "xtask", "tidy"]);
    let executable = run(&folder, &["cargo", "xtask", "build", "--plugins", "gpu"]);
    assert_eq!(linked(Path::new(executable.trim())), ["gpu 1.2.3"]);

    run(&folder, &["cargo", "xtask", "plugin", "remove", "gpu"]);
    assert_eq!(changes(&folder), "");
}

#[test]
fn an_agent_outside_this_repository_has_its_own_plugins_and_the_whole_host() {
    let _alone = alone();
    let outside = tempfile::tempdir().unwrap();
    copy(&root().join("xtask/templates/agent"), outside.path());
    let manifest = fs::read_to_string(outside.path().join("Cargo.toml")).unwrap();
    let here = manifest.replace("../relink/", &format!("{}/", root().display()));
    assert_ne!(here, manifest);
    fs::write(outside.path().join("Cargo.toml"), here).unwrap();
    // With the versions that were tried here.
    fs::copy(root().join("Cargo.lock"), outside.path().join("Cargo.lock")).unwrap();
    run(outside.path(), &["cargo", "build", "--offline"]);
    assert_eq!(linked(&target().join("debug/my-agent")), ["load 0.1.0"]);
    let metrics = run(outside.path(), &[&target().join("debug/my-agent").display().to_string(), "once"]);
    assert!(metrics.contains("node_load1"), "{metrics}");
}

/// The plugins of an agent that are not left out, with their versions.
fn linked(executable: &Path) -> Vec<String> {
    let said = run(root(), &[&executable.display().to_string(), "plugins", "--json"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    let plugins = said.as_array().or_else(|| said["plugins"].as_array()).unwrap();
    let is_in = |plugin: &&Value| plugin["state"] != "off" && plugin["placement"] == "linked";
    let word = |plugin: &Value, key: &str| plugin[key].as_str().unwrap_or_default().to_owned();
    let shown = |plugin| format!("{} {}", word(plugin, "name"), word(plugin, "version"));
    plugins.iter().filter(is_in).map(shown).collect()
}
