//! What a plugin and a collector may be called.

use std::fs;

use super::{collector, source};
use crate::build::AGENT;
use crate::failure::{Failure, Result};
use crate::workspace::{PLUGIN_PREFIX, Workspace};

/// Keys of `[plugins]` in `relink.toml`, a route below `/plugins`, features of the agent, and crates that every crate has.
const NO_PLUGINS: [&str; 8] = ["enabled", "dir", "prefer", "reload", "default", "linkme", "core", "std"];

/// A flag, files of a crate, and crates that its modules would hide.
const NO_COLLECTORS: [&str; 6] = ["disable-defaults", "lib", "main", "core", "std", "relink_core"];

/// Structs that the file of a collector has or imports, beside its own.
const NO_STRUCTS: [&str; 11] = [
    "Collector",
    "Error",
    "Family",
    "Option",
    "Paths",
    "Result",
    "Samples",
    "Settings",
    "Source",
    "String",
    "Vec",
];

/// The words of Rust 2024 that can't name anything.
const KEYWORDS: [&str; 51] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static",
    "struct", "super", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual",
    "where", "while", "yield",
];

const ALLOWED: &str = "a lower-case letter, then up to 63 lower-case letters, digits, `-` and `_`";

/// Refuses a name that can't be a plugin's.
pub(super) fn check(name: &str) -> Result<()> {
    check_form(name, "plugin")?;
    if NO_PLUGINS.contains(&name) || KEYWORDS.contains(&name) {
        return Err(Failure::usage(format!(
            "{name:?} can't name a plugin: it means something else in relink.toml, Cargo.toml or Rust; expected {ALLOWED}"
        )));
    }
    Ok(())
}

/// Refuses names that can't be collectors', or that another collector of the workspace has: an agent with two of one
/// name does not start. `a-b` and `a_b` are one module and one prefix of families.
pub(super) fn check_collectors(workspace: &Workspace, names: &[String]) -> Result<()> {
    for (at, name) in names.iter().enumerate() {
        check_form(name, "collector")?;
        let module = collector::module(name);
        if NO_COLLECTORS.iter().any(|taken| collector::module(taken) == module)
            || KEYWORDS.contains(&&*module)
            || NO_STRUCTS.contains(&&*collector::type_name(name))
        {
            return Err(Failure::usage(format!(
                "{name:?} can't name a collector: it means something else on the command line or in Rust; expected {ALLOWED}"
            )));
        }
        if names[..at].iter().any(|other| collector::module(other) == module) {
            return Err(Failure::usage(format!("{name:?} is there twice; choose another name")));
        }
        for plugin in workspace.plugins() {
            let lib = fs::read_to_string(plugin.package.folder.join("src/lib.rs")).unwrap_or_default();
            if let Some(taken) =
                source::collectors(&lib).into_iter().find(|taken| collector::module(taken) == module)
            {
                return Err(Failure::usage(format!(
                    "the name {name:?} is taken by the collector {taken:?} of {}; choose another name, \
                     for a new plugin with --collectors",
                    plugin.package.name
                )));
            }
        }
    }
    Ok(())
}

/// What the contract refuses, before anything is compiled.
fn check_form(name: &str, what: &str) -> Result<()> {
    let mut bytes = name.bytes();
    let fits = name.len() <= 64
        && bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte));
    if fits {
        return Ok(());
    }
    Err(Failure::usage(format!("{name:?} can't name a {what}; expected {ALLOWED}")))
}

/// Refuses a name that is in use. `a-b` and `a_b` are one crate to the compiler.
pub(super) fn check_free(workspace: &Workspace, name: &str) -> Result<()> {
    let same = |other: &str| other.replace('-', "_") == name.replace('-', "_");
    let agent = workspace.package(AGENT)?;
    let mut known =
        agent.features.keys().map(String::as_str).chain(workspace.known().into_iter().map(|(name, _)| name));
    if let Some(taken) = known.find(|known| same(known)) {
        let names: Vec<&str> = workspace.known().into_iter().map(|(name, _)| name).collect();
        return Err(Failure::usage(format!(
            "the name {name:?} is taken by {taken:?}; the plugins are {}: choose another name",
            names.join(", ")
        )));
    }
    let folder = workspace.root.join(format!("{PLUGIN_PREFIX}{name}"));
    if folder.symlink_metadata().is_ok() {
        return Err(Failure::usage(format!(
            "the name {name:?} is taken: {} exists; remove it or choose another name",
            workspace.shown(&folder)
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::tests::example;

    #[test]
    fn odd_names_are_refused_with_what_is_allowed() {
        for bad in ["", "Swap", "1a", "-a", "_a", "a b", "a/b", "../a", "a.b", "é", "a\n", &"a".repeat(65)] {
            let failure = check(bad).unwrap_err();
            assert_eq!(failure.code(), 2);
            assert!(failure.message().contains("a lower-case letter, then"), "{bad:?}: {failure:?}");
        }
        for bad in ["enabled", "reload", "linkme", "core", "type", "gen"] {
            assert!(check(bad).unwrap_err().message().contains("something else"), "{bad}");
        }
        for good in ["swap", "a", "my-gpu_2", "types", &"a".repeat(64)] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn a_name_in_use_is_refused_also_with_another_dash() {
        let message = |name| check_free(&example(), name).unwrap_err().message().to_owned();
        assert!(
            message("cpu").starts_with("the name \"cpu\" is taken by \"cpu\"; the plugins are cpu, disk")
        );
        assert!(message("disk").contains("taken by \"disk\""), "a crate without feature");
        assert!(message("dashboard").contains("taken by"), "a feature that is no plugin");
        assert_eq!(check_free(&example(), "swap"), Ok(()));
        let mut workspace = example();
        workspace.packages[0].folder = "/ws/metrics-a-b".into();
        assert!(check_free(&workspace, "a_b").unwrap_err().message().contains("taken by \"a-b\""));
    }

    #[test]
    fn a_collectors_name_is_its_own_in_the_workspace() {
        let dir = tempfile::tempdir().unwrap();
        let mut workspace = example();
        workspace.root = dir.path().to_owned();
        let package = &mut workspace.packages[0];
        package.folder = dir.path().join("metrics-x");
        fs::create_dir_all(package.folder.join("src")).unwrap();
        let lib = "register! { plugin: \"x\", collector: \"net-dev\", help: \"X\" }\n";
        fs::write(package.folder.join("src/lib.rs"), lib).unwrap();
        let check = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            check_collectors(&workspace, &names).map_err(|failure| failure.message().to_owned())
        };
        assert_eq!(check(&["swap", "x", "enabled"]), Ok(()));
        for taken in ["net-dev", "net_dev"] {
            assert!(
                check(&[taken]).unwrap_err().contains("taken by the collector \"net-dev\" of"),
                "{taken}"
            );
        }
        for bad in ["disable-defaults", "lib", "type", "source", "relink-core"] {
            assert!(check(&[bad]).unwrap_err().contains("something else"), "{bad}");
        }
        assert!(check(&["Swap"]).unwrap_err().contains("can't name a collector; expected a lower-case"));
        assert!(check(&["a-b", "a_b"]).unwrap_err().contains("twice"));
    }
}
