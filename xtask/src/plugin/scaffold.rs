//! `cargo xtask plugin new`: a crate that is green and live at once.

use std::fs;
use std::path::Path;

use super::edit::{self, Change};
use super::names;
use crate::build::AGENT;
use crate::failure::{Doing, Failure, Result};
use crate::tidy::PLUGIN_LIST;
use crate::workspace::{PLUGIN_PREFIX, Workspace};

/// The files of a new crate. `{name}` is the plugin, `{word}` the same where a dash can't stand.
const TEMPLATES: [(&str, &str); 4] = [
    ("Cargo.toml", include_str!("../../templates/plugin/Cargo.toml.in")),
    ("README.md", include_str!("../../templates/plugin/README.md.in")),
    ("src/lib.rs", include_str!("../../templates/plugin/lib.rs.in")),
    ("tests/fixture.rs", include_str!("../../templates/plugin/fixture.rs.in")),
];

/// Makes the crate and links it into the agent.
pub(crate) fn perform(name: &str) -> Result<()> {
    let workspace = Workspace::load()?;
    names::check(name)?;
    names::check_free(&workspace, name)?;
    let package = format!("{PLUGIN_PREFIX}{name}");
    let keys = format!("path = \"../{package}\", optional = true");
    let changes = linked(&workspace, name, &package, &keys)?;
    write(&workspace.root.join(&package), name)?;
    edit::write(&changes)?;
    println!("{package}: a plugin that shows an example, and is linked into the agent");
    eprintln!("what it shows is in {package}/src/lib.rs; to put it live: cargo xtask reload");
    Ok(())
}

/// The changes to the agent that link a plugin.
pub(super) fn linked(workspace: &Workspace, name: &str, package: &str, keys: &str) -> Result<Vec<Change>> {
    let agent = workspace.package(AGENT)?;
    Ok(vec![
        Change::new(agent.folder.join("Cargo.toml"), |text| edit::with_feature(text, name, package, keys))?,
        Change::new(workspace.root.join(PLUGIN_LIST), |text| Ok(edit::listed(text, name, package)))?,
    ])
}

/// The files of a new crate, as path and content.
pub(super) fn files(name: &str) -> Vec<(&'static str, String)> {
    let filled = |template: &str| template.replace("{name}", name).replace("{word}", &name.replace('-', "_"));
    TEMPLATES.iter().map(|(path, template)| (*path, filled(template))).collect()
}

/// Writes them all, or leaves nothing.
fn write(folder: &Path, name: &str) -> Result<()> {
    fs::create_dir(folder).doing(format_args!("creating {}", folder.display()))?;
    let written = files(name).into_iter().try_for_each(|(path, text)| {
        let path = folder.join(path);
        let parent = path.parent().expect("a file of the crate is in its folder");
        fs::create_dir_all(parent).and_then(|()| fs::write(&path, text))
    });
    written.map_err(|error| {
        // Half a crate would break the workspace.
        let _ = fs::remove_dir_all(folder);
        Failure::new(format!("writing {}: {error}", folder.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_carry_the_name() {
        let files = files("my-swap");
        let of = |path: &str| &files.iter().find(|(name, _)| *name == path).unwrap().1;
        assert!(of("Cargo.toml").contains("name = \"metrics-my-swap\""));
        assert!(of("src/lib.rs").contains("name: \"my-swap\""));
        assert!(of("src/lib.rs").contains("\"node_my_swap_uptime_seconds\""));
        assert!(of("tests/fixture.rs").contains("use metrics_my_swap as _;"));
        for family in ["node_my_swap_uptime_seconds", "node_my_swap_idle_seconds_total"] {
            assert!(of("README.md").contains(family));
        }
        for (path, text) in &files {
            assert!(!text.contains("{name}") && !text.contains("{word}"), "{path}");
        }
    }

    #[test]
    fn nothing_that_exists_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("mine"), "").unwrap();
        assert!(write(dir.path(), "swap").is_err());
        assert!(dir.path().join("mine").exists());
        write(&dir.path().join("metrics-swap"), "swap").unwrap();
        assert!(dir.path().join("metrics-swap/tests/fixture.rs").exists());
    }
}
