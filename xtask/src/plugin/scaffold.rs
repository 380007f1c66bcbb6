//! `cargo xtask plugin new`: a crate that is green and live at once.

use std::fs;
use std::path::Path;

use super::edit::{self, Change};
use super::{collector, names};
use crate::build::AGENT;
use crate::failure::{Doing, Failure, Result};
use crate::tidy::PLUGIN_LIST;
use crate::workspace::{PLUGIN_PREFIX, Workspace};

const MANIFEST: &str = include_str!("../../templates/plugin/Cargo.toml.in");
const README: &str = include_str!("../../templates/plugin/README.md.in");
const LIB: &str = include_str!("../../templates/plugin/lib.rs.in");
const FIXTURE: &str = include_str!("../../templates/plugin/fixture.rs.in");

/// Makes the crate and links it into the agent. Without names of collectors it has one, called as the plugin is.
pub(crate) fn perform(name: &str, collectors: Option<Vec<String>>) -> Result<()> {
    let workspace = Workspace::load()?;
    names::check(name)?;
    names::check_free(&workspace, name)?;
    let collectors = collectors.unwrap_or_else(|| vec![name.to_owned()]);
    names::check_collectors(&workspace, &collectors)?;
    let package = format!("{PLUGIN_PREFIX}{name}");
    let keys = format!("path = \"../{package}\", optional = true");
    let changes = linked(&workspace, name, &package, &keys)?;
    write(&workspace.root.join(&package), &files(name, &collectors)?)?;
    edit::write(&changes)?;
    println!("{package}: a plugin that shows an example, and is linked into the agent");
    eprintln!(
        "what it shows is in {package}/src/{}.rs; to put it live: cargo xtask reload",
        collector::module(&collectors[0])
    );
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
pub(super) fn files(name: &str, collectors: &[String]) -> Result<Vec<(String, String)>> {
    // `{name}` is the plugin, `{word}` the same where a dash can't stand.
    let filled = |template: &str| template.replace("{name}", name).replace("{word}", &name.replace('-', "_"));
    let first = collectors.first().map_or(name, String::as_str);
    let (mut lib, mut readme) = (filled(LIB), filled(README));
    let mut fixture = collector::filled(&filled(FIXTURE), first);
    let mut files = vec![("Cargo.toml".to_owned(), filled(MANIFEST))];
    for collector in collectors {
        lib = collector::registered(&lib, collector)?;
        readme = collector::described(&readme, collector);
        fixture = collector::tested(&fixture, collector).unwrap_or(fixture);
        files.push((format!("src/{}.rs", collector::module(collector)), collector::code(collector)));
    }
    let rest = [("src/lib.rs", lib), ("README.md", readme), ("tests/fixture.rs", fixture)];
    files.extend(rest.map(|(path, text)| (path.to_owned(), text)));
    Ok(files)
}

/// Writes them all, or leaves nothing.
fn write(folder: &Path, files: &[(String, String)]) -> Result<()> {
    fs::create_dir(folder).doing(format_args!("creating {}", folder.display()))?;
    let written = files.iter().try_for_each(|(path, text)| {
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

    fn made(name: &str, collectors: &[&str]) -> Vec<(String, String)> {
        let collectors: Vec<String> = collectors.iter().map(|name| (*name).to_owned()).collect();
        files(name, &collectors).unwrap()
    }

    #[test]
    fn the_files_carry_the_names() {
        let files = made("my-swap", &["swap", "swap-pages"]);
        let of = |path: &str| &files.iter().find(|(name, _)| *name == path).unwrap().1;
        assert!(of("Cargo.toml").contains("name = \"metrics-my-swap\""));
        let lib = of("src/lib.rs");
        assert!(
            lib.contains("mod swap;\nmod swap_pages;\n\nrelink_core::register! {\n    plugin: \"my-swap\",")
        );
        assert!(lib.contains("name: \"swap-pages\",") && lib.contains("new: swap_pages::SwapPages::new,"));
        assert!(of("src/swap_pages.rs").contains("pub(crate) struct SwapPages {"));
        assert!(of("tests/fixture.rs").contains("use metrics_my_swap as _;"));
        for collector in ["swap", "swap-pages"] {
            assert!(of("tests/fixture.rs").contains(&format!("    {collector:?} => {{ options: ")));
            let module = collector::module(collector);
            for family in ["uptime_seconds", "idle_seconds_total"].map(|name| format!("node_{module}_{name}"))
            {
                assert!(of("README.md").contains(&format!("| `{family}` |")));
                assert!(of(&format!("src/{module}.rs")).contains(&format!("\"{family}\"")));
            }
        }
        for (path, text) in &files {
            for word in ["{name}", "{word}", "{collector}", "{module}", "{type}"] {
                assert!(!text.contains(word), "{path}");
            }
            assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{path}");
        }
    }

    #[test]
    fn nothing_that_exists_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("mine"), "").unwrap();
        let files = made("swap", &["swap"]);
        assert!(write(dir.path(), &files).is_err());
        assert!(dir.path().join("mine").exists());
        write(&dir.path().join("metrics-swap"), &files).unwrap();
        assert!(dir.path().join("metrics-swap/tests/fixture.rs").exists());
    }
}
