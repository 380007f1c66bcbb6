//! No plugin vanishes silently: what the executable says it has, what its list names, and the folders that are there.

mod support;

use std::collections::BTreeSet;
use std::fs;

use support::{Folder, here};

/// The plugins that have a folder.
fn folders() -> BTreeSet<String> {
    let names = fs::read_dir(here("..")).unwrap().map(|entry| entry.unwrap().path());
    let crates = names.filter(|path| path.join("Cargo.toml").is_file());
    let names = crates.map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
    names.filter_map(|name| name.strip_prefix("metrics-").map(str::to_owned)).collect()
}

/// The plugins that `src/plugins.rs` names, each under the feature of the same name.
fn listed() -> BTreeSet<String> {
    let text = fs::read_to_string(here("src/plugins.rs")).unwrap();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let named = lines.windows(2).filter_map(|pair| {
        let name = pair[1].strip_prefix("use metrics_")?.strip_suffix(" as _;")?.replace('_', "-");
        (pair[0] == format!("#[cfg(feature = {name:?})]")).then_some(name)
    });
    named.collect()
}

/// Plugin names of `relink plugins --json`, with what is left out at build time told apart.
fn of_executable() -> (BTreeSet<String>, BTreeSet<String>) {
    let ended = Folder::new("").run(&["plugins", "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let list: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let name = |plugin: &serde_json::Value| plugin["name"].as_str().unwrap().to_owned();
    let (out, linked) =
        list.as_array().unwrap().iter().partition::<Vec<_>, _>(|plugin| plugin["state"] == "off");
    (linked.into_iter().map(name).collect(), out.into_iter().map(name).collect())
}

#[test]
fn each_plugin_folder_has_its_line() {
    let missing: Vec<String> = folders()
        .difference(&listed())
        .map(|name| format!("#[cfg(feature = {name:?})]\nuse metrics_{} as _;\n", name.replace('-', "_")))
        .collect();
    assert!(missing.is_empty(), "add to app/src/plugins.rs:\n{}", missing.concat());
    let gone: Vec<_> = listed().difference(&folders()).cloned().collect();
    assert!(gone.is_empty(), "app/src/plugins.rs names plugins that have no folder metrics-*: {gone:?}");
}

#[test]
fn the_executable_has_what_its_list_names() {
    let (linked, left_out) = of_executable();
    // With some features off, what is not linked is told as left out; nothing is in neither list.
    let known: BTreeSet<_> = linked.union(&left_out).cloned().collect();
    assert_eq!(known, listed(), "linked {linked:?}, left out {left_out:?}");
    for (feature, on) in [("cpu", cfg!(feature = "cpu")), ("disk", cfg!(feature = "disk"))] {
        assert_eq!(linked.contains(feature), on, "{feature}");
    }
}

#[test]
fn the_registry_is_the_one_that_was_chosen() {
    let folder = Folder::new("print = \"none\"\n[history]\ninterval = 0\n");
    let chosen = if cfg!(feature = "linkme") { "linkme" } else { "inventory" };
    let agent = folder.start(&[]);
    let text = agent.get("/metrics").text();
    assert!(
        text.contains(&format!("relink_build_info{{version=\"0.1.0\",registry=\"{chosen}\"}} 1\n")),
        "{text}"
    );
}
